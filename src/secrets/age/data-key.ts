import { NovaError, quote } from "../../model/errors.ts";
import type { Metadata, SealedKey } from "../sops/metadata.ts";
import type { Identities } from "./identities.ts";
import { ageLibrary } from "./library.ts";

const KEY_BYTES = 32;

/** Rejects with SECRETS_KEY what is no native age recipient; sops's other kinds are told by name. */
export function checkRecipient(recipient: string, place: string): void {
  if (/^age1[02-9ac-hj-np-z]{58}$/.test(recipient)) return;
  const kind = recipient.startsWith("ssh-")
    ? "is an SSH key, which NovaBot does not encrypt for"
    : /^age1(?:pq|tag|[a-z]+)1/.test(recipient)
      ? "needs a plugin or a newer age, which not every sops has"
      : recipient.startsWith("AGE-SECRET-KEY-")
        ? undefined
        : "is no age recipient";
  // A private key that was pasted in the wrong place is not repeated.
  const message = kind === undefined ? "A private key stands where a recipient must." : `${quote(recipient)} ${kind}.`;
  throw new NovaError("SECRETS_KEY", message, {
    place,
    next: "Use the public half of an age key (age1…, 62 characters; `novabot secrets keygen` prints one).",
  });
}

/** The data key sealed for one recipient, as sops keeps it: armored. */
export async function sealDataKey(dataKey: Uint8Array, recipient: string, place: string): Promise<SealedKey> {
  checkRecipient(recipient, place);
  const { armor, Encrypter } = await ageLibrary();
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch (thrown) {
    throw new NovaError("SECRETS_KEY", `${quote(recipient)} is no age recipient: its checksum is wrong.`, {
      place,
      next: "Correct it where it is written: in .sops.yaml, or in the arguments.",
      cause: thrown,
    });
  }
  return { recipient, sealed: armor.encode(await encrypter.encrypt(dataKey)) };
}

/** The data key of a file, opened with the first identity that fits; rejects with SECRETS_KEY when none does. */
export async function openDataKey(metadata: Metadata, identities: Identities, place: string): Promise<Uint8Array> {
  const { armor, Decrypter } = await ageLibrary();
  let damaged = false;
  for (const { recipient, sealed } of metadata.recipients) {
    const fitting = identities.found.filter((identity) => identity.recipient === recipient);
    if (fitting.length === 0) continue;
    const decrypter = new Decrypter();
    for (const { secret } of fitting) decrypter.addIdentity(secret);
    try {
      const dataKey = await decrypter.decrypt(armor.decode(sealed));
      if (dataKey.length === KEY_BYTES) return dataKey;
    } catch {
      // Another recipient's entry may be whole.
    }
    damaged = true;
  }
  if (damaged) {
    throw new NovaError("SECRETS_TAMPERED", "The data key for your key is damaged in the file.", { place });
  }
  const holders = [...metadata.recipients.map(({ recipient }) => recipient), ...metadata.otherServices];
  const shown = holders.length ? `It is encrypted for ${holders.join(", ")}.` : "It names nobody that it is encrypted for.";
  const services = metadata.otherServices.length
    ? ` NovaBot opens files with age keys alone, not with ${metadata.otherServices.join(", ")}.`
    : "";
  throw new NovaError(
    "SECRETS_KEY",
    `No key here opens the file. ${shown}${services} Looked for keys: ${identities.looked.join("; ")}.`,
    {
      place,
      facts: {
        recipients: metadata.recipients.map(({ recipient }) => recipient),
        keys: identities.found.map((one) => one.recipient),
      },
    },
  );
}
