import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { packageRoot } from "../host/package-root.ts";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { buildImage, leavingNoEngine, prepareMachine } from "./prepare.ts";

export function addTestCommand(program: Command, context: CLIContext): void {
  program
    .command("test")
    .description("Set up this machine and run NovaBot's own checks and tests (in a checkout).")
    .option("--no-install", "install nothing on this machine")
    .argument("[vitest...]", "after --: arguments for vitest")
    .action(async (vitest: string[], options: { install: boolean }) => {
      if (!existsSync(join(packageRoot(), "test/check.ts"))) {
        throw new NovaError("USAGE", "The tests are not part of the installed package.", {
          next: "Run them in a checkout of the source.",
        });
      }
      const install = options.install ? [] : ["--no-install"];
      await leavingNoEngine(context.env, async () => {
        const engine = await prepareMachine(context, options);
        await buildImage(context, engine, "worker", options);
        const prepared = await runHere("test/prepare.ts", install, context.env);
        if (prepared !== 0) return context.setExitCode(2);
        context.setExitCode((await runHere("test/check.ts", vitest, context.env)) === 0 ? 0 : 1);
      });
    });
}

/** Runs a script of the checkout to its end and gives its exit status. */
async function runHere(script: string, args: readonly string[], env: CLIContext["env"]): Promise<number> {
  const child = spawn(process.execPath, [join(packageRoot(), script), ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    cwd: packageRoot(),
    env: { ...env },
  });
  // Ctrl-C reaches the child as well; it ends first, so that what set-up started can be stopped after it.
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}
