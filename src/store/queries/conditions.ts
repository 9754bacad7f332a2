import { type RawBuilder, sql } from "kysely";

export type Condition = RawBuilder<boolean>;

/** That a column has one of the values: one parameter however many there are, as D1 takes no more than 100. */
export function oneOf(column: string, values: readonly string[]): Condition {
  const [only] = values;
  if (values.length === 1) return sql<boolean>`${sql.ref(column)} = ${only}`;
  return sql<boolean>`${sql.ref(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
}

/** The same, or no condition where nothing is asked. */
export function oneOfIfAsked(column: string, values: readonly string[] | undefined): readonly Condition[] {
  return values === undefined ? [] : [oneOf(column, values)];
}

export function all(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql<boolean>`1` : sql<boolean>`${sql.join(conditions, sql` AND `)}`;
}

/** SQL's own `lower` knows the letters from A to Z; those that the needle has beside them are put in small letters one by one. */
export function containsIgnoringCase(column: string, needle: string): Condition {
  const small = [...needle].map((letter) => (lowered(letter).length === letter.length ? lowered(letter) : letter)).join("");
  const letters = new Set([...small].filter((letter) => letter > "\u007f" && letter.toUpperCase() !== letter));
  let text = sql`lower(${sql.ref(column)})`;
  // The depth of an expression is bounded to 100 on D1.
  for (const letter of [...letters].slice(0, 60)) {
    const large = letter.toUpperCase();
    if (large.length === letter.length) text = sql`replace(${text}, ${large}, ${letter})`;
  }
  return sql<boolean>`instr(${text}, ${small}) > 0`;
}

const lowered = (letter: string): string => letter.toLowerCase();
