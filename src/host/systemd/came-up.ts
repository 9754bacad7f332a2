import { setTimeout as delay } from "node:timers/promises";
import type { Home } from "../../agents/home/home.ts";
import { NovaError } from "../../model/errors.ts";
import { lastLines, type ProgramResult } from "../machine/program.ts";
import { readAddress } from "../up/address.ts";

const LOOK_AGAIN_MS = 100;

export interface CameUpOptions {
  readonly home: Home;
  /** Of the unit. */
  readonly name: string;
  /** Absolute, of the unit. */
  readonly path: string;
  readonly systemctl: (args: readonly string[]) => Promise<ProgramResult>;
  /** What a process of the unit said; empty where it cannot be read. */
  readonly journal: (pid: string) => Promise<string>;
  /** The command that shows it. */
  readonly journalCommand: string;
  readonly withinMs: number;
}

/**
 * The address of the `novabot up` that the unit has started, as soon as it is up; null when it takes longer. Rejects with SERVICE_FAILED when its process
 * ended before: systemd has started it, and is content.
 */
export async function cameUp(options: CameUpOptions): Promise<string | null> {
  for (const until = performance.now() + options.withinMs; performance.now() < until; await delay(LOOK_AGAIN_MS)) {
    const facts = await look(options);
    const address = await readAddress(options.home);
    if (address !== undefined && String(address.pid) === facts.get("MainPID")) return address.url;
    const isOver = facts.get("SubState") === "auto-restart" || ["failed", "inactive"].includes(facts.get("ActiveState") ?? "");
    if (isOver) throw await ended(options, facts);
  }
  return null;
}

async function look({ name, systemctl }: CameUpOptions): Promise<ReadonlyMap<string, string>> {
  const asked = "ActiveState,SubState,MainPID,ExecMainPID,ExecMainStatus";
  const { stdout } = await systemctl(["show", `--property=${asked}`, name]);
  return new Map(
    stdout.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1).trim()];
    }),
  );
}

async function ended(
  { name, path, journal, journalCommand }: CameUpOptions,
  facts: ReadonlyMap<string, string>,
): Promise<NovaError> {
  const words = lastLines(await journal(facts.get("ExecMainPID") ?? ""));
  return new NovaError(
    "SERVICE_FAILED",
    `${name} is installed, and ended with status ${facts.get("ExecMainStatus") ?? "unknown"} before it was up${words ? `:\n${words}` : "."}`,
    {
      place: path,
      next: `Mend what it names: systemd starts it again every few seconds. More is shown by \`${journalCommand}\`.`,
    },
  );
}
