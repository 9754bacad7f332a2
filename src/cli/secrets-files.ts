import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { NovaError, quote, reasonOf } from "../model/errors.ts";
import type { SecretsTarget } from "../host/secrets/project.ts";
import type { Identities } from "../secrets/age/identities.ts";
import { editRows } from "../secrets/edit/edit.ts";
import { mergeRows } from "../secrets/edit/merge.ts";
import { isMeanwhile, replaceFile } from "../secrets/file/replace-file.ts";
import {
  changeSecrets,
  checkName,
  createFile,
  openSecrets,
  type OpenSecrets,
  readIfThere,
  saveRows,
} from "../secrets/file/secrets-file.ts";
import { creationRule } from "../secrets/rules/creation-rules.ts";
import { type PlainRow, rekeyDocument } from "../secrets/sops/document.ts";
import { metadataPrefix } from "../secrets/sops/metadata.ts";
import { decodeText, readRows, writeRows } from "../secrets/sops/rows.ts";
import type { CLIContext } from "./context.ts";
import { describeError } from "./output.ts";
import { chosenTarget, command, identitiesOf, printSecret, type TargetOptions } from "./secrets-target.ts";
import { readInput } from "./secrets-input.ts";
import { warnOfStrangers, warnOfUndeclared } from "./secrets-warnings.ts";

/** The commands that work on whole files. */
export function addSecretsFilesCommands(secrets: Command, context: CLIContext): void {
  command(secrets, "edit", "Edit a file in plain text with $EDITOR; what was not changed keeps its ciphertext.").action(
    async (target: string, options: TargetOptions, self: Command) => {
      await editFile(await chosenTarget(target, options, self, context), context);
    },
  );
  command(secrets, "encrypt", "Make an encrypted file from a plain one on stdin, by the creation rules of .sops.yaml.")
    .option("--input <file>", "the plain file, instead of stdin")
    .option("--in-place", "encrypt the target itself, which is plain")
    .action(async (target: string, options: TargetOptions & { input?: string; inPlace?: boolean }, self: Command) => {
      await encryptFile(await chosenTarget(target, options, self, context), options, context);
    });
  command(secrets, "decrypt", "The whole file in plain text, on stdout or in a new file that only you can read.")
    .option("--output <file>", "where to")
    .action(async (target: string, options: TargetOptions & { output?: string }, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      const { document } = await openSecrets(file, await identitiesOf(context));
      const text = writeRows(document.rows);
      if (options.output === undefined) return printSecret(context, text);
      const path = resolve(options.output);
      await replaceFile({ path, content: text, mode: 0o600 });
      context.note(`Wrote ${path}, which only you can read.`);
    });
  command(secrets, "rotate", "Give a file a new data key, and encrypt every value with it.").action(
    async (target: string, options: TargetOptions, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      let recipients: readonly string[] = [];
      await changeSecrets(file, await identitiesOf(context), async (document) => {
        recipients = document.metadata.recipients.map(({ recipient }) => recipient);
        return await rekeyDocument(document, recipients, new Date(), file);
      });
      context.print(`Rotated ${file}. Older versions of the file stay readable with the older data key.`);
      await warnOfStrangers(file, recipients, context);
    },
  );
}

async function editFile({ file, declared }: SecretsTarget, context: CLIContext): Promise<void> {
  const isTerminal = "isTTY" in context.stdin && context.stdin.isTTY === true;
  const editing = {
    path: file,
    editor: context.env["VISUAL"] || context.env["EDITOR"] || "vi",
    env: context.env,
    isTerminal,
    onMistake: async (mistake: NovaError): Promise<boolean> => {
      if (!isTerminal) return false;
      for (const line of describeError(mistake)) context.note(line);
      return await pressedReturn(context);
    },
  };
  if ((await readIfThere(file)) === null) {
    const sealing = await creationRule(file);
    const rows = await editRows({ ...editing, rows: [{ kind: "comment", text: " NAME=value, one on each line" }] });
    if (rows) await createFile(file, rows, sealing, new Date());
    context.print(rows ? `Made ${file}.` : "Nothing was written.");
    warnOfUndeclared(declared, rows ?? [], context);
    return;
  }
  const identities = await identitiesOf(context);
  const secrets = await openSecrets(file, identities);
  const rows = await editRows({ ...editing, rows: secrets.document.rows });
  if (rows) await saveEdited(secrets, rows, identities);
  context.print(rows ? `Changed ${file}.` : "Nothing was changed.");
  warnOfUndeclared(declared, rows ?? [], context);
}

/** Writes what was edited; what somebody else wrote meanwhile stays. */
async function saveEdited(opened: OpenSecrets, edited: readonly PlainRow[], identities: Identities): Promise<void> {
  for (let secrets = opened, rows = edited; ;) {
    try {
      return await saveRows(secrets, rows, new Date());
    } catch (thrown) {
      if (!isMeanwhile(thrown)) throw thrown;
    }
    const fresh = await openSecrets(opened.path, identities);
    rows = mergeRows(secrets.document.rows, rows, fresh.document.rows, opened.path);
    secrets = fresh;
  }
}

async function pressedReturn(context: CLIContext): Promise<boolean> {
  context.stderr.write("Press Return to mend it in the editor, or Ctrl-C to leave everything as it was. ");
  return await new Promise((done) => {
    context.stdin.once("data", () => {
      context.stdin.pause();
      done(true);
    });
    context.stdin.once("end", () => done(false));
  });
}

async function encryptFile(
  { file, declared }: SecretsTarget,
  { input, inPlace }: { input?: string; inPlace?: boolean },
  context: CLIContext,
): Promise<void> {
  const before = await readIfThere(file);
  const isEncrypted = before?.includes(`\n${metadataPrefix}mac=`) ?? false;
  if (isEncrypted || (before !== null && !inPlace)) {
    throw new NovaError(
      "SECRETS_INVALID",
      `The file is there already, and ${isEncrypted ? "is encrypted" : "is not encrypted"}.`,
      {
        place: file,
        next: isEncrypted
          ? "Change it with `novabot secrets set` or `novabot secrets edit`."
          : "Encrypt it where it stands with --in-place; the plain text stays in what your version control has of it.",
      },
    );
  }
  if (inPlace && before === null) throw new NovaError("SECRETS_NOT_FOUND", "There is no such file.", { place: file });
  const text = inPlace ? before : input === undefined ? await readInput(context) : await readPlain(resolve(input));
  const rows = readRows(text ?? "", inPlace ? file : (input ?? "stdin"), checkName);
  const carriageReturns = rows.filter((row) => row.kind === "value" && row.value.endsWith("\r")).length;
  await createFile(file, rows, await creationRule(file), new Date(), before ?? undefined);
  context.print(`Encrypted ${rows.filter(({ kind }) => kind === "value").length} value(s) into ${file}.`);
  if (carriageReturns)
    context.note(`warning ${carriageReturns} value(s) end with a carriage return, since the plain text has Windows line ends.`);
  warnOfUndeclared(declared, rows, context);
}

async function readPlain(path: string): Promise<string> {
  try {
    return decodeText(await readFile(path), path);
  } catch (thrown) {
    if (thrown instanceof NovaError) throw thrown;
    throw new NovaError("USAGE", `${quote(path)} cannot be read: ${reasonOf(thrown)}.`, {
      place: `--input (in ${dirname(path)})`,
      cause: thrown,
    });
  }
}
