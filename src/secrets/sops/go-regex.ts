import { Script } from "node:vm";
import { NovaError, quote } from "../../model/errors.ts";

// What both grammars have and read alike. Everything else is refused: `(?i)` inside a pattern, `\z`, `\Q…\E`, `\pL` and POSIX classes
// are Go's alone, look-around and back references are JavaScript's alone, and in `[^…]` or `\C` the two differ in what a character is.
const shared =
  /^(?:\\[dDwWbBtnfrv]|\\[^A-Za-z0-9]|\[\^?(?:\\[dDwWtnfrv]|\\[^A-Za-z0-9]|[^\\\][])+\]|\((?:\?:|(?!\?))|[)|^$.*+?]|\{\d+(?:,\d*)?\}|[^\\[\](){}|^$.*+?])*$/;

// Go's engine never goes back; JavaScript's can take for ever, and patterns and texts may come from strangers.
const LONGEST_PATTERN = 1000;
const TIME_MS = 1000;
const search = new Script("texts.filter((text) => pattern.test(text))");

/**
 * Those of `texts` in which a pattern of `.sops.yaml` or of a file's metadata is found, which sops reads as Go's RE2 and this as JavaScript's.
 * Rejects with SECRETS_INVALID what the two grammars read differently, so that no value stays unencrypted by a misunderstanding, and
 * what takes longer than a second.
 */
export function goMatches(pattern: string, texts: readonly string[], place: string): ReadonlySet<string> {
  // A flag group that opens the pattern is a flag here, too.
  const insensitive = pattern.startsWith("(?i)");
  const source = insensitive ? pattern.slice(4) : pattern;
  const refused = (why: string): NovaError =>
    new NovaError("SECRETS_INVALID", `The pattern ${quote(pattern)} ${why}.`, {
      place,
      next: "Use literals, character classes, groups, alternatives and repetitions alone.",
    });
  if (pattern.length > LONGEST_PATTERN) throw refused(`has more than ${LONGEST_PATTERN} characters`);
  if (!shared.test(source))
    throw refused("has parts that sops (Go) and NovaBot (JavaScript) read differently, or that neither reads");
  let compiled: RegExp;
  try {
    compiled = new RegExp(source, insensitive ? "iu" : "u");
  } catch (thrown) {
    throw Object.assign(refused("cannot be read"), { cause: thrown });
  }
  try {
    // A script of `node:vm` is what Node can interrupt.
    return new Set(search.runInNewContext({ pattern: compiled, texts }, { timeout: TIME_MS }) as string[]);
  } catch (thrown) {
    throw Object.assign(refused("takes too long to look for"), { cause: thrown });
  }
}
