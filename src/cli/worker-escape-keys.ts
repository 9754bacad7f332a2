const TILDE = 0x7e;
const DOT = 0x2e;
const NEWLINES = [0x0a, 0x0d];

/** Finds `~.` at the beginning of a line in what is typed, as ssh does; `~~` there is one `~`. */
export class EscapeKeys {
  #atBeginning = true;
  #held = false;

  /** What is to be sent of it, and whether to leave; nothing after that counts. */
  take(bytes: Uint8Array): { readonly send: Uint8Array; readonly leave: boolean } {
    const send: number[] = [];
    for (const byte of bytes) {
      if (this.#held) {
        this.#held = false;
        if (byte === DOT) return { send: Uint8Array.from(send), leave: true };
        send.push(TILDE);
        if (byte === TILDE) {
          this.#atBeginning = false;
          continue;
        }
      } else if (byte === TILDE && this.#atBeginning) {
        this.#held = true;
        continue;
      }
      send.push(byte);
      this.#atBeginning = NEWLINES.includes(byte);
    }
    return { send: Uint8Array.from(send), leave: false };
  }
}
