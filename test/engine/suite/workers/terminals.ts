import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function terminalsSuite(_stand: () => WorkerStand): void {}
