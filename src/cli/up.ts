import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import pc from "picocolors";
import type { Engine } from "../engine/engine.ts";
import { findEngine } from "../host/engines/find.ts";
import { createLogger } from "../host/installation.ts";
import type { Up, UpEvent } from "../host/up/up.ts";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { endOnSignals, patienceMs } from "./end-on-signals.ts";
import { formatDuration, jsonLine, visible } from "./output.ts";
import { count } from "./queue-lines.ts";
import { openChosenHome } from "./session.ts";
import { IN_BACKGROUND, startDetached } from "./up-detached.ts";
import { dropGarbageOfStart } from "./up-garbage.ts";
import { calm, upLines } from "./up-lines.ts";
import { boundLog, upLog } from "./up-log.ts";
import { News } from "./up-news.ts";

/** A machine that starts may have its engine later than NovaBot. */
const ENGINE_AGAIN_MS = 5000;

interface UpCommandOptions {
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly inBackground?: boolean;
}

export function addUpCommand(program: Command, context: CLIContext): void {
  program
    .command("up")
    .description(
      "Start the whole installation: orchestrator, agents, and the groups, workers and modules of novabot.yaml; until Ctrl-C.",
    )
    .option("-d, --detach", "go on in the background, and come back when it is up")
    .option("--json", "print what happens as JSON, one line each; with --detach where it is")
    .addOption(new Option(IN_BACKGROUND, "what is printed goes to up.log; given by --detach").hideHelp())
    .action(async (options: UpCommandOptions, command: Command) => {
      const home = await openChosenHome(command, context, true);
      if (options.detach) return await startDetached(home, options.json === true, context);
      const undo = options.inBackground ? [boundLog(upLog(home))] : [];
      const console = options.json ? documents(context) : lines(context);
      const ending = endOnSignals(context, (live) => console.stopping(live));
      try {
        // Loading it would cost every other command's start.
        const { openUp } = await import("../host/up/up.ts");
        const logger = createLogger(context.env, "silent");
        const open = async (engine: Engine | null): Promise<Up> => {
          const up = await openUp({ home, engine, env: context.env, logger, onEvent: console.event });
          console.up(up, home.root, engine);
          return up;
        };
        const openWith = async (engine: Engine | null): Promise<{ up: Up; engine: Engine | null }> => {
          try {
            return { up: await open(engine), engine };
          } catch (error) {
            // It answered a moment ago, and may do so again in another.
            if (engine === null || !isWithoutEngine(error)) throw error;
            console.withoutEngine(error);
            return { up: await open(null), engine: null };
          }
        };
        undo.push(dropGarbageOfStart(logger));
        let { up, engine } = await openWith(await tryEngine(context, (error) => console.withoutEngine(error)));
        const over = new AbortController();
        const asked = ending.asked(() => up.live()).finally(() => over.abort());
        while (engine === null && (await isOver(ENGINE_AGAIN_MS, over.signal))) {
          const found = await tryEngine(context);
          if (found === null) continue;
          // With one, hardly a part stays what it was.
          await up.close();
          ({ up, engine } = await openWith(found));
        }
        await asked;
        await up.close(ending.patience);
        console.stopped();
      } finally {
        console.end();
        ending.end();
        for (const step of undo) step();
      }
    });
}

/** Whether the time went by before the signal aborted. */
async function isOver(ms: number, signal: AbortSignal): Promise<boolean> {
  return await delay(ms, true, { signal }).catch(() => false);
}

function isWithoutEngine(error: unknown): error is NovaError {
  return error instanceof NovaError && (error.code === "ENGINE_NOT_FOUND" || error.code === "ENGINE_LOST");
}

/** Null where none answers. */
async function tryEngine(context: CLIContext, onNone: (error: NovaError) => void = () => undefined): Promise<Engine | null> {
  try {
    return await findEngine(context.env);
  } catch (error) {
    if (!isWithoutEngine(error)) throw error;
    onNone(error);
    return null;
  }
}

interface Console {
  event(event: UpEvent): void;
  withoutEngine(error: NovaError): void;
  up(up: Up, home: string, engine: Engine | null): void;
  stopping(live: number): void;
  stopped(): void;
  end(): void;
}

function lines(context: CLIContext): Console {
  const print = (text: string): void => context.print(`${pc.dim(new Date().toTimeString().slice(0, 8))}  ${visible(text)}`);
  const quiet = calm(print);
  const news = new News((line) => quiet.line(line));
  return {
    event: (event) => {
      if (event.kind === "entries") for (const entry of event.entries) news.take(entry);
      else for (const line of upLines(event)) print(line);
    },
    withoutEngine: (error) => print(`No agents, workers and modules: ${error.message} ${error.next}`),
    up({ url, tokenFile, config }, home, engine) {
      print(`Up: ${home}${engine === null ? "" : ` on ${engine.name}`}.`);
      const declared = [
        count(config.groups.length, "group"),
        count(config.workers.length, "worker"),
        count(config.modules.length, "module"),
      ];
      if (config.groups.length + config.workers.length + config.modules.length > 0)
        print(`novabot.yaml declares ${declared.join(", ")}.`);
      context.print("");
      context.print(`  ${pc.bold(url)}`);
      context.print(`  Log in with the token that this prints: cat ${visible(tokenFile)}`);
      context.print(`  ${pc.dim("novabot ps, logs, errors, events and top show the same here. Ctrl-C stops.")}`);
      context.print("");
    },
    stopping: (live) =>
      print(
        live
          ? `Stopping; ${count(live, "answer")} may take ${formatDuration(patienceMs)} more. Ctrl-C again stops them at once.`
          : "Stopping.",
      ),
    stopped: () => print("Stopped. Workers and modules run on; `novabot down --all` stops them, too."),
    end() {
      quiet.end();
    },
  };
}

function documents(context: CLIContext): Console {
  const tell = (event: object): void => void context.stdout.write(jsonLine({ at: new Date().toISOString(), ...event }));
  return {
    event: (event) => tell(event),
    withoutEngine: ({ code, message, next }) => tell({ kind: "without engine", error: { code, message, next } }),
    up: ({ url, tokenFile }, home, engine) =>
      tell({ kind: "up", home, url, tokenFile, engine: engine?.name ?? null, pid: process.pid }),
    stopping: (live) => tell({ kind: "stopping", live }),
    stopped: () => tell({ kind: "stopped" }),
    end: () => undefined,
  };
}
