import { NovaError, quote } from "../../model/errors.ts";
import type { ValueRow } from "./rows.ts";
import { readSelection, selectionNames, type Selection } from "./selection.ts";

/** What the `sops_` rows of a file say. */
export interface Metadata {
  readonly recipients: readonly SealedKey[];
  /** RFC 3339, as it stands in the file: the MAC is bound to this text. */
  readonly lastModified: string;
  /** Sealed. */
  readonly mac: string;
  readonly selection: Selection;
  readonly macOnlyEncrypted: boolean;
  /** The sops release that wrote the file, or whose form was followed. */
  readonly version: string;
  /** Names of other key services that hold the data key as well: `pgp`, `kms`. */
  readonly otherServices: readonly string[];
  /** Rows that are none of the above, by name: kept as they are. */
  readonly others: ReadonlyMap<string, string>;
}

/** The data key as one age recipient can open it. */
export interface SealedKey {
  readonly recipient: string;
  /** Armored age ciphertext. */
  readonly sealed: string;
}

export const metadataPrefix = "sops_";

/** The release whose files the vectors are of; every later one reads them. */
export const WRITTEN_VERSION = "3.8.1";

const keyServices: readonly string[] = ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms", "plugins"];
const LAST_MODIFIED = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Reads the rows whose names begin with `sops_`; rejects with SECRETS_INVALID what is no file of sops. */
export function readMetadata(rows: readonly ValueRow[], place: string): Metadata {
  const fields = new Map<string, string>();
  for (const { name, value } of rows) {
    if (fields.has(name)) throw invalid(`${name} stands twice`, place);
    fields.set(name, value);
  }
  const take = (name: string): string | undefined => {
    const value = fields.get(metadataPrefix + name);
    fields.delete(metadataPrefix + name);
    return value;
  };
  if (fields.size === 0) {
    throw new NovaError("SECRETS_INVALID", "The file is not encrypted: it has no rows of sops.", {
      place,
      next: "Encrypt it with `novabot secrets encrypt`, and take the plain values out of your version control.",
    });
  }
  if ([...fields.keys()].some((name) => name.startsWith("sops_key_groups__")) || fields.has("sops_shamir_threshold")) {
    throw new NovaError(
      "SECRETS_KEY",
      "The data key is shared out over several key groups (Shamir), which NovaBot does not put together.",
      {
        place,
        next: "Keep one group of keys in the file (`sops updatekeys` with a .sops.yaml that has one), or use sops itself.",
      },
    );
  }
  const recipients: SealedKey[] = [];
  for (let index = 0; ; index += 1) {
    const recipient = take(`age__list_${index}__map_recipient`);
    const sealed = take(`age__list_${index}__map_enc`);
    if (recipient === undefined && sealed === undefined) break;
    if (!recipient || !sealed) throw invalid(`the age recipient ${index} is not whole`, place);
    recipients.push({ recipient, sealed });
  }
  const lastModified = take("lastmodified");
  if (lastModified?.endsWith("\r")) {
    throw new NovaError("SECRETS_INVALID", "The file has Windows line ends (CRLF), with which sops cannot read it either.", {
      place,
      next: "Give it line feeds alone (`dos2unix`), and keep git from changing it: `secrets/** -text` in .gitattributes.",
    });
  }
  if (lastModified === undefined || !LAST_MODIFIED.test(lastModified))
    throw invalid("sops_lastmodified is missing or is no time", place);
  const selection = readSelection(take, place);
  const onlyEncrypted = take("mac_only_encrypted");
  const mac = take("mac");
  const version = take("version") ?? WRITTEN_VERSION;
  const otherServices = keyServices.filter((service) =>
    [...fields.keys()].some((name) => name.startsWith(`${metadataPrefix}${service}__list_`)),
  );
  return {
    recipients,
    lastModified,
    // Its absence is told where the MAC is verified.
    mac: mac ?? "",
    selection,
    // As sops reads it: every other text is false.
    macOnlyEncrypted: onlyEncrypted === "true",
    version,
    otherServices,
    others: fields,
  };
}

/** The rows for `metadata` in the order of sops: by name. */
export function metadataRows(metadata: Metadata): ValueRow[] {
  const fields = new Map<string, string>(metadata.others);
  const set = (name: string, value: string): void => void fields.set(metadataPrefix + name, value);
  for (const [index, { recipient, sealed }] of metadata.recipients.entries()) {
    set(`age__list_${index}__map_recipient`, recipient);
    set(`age__list_${index}__map_enc`, sealed);
  }
  set("lastmodified", metadata.lastModified);
  set("mac", metadata.mac);
  for (const [key, name] of Object.entries(selectionNames)) {
    const value = metadata.selection[key as keyof Selection];
    if (value !== undefined) set(name, value);
  }
  if (metadata.macOnlyEncrypted) set("mac_only_encrypted", "true");
  set("version", metadata.version);
  return [...fields]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]): ValueRow => ({ kind: "value", name, value }));
}

/** The time as sops binds it to the MAC: whole seconds. */
export function macTime(lastModified: string): string {
  return lastModified.replace(/\.\d+/, "");
}

/** `date` as `sops_lastmodified` has it. */
export function lastModifiedAt(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

function invalid(what: string, place: string): NovaError {
  return new NovaError("SECRETS_INVALID", `The rows of sops in the file cannot be used: ${what}.`, {
    place,
    next: `Take the last good version out of your version control (the rows begin with ${quote(metadataPrefix)}).`,
  });
}
