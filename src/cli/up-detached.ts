import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Home } from "../agents/home/home.ts";
import { openHostDirectory } from "../agents/home/host-directory.ts";
import { readAddress, type UpAddress } from "../host/up/address.ts";
import { localTokenFile } from "../host/up/find-up.ts";
import { isUp } from "../host/up/lock.ts";
import { errorCodes, NovaError, quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { beginLogAnew, upLog } from "./up-log.ts";

/** Says to `up` that its output is `up.log`. */
export const IN_BACKGROUND = "--in-background";

const LOOK_AGAIN_MS = 50;
const LOG_LINES = 20;

/** Starts `novabot up` in a session of its own, and waits until it is up. Rejects with the last that it said when it ends before. */
export async function startDetached(home: Home, json: boolean, context: CLIContext): Promise<void> {
  // What one that is just starting tells would be lost with the log begun anew.
  if (isUp(home)) throw busy(home, await readAddress(home));
  const logFile = upLog(home);
  const child = await spawnUp(home, logFile, context);
  const address = await cameUp(home, child);
  if (!address) throw await ended(logFile, child);
  child.unref();
  const { pid, url } = address;
  const tokenFile = localTokenFile(home);
  if (json) return context.printJSON({ home: home.root, pid, url, tokenFile, logFile });
  context.print(`Up: ${visible(home.root)}, process ${pid}.`);
  context.print(`  ${url}`);
  context.print(`  Log in with the token that this prints: cat ${visible(tokenFile)}`);
  context.print(`  What it tells goes to ${visible(logFile)}; \`novabot down\` stops it.`);
}

function busy(home: Home, address: UpAddress | undefined): NovaError {
  const name = `The home ${quote(home.root, 400)}`;
  const place = home.root;
  if (!address)
    return new NovaError("HOME_BUSY", `${name} is just being started or stopped.`, { place, next: "Try again in a moment." });
  return new NovaError("HOME_BUSY", `${name} is up already, by process ${address.pid}, at ${address.url}.`, {
    place,
    next: "Look at it with `novabot status`, or end it with `novabot down`.",
  });
}

async function spawnUp(home: Home, logFile: string, { env }: CLIContext): Promise<ChildProcess> {
  await (await openHostDirectory(home)).close();
  // What the last one told when it ended is looked for after the next one was started as well.
  beginLogAnew(logFile);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const log = await open(logFile, flags, 0o600);
  try {
    const [, program = ""] = process.argv;
    const child = spawn(process.execPath, [...process.execArgv, program, "--home", home.root, "up", IN_BACKGROUND], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      cwd: home.root,
      env: { ...env, NO_COLOR: "1" },
    });
    await once(child, "spawn");
    return child;
  } finally {
    await log.close();
  }
}

/** Where it is; undefined when it ended before. */
async function cameUp(home: Home, child: ChildProcess): Promise<UpAddress | undefined> {
  while (child.exitCode === null && child.signalCode === null) {
    const address = await readAddress(home);
    if (address?.pid === child.pid) return address;
    await delay(LOOK_AGAIN_MS);
  }
  return undefined;
}

/** Its own error, where it told one; else that it ended, with its last words. */
async function ended(logFile: string, { exitCode, signalCode }: ChildProcess): Promise<NovaError> {
  const said = (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-LOG_LINES);
  const read = (label: string): string | undefined => said.findLast((line) => line.startsWith(label))?.slice(label.length);
  const [code, next, place] = [read("  code  "), read("  next  "), read("  at    ")];
  const begin = said.findLastIndex((line) => line.startsWith("error "));
  const more = next === undefined ? {} : { next };
  if (begin >= 0 && code !== undefined && isCode(code)) {
    const words = said.slice(begin).filter((line) => !/^ {2}(?:at {4}|next {2}|code {2})/.test(line));
    return new NovaError(code, words.join("\n").slice("error ".length), { ...more, place: place ?? logFile });
  }
  const how = signalCode === null ? `with status ${exitCode}` : `by ${signalCode}`;
  return new NovaError("INTERNAL", `It ended ${how} before it was up. Its last words:\n${said.join("\n")}`, {
    ...more,
    place: logFile,
  });
}

function isCode(word: string): word is keyof typeof errorCodes {
  return Object.hasOwn(errorCodes, word);
}
