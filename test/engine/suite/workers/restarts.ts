import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function restartsSuite(_stand: () => WorkerStand): void {}
