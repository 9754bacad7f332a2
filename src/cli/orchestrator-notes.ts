import pc from "picocolors";
import type { FollowPart } from "../client/follow.ts";
import { visible } from "../model/visible.ts";
import type { CLIContext } from "./context.ts";

/** What stands beside what is followed: breaks of the connection, and what is missing. */
export function noteBreak(part: Exclude<FollowPart, { kind: "entries" }>, context: CLIContext): void {
  const note = (text: string): void => context.note(`${pc.yellow("note")} ${text}`);
  if (part.kind === "break")
    note(
      part.error
        ? `The connection broke and is made again: ${visible(part.error.message)}`
        : "Connected again, and going on after the last entry.",
    );
  if (part.kind !== "gap") return;
  const many = part.entries === null ? "Entries" : `${part.entries} entries`;
  const why = {
    "slow reader": "they came faster than they were read",
    "no longer kept": "they are not kept any more",
    "another database": "another orchestrator answers now, with a database of its own",
  };
  note(`${many} between ${part.after} and ${part.upTo} are missing: ${why[part.reason]}.`);
}
