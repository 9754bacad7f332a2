import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function crashesSuite(_stand: () => WorkerStand): void {}
