import type { Command } from "commander";
import pc from "picocolors";
import type { QueueEvent } from "../agents/queue/events.ts";
import { findEngine } from "../host/engines/find.ts";
import { createLogger } from "../host/installation.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, jsonLine, visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

/** How long answers that are being made may take when the process is asked to end. */
const patienceMs = 20_000;
/** A terminal signals every process of its foreground, and a wrapper passes the signal on: within this time it is the same. */
const sameSignalMs = 500;

export function addServeCommand(program: Command, context: CLIContext): void {
  program
    .command("serve")
    .description("Keep the home alive: answer messages, carry out tasks, deliver mail; until Ctrl-C.")
    .option("--json", "print what happens as JSON, one line each")
    .action(async (options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, true);
      const tell = options.json
        ? (event: object) => void context.stdout.write(jsonLine({ at: new Date().toISOString(), ...event }))
        : (event: ServeEvent) => {
            const line = describe(event);
            if (line !== null) context.print(`${pc.dim(new Date().toTimeString().slice(0, 8))}  ${visible(line)}`);
          };
      const ending = endOnSignals(context, (live) => tell({ kind: "stopping", live }));
      // Loading it would cost every other command's start some ten milliseconds.
      const { Serve } = await import("../host/serve/serve.ts");
      const serve = await Serve.open({
        home,
        engine: await findEngine(context.env),
        env: context.env,
        logger: createLogger(context.env, "silent"),
        onEvent: tell,
        onCleanUp: (containers) => {
          if (containers.length) tell({ kind: "cleaned up", containers });
        },
      });
      const { engine, slots, tasks, groups } = serve.status();
      const waiting = groups.reduce((sum, group) => sum + group.waiting, 0);
      tell({ kind: "serving", home: home.root, engine, slots, tasks, waiting });
      try {
        await ending.asked(() => serve.status().groups.filter(({ live }) => live).length);
        await serve.close(ending.patience);
      } finally {
        ending.end();
      }
      tell({ kind: "stopped" });
    });
}

type ServeEvent =
  | QueueEvent
  | {
      readonly kind: "serving";
      readonly home: string;
      readonly engine: string;
      readonly slots: number;
      readonly tasks: number;
      readonly waiting: number;
    }
  | { readonly kind: "cleaned up"; readonly containers: readonly string[] }
  | { readonly kind: "stopping"; readonly live: number }
  | { readonly kind: "stopped" };

/** Each event as a line for people; null when it is too small a thing for them. */
const lineOf: { readonly [Kind in ServeEvent["kind"]]: (event: Extract<ServeEvent, { kind: Kind }>) => string | null } = {
  serving: ({ home, engine, slots, tasks, waiting }) =>
    `Serving ${home} on ${engine}, up to ${count(slots, "container")}, ${count(tasks, "task")}` +
    `${waiting ? `; ${count(waiting, "message")} waiting from before` : ""}. Ctrl-C stops.`,
  "cleaned up": ({ containers }) =>
    `Removed ${count(containers.length, "container")} that a host which is gone had left: ${containers.join(", ")}`,
  stopping: ({ live }) =>
    live
      ? `Stopping; ${count(live, "answer")} may take ${formatDuration(patienceMs)} more. Ctrl-C again stops them at once.`
      : "Stopping.",
  stopped: () => "Stopped.",
  arrived: ({ group, message }) => `${group}  message from ${message.sender}`,
  begun: ({ group, messages, task }) => `${group}  ${task === null ? `answering ${count(messages, "message")}` : `task ${task}`}`,
  handed: ({ group, run }) => `${group}  handed a message to the agent at work (run ${run})`,
  answered: ({ group, run, afterMs }) =>
    `${group}  answered after ${formatDuration(afterMs)}${run === null ? "" : ` (run ${run})`}`,
  settled(event) {
    if (event.outcome === "success") return null;
    const reason = event.reason === null ? "" : `: ${firstLine(event.reason)}`;
    const again = event.retryMs === null ? "" : ` Trying again in ${formatDuration(event.retryMs)}.`;
    const given = event.failures.length ? ` Given up: ${event.failures.map(({ id }) => id).join(", ")}.` : "";
    return `${event.group}  ${event.outcome} after ${formatDuration(event.durationMs)}${reason}${again}${given}`;
  },
  // An answer has its line already.
  sent: ({ message }) => (message.kind === "mail" ? `${message.group}  sent mail to ${message.chatJid}` : null),
  "given up": ({ chatJid, messages, reason }) =>
    `${count(messages.length, "message")} to ${chatJid} given up, the oldest that waited: ${firstLine(reason)}`,
  trouble: ({ reason }) => `${reason} Trying again.`,
  unsent: ({ message, reason, retryMs }) =>
    `${message.group}  cannot send to ${message.chatJid}: ${firstLine(reason)} Trying again in ${formatDuration(retryMs)}.`,
};

function describe(event: ServeEvent): string | null {
  // Each function takes the events of its own key, which the table's type holds.
  return (lineOf[event.kind] as (event: ServeEvent) => string | null)(event);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** The first signal asks for the end, the second ends the patience with runs that go on, the third ends the process. */
function endOnSignals(
  context: CLIContext,
  onStopping: (live: number) => void,
): { asked(live: () => number): Promise<void>; readonly patience: AbortSignal; end(): void } {
  const asked = Promise.withResolvers<void>();
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let signals = 0;
  let lastAt = -Infinity;
  const onSignal = (): void => {
    if (performance.now() - lastAt < sameSignalMs) return;
    lastAt = performance.now();
    signals += 1;
    if (signals === 1) asked.resolve();
    else if (signals === 2) patience.abort();
    else process.exit(1);
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, onSignal);
  context.outputClosed.addEventListener("abort", onSignal);
  return {
    patience: patience.signal,
    async asked(live) {
      await asked.promise;
      onStopping(live());
      timer = setTimeout(() => patience.abort(), patienceMs);
    },
    end() {
      clearTimeout(timer);
      for (const name of names) process.off(name, onSignal);
      context.outputClosed.removeEventListener("abort", onSignal);
    },
  };
}
