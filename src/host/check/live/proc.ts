import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { hasCode, messageOf } from "../../../model/errors.ts";
import { known, unknown, type Known } from "../../../contract/live/kernel-facts.ts";

/** `/proc`, read whole files at a time: each takes some 20 µs, and a thread's hand-over would take five times that. */
export interface Proc {
  /** Undefined when the process is gone, or hidden from this user. */
  read(path: string): string | undefined;
  /** A file that only some users may read. */
  readGuarded(path: string): Known<string> | undefined;
  link(path: string): Known<string> | undefined;
  numbers(path: string): number[];
  /** Where it lies, for what is opened there. */
  readonly root: string;
}

export function openProc(root = "/proc"): Proc {
  function attempt(path: string, reading: (path: string) => string): Known<string> | undefined {
    try {
      return known(reading(`${root}/${path}`));
    } catch (error) {
      if (hasCode(error, "ENOENT", "ESRCH", "ENOTDIR", "EINVAL")) return undefined;
      if (hasCode(error, "EACCES", "EPERM")) return unknown(`this user may not read ${root}/${path}`);
      return unknown(`${root}/${path} cannot be read: ${messageOf(error)}`);
    }
  }
  const readText = (path: string): string => readFileSync(path, "utf8");
  return {
    root,
    read(path) {
      const found = attempt(path, readText);
      return found?.known ? found.value : undefined;
    },
    readGuarded: (path) => attempt(path, readText),
    link: (path) => attempt(path, (whole) => readlinkSync(whole)),
    numbers(path) {
      try {
        return readdirSync(`${root}/${path}`)
          .filter((name) => /^\d+$/.test(name))
          .map(Number);
      } catch {
        return [];
      }
    },
  };
}
