/**
 * `text` for a terminal: what an agent, an engine or a worker wrote may hold sequences that move the cursor, rename the window or
 * answer in the person's place, so control characters but tab and line break become visible, and marks that reorder text too.
 */
export function visible(text: string): string {
  return text.replace(/[\0-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return character === "\r" ? "" : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
