import { constants } from "node:fs";
import { mkdir, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode, NovaError, reasonOf } from "../../model/errors.ts";
import { defaultKeyFile, findIdentities, type Environment } from "./identities.ts";
import { ageLibrary } from "./library.ts";

/**
 * Makes a private key in a new file that only its owner can read, and gives the public recipient. Rejects with SECRETS_KEY when the
 * file is there: a key that was written over is lost with everything that was encrypted for it.
 */
export async function generateKeyFile(path: string, now: Date = new Date()): Promise<string> {
  const { generateX25519Identity, identityToRecipient } = await ageLibrary();
  const secret = await generateX25519Identity();
  const recipient = await identityToRecipient(secret);
  const text = `# created: ${now.toISOString().slice(0, 19)}Z\n# public key: ${recipient}\n${secret}\n`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (thrown) {
      await unlink(path);
      throw thrown;
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const isThere = hasCode(thrown, "EEXIST");
    throw new NovaError(
      "SECRETS_KEY",
      isThere ? "The key file is there already." : `The key file cannot be written: ${reasonOf(thrown)}.`,
      {
        place: path,
        next: isThere
          ? "Use it (`# public key:` in it is the public half), or name another file with --output; keys are not written over."
          : "Name a file that you may write with --output.",
        cause: thrown,
      },
    );
  }
  return recipient;
}

/** The recipient of the first key that is there, or of a new one in sops's default key file. */
export async function ensureKey(
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<{ readonly recipient: string; readonly from: string; readonly made: boolean }> {
  const { found } = await findIdentities(env, platform);
  const [first] = found;
  if (first) return { recipient: first.recipient, from: first.from, made: false };
  const path = defaultKeyFile(env, platform);
  return { recipient: await generateKeyFile(path), from: path, made: true };
}
