import { StringDecoder } from "node:string_decoder";
import { ReadStream } from "node:tty";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";

const LIMIT = 1024 * 1024;

/** Everything on stdin as UTF-8 text. */
export async function readInput(context: CLIContext): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of context.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array | string);
    length += bytes.length;
    if (length > LIMIT) throw new NovaError("USAGE", `More than ${LIMIT} bytes came on stdin.`, { place: "stdin" });
    chunks.push(bytes);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new NovaError("USAGE", "What came on stdin is not UTF-8 text.", { place: "stdin" });
  }
}

/** A secret from stdin, without the line break that `echo` and editors add; from a person at a terminal, without an echo. */
export async function readSecret(context: CLIContext, prompt: string, exact: boolean): Promise<string> {
  const { stdin } = context;
  if (stdin instanceof ReadStream && stdin.isTTY) return await askHidden(stdin, context, prompt);
  const text = await readInput(context);
  return exact ? text : text.replace(/\r?\n$/, "");
}

async function askHidden(stdin: ReadStream, context: CLIContext, prompt: string): Promise<string> {
  const decoder = new StringDecoder("utf8");
  let text = "";
  // Before it asks: what is typed at once would be shown by the terminal itself.
  stdin.setRawMode(true);
  try {
    context.stderr.write(`${prompt}: `);
    for await (const chunk of stdin) {
      for (const character of decoder.write(chunk as Buffer)) {
        if (character === "\r" || character === "\n") return text;
        if (character === "\u0003" || character === "\u0004") {
          throw new NovaError("USAGE", "Nothing was given; nothing was changed.", { place: "the terminal" });
        }
        if (character === "\u007f" || character === "\b") text = [...text].slice(0, -1).join("");
        else text += character;
      }
    }
    return text;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    context.stderr.write("\n");
  }
}
