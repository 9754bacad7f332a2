/** Puts variables in as a builder does: `$X`, `${X}`, `${X:-y}`, `${X:+y}`; what is not set is nothing. */
export function substitute(text: string, variables: ReadonlyMap<string, string>, depth = 0): string {
  let made = "";
  for (let at = 0; at < text.length;) {
    if (text.startsWith("\\$", at)) {
      made += "$";
      at += 2;
      continue;
    }
    // Sticky, so that a long text is not cut anew at every place.
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) {
      made += text.charAt(at);
      at += 1;
      continue;
    }
    const [whole, bare, name, operator] = match;
    at += whole.length;
    const value = variables.get(bare ?? name ?? "");
    if (operator === undefined) {
      made += value ?? "";
      continue;
    }
    const end = operator === "}" ? at : closing(text, at);
    const word = operator === "}" ? "" : text.slice(at, end);
    at = operator === "}" ? at : end + 1;
    const isSet = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    const other = (): string => (depth > 8 ? "" : substitute(word, variables, depth + 1));
    if (operator.endsWith("+")) made += isSet ? other() : "";
    else if (operator.endsWith("-")) made += isSet ? (value ?? "") : other();
    else made += value ?? "";
  }
  return made;
}

const pattern = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(\}|:?[-+?]))/y;

/** Where the brace is closed that was opened before `from`; the end of a text that never closes it. */
export function closing(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith("${", at)) open += 1;
    else if (text[at] === "}" && --open === 0) return at;
  }
  return text.length;
}
