import { NovaError, quote } from "../../model/errors.ts";
import type { ExecResult } from "../engine.ts";
import { readExec, readID } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { demultiplexer } from "./demultiplex.ts";
import { containerNotFound, isGone } from "./errors.ts";
import type { Liveness } from "./liveness.ts";
import { containerPath } from "./paths.ts";

/** Commands that NovaBot runs in containers ask short questions. */
const OUTPUT_LIMIT_BYTES = 16 * 2 ** 20;

/** Runs a command in a running container to its end. */
export async function execInContainer(
  connection: Connection,
  alive: Liveness,
  id: string,
  argv: readonly string[],
  user?: string,
): Promise<ExecResult> {
  const what = `run ${quote(argv[0] ?? "")} in the container`;
  const giveUp = new AbortController();
  let lost: NovaError | undefined;
  const unwatch = alive.watch((error) => {
    lost = error;
    giveUp.abort(error);
  });
  try {
    const body = { AttachStdout: true, AttachStderr: true, Cmd: argv, ...(user === undefined ? {} : { User: user }) };
    const created = await connection.call({ method: "POST", path: `${containerPath(id)}/exec`, body, what });
    const path = `/exec/${encodeURIComponent(readID(created.body, what))}`;
    const output = await connection.open({
      method: "POST",
      path: `${path}/start`,
      body: { Detach: false, Tty: false },
      signal: giveUp.signal,
      what,
    });
    giveUp.signal.addEventListener("abort", () => output.destroy(lost), { once: true });

    const kept: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    const frames = demultiplexer((stream, data) => {
      size += data.length;
      if (size > OUTPUT_LIMIT_BYTES)
        throw new NovaError("ENGINE_RESPONSE", `${quote(argv[0] ?? "")} printed more than ${OUTPUT_LIMIT_BYTES} bytes.`);
      kept[stream].push(data);
    });
    for await (const chunk of output as AsyncIterable<Buffer>) frames.push(chunk);

    const ended = readExec((await connection.call({ method: "GET", path: `${path}/json`, what })).body);
    if (ended.exitCode === undefined || ended.running)
      throw new NovaError("ENGINE_RESPONSE", `The engine does not say how ${quote(argv[0] ?? "")} ended.`);
    return {
      exitCode: ended.exitCode,
      stdout: Buffer.concat(kept.stdout).toString("utf8"),
      stderr: Buffer.concat(kept.stderr).toString("utf8"),
    };
  } catch (error) {
    if (lost) throw lost;
    if (isGone(error)) throw containerNotFound(id);
    if (error instanceof NovaError) throw error;
    throw (
      (await alive.check()) ??
      new NovaError("ENGINE_LOST", `The engine broke off the answer when asked to ${what}.`, { cause: error })
    );
  } finally {
    unwatch();
  }
}
