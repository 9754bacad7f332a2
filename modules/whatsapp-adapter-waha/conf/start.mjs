// The container's first program: starts what its arguments name, and copies its output to stdout and into /app/logs/waha.log. Signals reach
// that program, and its end is this one's end with the same status. The log is turned over at 10 MiB; four old ones are kept.
import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { constants as system } from "node:os";

const LOG = "/app/logs/waha.log";
const MOST_BYTES = 10 * 1024 * 1024;
const OLD_LOGS = 4;
const AGAIN_MS = 60_000;

let log;
let size = 0;
let quietUntil = 0;

function openLog() {
  log = openSync(LOG, "a", 0o640);
  size = fstatSync(log).size;
}

function turnOver() {
  closeSync(log);
  log = undefined;
  for (let number = OLD_LOGS; number > 0; number -= 1) {
    try {
      renameSync(number === 1 ? LOG : `${LOG}.${number - 1}`, `${LOG}.${number}`);
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  openLog();
}

/** A log that cannot be written (a full disk) is told on stderr and tried again later; the service goes on. */
function keep(chunk) {
  if (performance.now() < quietUntil) return;
  try {
    if (log === undefined) openLog();
    if (size > 0 && size + chunk.length > MOST_BYTES) turnOver();
    for (let at = 0; at < chunk.length;) at += writeSync(log, chunk, at);
    size += chunk.length;
  } catch (error) {
    quietUntil = performance.now() + AGAIN_MS;
    process.stderr.write(`${LOG} cannot be written: ${error.message}\n`);
  }
}

/** The image's own start script, or what that script starts in images that are older than it. */
function program() {
  const given = process.argv.slice(2);
  try {
    accessSync(given[0] ?? "", constants.X_OK);
    return given;
  } catch {
    const byName = given.length > 0 && !given[0].startsWith("/");
    return byName ? given : ["node", "/app/dist/main"];
  }
}

const [file, ...args] = program();
const child = spawn(file, args, { stdio: ["inherit", "pipe", "pipe"] });
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
  process.on(signal, () => child.kill(signal));
for (const name of ["stdout", "stderr"]) {
  child[name].on("data", (chunk) => {
    keep(chunk);
    // A reader that is slow slows the program; nothing is kept in memory.
    if (!process[name].write(chunk)) {
      child[name].pause();
      process[name].once("drain", () => child[name].resume());
    }
  });
}
child.on("error", (error) => {
  process.stderr.write(`${file} cannot be started: ${error.message}\n`);
  process.exit(127);
});
child.on("close", (code, signal) => process.exit(code ?? 128 + (system.signals[signal] ?? 0)));
