/** The words that `word` may have been meant for, the nearest first: few letters apart, or one within the other. */
export function near(word: string, words: readonly string[]): string[] {
  const wanted = word.slice(0, 64).toLowerCase();
  const most = Math.max(2, Math.floor(wanted.length / 3));
  return words
    .map((candidate) => ({ candidate, apart: lettersApart(wanted, candidate) }))
    .filter(
      ({ candidate, apart }) =>
        apart <= most || (wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))),
    )
    .toSorted((a, b) => a.apart - b.apart)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** How many letters must be put in, taken out or changed (Levenshtein). */
function lettersApart(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const here = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = (above[column - 1] ?? 0) + (a.charAt(row - 1) === b.charAt(column - 1) ? 0 : 1);
      here.push(Math.min(change, (above[column] ?? 0) + 1, (here[column - 1] ?? 0) + 1));
    }
    above = here;
  }
  return above[b.length] ?? 0;
}
