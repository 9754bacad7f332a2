import { isIP } from "node:net";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { checkGroup } from "../../agents/groups/registry.ts";
import type { Home } from "../../agents/home/home.ts";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { given, parseDuration } from "../../model/option-values.ts";
import { parseSize } from "../../model/size.ts";
import type { HistoryBounds, HistoryRetention, Retention } from "../../store/store.ts";
import type { WorkerSettings } from "../../workers/worker.ts";
import {
  type ConfigDocument,
  configSchema,
  type GroupDocument,
  type HistoryDocument,
  type WorkerDocument,
} from "./config-schema.ts";

/** An installation as `novabot up` brings it up. */
export interface Config {
  /** `host` without brackets. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Whoever wrote it knows that what goes over the line can be read. */
  readonly insecure: boolean;
  /** Absolute paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly hosts: readonly string[];
  readonly retention: Retention;
  readonly history: HistoryRetention;
  readonly checkEveryMs: number | null;
  /** Terminals are recorded without being asked for it. */
  readonly recordAll: boolean;
  readonly groups: readonly Group[];
  readonly workers: readonly { readonly name: string; readonly settings: Partial<WorkerSettings> }[];
  readonly modules: readonly string[];
}

export const CONFIG_FILE = "novabot.yaml";
const DAY_MS = 86_400_000;
/** What a file says that says nothing. */
const standard: Config = {
  listen: { host: "127.0.0.1", port: 7780 },
  insecure: false,
  tls: null,
  hosts: [],
  retention: { maxAgeMs: 30 * DAY_MS, maxRows: 5_000_000, maxBytes: 2 ** 31 },
  // Runs and messages are what people look up, and an audit is asked for after months.
  history: {
    runs: { maxAgeMs: 365 * DAY_MS, maxRows: 100_000 },
    messages: { maxAgeMs: 365 * DAY_MS, maxRows: 1_000_000 },
    audit: { maxAgeMs: 365 * DAY_MS, maxRows: 1_000_000 },
    terminals: { maxAgeMs: 365 * DAY_MS, maxRows: 100_000 },
  },
  checkEveryMs: 15 * 60_000,
  recordAll: false,
  groups: [],
  workers: [],
  modules: [],
};

/** Reads the home's `novabot.yaml`; where there is none everything is as usual. Rejects with CONFIG_INVALID, naming the line. */
export async function readConfig(home: Home): Promise<Config> {
  const file = join(home.root, CONFIG_FILE);
  try {
    return parseConfig(file, await readFile(file, "utf8"));
  } catch (error) {
    if (error instanceof NovaError) throw error;
    if (hasCode(error, "ENOENT")) return standard;
    throw new NovaError("CONFIG_INVALID", `${quote(file, 400)} cannot be read: ${reasonOf(error)}.`, {
      place: file,
      cause: error,
    });
  }
}

/** What `text` says; `file` is its absolute path. */
export function parseConfig(file: string, text: string): Config {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, prettyErrors: false });
  const refuse = (path: readonly PropertyKey[], message: string, offset?: number): never => {
    const { line, col } = counter.linePos(offset ?? offsetOf(document, path) ?? 0);
    const field = path.map(String).join(".");
    throw new NovaError("CONFIG_INVALID", `${CONFIG_FILE} cannot be used: ${field === "" ? "it" : field} ${message}.`, {
      place: `${file}:${line}:${col}`,
    });
  };
  const [broken] = document.errors;
  if (broken) refuse([], `is not YAML: ${broken.message}`, broken.pos[0]);
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(issue?.path ?? [], issue ? told(issue) : "is not valid");
  }
  return resolveConfig(file, parsed.data, refuse);
}

type Refuse = (path: readonly PropertyKey[], message: string) => never;

function resolveConfig(file: string, document: ConfigDocument, refuse: Refuse): Config {
  const {
    listen,
    insecure = false,
    tls,
    hosts = [],
    retention,
    check,
    recordings,
    groups = {},
    workers = {},
    modules = [],
  } = document;
  const near = (path: string): string => resolve(file, "..", path);
  const config: Config = {
    listen: listen === undefined ? standard.listen : addressOf(listen, refuse),
    insecure,
    tls: tls ? { cert: near(tls.cert), key: near(tls.key) } : null,
    hosts,
    retention: {
      maxAgeMs: orNull(retention?.age, standard.retention.maxAgeMs, parseDuration),
      maxRows: orNull(retention?.rows, standard.retention.maxRows, (rows) => rows),
      maxBytes: orNull(retention?.bytes, standard.retention.maxBytes, (bytes) => parseSize(bytes, "retention.bytes")),
    },
    history: {
      runs: historyOf(retention?.runs, standard.history.runs),
      messages: historyOf(retention?.messages, standard.history.messages),
      audit: historyOf(retention?.audit, standard.history.audit),
      terminals: historyOf(retention?.terminals, standard.history.terminals),
    },
    checkEveryMs: orNull(check?.every, standard.checkEveryMs, parseDuration),
    recordAll: recordings === "all",
    groups: Object.entries(groups).map(([folder, group]) => groupOf(folder, group, refuse)),
    workers: Object.entries(workers).map(([name, worker]) => ({ name, settings: settingsOf(worker) })),
    modules,
  };
  if (!isLoopback(config.listen.host) && config.tls === null && !insecure)
    refuse(
      ["listen"],
      `is ${listen}, which others reach: give \`tls\` with a certificate and its key, or say \`insecure: true\``,
    );
  const twice = config.groups.find(({ jid }, index) => config.groups.findIndex((other) => other.jid === jid) < index);
  if (twice) refuse(["groups", twice.folder], `has the chat ${quote(twice.jid)} of another group`);
  return config;
}

function historyOf(document: HistoryDocument | undefined, usual: HistoryBounds): HistoryBounds {
  return {
    maxAgeMs: orNull(document?.age, usual.maxAgeMs, parseDuration),
    maxRows: orNull(document?.rows, usual.maxRows, (rows) => rows),
  };
}

/** Whether only this machine reaches it. A name may lead anywhere, but for the one that is fixed. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function addressOf(text: string, refuse: Refuse): Config["listen"] {
  const at = text.lastIndexOf(":");
  const port = Number(text.slice(at + 1));
  if (port > 65_535) return refuse(["listen"], `has the port ${port}, and the greatest is 65535`);
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port };
}

function groupOf(folder: string, { jid = `local:${folder}`, name = folder, ...more }: GroupDocument, refuse: Refuse): Group {
  try {
    return checkGroup(jid, { name, folder, ...more }, `groups.${folder}`);
  } catch (error) {
    return refuse(["groups", folder], `is no group: ${reasonOf(error)}`.replace(/\.$/, ""));
  }
}

function settingsOf({ command, memory, ...more }: WorkerDocument): Partial<WorkerSettings> {
  return given({ ...more, argv: command, memoryBytes: memory === undefined ? undefined : parseSize(memory, "memory") });
}

function orNull<T>(value: T | null | undefined, usual: number | null, read: (value: T) => number): number | null {
  if (value === undefined) return usual;
  return value === null ? null : read(value);
}

/** Where the value stands, or the last of its path that is there. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) return Number(node.range[0]);
  }
  return undefined;
}

function told(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `has unknown keys: ${issue.keys.map((key) => quote(key)).join(", ")}`;
  if (issue.code === "invalid_key") return `is no name that can be taken: ${issue.issues[0]?.message ?? "it is not valid"}`;
  return issue.message.startsWith("must") || issue.message.startsWith("has") ? issue.message : `is not valid: ${issue.message}`;
}
