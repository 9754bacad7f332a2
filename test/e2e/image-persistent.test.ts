import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import type { ContainerInput, ContainerOutput } from "../../src/model/protocol.ts";
import { type GroupFolders, makeGroupFolders, type OpenContainer, openAgentContainer } from "../fixtures/agent-container.ts";

let engine: Engine;
let folders: GroupFolders;
let container: OpenContainer;

beforeAll(async () => {
  engine = await findEngine(process.env);
  folders = await makeGroupFolders();
});
afterEach(async () => await engine.remove(container.id));
afterAll(async () => await folders.remove());

const keep = async (): Promise<OpenContainer> =>
  (container = await openAgentContainer(engine, { folders, env: { NOVABOT_CONTAINER_MODE: "persistent" } }));
const shell = (script: string): Pick<ContainerInput, "agent"> => ({ agent: { command: ["bash", "-c", script] } });
const last =
  (run: string) =>
  (frame: ContainerOutput): boolean =>
    frame.run === run && frame.final === true;
/** Sends a run and resolves with its last frame. */
async function ask(run: string, input: Partial<ContainerInput>): Promise<ContainerOutput> {
  container.send({ prompt: "x", run, nonce: `nonce-${run}`, ...input });
  return await container.frame(last(run));
}

describe("a container that is kept", () => {
  test("serves run after run, each frame with the nonce and the id of its own", async () => {
    await keep();
    expect(await ask("a", shell("echo one"))).toMatchObject({ status: "success", result: "one", nonce: "nonce-a" });
    const failed = await ask("b", shell("kill -9 $$"));
    expect(failed).toMatchObject({ status: "error", error: expect.stringContaining("SIGKILL"), nonce: "nonce-b" });
    expect(await ask("c", { agent: "demo", prompt: "hi" })).toMatchObject({ result: expect.stringContaining("You asked: hi") });
    container.end();
    const { exit, frames } = await container.ended;
    expect(exit.exitCode).toBe(0);
    expect(frames).toHaveLength(3);
  });

  test("takes runs one at a time, also when they all come at once, and answers of 2 MB whole", async () => {
    await keep();
    for (const run of ["a", "b", "c"]) {
      const script = `echo ${run} >> order.txt; sleep 0.1; echo -${run} >> order.txt; yes ${run} | head -c 2000000`;
      container.send({ prompt: "x", run, ...shell(script) });
    }
    container.end();
    const { frames, exit } = await container.ended;
    const whole = frames.map(({ run, result }) => [run, result?.length, new Set(result?.split("\n"))]);
    expect(whole).toEqual(["a", "b", "c"].map((run) => [run, 1_999_999, new Set([run])]));
    expect(await readFile(join(folders.group, "order.txt"), "utf8")).toBe("a\n-a\nb\n-b\nc\n-c\n");
    expect(exit.exitCode).toBe(0);
  });

  test("tells of a line that it cannot use, with the nonce that stands in it, and goes on", async () => {
    await keep();
    container.write('{"nonsense\n\n{"nonce":"n-1","run":"r-1"}\n');
    const wrong = await container.frame(({ nonce }) => nonce === "n-1");
    expect(wrong).toMatchObject({ status: "error", error: "The input's prompt must be a text.", run: "r-1", final: true });
    expect(await ask("a", shell("echo well"))).toMatchObject({ result: "well" });
    expect(container.frames()[0]).toEqual({
      status: "error",
      result: null,
      error: expect.stringContaining("not JSON"),
      final: true,
    });
  });

  test("lets nothing of a run live on", async () => {
    await keep();
    const leave =
      "setsid sleep 1000 >/dev/null 2>&1 </dev/null & sleep 1000 >/dev/null 2>&1 </dev/null & until [ $(pgrep -c sleep) = 2 ]; do :; done; pgrep -c sleep";
    expect(await ask("a", shell(leave))).toMatchObject({ result: "2" });
    expect(await ask("b", shell("pgrep -c sleep; true"))).toMatchObject({ result: "0" });
  });

  test("reads the env file anew when it has changed, and lets a run's own variables win", async () => {
    await keep();
    const tell = shell('echo "$KEY $OWN"');
    expect(await ask("a", tell)).toMatchObject({ result: " " });
    await writeFile(join(folders.environment, "env"), "export KEY='one' OWN='file'\n");
    expect(await ask("b", { ...tell, variables: { OWN: "run" } })).toMatchObject({ result: "one run" });
    expect(await ask("c", tell)).toMatchObject({ result: "one file" });
  });

  test("ends when it is told to, idle or at work", async () => {
    await keep();
    await ask("a", shell("echo one"));
    await engine.stop(container.id, 10_000);
    expect((await container.ended).exit.exitCode).toBe(143);
    await keep();
    container.send({ prompt: "x", run: "b", ...shell("echo begun >&2; touch begun.txt; sleep 1000") });
    await expect.poll(async () => await readFile(join(folders.group, "begun.txt"), "utf8").catch(() => undefined)).toBe("");
    await engine.stop(container.id, 10_000);
    const { frames, exit } = await container.ended;
    expect(frames.at(-1)).toMatchObject({
      run: "b",
      status: "error",
      error: "The agent was told to stop before it had answered.",
    });
    expect(exit.exitCode).toBe(143);
  });

  test("ends with a run whose deadline is over, and not by the deadline of one that is done", async () => {
    await keep();
    expect(await ask("a", { ...shell("echo one"), deadlineMs: 3000 })).toMatchObject({ result: "one" });
    expect(await ask("b", shell("sleep 3.2; echo two"))).toMatchObject({ result: "two" });
    container.send({ prompt: "x", run: "c", deadlineMs: 100, ...shell("sleep 1000") });
    expect((await container.ended).exit.exitCode).toBe(143);
  });
});

describe("a guard", () => {
  test("starts the agent and tells it what it printed, skips it, or is an error", async () => {
    await keep();
    const guarded = (guard: string, more: Partial<ContainerInput> = {}): Partial<ContainerInput> => ({
      prompt: "the prompt",
      guard,
      agent: { command: ["cat"] },
      ...more,
    });
    expect(await ask("a", guarded('echo "new: $NOVABOT_GROUP in $PWD"'))).toMatchObject({
      result: "the prompt\n\nnew: family-chat in /workspace/group",
    });
    expect(await ask("b", guarded("true"))).toMatchObject({ result: "the prompt" });
    const skipped = await ask("c", guarded("echo nothing new; exit 1"));
    expect(skipped).toEqual({ status: "success", result: null, skipped: true, final: true, run: "c", nonce: "nonce-c" });
    expect(await ask("d", guarded("echo it broke >&2; exit 2"))).toMatchObject({
      status: "error",
      error: "The guard exited with status 2: it broke",
    });
    const long = await ask("e", guarded("head -c 200000 /dev/zero | tr '\\0' x"));
    expect(long.result).toHaveLength("the prompt\n\n".length + 65_536);
  });
});
