import type { WorkerRecord } from "../../model/record.ts";
import { lineEnd, logLine, lostLine } from "../../model/record-text.ts";
import type { Format } from "./format.ts";
import type { Output } from "./output.ts";
import { jsonLine } from "./text.ts";

/** How many characters are put together before they are written. */
const CHUNK = 65_536;

export interface LogWriter {
  write(records: readonly (WorkerRecord & { readonly bootID: string })[]): Promise<void>;
}

/** Writes lines as they are asked for: for people, one JSON document a line, or the bytes that the process wrote. */
export function logWriter(format: Format, output: Output): LogWriter {
  return {
    async write(records) {
      let text = "";
      for (const record of records) {
        if (format === "json") text += jsonLine(record);
        else if (record.kind === "log" && format === "raw" && record.raw !== undefined) {
          await output.write(text);
          text = "";
          await output.write(Buffer.concat([Buffer.from(record.raw, "base64"), Buffer.from(lineEnd(record))]));
        } else if (record.kind === "log") text += format === "raw" ? record.text + lineEnd(record) : logLine(record);
        else if (record.kind === "lost" && format === "table") text += lostLine(record);
        // Among the bytes of a process there is no room for words of ours.
        else if (record.kind === "lost") output.note(lostLine(record).trimEnd());
        if (text.length > CHUNK) {
          await output.write(text);
          text = "";
        }
      }
      if (text !== "") await output.write(text);
    },
  };
}
