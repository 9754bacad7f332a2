import type { Command } from "commander";
import type { SecretsTarget } from "../host/secrets/project.ts";
import { NovaError, quote } from "../model/errors.ts";
import {
  changeSecrets,
  checkName,
  createFile,
  openSecrets,
  readIfThere,
  setRow,
  valuesOf,
} from "../secrets/file/secrets-file.ts";
import { isMeanwhile } from "../secrets/file/replace-file.ts";
import { creationRule } from "../secrets/rules/creation-rules.ts";
import { resealDocument } from "../secrets/sops/document.ts";
import type { CLIContext } from "./context.ts";
import { table } from "./output.ts";
import { addSecretsFilesCommands } from "./secrets-files.ts";
import { readSecret } from "./secrets-input.ts";
import { addSecretsKeysCommands } from "./secrets-keys.ts";
import { addSecretsModulesCommands } from "./secrets-modules.ts";
import { chosenTarget, command, identitiesOf, printSecret, type TargetOptions } from "./secrets-target.ts";
import { warnOfUndeclared } from "./secrets-warnings.ts";

/** `novabot secrets`: values are read from stdin and written to stdout when they are asked for by name, and are in no argument, log or error. */
export function addSecretsCommand(program: Command, context: CLIContext): void {
  const secrets = program.command("secrets").description("Encrypted values of modules, in files that sops reads and writes too.");
  command(secrets, "list", "The names in a file, and never its values.")
    .option("--json", "print JSON")
    .action(async (target: string, options: TargetOptions & { json?: boolean }, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      const { document } = await openSecrets(file, await identitiesOf(context));
      const rows = document.rows.flatMap((row) =>
        row.kind === "value" ? [{ name: row.name, encrypted: row.written !== row.value, empty: row.value === "" }] : [],
      );
      if (options.json) context.printJSON(rows);
      else
        for (const line of table(
          ["NAME", ""],
          rows.map(({ name, encrypted, empty }) => [name, empty ? "empty" : encrypted ? "" : "not encrypted"]),
        ))
          context.print(line.trimEnd());
    });
  command(secrets, "get", "One value on stdout: byte for byte into a pipe or file, made harmless for a terminal.")
    .argument("<name>", "the secret's name")
    .action(async (target: string, name: string, options: TargetOptions, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      const { document } = await openSecrets(file, await identitiesOf(context));
      const value = valuesOf(document.rows, file).get(name);
      if (value === undefined) throw notThere(name, file);
      printSecret(context, value);
    });
  command(secrets, "set", "Set one value, which is read from stdin, or asked for without an echo at a terminal.")
    .argument("<name>", "the secret's name")
    .option("--exact", "keep the line break at the end of stdin")
    .option("--remove", "take the secret out of the file instead")
    .action(
      async (target: string, name: string, options: TargetOptions & { exact?: boolean; remove?: boolean }, self: Command) => {
        const chosen = await chosenTarget(target, options, self, context);
        if (options.remove) await removeValue(chosen, name, context);
        else await setValue(chosen, name, options.exact === true, context);
      },
    );
  addSecretsFilesCommands(secrets, context);
  addSecretsKeysCommands(secrets, context);
  addSecretsModulesCommands(secrets, context);
}

async function setValue({ file, declared }: SecretsTarget, name: string, exact: boolean, context: CLIContext): Promise<void> {
  if (name.includes("=")) {
    throw new NovaError("USAGE", `A value stands behind ${quote(name.slice(0, name.indexOf("=")))} in the arguments.`, {
      place: "NAME",
      next: "Give the name alone, and the value on stdin; this one was seen by the shell's history, so choose another.",
    });
  }
  checkName(name, "NAME");
  const value = await readSecret(context, `Value of ${name}`, exact);
  if (value === "") {
    throw new NovaError("USAGE", `Nothing was given for ${quote(name)}; nothing was changed.`, {
      place: "stdin",
      next: "See what the program before the pipe says. To take the secret out, use --remove.",
    });
  }
  if (value.includes("\0")) {
    throw new NovaError(
      "SECRETS_UNREPRESENTABLE",
      `The value for ${quote(name)} has a NUL character, which no process can be given.`,
      {
        place: "stdin",
      },
    );
  }
  if (await madeWith(file, name, value)) context.print(`Made ${file} with ${name}.`);
  else {
    const identities = await identitiesOf(context);
    await changeSecrets(file, identities, (document) =>
      resealDocument(document, setRow(document.rows, name, value), new Date(), file),
    );
    context.print(`Set ${name} in ${file}.`);
  }
  warnOfUndeclared(declared, [{ kind: "value", name, value }], context);
}

/** Makes the file with its first value; false when there is one, also when somebody made it just now. */
async function madeWith(file: string, name: string, value: string): Promise<boolean> {
  if ((await readIfThere(file)) !== null) return false;
  try {
    await createFile(file, [{ kind: "value", name, value }], await creationRule(file), new Date());
    return true;
  } catch (thrown) {
    if (isMeanwhile(thrown)) return false;
    throw thrown;
  }
}

async function removeValue({ file }: SecretsTarget, name: string, context: CLIContext): Promise<void> {
  await changeSecrets(file, await identitiesOf(context), (document) => {
    const rows = document.rows.filter((row) => row.kind !== "value" || row.name !== name);
    if (rows.length === document.rows.length) throw notThere(name, file);
    return resealDocument(document, rows, new Date(), file);
  });
  context.print(`Took ${name} out of ${file}.`);
}

function notThere(name: string, file: string): NovaError {
  return new NovaError("SECRETS_NOT_FOUND", `The file has no secret ${quote(name)}.`, {
    place: file,
    next: "See its names with `novabot secrets list`.",
  });
}
