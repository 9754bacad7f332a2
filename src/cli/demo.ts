import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { openHome, type Home } from "../agents/home/home.ts";
import { editGroups, type Installation } from "../host/installation.ts";
import { NovaError } from "../model/errors.ts";
import type { Group } from "../model/group.ts";
import { cancelOnSignals } from "./cancel.ts";
import type { CLIContext } from "./context.ts";
import { playLive } from "./demo-live.ts";
import { formatDuration, visible } from "./output.ts";
import { prepareMachine } from "./prepare.ts";
import { useInstallation } from "./session.ts";

const groups: readonly [Group, Group] = [
  {
    jid: "local:family",
    name: "Family",
    folder: "family-chat",
    agent: "demo",
    isMain: false,
    containerConfig: { network: "none" },
  },
  { jid: "local:me", name: "Me", folder: "main", agent: "demo", isMain: true },
];

export function addDemoCommand(program: Command, context: CLIContext): void {
  program
    .command("demo")
    .description(
      "Set up this machine and let two groups' agents answer, then a chat's; watch a worker that crashes; check what runs. Needs no key.",
    )
    .option("--no-install", "install nothing on this machine")
    .option("--keep", "keep the demo's home, to look at its logs")
    .option("--json", "print the runs' records as JSON")
    .action(async (options: { install: boolean; keep?: boolean; json?: boolean }) => {
      const engine = await prepareMachine(context, { install: options.install });
      const cancelling = cancelOnSignals(context);
      const directory = await mkdtemp(join(tmpdir(), "novabot-demo-"));
      try {
        await editGroups(directory, () => groups);
        const home = await openHome(directory, { create: false });
        const records = await useInstallation(
          home,
          engine,
          context,
          async (installation) => await play(installation, options, context, cancelling.signal),
        );
        const quiet = options.json ?? false;
        const live = await playLive(home, engine, groups[0].jid, { context, quiet, signal: cancelling.signal });
        const { playWatch } = await import("./demo-watch.ts");
        const { install } = options;
        const watched = await playWatch(home, engine, groups[0].jid, { context, quiet, install, signal: cancelling.signal });
        if (options.json) context.printJSON([...records, ...live, watched]);
        else {
          const { playCheck } = await import("./demo-check.ts");
          await playCheck(home.root, context);
        }
        if (options.keep) context.note(`The demo's home stays: ${home.root}`);
        tellNext(home, options, context);
      } finally {
        if (!options.keep) await rm(directory, { recursive: true, force: true });
        cancelling.end();
      }
    });
}

async function play(
  installation: Installation,
  options: { readonly json?: boolean },
  context: CLIContext,
  signal: AbortSignal,
): Promise<unknown[]> {
  const records: unknown[] = [];
  for (const group of groups) {
    const prompt = `Hello from ${group.name}! What can you see?`;
    if (!options.json) {
      context.print("");
      context.print(`${pc.bold(group.folder)} ${pc.dim("asks")}  ${prompt}`);
    }
    const { record, result } = await installation.runs.run({ group, prompt, signal });
    if (record.outcome !== "success") {
      if (record.outcome === "cancelled")
        throw new NovaError("RUN_CANCELLED", "The demo was cancelled.", { place: record.container, next: "Run it again." });
      throw new NovaError("AGENT_ERROR", `The demo's agent did not answer (${record.outcome}): ${record.error}`, {
        place: record.container,
        next: "Look at `novabot doctor`.",
      });
    }
    records.push({ ...record, result });
    if (options.json) continue;
    for (const line of visible(result ?? "").split("\n")) context.print(`  ${pc.cyan("│")} ${line}`);
    context.print(
      pc.dim(
        `  answered in ${formatDuration(record.durationMs)} by container ${record.container} (${record.engine}), which is gone`,
      ),
    );
  }
  return records;
}

function tellNext(home: Home, options: { readonly keep?: boolean; readonly json?: boolean }, context: CLIContext): void {
  if (options.json) return;
  context.print("");
  context.print("Next, with an agent of your own (Claude Code reads ANTHROPIC_API_KEY from the home's .env):");
  context.print("  novabot groups add local:me --folder main");
  context.print("  novabot explain main");
  context.print('  novabot run --group main "What is in my folder?"');
  context.print("  novabot serve            and, beside it: novabot chat local:me");
  context.print("  novabot up               all of it, with its orchestrator; and, beside it: novabot top");
  context.print("  novabot check PATH       for Compose files of your own");
  if (options.keep) context.print(`  novabot --home ${home.root} runs list`);
}
