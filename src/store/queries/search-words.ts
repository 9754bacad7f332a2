import { NovaError } from "../../model/errors.ts";

// Words are what FTS5's `unicode61` takes for words: runs of letters and digits, compared without case and accents. The same is done here for lines that
// are newer than the index, so that an answer does not depend on how far it is.

const MOST_PHRASES = 64;
/** Accents that stand for themselves and are left out. */
const accents = "\\u0300-\\u0304\\u0306-\\u030c\\u030f\\u0311\\u031b\\u0323-\\u0328\\u032d\\u032e\\u0330\\u0331";
/** FTS5 knows Unicode 6.1, for which what came later, newer emoji before all, is no sign but a letter. */
const letters = "\\p{L}\\p{N}\\p{Co}\\p{Cn}\\u23f4-\\u23ff\\u{1f900}-\\u{1faff}";
const word = new RegExp(`[${letters}][${letters}${accents}]*`, "gu");
const closed = new RegExp(`[${letters}${accents}]"?\\*\\s*$`, "u");
const accent = new RegExp(`[${accents}]`, "u");

/** Words that follow one another. */
interface Phrase {
  readonly words: readonly string[];
  /** The last word may go on. */
  readonly open: boolean;
}

export interface Search {
  /** What `MATCH` is asked. */
  readonly match: string;
  /** Words in small letters without accents, which every line has that the search takes. */
  readonly words: readonly string[];
  takes(text: string): boolean;
}

/** Rejects with REQUEST_INVALID what holds no word. */
export function parseSearch(search: string): Search {
  const phrases = phrasesOf(search);
  if (phrases.length === 0) {
    throw new NovaError("REQUEST_INVALID", `There is no word in the search ${JSON.stringify(search)}.`, {
      place: "search",
      next: "Ask with `contains` for text that is not made of letters and digits.",
    });
  }
  if (phrases.length > MOST_PHRASES) {
    throw new NovaError("REQUEST_INVALID", `The search has ${phrases.length} words; it may have ${MOST_PHRASES}.`, {
      place: "search",
    });
  }
  const [beginning] = phrases.filter((phrase) => phrase.open).map(({ words }) => words.at(-1) ?? "");
  if (beginning !== undefined && /^[a-z0-9]$/.test(beginning)) {
    throw new NovaError("REQUEST_INVALID", `Too many words begin with ${JSON.stringify(beginning)}.`, {
      place: "search",
      next: "Give two letters or more before the `*`.",
    });
  }
  return {
    match: phrases.map(({ words, open }) => `"${words.join(" ")}"${open ? " *" : ""}`).join(" AND "),
    words: [...new Set(phrases.flatMap((phrase) => phrase.words))],
    takes: (text) => {
      const words = wordsOf(text);
      return phrases.every((phrase) => holds(words, phrase));
    },
  };
}

function phrasesOf(search: string): readonly Phrase[] {
  const phrases: Phrase[] = [];
  for (const [whole, quoted] of search.matchAll(/"([^"]*)"?|[^\s"]+/gu)) {
    const words = wordsOf(quoted ?? whole);
    if (words.length > 0) phrases.push({ words, open: false });
  }
  const last = phrases.at(-1);
  // `*` closes the search: what stands before it is the last phrase's last word.
  if (last !== undefined && closed.test(search)) phrases.splice(-1, 1, { ...last, open: true });
  return phrases;
}

function wordsOf(text: string): readonly string[] {
  return (text.match(word) ?? []).map(folded);
}

function folded(text: string): string {
  // Plain ASCII, by far most words, needs nothing but small letters.
  if (/^[\u0000-\u007f]*$/.test(text)) return text.toLowerCase();
  let result = "";
  for (const letter of text) if (!accent.test(letter)) result += foldedLetter(letter);
  return result;
}

/** Accents go from Latin letters alone, as FTS5 has it: in other alphabets they make other letters. */
function foldedLetter(letter: string): string {
  const [small = ""] = letter.toLowerCase();
  const [base = ""] = small.normalize("NFD");
  return /[a-z]/.test(base) ? base : (alike.get(small) ?? small);
}

const alike: ReadonlyMap<string, string> = new Map([
  ["ς", "σ"],
  ["µ", "μ"],
  ["ſ", "s"],
  ["ẛ", "s"],
]);

function holds(words: readonly string[], { words: wanted, open }: Phrase): boolean {
  const lastWanted = wanted.length - 1;
  for (let at = 0; at + lastWanted < words.length; at += 1) {
    const fits = wanted.every((one, index) => {
      const found = words[at + index] ?? "";
      return open && index === lastWanted ? found.startsWith(one) : found === one;
    });
    if (fits) return true;
  }
  return false;
}
