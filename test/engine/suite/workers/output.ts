import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function outputSuite(_stand: () => WorkerStand): void {}
