import type { Command } from "commander";
import pc from "picocolors";
import type { Home } from "../agents/home/home.ts";
import { callServe } from "../host/serve/control-client.ts";
import type { ServeStatus } from "../host/serve/serve.ts";
import type { APIAnswer } from "../model/api/calls.ts";
import { messageOf, NovaError } from "../model/errors.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table, visible } from "./output.ts";
import { openChosenHome } from "./session.ts";
import { upLogSince } from "./up-log.ts";

/** What the home's `novabot up` says of itself; a text is why it could not be asked. */
type HouseStatus = (APIAnswer<"house.status"> & { readonly url: string; readonly logFile: string | null }) | string;

export function addStatusCommand(program: Command, context: CLIContext): void {
  program
    .command("status")
    .description("What the home's `novabot up`, or its `novabot serve`, is doing.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const house = await askHouse(home, context);
      const serve = await askServe(home, house !== null);
      if (options.json) {
        context.printJSON({ home: home.root, ...serve, orchestrator: typeof house === "string" ? { trouble: house } : house });
        return;
      }
      const parts = [...(house === null ? [] : [describeHouse(house)]), ...(serve ? [describe(serve)] : [])];
      for (const [index, lines] of parts.entries()) for (const line of index > 0 ? ["", ...lines] : lines) context.print(line);
    });
}

/** Null where there is none. */
async function askHouse(home: Home, context: CLIContext): Promise<HouseStatus | null> {
  const { isUp } = await import("../host/up/lock.ts");
  if (!isUp(home)) return null;
  const { openHomeClient } = await import("./orchestrator-session.ts");
  try {
    const client = await openHomeClient(home);
    const status = await client.call("house.status", {}, AbortSignal.timeout(ASK_MS));
    return { url: client.url, ...status, logFile: upLogSince(home, status.startedAtMs) };
  } catch (error) {
    if (context.env["LOG_LEVEL"] === "debug") context.note(messageOf(error));
    return messageOf(error);
  }
}

const ASK_MS = 10_000;

async function askServe(home: Home, isUp: boolean): Promise<ServeStatus | null> {
  try {
    return (await callServe(home, "/v1/status")) as ServeStatus;
  } catch (error) {
    // An installation without an engine serves no agents.
    if (isUp && error instanceof NovaError && error.code === "SERVE_NOT_RUNNING") return null;
    throw error;
  }
}

function describeHouse(house: HouseStatus): string[] {
  if (typeof house === "string") return [`${pc.dim("up".padEnd(10))}  ${visible(`it does not answer: ${house}`)}`];
  const { url, logFile, pid, startedAtMs, engine, workers, processes, store } = house;
  const states = Object.entries(workers).filter(([, count]) => count > 0);
  const running = [`${processes.running} running`, `${processes.crashed} crashed`, `${processes.other} other`];
  const facts: readonly (readonly [string, string])[] = [
    ["up", `at ${url}, process ${pid}, for ${formatDuration(Math.max(0, Date.now() - startedAtMs))}, engine ${engine ?? "none"}`],
    ["workers", states.map(([state, count]) => `${count} ${state}`).join(", ") || "none"],
    ["processes", running.join(", ")],
    ...(logFile === null ? [] : [["log", logFile] as const]),
    ["kept", `${store.logRows} lines, ${formatSize(store.bytes)}${store.trouble === null ? "" : `; ${store.trouble}`}`],
  ];
  return facts.map(([name, value]) => `${pc.dim(name.padEnd(10))}  ${visible(value)}`);
}

function describe(status: ServeStatus): string[] {
  const facts: readonly (readonly [string, string])[] = [
    ["home", status.home],
    ["serving", `on ${status.engine}, process ${status.pid}, since ${status.since}`],
    ["containers", `${status.groups.filter(({ live }) => live).length} at work, at most ${status.slots} in all`],
    ["ready", status.pool.map(({ group, mode, state }) => `${group} (${mode}, ${state})`).join(", ") || "none ahead"],
    ["tasks", `${status.tasks} active`],
    ["to send", String(status.outbox)],
    ...status.unreachable.map(({ chatJid, waiting, tries, reason, retryAt }): [string, string] => [
      "no way to",
      `${chatJid}, ${waiting} waiting, ${tries} tries, next at ${retryAt}: ${reason.replace(/\n[^]*$/, "")}`,
    ]),
  ];
  const pause = (at: string, reason: string | null): string =>
    `again at ${at}${reason === null ? "" : `: ${reason.replace(/\n[^]*$/, "")}`}`;
  const rows = status.groups.map(({ group, waiting, retryAt, reason, live }) => [
    group,
    String(waiting),
    live
      ? `${live.task === null ? "answering" : `task ${live.task}`}, run ${live.run ?? "to begin"}`
      : retryAt === null
        ? "waits"
        : pause(retryAt, reason),
    live ? formatDuration(Math.max(0, Date.now() - Date.parse(live.since))) : "-",
  ]);
  const failures = status.failures
    .slice(-5)
    .map(({ at, group, id, outcome, reason }) => `${at}  ${group}  ${id}: ${outcome}. ${reason}`.replace(/\n[^]*$/, ""));
  return [
    ...facts.map(([name, value]) => `${pc.dim(name.padEnd(10))}  ${visible(value)}`),
    ...(rows.length ? ["", ...table(["GROUP", "WAITING", "STATE", "FOR"], rows)] : []),
    ...(failures.length ? ["", pc.dim("newest failures"), ...failures.map(visible)] : []),
  ];
}
