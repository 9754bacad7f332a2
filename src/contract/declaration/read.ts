import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { LineCounter, parseDocument, type Document } from "yaml";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { Contract } from "./contract.ts";
import { resolveContract, type Complaint } from "./resolve.ts";
import { contractSchema } from "./schema.ts";
import { placesOf, type Places } from "./places.ts";

const largestFile = 5 * 1024 * 1024;

/**
 * Reads a `contract.yaml`. Rejects with CONTRACT_NOT_FOUND, or with CONTRACT_INVALID whose `place` is `file:line:column` and whose
 * `facts.problems` are all of them.
 */
export async function readContract(path: string): Promise<Contract> {
  const file = resolve(path);
  const text = await textOf(file);
  return parseContract(file, text);
}

/** The contract that `text` holds; `file` is its absolute path. Throws CONTRACT_INVALID. */
export function parseContract(file: string, text: string): Contract {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, prettyErrors: false });
  const places = placesOf(file, document, counter);
  const [broken] = document.errors;
  if (broken !== undefined) {
    // The parser tells of a stack that is used up as of any other mistake in the file.
    const why = broken.message.includes("call stack") ? "its values are nested too deep" : broken.message;
    throw invalid(places, [{ path: broken.pos, message: `is not YAML: ${why}` }]);
  }
  const parsed = contractSchema.safeParse(plain(document, places));
  if (!parsed.success) {
    throw invalid(
      places,
      parsed.error.issues.map((issue) => ({ path: issue.path.map(String), message: told(issue) })),
    );
  }
  const { contract, complaints } = resolveContract({ path: file, text }, parsed.data, places);
  if (complaints.length > 0) throw invalid(places, complaints);
  return contract;
}

function plain(document: Document.Parsed, places: Places): unknown {
  try {
    // Aliases are of use in a contract, but not many of them.
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(places, [{ path: [], message: `cannot be expanded: ${reasonOf(error)}` }], error);
  }
}

function told(issue: { readonly code: string; readonly message: string; readonly path: readonly PropertyKey[] }): string {
  const words =
    "keys" in issue && Array.isArray(issue.keys)
      ? `has unknown keys: ${issue.keys.map((key) => quote(key)).join(", ")}`
      : issue.message;
  const field = issue.path.map(String).join(".");
  return field === "" ? words : `${quote(field)}: ${words}`;
}

function invalid(places: Places, complaints: readonly Complaint[], cause?: unknown): NovaError {
  const problems = complaints
    .map(({ path, message }) => ({ at: places.at(path), message }))
    .toSorted((one, other) => one.at.line - other.at.line || one.at.column - other.at.column)
    .map(({ at, message }) => ({ place: `${places.file}:${String(at.line)}:${String(at.column)}`, message }));
  const more = problems.length > 1 ? ` (and ${String(problems.length - 1)} more)` : "";
  return new NovaError(
    "CONTRACT_INVALID",
    `The contract cannot be used: ${problems[0]?.message ?? "it cannot be read"}${more}.`,
    {
      ...(problems[0] === undefined ? {} : { place: problems[0].place }),
      facts: { problems },
      cause,
    },
  );
}

async function textOf(file: string): Promise<string> {
  try {
    // Without this a pipe of that name would hold the check for ever.
    const found = await stat(file);
    if (!found.isFile()) throw new NovaError("CONTRACT_INVALID", `${quote(file)} is not a file.`, { place: file });
    if (found.size > largestFile) {
      throw new NovaError("CONTRACT_INVALID", `${quote(file)} has ${String(found.size)} bytes; the limit is 5 MiB.`, {
        place: file,
      });
    }
    const handle = await open(file, "r");
    try {
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof NovaError) throw error;
    if (hasCode(error, "ENOENT", "ENOTDIR")) {
      throw new NovaError("CONTRACT_NOT_FOUND", `There is no ${quote(file)}.`, { place: file, cause: error });
    }
    throw new NovaError("CONTRACT_INVALID", `${quote(file)} cannot be read: ${reasonOf(error)}.`, { place: file, cause: error });
  }
}
