const SPACES: ReadonlySet<string> = new Set([" ", "\t", "\r", "\n"]);
const ENDS: ReadonlySet<string> = new Set([";", "&", "|", "<", ">"]);

/** What is open while a command is read. Quotes may open inside backquotes, so that it is not one thing. */
interface Open {
  quote: "'" | '"' | undefined;
  backquote: boolean;
  /** `$(`, closed by `)`. */
  dollar: boolean;
}

/**
 * The words that Compose makes of a command's text. It is no shell: what stands behind `;`, `&`, `|`, `<` or `>` outside quotes is dropped without a word.
 * Undefined for what Compose refuses: quotes, backquotes and brackets that do not close.
 */
export function commandWords(text: string): string[] | undefined {
  const words: string[] = [];
  const open: Open = { quote: undefined, backquote: false, dollar: false };
  let word: string | undefined;
  let escaped = false;
  for (const character of text) {
    const outside = open.quote === undefined && !open.backquote && !open.dollar;
    if (escaped) {
      word = (word ?? "") + character;
      escaped = false;
    } else if (character === "\\" && open.quote !== "'") escaped = true;
    else if (outside && SPACES.has(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (outside && ENDS.has(character)) {
      // A number before `>` is a channel, and no word.
      if (word !== undefined && !(character === ">" && /^\d/.test(word))) words.push(word);
      return words;
    } else if (turnsQuote(open, character)) {
      if (open.quote === undefined) word ??= "";
    } else {
      if (!turnsBracket(open, character, word ?? "")) return undefined;
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  return escaped || open.quote !== undefined || open.backquote || open.dollar ? undefined : words;
}

function turnsQuote(open: Open, character: string): boolean {
  if ((character !== '"' && character !== "'") || open.dollar) return false;
  if (open.quote !== undefined && open.quote !== character) return false;
  open.quote = open.quote === undefined ? character : undefined;
  return true;
}

/** False for a bracket that Compose does not take. */
function turnsBracket(open: Open, character: string, word: string): boolean {
  if (open.quote !== undefined) return true;
  if (character === "`" && !open.dollar) open.backquote = !open.backquote;
  if (open.backquote) return true;
  if (character === ")") open.dollar = !open.dollar;
  if (character !== "(") return true;
  if (open.dollar || !word.endsWith("$")) return false;
  open.dollar = true;
  return true;
}
