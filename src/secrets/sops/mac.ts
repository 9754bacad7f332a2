import { createHash, timingSafeEqual } from "node:crypto";

// sops's own constant (SHA-256 of "sops"): it keeps MACs over encrypted values alone apart from MACs over all.
const onlyEncryptedStart = createHash("sha256").update("sops").digest();

/** A value as the MAC takes it: comments are not among them. */
export interface MACValue {
  readonly bytes: Uint8Array;
  readonly encrypted: boolean;
}

/** Upper-case hexadecimal SHA-512 over the plaintext values in the order of the file. */
export function macOf(values: Iterable<MACValue>, onlyEncrypted: boolean): string {
  const hash = createHash("sha512");
  if (onlyEncrypted) hash.update(onlyEncryptedStart);
  for (const { bytes, encrypted } of values) if (encrypted || !onlyEncrypted) hash.update(bytes);
  return hash.digest("hex").toUpperCase();
}

/** Compares without telling by the time where the two begin to differ. */
export function macsEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
