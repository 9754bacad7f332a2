import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isIP } from "node:net";
import { isAbsolute } from "node:path";
import { instanceIDPattern } from "../model/instance.ts";
import { messageOf, NovaError, quote } from "../model/errors.ts";

/** Where the supervisor's own files and sockets are when nothing else is said. */
export const DEFAULT_SOCKET = "/workspace/container/run/supervisor.sock";
export const DEFAULT_DATA = "/workspace/data";

/** What the supervisor is told by its environment and its arguments. */
export interface Settings {
  readonly worker: string;
  readonly container: string;
  /** Of the unix socket. */
  readonly socketPath: string;
  /** Of the segment files. */
  readonly dataDirectory: string;
  /** Null: no token is set, so no door is opened. */
  readonly door: DoorSettings | null;
  /** From SIGTERM to the supervisor's end. */
  readonly stopGraceMs: number;
  readonly records: { readonly memoryBytes: number; readonly diskBytes: number };
  /** How long a session that nobody looks at stays, and one without a byte in either direction. */
  readonly terminals: { readonly graceMs: number; readonly idleMs: number };
  /** Started with the supervisor. */
  readonly program: { readonly id: string; readonly port: number | null; readonly argv: readonly string[] } | null;
}

export interface DoorSettings {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** Names besides addresses and `localhost` that a request's Host may have; small letters. */
  readonly hosts: readonly string[];
  /** What a request's Origin may be, where it has one. */
  readonly origins: readonly string[];
}

const MEBIBYTE = 1_048_576;

/** Reads them all and tells of every wrong one at once. Rejects with SUPERVISOR_FAILED. */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  machine: { readonly hostname: () => string; readonly readFile: (path: string) => string } = {
    hostname,
    readFile: (path) => readFileSync(path, "utf8"),
  },
): Settings {
  const wrong: string[] = [];
  const text = (name: string, or: () => string): string => env[name]?.trim() || or();
  const label = (name: string): string => {
    const value = text(name, machine.hostname);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(value))
      wrong.push(`${name} must be a name of 1 to 128 letters, digits, dots, hyphens and underscores, and is ${quote(value)}`);
    return value;
  };
  const path = (name: string, or: string): string => {
    const value = text(name, () => or);
    if (!isAbsolute(value) || value.includes("\0")) wrong.push(`${name} must be an absolute path, and is ${quote(value)}`);
    return value;
  };
  const whole = (name: string, or: number, least: number, most: number): number => {
    const value = text(name, () => String(or));
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    wrong.push(`${name} must be a whole number from ${least} to ${most}, and is ${quote(value)}`);
    return or;
  };
  const list = (name: string, pattern: RegExp, what: string): readonly string[] => {
    const values = text(name, () => "")
      .split(",")
      .map((value) => value.trim().toLowerCase())
      .filter((value) => value !== "");
    for (const value of values) if (!pattern.test(value)) wrong.push(`${name} must list ${what}, and has ${quote(value)}`);
    return values;
  };

  const token = readToken(env, machine.readFile, wrong);
  const address = text("NOVABOT_WORKER_ADDRESS", () => "0.0.0.0");
  if (isIP(address) === 0) wrong.push(`NOVABOT_WORKER_ADDRESS must be an IP address, and is ${quote(address)}`);
  const door = {
    address,
    // 0 lets the kernel choose, for supervisors beside each other on one machine.
    port: whole("NOVABOT_WORKER_PORT", 8080, 0, 65_535),
    hosts: list("NOVABOT_WORKER_HOSTS", /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "host names without ports"),
    origins: list("NOVABOT_WORKER_ORIGINS", /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/, "origins such as https://example.org"),
  };
  const settings: Settings = {
    worker: label("NOVABOT_WORKER"),
    container: label("NOVABOT_CONTAINER"),
    socketPath: path("NOVABOT_SUPERVISOR_SOCKET", DEFAULT_SOCKET),
    dataDirectory: path("NOVABOT_DATA", DEFAULT_DATA),
    door: token === null ? null : { ...door, token },
    // Engines give a container 10 s; what is not done by then is killed in the middle of it.
    stopGraceMs: whole("NOVABOT_STOP_GRACE_MS", 9_000, 100, 86_400_000),
    records: {
      memoryBytes: whole("NOVABOT_RECORDS_MEMORY_BYTES", 12 * MEBIBYTE, MEBIBYTE, 1024 * MEBIBYTE),
      diskBytes: whole("NOVABOT_RECORDS_DISK_BYTES", 256 * MEBIBYTE, MEBIBYTE, 1_048_576 * MEBIBYTE),
    },
    terminals: {
      graceMs: whole("NOVABOT_TERMINAL_GRACE_MS", 300_000, 0, 86_400_000),
      idleMs: whole("NOVABOT_TERMINAL_IDLE_MS", 28_800_000, 1_000, 604_800_000),
    },
    program: readProgram(argv, wrong),
  };
  if (settings.door !== null && settings.program !== null && settings.program.port === settings.door.port)
    wrong.push(`--port ${settings.door.port} is the worker's own door: give the program another one, or set NOVABOT_WORKER_PORT`);
  // The kernel's limit for the address of a unix socket, with its closing null character.
  if (Buffer.byteLength(settings.socketPath) > 107)
    wrong.push(`NOVABOT_SUPERVISOR_SOCKET must not be longer than 107 bytes, and is ${quote(settings.socketPath)}`);
  if (wrong.length > 0)
    throw new NovaError("SUPERVISOR_FAILED", `the supervisor's settings are wrong: ${wrong.join("; ")}`, {
      next: "Mend what is named, then start it again.",
      facts: { wrong },
    });
  return settings;
}

function readToken(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  wrong: string[],
): string | null {
  const file = env["NOVABOT_WORKER_TOKEN_FILE"]?.trim();
  const given = env["NOVABOT_WORKER_TOKEN"];
  if (given !== undefined && given !== "" && file) {
    wrong.push("NOVABOT_WORKER_TOKEN and NOVABOT_WORKER_TOKEN_FILE are both set, and only one may be");
    return null;
  }
  let token = given ?? "";
  let name = "NOVABOT_WORKER_TOKEN";
  if (file) {
    name = `the file ${quote(file)} of NOVABOT_WORKER_TOKEN_FILE`;
    try {
      token = readFile(file).trim();
    } catch (error) {
      wrong.push(`${name} cannot be read (${messageOf(error)})`);
      return null;
    }
  }
  if (token === "") {
    if (file) wrong.push(`${name} is empty`);
    return null;
  }
  // The value itself is not told: it may be a real token with a letter too many.
  if (!/^[\x21-\x7e]{16,512}$/.test(token)) {
    wrong.push(`${name} must hold 16 to 512 printable ASCII characters without spaces`);
    return null;
  }
  return token;
}

function readProgram(argv: readonly string[], wrong: string[]): Settings["program"] {
  let id: string | null = null;
  let port: number | null = null;
  let index = 0;
  for (; index < argv.length && argv[index] !== "--"; index += 2) {
    const value = argv[index + 1] ?? "";
    if (argv[index] === "--instance-id") {
      id = value;
      if (!instanceIDPattern.test(id))
        wrong.push(`--instance-id must be 1 to 64 letters, digits, hyphens and underscores, and is ${quote(id)}`);
    } else if (argv[index] === "--port") {
      port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
      if (port < 1 || port > 65_535) wrong.push(`--port must be a whole number from 1 to 65535, and is ${quote(value)}`);
    } else {
      wrong.push(`${quote(argv[index])} is no argument of the supervisor; it takes --instance-id ID, --port N and -- CMD…`);
      return null;
    }
  }
  const command = argv.slice(index + 1);
  if (command.length > 0) return { id: id ?? "app", port, argv: command };
  if (id !== null || port !== null || index < argv.length)
    wrong.push("a program must follow after -- when --instance-id, --port or -- is given");
  return null;
}
