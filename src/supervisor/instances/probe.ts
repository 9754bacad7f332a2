import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import type { ProbeTarget } from "../../model/instance.ts";
import { messageOf, quote } from "../../model/errors.ts";
import { get } from "../node-http.ts";
import { signalProcess } from "./end-processes.ts";

/** Where a command probe runs. */
export interface ProbePlace {
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
}

/** Asks once. Null: it answered as it should; else why not, as the end of a sentence. Ends by `signal` at the latest. */
export async function probe(
  target: ProbeTarget,
  place: ProbePlace,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    const answer = await ask(target, place, ending.signal);
    return answer !== null && isLate ? `${name(target)} did not answer within ${timeoutMs} ms` : answer;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

function ask(target: ProbeTarget, place: ProbePlace, signal: AbortSignal): Promise<string | null> {
  if (target.kind === "port") return askPort(target.port, signal);
  return target.kind === "http" ? askHTTP(target, signal) : run(target.argv, place, signal);
}

function name(target: ProbeTarget): string {
  if (target.kind === "port") return `port ${target.port}`;
  return target.kind === "http" ? `http://127.0.0.1:${target.port}${target.path}` : `the command ${quote(target.argv.join(" "))}`;
}

function askPort(port: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, signal });
    socket.once("connect", () => {
      socket.destroy();
      resolve(null);
    });
    socket.once("error", (error) => resolve(`port ${port} does not answer (${messageOf(error)})`));
  });
}

function askHTTP(target: Extract<ProbeTarget, { kind: "http" }>, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port: target.port, path: target.path, agent: false, signal });
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? null : `${name(target)} answered ${status}`);
      // The status decides; a body that never ends must not keep the probe.
      response.destroy();
    });
    request.on("error", (error) => resolve(`${name(target)} does not answer (${messageOf(error)})`));
  });
}

function run(argv: readonly string[], { env, directory }: ProbePlace, signal: AbortSignal): Promise<string | null> {
  const target = name({ kind: "command", argv });
  return new Promise((resolve) => {
    const kill = (): void => {
      if (child.pid !== undefined) signalProcess(-child.pid, "SIGKILL");
    };
    let child: ChildProcess;
    try {
      child = spawn(argv[0] ?? "", argv.slice(1), { cwd: directory, env, stdio: "ignore", detached: true });
    } catch (thrown) {
      resolve(`${target} could not be run (${messageOf(thrown)})`);
      return;
    }
    child.once("error", (error) => resolve(`${target} could not be run (${messageOf(error)})`));
    child.once("exit", (code, by) => {
      // What it left running in its group is of no use to anybody.
      kill();
      signal.removeEventListener("abort", kill);
      resolve(code === 0 ? null : `${target} ended with ${by ?? `status ${code}`}`);
    });
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
  });
}
