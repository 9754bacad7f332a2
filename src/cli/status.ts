import type { Command } from "commander";
import pc from "picocolors";
import { callServe } from "../host/serve/control-client.ts";
import type { ServeStatus } from "../host/serve/serve.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table, visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

export function addStatusCommand(program: Command, context: CLIContext): void {
  program
    .command("status")
    .description("What the running `novabot serve` of the home is doing.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const status = (await callServe(await openChosenHome(command, context, false), "/v1/status")) as ServeStatus;
      if (options.json) context.printJSON(status);
      else for (const line of describe(status)) context.print(line);
    });
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
