import { closing } from "../dockerfile/substitute.ts";

/**
 * What Compose makes of a text when no variable is set anywhere: the defaults that stand in it, or nothing. Undefined when it would refuse (`${X:?}`).
 * This is what runs on a machine that lacks the settings of the one that checks.
 */
export function withNothingSet(written: string, depth = 0): string | undefined {
  return put(written, false, depth);
}

/** The same with what stands there for variables that are set (`${X:+y}`) as well. */
export function withEveryWord(written: string): string | undefined {
  return put(written, true, 0);
}

function put(written: string, every: boolean, depth: number): string | undefined {
  if (!written.includes("$")) return written;
  // Nobody writes so many defaults into each other; a stack has its end.
  if (depth > 20) return undefined;
  let text = "";
  for (let at = 0; at < written.length;) {
    const rest = written.slice(at);
    const bare = /^\$(?:\$|[A-Za-z_][A-Za-z0-9_]*)/.exec(rest)?.[0];
    if (bare !== undefined) {
      text += bare === "$$" ? "$" : "";
      at += bare.length;
      continue;
    }
    const braced = /^\$\{[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0];
    if (braced === undefined) {
      text += written.charAt(at);
      at += 1;
      continue;
    }
    const end = closing(written, at + 2);
    const operation = written.slice(at + braced.length, end);
    if (/^:?\?/.test(operation)) return undefined;
    if (every ? /^:?[-+]/.test(operation) : /^:?-/.test(operation)) {
      const inner = put(operation.replace(/^:?[-+]/, ""), every, depth + 1);
      if (inner === undefined) return undefined;
      text += inner;
    }
    at = end + 1;
  }
  return text;
}
