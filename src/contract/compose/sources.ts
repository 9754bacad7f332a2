import { readFile, stat } from "node:fs/promises";
import type { Place, SourceFile } from "../source/place.ts";
import { refuse } from "./problem.ts";
import { decodeYAML, parseYAML } from "./yaml.ts";
import type { ParsedDocument } from "./yaml.ts";

/** A larger Compose file is not read. */
const LARGEST_BYTES = 5 * 1024 * 1024;
/** So many files may take part in one project. */
const MOST_FILES = 200;

export interface ParsedFile {
  readonly source: SourceFile;
  readonly documents: readonly ParsedDocument[];
}

/** The files of one project, each read and parsed once. */
export class Sources {
  readonly #files = new Map<string, ParsedFile>();
  readonly #sources: SourceFile[] = [];
  #includes = 0;

  get files(): readonly SourceFile[] {
    return this.#sources;
  }

  /** One file may be included over and over, and each time it is read anew. */
  countInclude(at: Place): void {
    this.#includes += 1;
    if (this.#includes > MOST_FILES)
      refuse("too-complex", at, `files are included more than ${MOST_FILES} times`, "include fewer files");
  }

  /** `from` is what names the file. Refuses files that cannot be read, are too large, or are not YAML. */
  async parse(path: string, from: Place): Promise<ParsedFile> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    if (this.#sources.length >= MOST_FILES)
      refuse("too-complex", from, `more than ${MOST_FILES} files take part`, "include fewer files");
    const source = { path, text: decodeYAML(await readBounded(path, from), path) };
    this.#sources.push(source);
    const parsed = { source, documents: parseYAML(source) };
    this.#files.set(path, parsed);
    return parsed;
  }
}

/** The bytes of a regular file that is not too large. */
export async function readBounded(path: string, from: Place): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (!found.isFile()) refuse("file-missing", from, `${path} is not a file`, "name a file");
    if (found.size > LARGEST_BYTES)
      refuse(
        "too-large",
        from,
        `${path} has ${found.size} bytes, and ${LARGEST_BYTES} are read at most`,
        "make the file smaller",
      );
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    const said = code === "ENOENT" || code === "ENOTDIR" ? `${path} is not there` : `${path} cannot be read (${code})`;
    return refuse("file-missing", from, said, "mend the path, or make the file");
  }
}
