import { resolve } from "node:path";
import type { Command } from "commander";
import { NovaError, quote } from "../model/errors.ts";
import { checkRecipient } from "../secrets/age/data-key.ts";
import { defaultKeyFile, findIdentities } from "../secrets/age/identities.ts";
import { generateKeyFile } from "../secrets/age/key-file.ts";
import { changeSecrets, openSecrets } from "../secrets/file/secrets-file.ts";
import { addRecipient, rekeyDocument } from "../secrets/sops/document.ts";
import type { CLIContext } from "./context.ts";
import { table } from "./output.ts";
import { chosenTarget, command, identitiesOf, type TargetOptions } from "./secrets-target.ts";
import { warnOfStrangers } from "./secrets-warnings.ts";

/** Keys, and for whom a file is encrypted. */
export function addSecretsKeysCommands(secrets: Command, context: CLIContext): void {
  secrets
    .command("keygen")
    .description("Make a private key in a file that only you can read, and print the public half.")
    .option("--output <file>", "where to; sops's own key file when left out")
    .action(async (options: { output?: string }) => {
      const path = options.output === undefined ? defaultKeyFile(context.env) : resolve(options.output);
      const recipient = await generateKeyFile(path);
      context.print(recipient);
      context.note(
        `The private half is in ${path}. Keep a copy where it cannot be lost: without it nobody opens what is encrypted for it.`,
      );
    });
  const recipients = secrets.command("recipients").description("For whom a file is encrypted.");
  command(recipients, "list", "Who can open the file.")
    .option("--json", "print JSON")
    .action(async (target: string, options: TargetOptions & { json?: boolean }, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      const identities = await findIdentities(context.env);
      const { document } = await openSecrets(file, identities);
      const rows = document.metadata.recipients.map(({ recipient }) => {
        return { recipient, mine: identities.found.some((identity) => identity.recipient === recipient) };
      });
      if (options.json) context.printJSON({ age: rows, others: document.metadata.otherServices });
      else {
        const lines = rows.map(({ recipient, mine }) => [recipient, mine ? "your key" : ""]);
        for (const line of table(["RECIPIENT", ""], lines)) context.print(line.trimEnd());
        if (document.metadata.otherServices.length) context.print(`and keys of ${document.metadata.otherServices.join(", ")}`);
      }
    });
  command(recipients, "add", "Let another key open the file; its values stay as they are.")
    .argument("<recipient>", "age1…")
    .action(async (target: string, recipient: string, options: TargetOptions, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      checkRecipient(recipient, "RECIPIENT");
      await changeSecrets(file, await identitiesOf(context), async (document) => {
        if (document.metadata.recipients.some((one) => one.recipient === recipient)) {
          throw new NovaError("SECRETS_KEY", `The file is encrypted for ${quote(recipient)} already.`, { place: file });
        }
        return await addRecipient(document, recipient, new Date(), file);
      });
      context.print(`${recipient} can open ${file} now. Add it to .sops.yaml as well, for new files.`);
    });
  command(recipients, "remove", "Take a key away: the file gets a new data key that it cannot open.")
    .argument("<recipient>", "age1…")
    .action(async (target: string, recipient: string, options: TargetOptions, self: Command) => {
      const { file } = await chosenTarget(target, options, self, context);
      let left: readonly string[] = [];
      await changeSecrets(file, await identitiesOf(context), async (document) => {
        const known = document.metadata.recipients.map((one) => one.recipient);
        left = known.filter((one) => one !== recipient);
        if (left.length === known.length) {
          throw new NovaError("SECRETS_KEY", `The file is not encrypted for ${quote(recipient)}.`, {
            place: file,
            next: "See `novabot secrets recipients list`.",
          });
        }
        if (left.length === 0) {
          throw new NovaError("SECRETS_KEY", "It is the only key of the file: nobody could open it any more.", {
            place: file,
            next: "Add another recipient first.",
          });
        }
        return await rekeyDocument(document, left, new Date(), file);
      });
      context.print(
        `${recipient} cannot open ${file} any more. It can still open older versions, so change the values themselves too.`,
      );
      await warnOfStrangers(file, left, context);
    });
}
