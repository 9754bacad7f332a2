import { readdir, rm } from "node:fs/promises";
import { join, sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ComposeSelection } from "../compose/command.ts";
import { type HostProcess, listProcesses, signal as send } from "../machine/processes.ts";

/** How long a Compose may go on that has lost the one who called it, and how long it has once it was interrupted. */
const PATIENCE_MS = 60_000;
const INTERRUPTED_MS = 15_000;
const LOOK_AGAIN_MS = 200;
const CHANGES = ["up", "down", "build"];
/** Beginning of the file's name from which a module is brought back. */
export const BACK_PREFIX = ".novabot-back-";

/**
 * Waits for the Compose programs that a killed `novabot` has left at work on this project, and ends those that do not come to an end: what they do would
 * get mixed up with what is about to be done. Only for who holds the modules' lock. Where there is no `/proc`, nothing can be known of them.
 */
export async function endLeftCompose(
  selection: ComposeSelection,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  let told = false;
  for (;;) {
    const left = (await listProcesses()).filter(({ argv }) => changesProject(argv, selection));
    const waitedMs = performance.now() - begun;
    if (left.length === 0) break;
    if (!told) say(`waiting for the Compose that an earlier command has left (process ${left.map(({ pid }) => pid).join(", ")})`);
    told = true;
    if (waitedMs > PATIENCE_MS + INTERRUPTED_MS) sendAll(left, "SIGKILL");
    else if (waitedMs > PATIENCE_MS || signal.aborted) sendAll(left, "SIGINT");
    if (signal.aborted) signal.throwIfAborted();
    await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Takes away what a killed roll-back has left: the resolved project, with its secrets. Only for who holds the modules' lock. */
export async function removeLeftFiles(...directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const names = await readdir(directory).catch(() => []);
    for (const name of names) if (name.startsWith(BACK_PREFIX)) await rm(join(directory, name), { force: true });
  }
}

/** Whether a command line is one of ours (`composeArguments`) that changes what runs of the project. */
export function changesProject(argv: readonly string[], { project, directory }: ComposeSelection): boolean {
  const at = argv.findIndex((one, index) => one === "-p" && argv[index + 1] === project && argv[index + 2] === "-f");
  if (at === -1) return false;
  const where = argv[at - 2] === "--project-directory" ? argv[at - 1] : undefined;
  if (where === undefined ? argv[at + 3]?.startsWith(`${directory}${sep}`) !== true : where !== directory) return false;
  let next = at + 2;
  while (argv[next] === "-f") next += 2;
  return CHANGES.includes(argv[next] ?? "");
}

function sendAll(processes: readonly HostProcess[], name: NodeJS.Signals): void {
  for (const { pid } of processes) send(pid, name);
}
