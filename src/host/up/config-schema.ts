import { z } from "zod";
import { type AgentConfig, agentSchema, type ContainerConfig, containerConfigSchema } from "../../model/group.ts";
import { instanceIDPattern } from "../../model/instance.ts";
import { jidPattern } from "../../model/names.ts";
import { parseDuration } from "../../model/option-values.ts";
import { parseSize } from "../../model/size.ts";

/** `novabot.yaml` as it was written. Everything may be left out. */
export interface ConfigDocument {
  readonly listen?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly retention?:
    | {
        readonly age?: string | null | undefined;
        readonly rows?: number | null | undefined;
        readonly bytes?: string | number | null | undefined;
        readonly runs?: HistoryDocument | undefined;
        readonly messages?: HistoryDocument | undefined;
        readonly audit?: HistoryDocument | undefined;
        readonly terminals?: HistoryDocument | undefined;
      }
    | undefined;
  readonly check?: { readonly every?: string | null | undefined } | undefined;
  readonly recordings?: "asked" | "all" | undefined;
  readonly groups?: Readonly<Record<string, GroupDocument>> | undefined;
  readonly workers?: Readonly<Record<string, WorkerDocument>> | undefined;
  readonly modules?: readonly string[] | undefined;
}

export interface HistoryDocument {
  readonly age?: string | null | undefined;
  readonly rows?: number | null | undefined;
}

export interface GroupDocument {
  readonly jid?: string | undefined;
  readonly name?: string | undefined;
  readonly agent?: AgentConfig | undefined;
  readonly containerConfig?: ContainerConfig | undefined;
}

export interface WorkerDocument {
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly instance?: string | undefined;
  readonly port?: number | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly network?: "open" | "none" | undefined;
  readonly memory?: string | number | undefined;
  readonly cpus?: number | undefined;
  readonly pids?: number | undefined;
}

const duration = z.string().refine(isRead(parseDuration), "must be a duration like 90s, 15m, 12h or 30d");
const LEAST_CHECK_EVERY_MS = 60_000;
const checkEvery = duration.refine(
  // What is no duration at all was told above.
  (text) => !isRead(parseDuration)(text) || parseDuration(text) >= LEAST_CHECK_EVERY_MS,
  "must be 1m or more",
);
const size = z.union([
  z
    .string()
    .max(32)
    .refine(
      isRead((text) => parseSize(text, "")),
      "must be a size like 512m or 2g",
    ),
  z.int().positive(),
]);
const port = z.int().min(1).max(65_535);
const text = z.string().max(65_536);
const file = z.string().min(1).max(4096);

const group: z.ZodType<GroupDocument> = z
  .strictObject({
    jid: z
      .string()
      .regex(jidPattern, "must be a chat id like 1234567890@g.us or local:alice")
      .describe("The chat that it belongs to; `local:` and its folder when left out: a chat of `novabot chat`.")
      .optional(),
    name: z.string().min(1).max(128).describe("As people call it; its folder when left out.").optional(),
    agent: agentSchema.describe("Which program answers: `claude` (when left out), `demo`, or a command.").optional(),
    containerConfig: containerConfigSchema
      .describe("The settings of its containers, as `novabot groups set` has them.")
      .optional(),
  })
  .describe("A chat group, registered when it is not.");

const worker: z.ZodType<WorkerDocument> = z
  .strictObject({
    image: z.string().min(1).max(512).describe("Its image; novabot-worker:latest when left out.").optional(),
    command: z
      .array(text)
      .min(1)
      .max(1000)
      .describe("The program that its supervisor keeps running, and its arguments.")
      .optional(),
    instance: z.string().regex(instanceIDPattern).describe("The program's name in the worker; `app` when left out.").optional(),
    port: port.describe("The program's port, given to it as PORT.").optional(),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable"), text)
      .describe("Variables of its container; not for secrets.")
      .optional(),
    network: z.enum(["open", "none"]).describe("`none`: it reaches nothing. `open` when left out.").optional(),
    memory: size.describe("Memory with swap: `1g` when left out.").optional(),
    cpus: z.number().positive().max(1024).describe("Processors: 2 when left out.").optional(),
    pids: z.int().min(16).max(1_000_000).describe("Processes and threads: 512 when left out.").optional(),
  })
  .describe("A worker, started when it is not up.");

const history = (what: string, rows: string): z.ZodType<HistoryDocument> =>
  z
    .strictObject({
      age: duration.nullable().describe("How long: `365d` when left out, `null` for ever.").optional(),
      rows: z.int().positive().nullable().describe(`How many: ${rows} when left out, \`null\` for any number.`).optional(),
    })
    .describe(what);

/** What stands in `novabot.yaml`. The published JSON Schema is made from this. */
export const configSchema: z.ZodType<ConfigDocument> = z
  .strictObject({
    listen: z
      .string()
      .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, "must be ADDRESS:PORT, like 127.0.0.1:7780 or [::1]:7780")
      .describe(
        "Where the orchestrator listens: 127.0.0.1:7780 when left out. Any address but loopback needs `tls` or `insecure`.",
      )
      .optional(),
    insecure: z
      .boolean()
      .describe("Listen on an address that is not loopback without TLS: tokens and terminals can then be read on the way.")
      .optional(),
    tls: z
      .strictObject({
        cert: file.describe("The certificate with its chain, as a PEM file; relative to the home."),
        key: file.describe("Its private key, as a PEM file; relative to the home."),
      })
      .describe("Serve HTTPS.")
      .optional(),
    hosts: z
      .array(
        z
          .string()
          .max(253)
          .regex(/^[A-Za-z0-9.:[\]-]+$/, "must be a host name, with or without a port"),
      )
      .max(100)
      .describe("Names, beside loopback and the address, by which browsers may call it.")
      .optional(),
    retention: z
      .strictObject({
        age: duration.nullable().describe("How long: `30d` when left out, `null` for ever.").optional(),
        rows: z
          .int()
          .positive()
          .nullable()
          .describe("How many lines: 5,000,000 when left out, `null` for any number.")
          .optional(),
        bytes: size.nullable().describe("How many bytes of lines: `2g` when left out, `null` for any number.").optional(),
        runs: history("What is kept of runs.", "100,000").optional(),
        messages: history("What is kept of messages.", "1,000,000").optional(),
        audit: history("What is kept of the audit.", "1,000,000").optional(),
        terminals: history("What is kept of terminals, with their recordings.", "100,000").optional(),
      })
      .describe("What is kept of the logs of each worker, and of the house.")
      .optional(),
    check: z
      .strictObject({
        every: checkEvery
          .nullable()
          .describe("From one check to the next, `1m` or more: `15m` when left out, `null` for none.")
          .optional(),
      })
      .describe("Checks of what runs against the contract.")
      .optional(),
    recordings: z
      .enum(["asked", "all"])
      .describe("Which terminals are recorded: those whose viewer asks for it (`asked`, when left out), or all.")
      .optional(),
    groups: z.record(z.string(), group).describe("Chat groups by their folders.").optional(),
    workers: z
      .record(z.string().regex(instanceIDPattern, "must be 1 to 64 letters, digits, hyphens and underscores"), worker)
      .describe("Workers by their names.")
      .optional(),
    modules: z.array(z.string().min(1).max(63)).max(100).describe("Modules of the contract that are brought up.").optional(),
  })
  .meta({
    title: "novabot.yaml",
    description: "An installation of NovaBot, as `novabot up` starts it. It lies in the home; everything may be left out.",
  });

/** The JSON Schema that editors complete `novabot.yaml` by, as `schema/novabot.schema.json` has it. */
export function configJSONSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12", reused: "inline" });
}

function isRead(parse: (text: string) => number): (text: string) => boolean {
  return (value) => {
    try {
      return parse(value) > 0;
    } catch {
      return false;
    }
  };
}
