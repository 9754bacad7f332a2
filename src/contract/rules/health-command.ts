import { quote } from "../../model/errors.ts";
import { substitute } from "../dockerfile/substitute.ts";
import { filtered } from "./filters.ts";
import { questionOf } from "./questions.ts";
import { parseShell, type Command, type List, type Pipeline } from "./shell.ts";

/** What a health check must ask. */
export interface Asked {
  readonly path: string;
  readonly port: number;
  /** Names that are the container itself, besides its loopback addresses. */
  readonly hosts: readonly string[];
  /** Names that were given another address, whatever they usually are. */
  readonly elsewhere?: ReadonlySet<string>;
  /** What is known of its variables. */
  readonly environment: ReadonlyMap<string, string>;
}

/** `breaks` completes the sentence "the health check …". */
export type Judged = { readonly verdict: "asks" } | { readonly verdict: "breaks" | "unclear"; readonly why: string };

/** Whether a test as the engine gets it (`["CMD", …]`, `["CMD-SHELL", …]`) asks the endpoint, and fails when the endpoint does. */
export function judge(test: readonly string[], asked: Asked): Judged {
  const [form, ...rest] = test;
  if (form === "NONE") return { verdict: "breaks", why: "is switched off" };
  if (form === "CMD-SHELL") return judgeScript(rest.join(" "), asked, 0);
  if (form !== "CMD") return { verdict: "breaks", why: `has no form that engines know: ${quote(form ?? "")}` };
  const [program = ""] = rest;
  if (rest.length === 1 && /\s/.test(program.trim())) {
    return { verdict: "breaks", why: `names a program ${quote(program)}, spaces and all: after CMD each word stands alone` };
  }
  return judgeScript(rest, asked, 0);
}

function judgeScript(script: string | readonly string[], asked: Asked, depth: number): Judged {
  const list: List | undefined =
    typeof script === "string"
      ? parseShell(script)
      : [{ negated: false, link: ";", commands: [{ kind: "simple", words: script }] }];
  if (list === undefined) {
    const mentions = typeof script === "string" && withoutComments(script).includes(asked.path);
    return mentions
      ? { verdict: "unclear", why: "it is a program of its own" }
      : { verdict: "breaks", why: `does not ask ${asked.path}` };
  }
  const seen: Seen[] = [];
  const status = runList(list, (words) => look(words, asked, depth, seen));
  const wrong = seen.find(({ kind }) => kind === "wrong");
  const asks = seen.some(({ kind }) => kind === "asks");
  const untold = seen.find(({ kind }) => kind === "unclear");
  if (!asks) {
    if (wrong !== undefined) return { verdict: "breaks", why: wrong.why };
    if (untold !== undefined) return { verdict: "unclear", why: untold.why };
    return { verdict: "breaks", why: `never asks ${asked.path}` };
  }
  const odd = seen.find(({ kind }) => kind === "odd");
  if (odd !== undefined) return { verdict: "unclear", why: odd.why };
  if (status === "unread") return { verdict: "breaks", why: "is content with an answer of 500: curl needs --fail" };
  return status === "ok"
    ? { verdict: "breaks", why: "is content when the endpoint does not answer: what comes after decides" }
    : { verdict: "asks" };
}

interface Seen {
  /** `odd` is what may give every other command another meaning. */
  readonly kind: "asks" | "wrong" | "unclear" | "odd";
  readonly why: string;
}

/** `unread` is a question that was asked, whose answer's status nobody looks at yet. */
type Status = "ok" | "failed" | "unread";
/** What a command comes to, or does to the whole script; `last` is what came before it. */
type Outcome = Status | "last" | "exit-ok" | "exit-failed" | "exit-last";

/** How a list ends when every question to the endpoint fails: what is not known counts as success, as the worst that may be. */
function runList(list: List, lookAt: (words: readonly string[]) => Outcome): Status {
  const exits = { done: undefined as Status | undefined };
  const runAll = (all: List): Status => {
    let last: Status = "ok";
    let before: Pipeline["link"] = ";";
    for (const pipeline of all) {
      const runs = before === "&&" ? last !== "failed" : before === "||" ? last === "failed" : true;
      if (runs) {
        let status: Status = "ok";
        for (const command of pipeline.commands) {
          status = runOne(command, status === "failed" ? "failed" : last, status);
          if (exits.done !== undefined) return exits.done;
        }
        last = pipeline.link === "&" ? "ok" : pipeline.negated ? (status === "failed" ? "ok" : "failed") : status;
      }
      before = pipeline.link;
    }
    return last;
  };
  const runOne = (command: Command, last: Status, piped: Status): Status => {
    if (command.kind === "group") {
      const status = runAll(command.list);
      if (exits.done === undefined || !command.subshell) return status;
      const left = exits.done;
      exits.done = undefined;
      return left;
    }
    // A filter that found nothing in the answer, since there was none.
    const left = piped === "ok" ? undefined : filtered(command.words, piped);
    if (left !== undefined) return left;
    const found = lookAt(command.words);
    if (found === "last") return last;
    if (found === "ok" || found === "failed" || found === "unread") {
      // The shell is gone then, and nothing comes after.
      if (command.words[0] === "exec" && command.words.length > 1) exits.done = found;
      return found;
    }
    exits.done = found === "exit-ok" ? "ok" : found === "exit-failed" ? "failed" : last;
    return exits.done;
  };
  return runAll(list);
}

function look(given: readonly string[], asked: Asked, depth: number, seen: Seen[]): Outcome {
  const words = withoutPrefixes(given);
  const [program = "", ...rest] = words;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (name === "exit") {
    const [status = "$?"] = rest;
    if (status === "$?") return "exit-last";
    if (/^\d+$/.test(status)) return Number(status) % 256 === 0 ? "exit-ok" : "exit-failed";
    say(seen, "odd", `what ${quote(`exit ${status}`)} comes to is not known`, "ok");
    return "exit-failed";
  }
  if (name === "false") return "failed";
  const setting = given.find((word) =>
    /^(?:PATH|LD_\w+|IFS|ENV|BASH_ENV|HOME|XDG_CONFIG_HOME|CURL_HOME|WGETRC|SYSTEM_WGETRC|NODE_OPTIONS|PYTHON\w*|PERL5\w*|\w*_proxy)=/i.test(
      word,
    ),
  );
  if (setting !== undefined) say(seen, "odd", `${quote(setting)} may change what the command is`, "ok");
  if (/^(?:eval|source|\.)$/.test(name)) unclear(seen, `what ${quote(name)} does is not in this file`);
  if (/^(?:alias|trap|eval|source|\.|hash)$/.test(name)) {
    return say(seen, "odd", `${quote(name)} may change what the other commands do`, "ok");
  }
  if (/^(?:sh|bash|ash|dash|zsh)$/.test(name)) {
    const at = rest.findIndex((word) => /^-[a-z]*c$/.test(word));
    const script = at === -1 ? undefined : rest[at + 1];
    if (script === undefined || depth > 5) return unclear(seen, `what ${quote(rest[0] ?? name)} does is not in this file`);
    const inner = judgeScript(script, asked, depth + 1);
    if (inner.verdict === "asks") return say(seen, "asks", "", "failed");
    return inner.verdict === "unclear" ? unclear(seen, inner.why) : say(seen, "wrong", inner.why, "ok");
  }
  const text = rest.join(" ");
  if (name === "curl" || name === "wget") return lookAtURLs(name, rest, asked, seen);
  if (name === "test" || name === "[" || name === "[[") {
    const compared = lookAtTest(rest.at(-1)?.startsWith("]") === true ? rest.slice(0, -1) : rest, asked, seen);
    if (compared !== undefined) return compared;
    return urlsIn(text).length > 0 ? unclear(seen, "what it compares is not known") : "ok";
  }
  if (/^(?:node|bun|deno|python[\d.]*|ruby|perl|php)$/.test(name)) return lookAtProgram(name, text, asked, seen);
  const [url] = urlsIn(text);
  if (url !== undefined && !/^(?:echo|printf|true|:|cat|export)$/.test(name)) {
    const why = wrongURL(url, asked);
    return why === undefined ? unclear(seen, `what ${quote(name)} does is not known`) : say(seen, "wrong", why, "ok");
  }
  // A program of the image's own may ask everything, or nothing.
  if (/\.(?:sh|js|mjs|cjs|py|rb|pl)$/.test(program) || /health|check|ping/i.test(name))
    unclear(seen, `what ${quote(program)} does is not in this file`);
  return "ok";
}

function say(seen: Seen[], kind: Seen["kind"], why: string, status: Status): Status {
  seen.push({ kind, why });
  return status;
}

function unclear(seen: Seen[], why: string): Status {
  return say(seen, "unclear", why, "failed");
}

function lookAtURLs(name: "curl" | "wget", words: readonly string[], asked: Asked, seen: Seen[]): Status {
  const { addresses, fails, idle, odd } = questionOf(name, words);
  if (idle !== undefined) return say(seen, "wrong", `asks nothing: ${name} ${idle} does not wait for an answer`, "ok");
  const isHidden = words.some((word) => /[$`]/.test(word));
  if (addresses.length === 0) {
    return isHidden ? unclear(seen, "its address is in a variable") : say(seen, "wrong", `asks nothing that is an address`, "ok");
  }
  const wrong = addresses.map((url) => wrongURL(url, asked)).filter((one) => one !== undefined);
  const why = wrong.find((one) => one !== "?");
  // An option that is not known here may take the next word for its value.
  if (why !== undefined && (odd === undefined || wrong.length === addresses.length)) return say(seen, "wrong", why, "ok");
  if (wrong.includes("?")) return unclear(seen, "its address is in a variable");
  if (odd !== undefined) return unclear(seen, `the option ${quote(odd)} may send the question elsewhere`);
  if (isProxied(asked.environment)) return unclear(seen, "a variable of the service sends the question to a proxy");
  // A filter behind it may still look at the answer; then the filter decides.
  return say(seen, "asks", "", fails ? "failed" : "unread");
}

function isProxied(environment: ReadonlyMap<string, string>): boolean {
  const is = (name: string): boolean => (environment.get(name) ?? "") !== "";
  return (is("http_proxy") || is("all_proxy") || is("ALL_PROXY")) && !is("no_proxy") && !is("NO_PROXY");
}

/** `[ "$(curl … URL)" = 200 ]`: undefined when it is no such thing. */
function lookAtTest(words: readonly string[], asked: Asked, seen: Seen[]): Outcome | undefined {
  const [left = "", operator = "", right = "", ...more] = words;
  if (more.length > 0 || !/^(?:==?|-eq)$/.test(operator)) return undefined;
  if ([left, right].includes("$?")) return [left, right].includes("0") ? "last" : undefined;
  const question = [left, right].find((side) => /^\$\([^]*\)$/.test(side));
  const wanted = question === left ? right : left;
  const list = question === undefined ? undefined : parseShell(question.slice(2, -1));
  const [pipeline, ...others] = list ?? [];
  const [command, ...filters] = pipeline?.commands ?? [];
  if (pipeline === undefined || pipeline.negated || others.length > 0 || command?.kind !== "simple") return undefined;
  if (!filters.every((one) => one.kind === "simple" && /^(?:tr|head|tail|cut|grep|jq)$/.test(one.words[0] ?? "")))
    return undefined;
  const inner = withoutPrefixes(command.words);
  const [program = ""] = inner;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (name !== "curl" && name !== "wget") return undefined;
  const isStatus = /^\d+$/.test(wanted);
  const tells = /(?:^|\s)(?:-\w*w|--write-out)\s*%\{(?:http_code|response_code)\}(?:\s|$)/.test(inner.join(" "));
  if (wanted === "" || wanted.includes("$") || (isStatus && !(tells && /^2\d\d$/.test(wanted)))) return undefined;
  const status = lookAtURLs(name, inner.slice(1), asked, seen);
  return status === "unread" ? "failed" : status;
}

function lookAtProgram(name: string, text: string, asked: Asked, seen: Seen[]): Status {
  const isScript = /^(?:node|bun|deno)$/.test(name);
  const code = isScript ? text.replace(/\/\*[^]*?\*\/|(^|[^:"'`])\/\/[^\n]*/g, "$1") : text.replace(/(^|\s)#[^\n]*/g, "$1");
  const [url] = urlsIn(code);
  const hasParts =
    new RegExp(`["'\`]${escaped(asked.path)}["'\`]`).test(code) && new RegExp(`\\b${String(asked.port)}\\b`).test(code);
  if (url === undefined) {
    if (hasParts)
      return looksAtAnswer(isScript, code)
        ? say(seen, "asks", "", "failed")
        : unclear(seen, "it does not look at the answer's status");
    if (!/\s-(?:e|c|p|-eval|-print)\b/.test(` ${text}`))
      return unclear(seen, `what ${quote(text.trim().split(/\s+/)[0] ?? name)} does is not in this file`);
    return say(seen, "wrong", `never asks ${asked.path}`, "ok");
  }
  const why = wrongURL(url, asked);
  if (why !== undefined) return why === "?" ? unclear(seen, "its address is in a variable") : say(seen, "wrong", why, "ok");
  if (!looksAtAnswer(isScript, code)) return unclear(seen, "it does not look at the answer's status");
  return say(seen, "asks", "", "failed");
}

/** `fetch` and `http.get` are content with every status; `urllib` raises. */
function looksAtAnswer(isScript: boolean, code: string): boolean {
  const fails = /\bexit\s*\(\s*(?!0?\s*\))|\bexitCode\s*=\s*(?!0\b)|\bthrow\b|\breject\b|\braise\b|\bdie\b|\babort\b/.test(code);
  if (!isScript) return fails || !/\b(?:except|rescue|eval)\b/.test(code);
  return /\.(?:ok|status|statusCode)\b|\{\s*(?:ok|status|statusCode)\b/.test(code) && fails;
}

function urlsIn(text: string): readonly string[] {
  return text.match(/https?:\/\/[^\s"'`)<>\\;,]+/gi) ?? [];
}

/** Why it is not the endpoint; `?` when it cannot be told. */
function wrongURL(text: string, asked: Asked): string | undefined {
  const full = substitute(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`, asked.environment);
  if (!URL.canParse(full)) return text.includes("$") ? "?" : `asks ${quote(text)}, which is no address`;
  const url = new URL(full);
  if (!/^https?:$/.test(url.protocol)) return `asks ${quote(text)}, which is no endpoint`;
  const host = url.hostname.toLowerCase();
  const own = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]", ...asked.hosts.map((name) => name.toLowerCase())];
  if (!own.includes(host) || asked.elsewhere?.has(host) === true) return `asks ${quote(host)}, which is not the container itself`;
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  if (port !== asked.port) return `asks port ${String(port)}, not ${String(asked.port)}`;
  if (url.pathname !== asked.path) return `asks ${quote(url.pathname)}, not ${asked.path}`;
  return undefined;
}

/** What stands before the program itself: assignments, `exec`, `timeout 5`. */
function withoutPrefixes(words: readonly string[]): readonly string[] {
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (/^[A-Za-z_]\w*=/.test(word) || word === "exec" || word === "env" || word === "command" || word === "nice") at += 1;
    else if (word === "timeout") {
      at += 1;
      while (words[at]?.startsWith("-") === true) at += 1;
      at += 1;
    } else break;
  }
  return words.slice(at);
}

function withoutComments(script: string): string {
  return script.replace(/(^|\s)#[^\n]*/g, "$1");
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
