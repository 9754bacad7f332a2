import { OUTPUT_END, OUTPUT_START } from "../../src/model/markers.ts";
import { ANSWER } from "./agent-image.ts";

/** Reads an answer as the requirement's sketch does, and fails when it is not the agent's. */
export function checkAnswer(stdout: string): void {
  const from = stdout.indexOf(OUTPUT_START);
  const to = stdout.indexOf(OUTPUT_END);
  const { result } = JSON.parse(stdout.slice(from + OUTPUT_START.length, to).trim()) as { result: string };
  if (result !== ANSWER) throw new Error(`answered ${result}`);
}
