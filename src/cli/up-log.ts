import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../agents/home/home.ts";
import { hasCode } from "../model/errors.ts";

// What `novabot up` tells in the background. Its output is the file itself and no pipe, so that a crash's last words, Node's own among them, are
// there without anybody's help.

const MOST_BYTES = 10 * 1_048_576;
const LOOK_EVERY_MS = 1000;
const PART_BYTES = 1_048_576;

export function upLog(home: Home): string {
  return join(home.host, "up.log");
}

/** Where the file is from which `up` in the background that began then tells; null where it is in the foreground. */
export function upLogSince(home: Home, sinceMs: number): string | null {
  const about = statSync(upLog(home), { throwIfNoEntry: false });
  return about !== undefined && about.mtimeMs >= sinceMs ? upLog(home) : null;
}

/** Empties the file, whose last 10 MiB go into `up.log.1`. It stays the same file: whoever writes at its end goes on. */
export function beginLogAnew(file: string, mostBytes: number = MOST_BYTES): void {
  let log;
  try {
    log = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  try {
    if (fstatSync(log).size === 0) return;
    try {
      copyEnd(log, `${file}.1`, mostBytes);
    } catch {
      // Where there is no room for it, the new one matters more.
    }
    ftruncateSync(log);
  } finally {
    closeSync(log);
  }
}

/**
 * Keeps the file, which is this process's stdout, from growing beyond its bound; gives what ends that. Looked at once a second, and begun anew within
 * one turn, in which nothing of this process is printed. Where another file has taken its place, that is left alone.
 */
export function boundLog(file: string, mostBytes: number = MOST_BYTES, everyMs: number = LOOK_EVERY_MS): () => void {
  const look = (): void => {
    try {
      const [own, named] = [fstatSync(process.stdout.fd), statSync(file)];
      if (own.size > mostBytes && own.ino === named.ino && own.dev === named.dev) beginLogAnew(file, mostBytes);
    } catch {
      // There is nowhere else to say it, and the next look comes soon.
    }
  };
  const timer = setInterval(look, everyMs).unref();
  return () => clearInterval(timer);
}

function copyEnd(from: number, to: string, mostBytes: number): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const older = openSync(to, flags, 0o600);
  try {
    const part = Buffer.allocUnsafe(PART_BYTES);
    let at = Math.max(0, fstatSync(from).size - mostBytes);
    for (;;) {
      const read = readSync(from, part, 0, part.length, at);
      if (read === 0) return;
      writeSync(older, part, 0, read);
      at += read;
    }
  } finally {
    closeSync(older);
  }
}
