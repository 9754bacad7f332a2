import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** What sops writes in place of a value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, its parts decoded. */
export interface SealedValue {
  readonly data: Buffer;
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly type: string;
}

const form =
  /^ENC\[AES256_GCM,data:([A-Za-z0-9+/]+={0,2}),iv:([A-Za-z0-9+/]+={0,2}),tag:([A-Za-z0-9+/]+={0,2}),type:([a-z0-9]+)\]$/;
const TAG_BYTES = 16;
// What sops uses; GCM takes an IV of any length, and files of other writers may have the usual 12 bytes.
const IV_BYTES = 32;
/** OpenSSL takes none that is longer. */
const LONGEST_IV_BYTES = 128;

/** The parts of a sealed value, or undefined when `text` is none. Stricter than sops, which lets anything follow the bracket. */
export function parseSealed(text: string): SealedValue | undefined {
  const [, data, iv, tag, type] = form.exec(text) ?? [];
  if (data === undefined || iv === undefined || tag === undefined || type === undefined) return undefined;
  const parts = { data: Buffer.from(data, "base64"), iv: Buffer.from(iv, "base64"), tag: Buffer.from(tag, "base64"), type };
  // A shorter tag would be easier to guess.
  const fits = parts.tag.length === TAG_BYTES && parts.iv.length > 0 && parts.iv.length <= LONGEST_IV_BYTES;
  return fits ? parts : undefined;
}

/** The plaintext bytes, or undefined when key, additional data and ciphertext do not belong together. */
export function unseal({ data, iv, tag }: SealedValue, key: Uint8Array, additionalData: string): Buffer | undefined {
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(additionalData)).setAuthTag(tag);
  const plain = decipher.update(data);
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Seals `plain` with a new IV. An empty text stays empty, as with sops. */
export function seal(plain: string, type: "str" | "comment", key: Uint8Array, additionalData: string): string {
  if (plain === "") return "";
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(additionalData));
  const data = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  const parts = [data, iv, cipher.getAuthTag()].map((bytes) => bytes.toString("base64"));
  return `ENC[AES256_GCM,data:${parts[0]},iv:${parts[1]},tag:${parts[2]},type:${type}]`;
}
