/** What a filter behind a question comes to, when the question fails (`failed`) or the answer is an error that nobody looked at (`unread`). */
export function filtered(words: readonly string[], piped: "failed" | "unread"): "failed" | "unread" | undefined {
  const [program = "", ...rest] = words;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (/^(?:grep|egrep|fgrep|rg)$/.test(name)) {
    const pattern = grepped(rest);
    if (pattern === undefined) return undefined;
    // Every line of an error's page has it, too.
    return piped === "unread" && /^[\s.*^$?+()|[\]]*$/.test(pattern) ? "unread" : "failed";
  }
  if (name !== "jq") return undefined;
  const options = rest.filter((word) => word.startsWith("-"));
  const programs = rest.filter((word) => !word.startsWith("-"));
  if (
    programs.length !== 1 ||
    !options.every((word) => /^(?:-[aceMrsS]+|--exit-status|--raw-output|--compact-output)$/.test(word))
  )
    return undefined;
  if (!options.some((word) => word === "--exit-status" || /^-[^-]*e/.test(word))) return undefined;
  return piped === "unread" && programs[0] === "." ? "unread" : "failed";
}

/** The pattern; undefined when a file is read, or something else than a match counts. */
function grepped(words: readonly string[]): string | undefined {
  let pattern: string | undefined;
  let isOver = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word === "--" && !isOver) isOver = true;
    else if (!isOver && /^-[a-zA-Z]*e$/.test(word) && pattern === undefined) pattern = words[(at += 1)];
    else if (!isOver && /^-./.test(word)) {
      if (
        !/^(?:-[qiEFGPwxosc]+|--(?:quiet|silent|ignore-case|word-regexp|line-regexp|fixed-strings|extended-regexp|perl-regexp))$/.test(
          word,
        )
      )
        return undefined;
    } else if (pattern === undefined) pattern = word;
    else return undefined;
  }
  return pattern;
}
