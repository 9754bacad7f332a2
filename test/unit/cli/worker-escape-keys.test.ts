import { expect, test } from "vitest";
import { EscapeKeys } from "../../../src/cli/worker-escape-keys.ts";

/** What is sent of these pieces, and whether they leave. */
function typed(...pieces: readonly string[]): { sent: string; left: boolean } {
  const keys = new EscapeKeys();
  let sent = "";
  for (const piece of pieces) {
    const { send, leave } = keys.take(Buffer.from(piece));
    sent += Buffer.from(send).toString();
    if (leave) return { sent, left: true };
  }
  return { sent, left: false };
}

test.each([
  [["~."], { sent: "", left: true }],
  [["~", "."], { sent: "", left: true }],
  [["ls\r", "~.exit"], { sent: "ls\r", left: true }],
  [["a\n~."], { sent: "a\n", left: true }],
  [["cat ~.bashrc\r"], { sent: "cat ~.bashrc\r", left: false }],
  [["~/bin\r"], { sent: "~/bin\r", left: false }],
  [["~", "~", "."], { sent: "~.", left: false }],
  [["~\r~."], { sent: "~\r", left: true }],
  [["ä~.\r"], { sent: "ä~.\r", left: false }],
])("%j", (pieces, expected) => {
  expect(typed(...pieces)).toEqual(expected);
});
