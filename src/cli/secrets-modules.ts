import { relative } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { moduleNamed } from "../contract/declaration/module-named.ts";
import { findCompose } from "../host/compose/find.ts";
import { probeEngines } from "../host/engines/find.ts";
import { materializeModule } from "../host/secrets/materialize.ts";
import { declaredSecrets, environmentNamed, nearestContract } from "../host/secrets/project.ts";
import { composeFlavours } from "../model/compose-flavour.ts";
import { errorCodes, NovaError, quote } from "../model/errors.ts";
import type { EnvFileForm } from "../secrets/materialize/env-file.ts";
import { verifySecrets } from "../secrets/verify.ts";
import type { CLIContext } from "./context.ts";
import { table, visible } from "./output.ts";
import { identitiesOf, type TargetOptions } from "./secrets-target.ts";
import { chosenHomePath } from "./home-path.ts";

/** The commands that go by the contract. */
export function addSecretsModulesCommands(secrets: Command, context: CLIContext): void {
  secrets
    .command("verify")
    .description("Every module's files: that they decrypt, are what their author wrote, and have what the contract declares.")
    .option("--env <name>", "local or prod alone; both when left out")
    .option("--json", "print JSON")
    .action(async (options: { env?: string; json?: boolean }, self: Command) => await verify(options, self, context));
  secrets
    .command("materialize")
    .description("Write a module's plain env file, from which the Compose in use gives the process every value byte for byte.")
    .argument("<module>", "its name, or the end of it")
    .option("--env <name>", "local (.env.local) or prod (.env.server)", "local")
    .option("--compose <program>", `${composeFlavours.join(", ")}; asked for when left out`)
    .option("--json", "print JSON")
    .action(async (name: string, options: TargetOptions & { compose?: string; json?: boolean }, self: Command) => {
      const environment = environmentNamed(options.env);
      const module = moduleNamed(await nearestContract(process.cwd(), chosenHomePath(self, context)), name);
      const identities = await identitiesOf(context);
      const form = await chosenForm(options.compose, context);
      const done = await materializeModule(module, environment, form, identities, context.env);
      for (const warning of done.warnings) context.note(`warning ${visible(warning)}`);
      if (options.json) context.printJSON({ ...done, compose: form.flavour });
      else context.print(`Wrote ${done.target} with ${done.names.length} value(s) for ${form.flavour}.`);
    });
}

async function verify(
  { env, json }: { readonly env?: string; readonly json?: boolean },
  self: Command,
  context: CLIContext,
): Promise<void> {
  const only = env === undefined ? undefined : environmentNamed(env);
  const contract = await nearestContract(process.cwd(), chosenHomePath(self, context));
  const declared = declaredSecrets(contract).filter(({ environment }) => only === undefined || environment === only);
  const files = await verifySecrets(declared, await identitiesOf(context));
  if (json) {
    context.printJSON(
      files.map(({ problems, ...file }) => ({
        ...file,
        problems: problems.map(({ message, error }) => ({ code: error?.code ?? "SECRETS_MISMATCH", message })),
      })),
    );
  } else {
    const rows = files.map(({ module, environment, names, problems, lastModified }) => {
      const verdict = problems.length ? pc.red("broken") : lastModified === undefined ? "none" : "good";
      return [module, environment, verdict, lastModified === undefined ? "" : String(names.length), lastModified ?? ""];
    });
    for (const line of table(["MODULE", "ENVIRONMENT", "", "VALUES", "CHANGED"], rows)) context.print(line.trimEnd());
    for (const { file, problems } of files) {
      for (const { message, error } of problems) {
        context.print("");
        context.print(`${pc.red("error")} ${visible(message)}`);
        context.print(`  ${pc.dim("at")}    ${visible(relative(process.cwd(), file))}`);
        context.print(`  ${pc.dim("next")}  ${visible(error?.next ?? errorCodes.SECRETS_MISMATCH.next)}`);
        context.print(`  ${pc.dim("code")}  ${error?.code ?? "SECRETS_MISMATCH"}`);
      }
    }
  }
  const problems = files.flatMap((file) => file.problems);
  // What could not be read proves nothing, which is worse than a name too many.
  if (problems.length) context.setExitCode(problems.some(({ kind }) => kind === "unreadable") ? 2 : 1);
}

/** The Compose that will read the file: the one that is named, or the one that would be used with the engine that answers. */
async function chosenForm(compose: string | undefined, context: CLIContext): Promise<EnvFileForm> {
  if (compose !== undefined) {
    const flavour = composeFlavours.find((one) => one === compose);
    if (flavour !== undefined) return { flavour };
    throw new NovaError("USAGE", `${quote(compose)} is no Compose that NovaBot knows.`, {
      place: "--compose",
      next: `Use one of ${composeFlavours.join(", ")}.`,
    });
  }
  const reports = await probeEngines(context.env);
  const found = reports.find((report) => report.ok && report.endpoint !== undefined);
  if (!found?.endpoint) {
    throw new NovaError("ENGINE_NOT_FOUND", "No container engine answers, so which Compose will read the file is not known.", {
      next: "Start the engine, or say which Compose it is with --compose.",
    });
  }
  try {
    const { flavour, version } = await findCompose({ name: found.name, endpoint: found.endpoint }, context.env);
    return { flavour, version };
  } catch (thrown) {
    if (!(thrown instanceof NovaError) || thrown.code !== "COMPOSE_NOT_FOUND") throw thrown;
    throw new NovaError(thrown.code, thrown.message, {
      next: `${thrown.next} Or say which will read the file with --compose.`,
      cause: thrown,
    });
  }
}
