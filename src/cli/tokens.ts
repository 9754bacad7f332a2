import { type Command, InvalidArgumentError, Option } from "commander";
import { type Role, roles } from "../model/api/access.ts";
import { quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { table } from "./output.ts";

export function addTokensCommand(program: Command, context: CLIContext): void {
  const tokens = program.command("tokens").description("Who may come through the orchestrator's doors, and as what.");
  tokens
    .command("list")
    .description("All tokens by their names and roles; none of them is told.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const client = await openOrchestratorClient(command, context);
      const { tokens: all } = await client.call("tokens.list", {});
      if (options.json) return context.printJSON(all);
      const rows = all.map(({ name, role, createdAtMs }) => [name, role, new Date(createdAtMs).toISOString()]);
      for (const line of table(["TOKEN", "ROLE", "CREATED"], rows)) context.print(line);
    });
  tokens
    .command("add")
    .description("Make a token and print it: this is the only time that it is told.")
    .argument("<name>", "whose it is; the audit has this name", parseTokenName)
    .addOption(
      new Option("--role <role>", "viewer looks, operator starts and stops and types into terminals, admin makes tokens as well")
        .choices(roles)
        .default("viewer"),
    )
    .option("--json", "print JSON")
    .action(async (name: string, options: { role: Role; json?: boolean }, command: Command) => {
      const client = await openOrchestratorClient(command, context);
      const made = await client.call("tokens.add", { name, role: options.role });
      if (options.json) return context.printJSON(made);
      context.print(made.token);
      context.note(`${made.name} may come in as ${made.role}: NOVABOT_URL=${client.url} NOVABOT_TOKEN=… novabot ps`);
    });
  tokens
    .command("remove")
    .description("End a token and every session that was opened with it.")
    .argument("<name>", "the token's name")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }, command: Command) => {
      const client = await openOrchestratorClient(command, context);
      await client.call("tokens.remove", { name });
      if (options.json) context.printJSON({ removed: name });
      else context.print(`${name} opens nothing any more.`);
    });
}

function parseTokenName(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError(
    `${quote(text)} must be 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.`,
  );
}
