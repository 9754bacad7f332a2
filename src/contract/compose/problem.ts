import type { Place } from "../source/place.ts";
import type { ComposeProblem } from "./project.ts";

/** Thrown inside the reader where Compose would refuse the files; `readProject` turns it into the problems it carries. */
export class Refusal extends Error {
  readonly problems: readonly ComposeProblem[];

  constructor(problems: readonly ComposeProblem[]) {
    super(problems[0]?.message ?? "refused");
    this.problems = problems;
  }
}

export function refuse(kind: string, at: Place, message: string, next: string): never {
  throw new Refusal([{ unreadable: true, kind, message, next, at }]);
}

/** Where something that concerns a whole file is told. */
export function fileStart(file: string): Place {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
}
