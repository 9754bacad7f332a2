/** What of a shell's language a health check needs: lists, pipelines, groups and simple commands. */
export type Command =
  | { readonly kind: "simple"; readonly words: readonly string[] }
  | { readonly kind: "group"; readonly list: List; readonly subshell: boolean };

export interface Pipeline {
  readonly negated: boolean;
  readonly commands: readonly Command[];
  /** How the next one hangs on this: `&&`, `||`, `;`, `&`. */
  readonly link: "&&" | "||" | ";" | "&";
}

export type List = readonly Pipeline[];

interface Token {
  readonly operator: boolean;
  readonly text: string;
}

const keywords = /^(?:if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select)$/;

/** Undefined for what is more than this: loops, branches, functions, here-documents, broken quotes. */
export function parseShell(script: string): List | undefined {
  const tokens = tokenize(script);
  if (tokens === undefined) return undefined;
  let at = 0;
  const isOperator = (text: string): boolean => tokens[at]?.operator === true && tokens[at]?.text === text;
  const command = (depth: number): Command | undefined => {
    if (depth > 50) return undefined;
    const open = tokens[at];
    const brace = open?.operator === false && open.text === "{";
    if (isOperator("(") || brace) {
      at += 1;
      const inner = list(depth + 1, brace ? "}" : ")");
      if (inner === undefined || tokens[at] === undefined) return undefined;
      at += 1;
      return { kind: "group", list: inner, subshell: !brace };
    }
    const words: string[] = [];
    while (tokens[at]?.operator === false) {
      words.push(tokens[at]?.text ?? "");
      at += 1;
    }
    return words.length === 0 || keywords.test(words[0] ?? "") ? undefined : { kind: "simple", words };
  };
  const list = (depth: number, end: string | undefined): List | undefined => {
    const all: Pipeline[] = [];
    for (;;) {
      while (isOperator(";")) at += 1;
      const here = tokens[at];
      if (here === undefined) return end === undefined ? all : undefined;
      if (end !== undefined && here.text === end && (end === "}" || here.operator)) return all;
      let negated = false;
      if (!here.operator && here.text === "!") {
        negated = true;
        at += 1;
      }
      const commands: Command[] = [];
      for (;;) {
        const one = command(depth);
        if (one === undefined) return undefined;
        commands.push(one);
        if (!isOperator("|")) break;
        at += 1;
      }
      const next = tokens[at];
      let link: Pipeline["link"] = ";";
      if (next?.operator === true && (next.text === "&&" || next.text === "||" || next.text === "&" || next.text === ";")) {
        link = next.text;
        at += 1;
      } else if (next !== undefined && !(next.operator && next.text === end) && !(end === "}" && next.text === end))
        return undefined;
      all.push({ negated, commands, link });
    }
  };
  return list(0, undefined);
}

function tokenize(script: string): Token[] | undefined {
  const tokens: Token[] = [];
  let word: string | undefined;
  let skipNext = false;
  const push = (): void => {
    if (word !== undefined && !skipNext) tokens.push({ operator: false, text: word });
    if (word !== undefined) skipNext = false;
    word = undefined;
  };
  for (let at = 0; at < script.length; at += 1) {
    const char = script.charAt(at);
    if (char === "\\") {
      at += 1;
      if (script[at] !== "\n") word = (word ?? "") + script.charAt(at);
    } else if (char === "'") {
      const end = script.indexOf("'", at + 1);
      if (end === -1) return undefined;
      word = (word ?? "") + script.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      word ??= "";
      for (at += 1; script[at] !== '"'; at += 1) {
        if (at >= script.length) return undefined;
        if (script[at] === "$" && script[at + 1] === "(") {
          const end = closing(script, at + 2);
          if (end === undefined) return undefined;
          word += script.slice(at, end + 1);
          at = end;
          continue;
        }
        if (script[at] === "\\" && /["\\$`]/.test(script.charAt(at + 1))) at += 1;
        word += script.charAt(at);
      }
    } else if (char === "$" && script[at + 1] === "(") {
      const end = closing(script, at + 2);
      if (end === undefined) return undefined;
      word = (word ?? "") + script.slice(at, end + 1);
      at = end;
    } else if (char === "#" && word === undefined) {
      const end = script.indexOf("\n", at);
      at = end === -1 ? script.length : end - 1;
    } else if (char === "<" || char === ">") {
      if (script.startsWith("<<", at)) return undefined;
      // The number of a descriptor belongs to the redirection.
      if (word !== undefined && /^\d$/.test(word)) word = undefined;
      push();
      if (script[at + 1] === ">" || script[at + 1] === "|") at += 1;
      if (script[at + 1] === "&") at += 1;
      skipNext = true;
    } else if (/\s/.test(char)) {
      push();
      if (char === "\n") tokens.push({ operator: true, text: ";" });
    } else if (script.startsWith("&>", at)) {
      push();
      at += 1;
      skipNext = true;
    } else if (script.startsWith("&&", at) || script.startsWith("||", at)) {
      push();
      tokens.push({ operator: true, text: script.slice(at, at + 2) });
      at += 1;
    } else if (";|&()".includes(char)) {
      push();
      tokens.push({ operator: true, text: char });
    } else word = (word ?? "") + char;
  }
  push();
  return tokens;
}

function closing(script: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < script.length; at += 1) {
    if (script[at] === "(") depth += 1;
    else if (script[at] === ")" && --depth === 0) return at;
  }
  return undefined;
}
