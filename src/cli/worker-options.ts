import { InvalidArgumentError } from "commander";
import { quote } from "../model/errors.ts";
import { parseSize } from "../model/size.ts";

// What the words after the options of `worker start` mean, beside those that `cli-tools` knows as well.

/** Of a container with a supervisor and a small program in it. */
const LEAST_BYTES = 134_217_728;

export function parseCPUs(text: string): number {
  const cpus = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (cpus > 0) return cpus;
  throw new InvalidArgumentError(`${quote(text)} is no number of processors; say 1, 2 or 0.5.`);
}

export function parseMemory(text: string): number {
  let bytes;
  try {
    bytes = parseSize(text, "--memory");
  } catch {
    throw new InvalidArgumentError(`${quote(text)} is no size; say 512m or 2g.`);
  }
  if (bytes >= LEAST_BYTES) return bytes;
  throw new InvalidArgumentError(`${quote(text)} is less than 128m; the supervisor itself takes up to 90m.`);
}

/** `NAME=VALUE`; may be given more than once. */
export function parseVariable(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`${quote(text)} is no variable; say NAME=VALUE.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
