import { NovaError, quote } from "../../model/errors.ts";

// What both grammars have and read alike. Everything else is refused: `(?i)` inside a pattern, `\z`, `\Q…\E`, `\pL` and POSIX classes
// are Go's alone, look-around and back references are JavaScript's alone, and in `[^…]` or `\C` the two differ in what a character is.
const shared =
  /^(?:\\[dDwWbBtnfrv]|\\[^A-Za-z0-9]|\[\^?(?:\\[dDwWtnfrv]|\\[^A-Za-z0-9]|[^\\\][])+\]|\((?:\?:|(?!\?))|[)|^$.*+?]|\{\d+(?:,\d*)?\}|[^\\[\](){}|^$.*+?])*$/;

// Go's engine never goes back; JavaScript's can take for ever over a repeated group that repeats or chooses within.
const explosive = /\([^)]*[*+{|][^)]*\)+[*+{]/;

/**
 * A pattern of `.sops.yaml` or of a file's metadata, which sops reads as Go's RE2, as the same pattern of JavaScript.
 * Rejects with SECRETS_INVALID what the two grammars read differently, so that no value stays unencrypted by a misunderstanding.
 */
export function goRegex(pattern: string, place: string): RegExp {
  // A flag group that opens the pattern is a flag here, too.
  const insensitive = pattern.startsWith("(?i)");
  const source = insensitive ? pattern.slice(4) : pattern;
  const refused = (why: string): NovaError =>
    new NovaError("SECRETS_INVALID", `The pattern ${quote(pattern)} ${why}.`, {
      place,
      next: "Use literals, character classes, groups, alternatives and repetitions alone.",
    });
  if (!shared.test(source))
    throw refused("has parts that sops (Go) and NovaBot (JavaScript) read differently, or that neither reads");
  if (explosive.test(source)) throw refused("repeats a group that repeats or chooses within, which could take for ever");
  try {
    return new RegExp(source, insensitive ? "iu" : "u");
  } catch (thrown) {
    throw Object.assign(refused("cannot be read"), { cause: thrown });
  }
}
