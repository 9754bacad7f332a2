import type { Report } from "../findings/finding.ts";
import { LineIndex } from "../source/line-index.ts";
import type { Place } from "../source/place.ts";

/** The lines of a report's sources as they may be quoted: secrets in them are stars. */
export class Quotes {
  readonly #sources: ReadonlyMap<string, string>;
  readonly #secret = new Map<string, Place[]>();
  readonly #indexes = new Map<string, LineIndex>();

  constructor(report: Pick<Report, "sources" | "secret">) {
    this.#sources = report.sources;
    for (const place of report.secret ?? []) {
      const places = this.#secret.get(place.file);
      if (places) places.push(place);
      else this.#secret.set(place.file, [place]);
    }
  }

  /** Undefined when the file was not read. */
  index(file: string): LineIndex | undefined {
    const known = this.#indexes.get(file);
    if (known) return known;
    const text = this.#sources.get(file);
    if (text === undefined) return undefined;
    const index = new LineIndex(text);
    this.#indexes.set(file, index);
    return index;
  }

  /** Undefined when there is no such line. */
  line(file: string, line: number): string | undefined {
    let text = this.index(file)?.line(line);
    if (text === undefined) return undefined;
    for (const { line: first, column, endLine, endColumn } of this.#secret.get(file) ?? []) {
      if (line < first || line > endLine) continue;
      const start: number = line === first ? column - 1 : text.length - text.trimStart().length;
      const end = Math.min(line === endLine ? endColumn - 1 : text.length, text.length);
      if (end > start) text = text.slice(0, start) + "*".repeat(end - start) + text.slice(end);
    }
    return text;
  }
}
