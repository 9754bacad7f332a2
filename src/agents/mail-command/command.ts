import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { Identity } from "./identity.ts";
import { checkMain, messageMail, registerMail, scheduleMail, taskChangeMail, type TaskWish, updateMail } from "./mail.ts";
import type { Mail } from "./mail-slots.ts";
import { parseSchedule } from "./schedule.ts";

/** What a command line asks for. */
export type Request =
  | { readonly kind: "help"; readonly verb: string | undefined }
  | { readonly kind: "tasks"; readonly json: boolean }
  | { readonly kind: "groups"; readonly json: boolean }
  | { readonly kind: "post"; readonly mail: Mail; readonly done: string; readonly wait: boolean; readonly json: boolean };

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values = Readonly<Record<string, string | boolean | undefined>>;

const common: Options = { json: { type: "boolean" }, help: { type: "boolean", short: "h" }, "no-wait": { type: "boolean" } };
const texts = (...names: readonly string[]): Options => Object.fromEntries(names.map((name) => [name, { type: "string" }]));
const taskOptions: Options = {
  ...texts("cron", "every", "at", "timezone", "guard", "prompt", "group"),
  "own-session": { type: "boolean" },
  "group-session": { type: "boolean" },
  "no-guard": { type: "boolean" },
};

interface Verb {
  readonly options: Options;
  /** How many words stand beside the options, at least and at most. */
  readonly words: readonly [number, number];
  request(words: readonly string[], values: Values, world: World): Pick<Extract<Request, { kind: "post" }>, "mail" | "done">;
}

/** What a request is made with. */
export interface World {
  readonly identity: Identity;
  /** All of stdin, for a text of `-`. */
  readStdin(): string;
}

function wish(values: Values, prompt: string | undefined): TaskWish {
  const { cron, every, at, timezone, guard } = values as Readonly<Record<string, string | undefined>>;
  if (values["own-session"] && values["group-session"]) {
    throw new NovaError("USAGE", "A task has one session.", { next: "Give one of --own-session and --group-session." });
  }
  return {
    prompt,
    schedule: parseSchedule({ cron, every, at, timezone }),
    session: values["own-session"] ? "own" : values["group-session"] ? "group" : undefined,
    guard: values["no-guard"] ? null : guard,
  };
}

const one = (words: readonly string[]): string => words[0] ?? "";
const change = (type: "pause" | "resume" | "cancel", done: string): Verb => ({
  options: {},
  words: [1, 1],
  request: (words) => ({ mail: taskChangeMail(type, one(words)), done }),
});

const verbs: Readonly<Record<string, Verb>> = {
  send: {
    options: texts("chat"),
    words: [1, 1],
    request: (words, values, { identity, readStdin }) => {
      const text = one(words) === "-" ? readStdin() : one(words);
      return { mail: messageMail(identity, text, values["chat"] as string | undefined), done: "Sent." };
    },
  },
  schedule: {
    options: taskOptions,
    words: [1, 1],
    request: (words, values, { identity, readStdin }) => {
      const prompt = one(words) === "-" ? readStdin() : one(words);
      const mail = scheduleMail(identity, wish(values, prompt), values["group"] as string | undefined);
      return { mail, done: "Scheduled. `novabot tasks` shows it." };
    },
  },
  update: {
    options: taskOptions,
    words: [1, 1],
    request: (words, values) => ({
      mail: updateMail(one(words), wish(values, values["prompt"] as string | undefined)),
      done: "Changed.",
    }),
  },
  pause: change("pause", "Paused."),
  resume: change("resume", "Resumed."),
  cancel: change("cancel", "Cancelled."),
  register: {
    options: texts("name", "folder"),
    words: [1, 1],
    request: (words, values, { identity }) => {
      const { name, folder } = values as Readonly<Record<string, string | undefined>>;
      return { mail: registerMail(identity, one(words), name ?? "", folder ?? ""), done: "Registered." };
    },
  },
};

/** What `argv` (without the program) asks for; throws `USAGE` when it cannot be understood. */
export function parseCommand(argv: readonly string[], world: World): Request {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") return { kind: "help", verb: rest[0] };
  const reads = name === "tasks" || name === "groups";
  const verb = verbs[name];
  if (!reads && verb === undefined) throw usage(`There is no verb ${quote(name)}.`);
  const { values, positionals } = split(rest, { ...common, ...verb?.options });
  if (values["help"]) return { kind: "help", verb: name };
  const json = values["json"] === true;
  if (name === "tasks" || name === "groups" || verb === undefined) {
    if (positionals.length > 0) throw usage(`${quote(positionals[0])} is one word too many.`);
    if (name === "groups") checkMain(world.identity, "see the groups");
    return { kind: name === "groups" ? "groups" : "tasks", json };
  }
  const [least, most] = verb.words;
  if (positionals.length < least) throw usage(`\`novabot ${name}\` needs a word more.`);
  if (positionals.length > most) throw usage(`${quote(positionals[most])} is one word too many: quote a text that has spaces.`);
  return { kind: "post", ...verb.request(positionals, values, world), wait: values["no-wait"] !== true, json };
}

function split(args: readonly string[], options: Options): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: values as Values, positionals };
  } catch (error) {
    throw usage(messageOf(error).split(". ")[0] ?? "");
  }
}

function usage(message: string): NovaError {
  return new NovaError("USAGE", message.endsWith(".") ? message : `${message}.`, { next: "See `novabot --help`." });
}
