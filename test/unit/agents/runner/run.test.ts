import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentEnvironment } from "../../../../src/agents/runner/agent-env.ts";
import { Forwarder } from "../../../../src/agents/runner/forwarder.ts";
import { rehearse } from "../../../../src/agents/runner/rehearsal.ts";
import { type Container, Run } from "../../../../src/agents/runner/run.ts";
import type { ContainerInput, ContainerOutput } from "../../../../src/model/protocol.ts";
import { framesIn } from "../../../fixtures/agent-container.ts";

let cwd: string;
let stdout: PassThrough;
let container: Container;
/** What stood on stdout when what was left behind was cleared away. */
let cleared: string | undefined;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "novabot-run-"));
  stdout = new PassThrough();
  container = {
    stdout,
    stderr: new PassThrough().resume(),
    environment: new AgentEnvironment(join(cwd, "env")),
    forwarder: new Forwarder(join(cwd, "gateway.sock")),
    cwd,
    clearAway: () => void (cleared = String(stdout.read() ?? "")),
    expire: () => undefined,
  };
  cleared = undefined;
});
afterEach(async () => await rm(cwd, { recursive: true }));

const input = (more: Partial<ContainerInput>): Buffer =>
  Buffer.from(
    JSON.stringify({ prompt: "p", groupFolder: "g", chatJid: "local:a", isMain: false, nonce: "n", run: "r", ...more }),
  );
const shell = (script: string): Partial<ContainerInput> => ({ agent: { command: ["sh", "-c", script] } });
async function serve(bytes: Buffer | Error): Promise<ContainerOutput[]> {
  await new Run(container).serve(bytes);
  return framesIn(String(stdout.read() ?? ""));
}

describe("a run", () => {
  test("has its frames written when it is over, the last one marked", async () => {
    const frames = await serve(input(shell('cat; echo " $NOVABOT_GROUP $NOVABOT_CHAT_JID $NOVABOT_IS_MAIN"; pwd')));
    expect(frames).toEqual([
      {
        status: "success",
        result: `p g local:a false\n${cwd}`,
        newSessionId: expect.any(String),
        final: true,
        nonce: "n",
        run: "r",
      },
    ]);
  });

  test("gives its own variables precedence over the env file, which is read anew when it changes", async () => {
    const tell = { ...shell('echo "$A $B"'), variables: { B: "run" } };
    expect((await serve(input(tell)))[0]?.result).toBe(" run");
    await writeFile(join(cwd, "env"), "export A='1' B='file'\n");
    expect((await serve(input(tell)))[0]?.result).toBe("1 run");
    await rm(join(cwd, "env"));
    expect((await serve(input(tell)))[0]?.result).toBe(" run");
  });

  test("without the gateway that it needs is an error", async () => {
    const frames = await serve(input({ ...shell("true"), gateway: { broker: true, proxy: false } }));
    expect(frames[0]).toMatchObject({ status: "error", error: expect.stringContaining("gateway.sock"), nonce: "n" });
    expect((await serve(input({ ...shell("true"), gateway: { broker: false, proxy: false } })))[0]?.status).toBe("success");
  });

  test("clears away what its agent left before it says that it is over", async () => {
    expect(await serve(input(shell("echo done")))).toHaveLength(1);
    expect(cleared).toBe("");
  });

  test("is rehearsed once in a container that waits, with nothing to be heard of it, unless it is called off", async () => {
    const rehearsed = Promise.withResolvers<void>();
    const environment = { read: () => (rehearsed.resolve(), process.env) } as unknown as AgentEnvironment;
    rehearse({ ...container, environment });
    const callOff = rehearse({ ...container, environment: { read: () => expect.fail() } as unknown as AgentEnvironment });
    callOff();
    await rehearsed.promise;
    expect(stdout.read()).toBeNull();
  });

  test("tells what is wrong with its input, to whoever gave the nonce", async () => {
    expect(await serve(Buffer.from('{"nonce":"n","run":"r"}'))).toEqual([
      { status: "error", result: null, error: "The input's prompt must be a text.", final: true, nonce: "n", run: "r" },
    ]);
    expect((await serve(new Error("too long")))[0]).toEqual({ status: "error", result: null, error: "too long", final: true });
  });

  test("that is stopped while its guard works starts no agent", async () => {
    const run = new Run(container);
    const served = run.serve(input({ ...shell("touch agent.txt; echo no"), guard: "exec sleep 1000" }));
    await expect.poll(() => run.isLive).toBe(true);
    run.stop();
    expect(await served).toBe("error");
    expect(run.isLive).toBe(false);
    const [frame] = framesIn(String(stdout.read()));
    expect(frame?.error).toBe("The agent was told to stop before it had answered.");
  });

  test("asks its guard first, in the same place and with the same variables", async () => {
    const guarded = (guard: string): Buffer => input({ agent: { command: ["cat"] }, guard, variables: { A: "1" } });
    expect((await serve(guarded('echo "$A $NOVABOT_GROUP"')))[0]?.result).toBe("p\n\n1 g");
    expect((await serve(guarded("exit 1")))[0]).toEqual({
      status: "success",
      result: null,
      skipped: true,
      final: true,
      nonce: "n",
      run: "r",
    });
    expect((await serve(guarded("exit 7")))[0]).toMatchObject({
      status: "error",
      error: expect.stringContaining("The guard exited with status 7"),
    });
  });
});
