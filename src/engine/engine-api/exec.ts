import { NovaError, quote } from "../../model/errors.ts";
import type { ExecOptions, ExecResult } from "../engine.ts";
import { readExec, readID } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { demultiplexer } from "./demultiplex.ts";
import { brokenAnswer, containerNotFound, isGone } from "./errors.ts";
import { containerPath } from "./paths.ts";

/** Commands that NovaBot runs in containers ask short questions. */
const OUTPUT_LIMIT_BYTES = 16 * 2 ** 20;

/** Runs a command in a running container to its end. */
export async function execInContainer(
  connection: Connection,
  id: string,
  argv: readonly string[],
  { user, signal, onOutput }: ExecOptions = {},
): Promise<ExecResult> {
  const what = `run ${quote(argv[0] ?? "")} in the container`;
  try {
    const body = { AttachStdout: true, AttachStderr: true, Cmd: argv, ...(user === undefined ? {} : { User: user }) };
    const created = await connection.call({ method: "POST", path: `${containerPath(id)}/exec`, body, what });
    const path = `/exec/${encodeURIComponent(readID(created.body, what))}`;
    const output = await connection.open({
      method: "POST",
      path: `${path}/start`,
      body: { Detach: false, Tty: false },
      what,
      ...(signal ? { signal } : {}),
    });

    const kept: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    const frames = demultiplexer((stream, data) => {
      if (onOutput) return onOutput(stream, data);
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
    if (isGone(error)) throw containerNotFound(id);
    throw error instanceof NovaError ? error : brokenAnswer(connection.socket, what, error);
  }
}
