import type { Frame } from "../../../../src/agents/protocol/frames.ts";
import { parseAnswer } from "../../../../src/agents/protocol/answer.ts";
import { OUTPUT_END, OUTPUT_START } from "../../../../src/model/markers.ts";

/** What a stream's frames are, read the plain way: all at once, line by line. */
export function framesByLines(text: string, options: { readonly nonce: string; readonly limit: number }): Frame[] {
  const frames: Frame[] = [];
  const lines = text.split(/(?<=\n)/);
  let payload: string | undefined;
  const broken = (reason: string, held: string): void => {
    const sample = held.length > 0 ? held : "";
    frames.push({ kind: "broken", reason, sample: cut(sample.replace(/\r?\n$/, ""), 200) });
    payload = undefined;
  };

  for (const line of lines) {
    const bare = line.replace(/\r?\n$/, "");
    const isWhole = line.endsWith("\n");
    const isEnd = (isWhole && bare === OUTPUT_END) || (!isWhole && line.replace(/\r$/, "") === OUTPUT_END);
    const isStart = isWhole && bare === OUTPUT_START;
    if (isStart) {
      if (payload !== undefined) broken("another frame began before its end", payload);
      payload = "";
    } else if (payload !== undefined && isEnd) {
      const inner = payload.replace(/\r?\n$/, "");
      if (Buffer.byteLength(inner) > options.limit) broken("too large", payload);
      else {
        const answer = parseAnswer(Buffer.from(inner));
        if ("reason" in answer) broken(answer.reason, payload);
        else frames.push({ kind: answer.output.nonce === options.nonce ? "output" : "suspicious", output: answer.output });
      }
      payload = undefined;
    } else if (payload !== undefined) {
      payload += line;
      if (Buffer.byteLength(payload) > options.limit + 2) broken("too large", cut(payload, options.limit + 2, false));
    }
  }
  if (payload !== undefined) broken("half", payload);
  return frames;
}

function cut(text: string, bytes: number, atCharacter = true): string {
  let kept = "";
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) {
      if (atCharacter) return kept;
      return (
        kept +
        Buffer.from(character)
          .subarray(0, bytes - Buffer.byteLength(kept))
          .toString("utf8")
      );
    }
    kept += character;
  }
  return kept;
}
