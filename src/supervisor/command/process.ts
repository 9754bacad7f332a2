import { type Command, InvalidArgumentError, Option } from "commander";
import type { InstanceStatus } from "../../model/instance.ts";
import { given, parseCount, parseDurationFrom, parseInstance } from "../../model/option-values.ts";
import { timeText } from "../../model/record-text.ts";
import { type WaitCondition, waitConditions } from "../../model/worker-calls.ts";
import type { Connection } from "./connection.ts";
import { type Context, withConnection } from "./context.ts";
import { addFormat, addInstance, type Format } from "./format.ts";
import { collect, parsePort } from "./options.ts";
import { specOf, type StartOptions } from "./spec.ts";
import { durationText, fields, json, table } from "./text.ts";

const WAIT_MS = 60_000;
/** The bounds are those of the instance's schema. */
const parseDay = parseDurationFrom("0s", "1d");

interface Named {
  readonly instanceId: string;
  readonly format: Format;
}

export function addProcessCommands(program: Command, context: Context): void {
  const group = program.command("process").description("Start, stop and look at the processes that this container supervises.");

  const one = (name: string, description: string): Command =>
    addFormat(addInstance(group.command(name).description(description)));
  const tell = async (format: Format, ask: (connection: Connection) => Promise<InstanceStatus>): Promise<InstanceStatus> => {
    const status = await withConnection(context.connect(), ask);
    await context.output.write(statusText(status, format));
    return status;
  };

  addStart(group, context);

  one("stop", "Stop a process and everything that belongs to it.")
    .option("--grace <duration>", "from SIGTERM to SIGKILL (default: as it was started with)", parseDay)
    .action(async ({ instanceId: id, format, grace }: Named & { grace?: number }) => {
      await tell(format, (connection) => connection.call("process.stop", { id, ...given({ graceMs: grace }) }));
    });

  one("restart", "Stop a process and start it again.").action(async ({ instanceId: id, format }: Named) => {
    await tell(format, (connection) => connection.call("process.restart", { id }));
  });

  one("status", "Tell how a process is. The exit status is 1 when it has crashed.").action(
    async ({ instanceId: id, format }: Named) => {
      const { state } = await tell(format, (connection) => connection.call("process.status", { id }));
      if (state === "crashed") context.setExitStatus(1);
    },
  );

  one("wait", "Wait until a process is running, ready or stopped.")
    .addOption(new Option("--for <what>", "what to wait for").choices(waitConditions).default("ready"))
    .option("--timeout <duration>", "give up after so long (default: 1m)", parseDay)
    .action(async ({ instanceId: id, format, ...options }: Named & { for: WaitCondition; timeout?: number }) => {
      const params = { id, for: options.for, timeoutMs: options.timeout ?? WAIT_MS };
      await tell(format, (connection) => connection.call("process.wait", params));
    });

  addFormat(group.command("list").description("List all processes.")).action(async ({ format }: { format: Format }) => {
    const { instances } = await withConnection(context.connect(), (connection) => connection.call("process.list", {}));
    await context.output.write(listText(instances, format));
  });

  addInstance(group.command("remove").description("Stop a process and forget it; its lines stay.")).action(
    async ({ instanceId: id }: Named) => {
      await withConnection(context.connect(), (connection) => connection.call("process.remove", { id }));
    },
  );
}

function addStart(group: Command, context: Context): void {
  const start = group
    .command("start")
    .description("Start a process and keep it running; the supervisor as well, where none runs.")
    .argument("<command...>", "the program and its arguments, after --")
    .requiredOption("-i, --instance-id <id>", "what the process is called", parseInstance)
    .option("-p, --port <port>", "what it listens on; it gets this as PORT", parsePort)
    .option("--cwd <directory>", "where it runs (default: the current directory)")
    .option("-e, --env <name=value>", "a variable for it; may be given more than once", collect)
    .addOption(new Option("--restart <when>", "(default: on-failure)").choices(["never", "on-failure", "always"]))
    .option("--max-restarts <count>", "so many within the window, or unlimited (default: 10)", parseMaxRestarts)
    .option("--restart-window <duration>", "(default: 1m)", parseDurationFrom("0s", "30d"))
    .option("--backoff <duration>", "before the first restart; doubles with each further one (default: 500ms)", parseDay)
    .option("--max-backoff <duration>", "(default: 30s)", parseDay)
    .option("--healthy-after <duration>", "so long without an end, and restarts are counted anew (default: 30s)", parseDay)
    .option("--grace <duration>", "from SIGTERM to SIGKILL when it is stopped (default: 10s)", parseDay);
  for (const [name, what] of [
    ["ready", "it is ready when"],
    ["live", "it counts as crashed unless"],
  ] as const) {
    start
      .option(`--${name}-port <port>`, `${what} this port takes connections`, parsePort)
      .option(`--${name}-path <path>`, `${what} this path answers (on --${name}-port, else --port)`)
      .option(`--${name}-command <command>`, `${what} this shell command ends with 0`)
      .option(`--${name}-interval <duration>`, "how often it is asked (default: 2s)", parseDurationFrom("50ms", "1d"))
      .option(`--${name}-timeout <duration>`, "how long an answer may take (default: 5s)", parseDurationFrom("10ms", "1d"))
      .option(`--${name}-failures <count>`, "so many in a row count (default: 3)", parseCount(1, 1000));
  }
  start
    .option("--start-grace <duration>", "how long it may take to come up (default: 30s)", parseDay)
    .option("--after <id>", "start when this one is ready; may be given more than once", (text: string, before?: string[]) =>
      collect(parseInstance(text), before),
    )
    .option("--log-rate <lines>", "lines a second that are kept (default: all)", parseCount(1, 1_000_000_000))
    .addOption(
      new Option("--log-overflow <how>", "beyond that: make it wait, or leave lines out (default: slow)").choices([
        "slow",
        "sample",
      ]),
    )
    .addOption(new Option("--wait [what]", "answer when it is running or ready").choices(["running", "ready"]).preset("ready"))
    .option("--timeout <duration>", "give up waiting after so long (default: 1m)", parseDay)
    .passThroughOptions();
  addFormat(start).action(
    async (argv: string[], options: StartOptions & { format: Format; wait?: "running" | "ready"; timeout?: number }) => {
      const spec = specOf(argv, options, context);
      const params = { spec, ...given({ wait: options.wait }), timeoutMs: options.timeout ?? WAIT_MS };
      const status = await withConnection(context.connectOrLaunch(), (connection) => connection.call("process.start", params));
      await context.output.write(statusText(status, options.format));
    },
  );
}

function parseMaxRestarts(text: string): number | null {
  if (text === "unlimited") return null;
  if (/^\d{1,7}$/.test(text) && Number(text) <= 1_000_000) return Number(text);
  throw new InvalidArgumentError("Say a whole number up to 1000000, or unlimited.");
}

/** Raw: the state alone, for scripts. */
function statusText(status: InstanceStatus, format: Format): string {
  if (format === "json") return json(status);
  if (format === "raw") return `${status.state}\n`;
  return fields([
    ["instance", status.id],
    ["state", stateText(status)],
    ["why", status.why],
    ["since", `${timeText(status.sinceMs)} (${durationText(Date.now() - status.sinceMs)})`],
    ["pid", String(status.pid ?? "-")],
    ["port", String(status.port ?? "-")],
    ["restarts", String(status.restarts)],
    ["last end", status.signal ?? (status.exitCode === null ? "-" : `status ${status.exitCode}`)],
    ["next start", timeText(status.nextStartAtMs)],
    ["command", status.argv.join(" ")],
  ]);
}

/** Raw: id, state and process id, with tabs between them. */
function listText(instances: readonly InstanceStatus[], format: Format): string {
  if (format === "json") return json({ instances });
  if (format === "raw") return instances.map(({ id, state, pid }) => `${id}\t${state}\t${pid ?? "-"}\n`).join("");
  const rows = instances.map((status) => [
    status.id,
    stateText(status),
    String(status.pid ?? "-"),
    String(status.port ?? "-"),
    String(status.restarts),
    durationText(Date.now() - status.sinceMs),
    status.why,
  ]);
  return table(["INSTANCE", "STATE", "PID", "PORT", "RESTARTS", "SINCE", "WHY"], rows);
}

function stateText({ state, ready, crashLoop }: InstanceStatus): string {
  if (crashLoop) return `${state} (crash loop)`;
  return state === "running" && ready ? "running (ready)" : state;
}
