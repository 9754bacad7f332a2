import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import { lastLines, type ProgramResult, runProgram } from "../machine/program.ts";
import type { Environment } from "../state.ts";
import { cameUp } from "./came-up.ts";
import { unitName, unitText } from "./unit.ts";

export interface ServiceOptions {
  readonly home: Home;
  readonly env: Environment;
  /** The command line that starts `novabot`, without its arguments. */
  readonly command: readonly string[];
  readonly uid?: number;
  /** Where units lie, where it is not systemd's usual place. */
  readonly directory?: string;
  /** Asks systemd; arguments of systemctl. */
  readonly systemctl?: (args: readonly string[]) => Promise<ProgramResult>;
  /** What a process of the unit said; empty where it cannot be read. */
  readonly journal?: (pid: string) => Promise<string>;
  /** How long a start is waited for. */
  readonly waitMs?: number;
}

export interface Service {
  readonly name: string;
  /** Absolute, of the unit. */
  readonly path: string;
  readonly text: string;
  /** Of the whole machine; otherwise of the user who installs it. */
  readonly isSystem: boolean;
  /** The command that shows what it tells. */
  readonly journalCommand: string;
  /** Whether it goes on when the user logs out. */
  readonly lingers: boolean;
  isInstalled(): boolean;
  /**
   * Writes the unit, starts it, now and at each start of the machine, and waits until it is up. Rejects with SERVICE_FAILED, also where it ended at once; then
   * it is installed nevertheless.
   */
  install(): Promise<Installed>;
  /** Stops it and takes the unit away. */
  uninstall(): Promise<void>;
  /** systemd's word for how it is: `active`, `inactive`, `failed`, `unknown`. */
  state(): Promise<string>;
}

export interface Installed {
  /** Whether the unit is new, or another than before. */
  readonly isNew: boolean;
  /** Where it is up; null while it still starts. */
  readonly url: string | null;
}

const STOP_MS = 120_000;
const START_MS = 60_000;

/** The service of a home: root's are the machine's, everybody else's are their own. */
export function openService(options: ServiceOptions): Service {
  const { home, env, command, uid = process.getuid?.() ?? -1 } = options;
  const isSystem = uid === 0;
  const user = join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "systemd/user");
  const directory = options.directory ?? (isSystem ? "/etc/systemd/system" : user);
  const name = unitName(home.label);
  const path = join(directory, name);
  const text = unitText({ home: home.root, command, env, isSystem });
  const own = isSystem ? env : withRuntimeDirectory(env, uid);
  const systemctl = options.systemctl ?? ((args) => runSystemctl(args, own, isSystem));
  const journal = options.journal ?? ((pid) => readJournal(name, pid, own, isSystem));
  const journalCommand = `journalctl ${isSystem ? "-u" : "--user -u"} ${name}`;
  const ask = async (...args: string[]): Promise<ProgramResult> => {
    const result = await systemctl(args);
    if (result.exitCode === 0) return result;
    const words = lastLines(result.tail);
    throw new NovaError(
      "SERVICE_FAILED",
      `systemctl ${args.join(" ")} ${result.missing ? "is not there" : `ended with ${result.exitCode}`}${words ? `:\n${words}` : "."}`,
      {
        place: path,
        next: result.missing
          ? "This machine has no systemd: have whatever starts programs here run what `novabot service print` shows, or `novabot up --detach`."
          : isSystem
            ? "Look at `systemctl status` and `journalctl -u` of the unit."
            : "See that your user has a systemd of its own (`loginctl enable-linger`), or install it as root.",
      },
    );
  };
  return {
    ...{ name, path, text, isSystem, journalCommand },
    lingers: isSystem || isLingering(),
    isInstalled: () => existsSync(path),
    async install() {
      // Asked before anything is written: where there is no systemd nothing is left.
      await ask("list-units", "--no-legend", "--no-pager", name);
      const before = await readFile(path, "utf8").catch((error: unknown) => {
        if (hasCode(error, "ENOENT")) return undefined;
        throw refused(path, error);
      });
      if (before !== text) await write(path, text);
      await ask("daemon-reload");
      await ask("enable", name);
      await ask(before === text ? "start" : "restart", name);
      const withinMs = options.waitMs ?? START_MS;
      const url = await cameUp({ home, name, path, systemctl, journal, journalCommand, withinMs });
      return { isNew: before !== text, url };
    },
    async uninstall() {
      if (!existsSync(path)) return;
      await ask("disable", "--now", name);
      await rm(path, { force: true }).catch((error: unknown) => {
        throw refused(path, error);
      });
      await ask("daemon-reload");
    },
    async state() {
      const { stdout } = await systemctl(["is-active", name]);
      return stdout.trim() || "unknown";
    },
  };
}

async function write(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, text, { mode: 0o644 });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw refused(path, error);
  }
}

function refused(path: string, error: unknown): NovaError {
  return new NovaError("SERVICE_FAILED", `The unit ${quote(path, 400)} cannot be written: ${reasonOf(error)}.`, {
    place: path,
    next: "Install it as root, or as a user who may write there.",
    cause: error,
  });
}

async function runSystemctl(args: readonly string[], env: Environment, isSystem: boolean): Promise<ProgramResult> {
  const argv = ["systemctl", ...(isSystem ? [] : ["--user"]), "--no-ask-password", ...args];
  return await runProgram(argv, { env, cwd: "/", timeoutMs: STOP_MS });
}

/** Best effort: a machine may keep no journal, or not for its users. */
async function readJournal(name: string, pid: string, env: Environment, isSystem: boolean): Promise<string> {
  const which = [...(isSystem ? [] : ["--user"]), "-u", name, `_PID=${pid}`];
  const argv = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=12", ...which];
  const { exitCode, stdout } = await runProgram(argv, { env, cwd: "/", timeoutMs: JOURNAL_MS });
  return exitCode === 0 ? stdout : "";
}

const JOURNAL_MS = 10_000;

/** A user's systemd is found by it, and `sudo -u`, cron and the like do not set it. */
function withRuntimeDirectory(env: Environment, uid: number): Environment {
  const usual = `/run/user/${uid}`;
  return env["XDG_RUNTIME_DIR"] || !existsSync(usual) ? env : { ...env, XDG_RUNTIME_DIR: usual };
}

function isLingering(): boolean {
  try {
    return existsSync(join("/var/lib/systemd/linger", userInfo().username));
  } catch {
    // A user without a name has none there.
    return false;
  }
}
