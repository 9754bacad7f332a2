import { Lexer } from "yaml";

/**
 * Where `text` nests deeper than `deepest` by brackets, or by indicators on one line; undefined when it does not. To be asked before the text is parsed:
 * the parser takes memory for each open bracket, and a few megabytes of them are the end of the process.
 */
export function nestsDeeperAt(text: string, deepest: number): number | undefined {
  const count = countBrackets(text);
  const isSuspect = count > deepest || new RegExp(`(?:[-?:][ \\t]+){${deepest}}`).test(text);
  return isSuspect ? deepTokenAt(text, deepest) : undefined;
}

function countBrackets(text: string): number {
  let count = 0;
  for (const bracket of ["[", "{"]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) count += 1;
  }
  return count;
}

/** By YAML's own tokens: brackets in quotes and comments open nothing and close nothing. */
function deepTokenAt(text: string, deepest: number): number | undefined {
  let depth = 0;
  let indicators = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") depth += 1;
    else if ((token === "]" || token === "}") && depth > 0) depth -= 1;
    else if (token === "-" || token === "?" || token === ":") indicators += 1;
    else if (token.includes("\n")) indicators = 0;
    if (depth > deepest || indicators > deepest + brackets(depth)) return offset;
    // The lexer marks documents and scalars by characters that are not in the text.
    if (!MARKS.has(token)) offset += token.length;
  }
  return undefined;
}

const MARKS: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

/** A line of flow values has a colon for each of its keys, and nests by its brackets alone. */
function brackets(depth: number): number {
  return depth > 0 ? Number.POSITIVE_INFINITY : 0;
}
