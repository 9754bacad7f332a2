// Apart from the schemas, so that the command in the containers carries the words without the library behind them.

/** The longest texts of mail, in characters, and the largest file, in bytes. */
export const MAIL_LIMITS = {
  text: 65_536,
  prompt: 262_144,
  guard: 65_536,
  fileBytes: 1_048_576,
} as const;

/** The files beside the mail slots, in `/workspace/ipc`: what the group's tasks are, and for main which groups there are. */
export const TASKS_SNAPSHOT = "current_tasks.json";
export const GROUPS_SNAPSHOT = "available_groups.json";
