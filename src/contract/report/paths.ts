import { isAbsolute, relative, sep } from "node:path";

/** `path` told from `base`, with forward slashes; what is not below it stays absolute. */
export function toldPath(path: string, base: string): string {
  const short = relative(base, path);
  if (short === "") return ".";
  if (isAbsolute(short)) return path;
  // One or two steps up are read more easily than a long absolute path; further ones are not.
  if (short.startsWith(`..${sep}..${sep}..`)) return path;
  return short.split(sep).join("/");
}

/** Whether `path` is `directory`, or below it. */
export function isBelow(path: string, directory: string): boolean {
  const short = relative(directory, path);
  return short === "" || (short !== ".." && !short.startsWith(`..${sep}`) && !isAbsolute(short));
}
