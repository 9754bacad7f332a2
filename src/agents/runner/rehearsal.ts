import { Writable } from "node:stream";
import { type Container, Run } from "./run.ts";

/** A container that is still without an input after this long waits for one; before that the input itself is served. */
const WAITING_MS = 50;

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/**
 * Serves a run that nobody asked for and nobody hears of, once, when the container waits: Node compiles what a run takes when it is
 * first used, and that would cost the real one milliseconds. What it gives calls it off.
 */
export function rehearse(container: Container): () => void {
  const input = { prompt: "", groupFolder: "", chatJid: "", isMain: false, deadlineMs: 60_000, agent: { command: ["true"] } };
  const timer = setTimeout(() => {
    const stage = { ...container, stdout: nowhere(), stderr: nowhere(), clearAway: () => undefined, expire: () => undefined };
    void new Run(stage).serve(Buffer.from(JSON.stringify(input)));
  }, WAITING_MS);
  timer.unref();
  return () => clearTimeout(timer);
}
