import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function doorsSuite(_stand: () => WorkerStand): void {}
