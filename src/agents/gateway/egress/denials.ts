import type { Denial } from "../../../model/run.ts";

const mostTargets = 50;
const mostCharacters = 120;
const others = "others";

/** What one run tried and was refused, in constant memory however much it tries. */
export class Denials {
  readonly #counts = new Map<string, { target: string; reason: string; count: number }>();

  add(target: string, reason: string): void {
    const shown = printable(target);
    const known = this.#counts.get(shown);
    if (known) known.count += 1;
    else if (this.#counts.size < mostTargets) this.#counts.set(shown, { target: shown, reason, count: 1 });
    else {
      const rest = this.#counts.get(others);
      if (rest) rest.count += 1;
      else this.#counts.set(others, { target: others, reason: `more than ${mostTargets} targets were refused`, count: 1 });
    }
  }

  list(): Denial[] {
    return [...this.#counts.values()].map((denial) => ({ ...denial }));
  }
}

/** It comes from the container, and is shown in terminals. */
function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, "?");
  return clean.length > mostCharacters ? `${clean.slice(0, mostCharacters)}…` : clean;
}
