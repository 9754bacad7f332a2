import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { PlainRow } from "../sops/document.ts";
import { decodeText, readRows, rowText, writeRows, type Row } from "../sops/rows.ts";
import { checkName, valuesOf } from "../file/secrets-file.ts";
import { privateDirectory } from "./private-directory.ts";

export interface Editing {
  /** What a person edits, in plain text. */
  readonly rows: readonly PlainRow[];
  /** The encrypted file's path: its name is the edited file's. */
  readonly path: string;
  /** A shell command, as `EDITOR` has it: `code --wait`. */
  readonly editor: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of a text that cannot be used; true lets the person mend it in the editor. */
  readonly onMistake: (mistake: NovaError) => Promise<boolean>;
  /** Whether Ctrl-C is the editor's own key. */
  readonly isTerminal: boolean;
}

/** Lets a person edit rows in an editor, on a private file that is gone afterwards; undefined when nothing was changed. */
export async function editRows(editing: Editing): Promise<PlainRow[] | undefined> {
  const { rows, path, editor, isTerminal } = editing;
  let running: ReturnType<typeof spawn> | undefined;
  const directory = privateDirectory((signal) => {
    // At a terminal Ctrl-C goes to the editor as well, for which it has a meaning of its own.
    if (isTerminal && signal === "SIGINT" && running?.exitCode === null && running.signalCode === null) return false;
    running?.kill(signal);
    return true;
  });
  const file = join(directory.path, basename(path).replace(/[^\w.-]/g, "_"));
  try {
    const before = writeRows(rows);
    await writeFile(file, before, { flag: "wx", mode: 0o600 });
    for (;;) {
      running = spawn("/bin/sh", ["-c", `${editor} "$1"`, "sh", file], {
        stdio: "inherit",
        env: withoutKeys(editing.env),
      });
      await finished(running, editor);
      const after = decodeText(await readFile(file).catch(gone), path);
      if (after === before) return undefined;
      try {
        return keepUnchanged(readEdited(after, rows, path), rows, path);
      } catch (thrown) {
        if (!(thrown instanceof NovaError) || !(await editing.onMistake(thrown))) throw thrown;
      }
    }
  } finally {
    directory.remove();
  }
}

/** The rows of the edited text; only names that are new must be a variable's, since sops takes others. */
function readEdited(text: string, before: readonly PlainRow[], path: string): Row[] {
  // More often an editor that failed than a wish.
  if (text.trim() === "" && before.length) {
    throw new NovaError("SECRETS_INVALID", "The edited text is empty; nothing was written.", {
      place: path,
      next: "Take secrets out one by one with `novabot secrets set TARGET NAME --remove`, or remove the file.",
    });
  }
  const known = new Set(before.map((row) => (row.kind === "value" ? row.name : undefined)));
  return readRows(text, `the edited text of ${path}`, (name, place) => {
    if (!known.has(name)) checkName(name, place);
  });
}

/**
 * The edited rows, each as it was in the file where its line is the same: so its ciphertext stays, and a value that the text could not
 * tell apart (a backslash followed by n) is not changed by being looked at.
 */
function keepUnchanged(edited: readonly Row[], rows: readonly PlainRow[], path: string): PlainRow[] {
  valuesOf(edited, path);
  const known = new Map(rows.map((row) => [rowText(row), row]));
  return edited.map((row): PlainRow => known.get(rowText(row)) ?? row);
}

/** The editor has no use for the keys, and what it starts has none either. */
function withoutKeys(env: Editing["env"]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("SOPS_AGE_")));
}

async function finished(child: ReturnType<typeof spawn>, editor: string): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return;
  throw new NovaError("SECRETS_INVALID", `The editor ${quote(editor)} ended with ${code ?? "a signal"}; nothing was written.`, {
    place: "EDITOR",
    next: "Set EDITOR to a program that edits text and waits until it is closed.",
  });
}

function gone(thrown: unknown): never {
  throw new NovaError("SECRETS_INVALID", `The editor left no file behind: ${reasonOf(thrown)}.`, {
    place: "EDITOR",
    next: "Nothing was written.",
    cause: thrown,
  });
}
