import type { Readable } from "node:stream";
import type { Attachment } from "../../engine/engine.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { InstanceStatus } from "../../model/instance.ts";
import { dialFrom, type WorkerAddress } from "../../workers/link/dial.ts";
import { openLink, type WorkerLink } from "../../workers/link/link.ts";
import type { KeptWorker } from "../../workers/worker.ts";

/** Of what a worker says before it is up. */
const SAID_BYTES = 16_384;
/** A program that ends within this time after its start did not come up. */
const STEADY_MS = 1000;
const LOOK_AGAIN_MS = 100;

/** The end of what a container writes to both of its outputs, and its end. */
export interface Said {
  text(): string;
  /** Resolves when the container has ended. */
  readonly ended: Promise<void>;
}

export function listen(streams: Attachment): Said {
  let said = Buffer.alloc(0);
  const read = (stream: Readable): Promise<void> =>
    new Promise((resolve) => {
      stream.on("data", (bytes: Buffer) => (said = Buffer.concat([said, bytes]).subarray(-SAID_BYTES)));
      stream.once("close", resolve);
      stream.once("end", resolve);
      stream.once("error", () => resolve());
    });
  const ended = Promise.all([read(streams.stdout), read(streams.stderr)]).then(() => undefined);
  return { text: () => said.toString("utf8"), ended };
}

/**
 * Waits until the worker's door answers and its program, where it has one, runs and has not fallen at once. Rejects with the reason, which
 * holds what the container or the program said last.
 */
export async function comeUp(
  worker: KeptWorker,
  options: {
    /** Null for a worker whose door cannot be reached: then its container has to run on. */
    readonly address: (() => Promise<WorkerAddress>) | null;
    readonly said: Said;
    readonly timeoutMs: number;
    /** A program that falls is left to its supervisor, which starts it again. */
    readonly mayFall: boolean;
    readonly signal: AbortSignal;
  },
): Promise<readonly InstanceStatus[]> {
  const { said, timeoutMs, mayFall, signal } = options;
  const over = new AbortController();
  let trouble = "";
  const late = setTimeout(
    () => over.abort(failed(worker, `it did not come up within ${timeoutMs / 1000} s${trouble}`, said.text())),
    timeoutMs,
  );
  const stop = (): void =>
    over.abort(
      new NovaError("RUN_CANCELLED", `The start of the worker ${quote(worker.name)} was cancelled.`, {
        next: "Start it again; nothing was left of it.",
      }),
    );
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  void said.ended.then(() => over.abort(failed(worker, "its container ended", said.text())));
  const ended = new Promise<never>((_, reject) => {
    over.signal.addEventListener("abort", () => reject(over.signal.reason as Error), { once: true });
    if (over.signal.aborted) reject(over.signal.reason as Error);
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([
      ended,
      options.address
        ? askUntilUp(worker, options.address, { over, mayFall, onTrouble: (words) => (trouble = ` (${words})`) })
        : stands(over.signal),
    ]);
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
    over.abort();
  }
}

async function stands(signal: AbortSignal): Promise<readonly InstanceStatus[]> {
  await pause(STEADY_MS, signal);
  return [];
}

async function askUntilUp(
  worker: KeptWorker,
  address: () => Promise<WorkerAddress>,
  {
    over,
    mayFall,
    onTrouble,
  }: { readonly over: AbortController; readonly mayFall: boolean; readonly onTrouble: (words: string) => void },
): Promise<readonly InstanceStatus[]> {
  const link = openLink({
    dial: dialFrom(address),
    firstDelayMs: 50,
    mostDelayMs: 100,
    onState: (state) => {
      if (state.kind === "waiting") onTrouble(state.error.message);
      // A door that answers and does not let its own host in, or is another's, will not do better later.
      if (state.kind === "waiting" && ["DOOR_REFUSED", "NOT_SUPPORTED"].includes(state.error.code)) over.abort(state.error);
    },
  });
  try {
    const options = { timeoutMs: null, signal: over.signal };
    await link.call("supervisor.info", {}, options);
    if (worker.settings.argv.length > 0 && !mayFall) await steady(worker, link, over.signal);
    return (await link.call("process.list", {}, options)).instances;
  } catch (error) {
    if (over.signal.aborted && over.signal.reason instanceof NovaError) throw over.signal.reason;
    throw error;
  } finally {
    await link.close();
  }
}

async function steady(worker: KeptWorker, link: WorkerLink, signal: AbortSignal): Promise<void> {
  const id = worker.settings.instance;
  let since: number | null = null;
  for (;;) {
    const { instances } = await link.call("process.list", {}, { timeoutMs: null, signal });
    const status = instances.find((one) => one.id === id);
    if (status && (status.state === "crashed" || status.restarts > 0 || (status.state === "stopped" && status.exitCode !== 0)))
      throw failed(worker, `its program ${quote(id)} did not stay up: ${status.why}`, await lastLines(link, id, signal));
    if (status?.state === "stopped") return;
    if (status?.state === "running") since ??= performance.now();
    if (since !== null && performance.now() - since >= STEADY_MS) return;
    await pause(LOOK_AGAIN_MS, signal);
  }
}

async function lastLines(link: WorkerLink, id: string, signal: AbortSignal): Promise<string> {
  try {
    const { records } = await link.call("logs.get", { instances: [id], limit: 30 }, { timeoutMs: 5000, signal });
    return records.flatMap((record) => (record.kind === "log" ? [record.text] : [])).join("\n");
  } catch (error) {
    return `(its log cannot be read: ${messageOf(error)})`;
  }
}

function failed({ name }: KeptWorker, why: string, said: string): NovaError {
  const lines = said
    .trimEnd()
    .split("\n")
    .slice(-30)
    .map((line) => `  ${line.slice(0, 500)}`);
  const log = said.trim() === "" ? "It said nothing." : `Its last words:\n${lines.join("\n")}`;
  return new NovaError("WORKER_FAILED", `The worker ${quote(name)} was not started: ${why}. ${log}`, {
    next: "Mend what it says, then start it again; nothing was left of it.",
    facts: { worker: name },
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = (): void => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener("abort", end, { once: true });
  return promise.then(() => {
    signal.removeEventListener("abort", end);
    signal.throwIfAborted();
  });
}
