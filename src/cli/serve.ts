import type { Command } from "commander";
import pc from "picocolors";
import type { QueueEvent } from "../agents/queue/events.ts";
import { findEngine } from "../host/engines/find.ts";
import { createLogger } from "../host/installation.ts";
import type { CLIContext } from "./context.ts";
import { endOnSignals, patienceMs } from "./end-on-signals.ts";
import { formatDuration, jsonLine, visible } from "./output.ts";
import { count, queueLine } from "./queue-lines.ts";
import { openChosenHome } from "./session.ts";

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

type OwnEvent = Exclude<ServeEvent, QueueEvent>;

/** What is serving's own as a line for people. */
const lineOf: { readonly [Kind in OwnEvent["kind"]]: (event: Extract<OwnEvent, { kind: Kind }>) => string } = {
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
};

function describe(event: ServeEvent): string | null {
  if (!(event.kind in lineOf)) return queueLine(event as QueueEvent);
  // Each function takes the events of its own key, which the table's type holds.
  return (lineOf[event.kind as OwnEvent["kind"]] as (event: ServeEvent) => string)(event);
}
