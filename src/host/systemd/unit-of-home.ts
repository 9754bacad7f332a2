import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import { lastLines, type ProgramResult, runProgram } from "../machine/program.ts";
import type { Environment } from "../state.ts";
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
}

export interface Service {
  readonly name: string;
  /** Absolute, of the unit. */
  readonly path: string;
  readonly text: string;
  /** Of the whole machine; otherwise of the user who installs it. */
  readonly isSystem: boolean;
  isInstalled(): boolean;
  /** Writes the unit and starts it, now and at each start of the machine. Gives whether it is new or another than before. Rejects with SERVICE_FAILED. */
  install(): Promise<boolean>;
  /** Stops it and takes the unit away. */
  uninstall(): Promise<void>;
  /** systemd's word for how it is: `active`, `inactive`, `failed`, `unknown`. */
  state(): Promise<string>;
}

const STOP_MS = 120_000;

/** The service of a home: root's are the machine's, everybody else's are their own. */
export function openService(options: ServiceOptions): Service {
  const { home, env, command, uid = process.getuid?.() ?? -1 } = options;
  const isSystem = uid === 0;
  const user = join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "systemd/user");
  const directory = options.directory ?? (isSystem ? "/etc/systemd/system" : user);
  const name = unitName(home.label);
  const path = join(directory, name);
  const text = unitText({ home: home.root, command, env, isSystem });
  const systemctl = options.systemctl ?? ((args) => runSystemctl(args, env, isSystem));
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
    ...{ name, path, text, isSystem },
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
      return before !== text;
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
