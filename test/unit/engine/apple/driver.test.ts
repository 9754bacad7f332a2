import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { appleEngine } from "../../../../src/engine/apple/driver.ts";
import type { Engine } from "../../../../src/engine/engine.ts";
import { tarOf } from "../../../fixtures/engines/image.ts";
import { fullSpec } from "../../../fixtures/engines/spec.ts";

/** Against a stand-in for the program: what is tested is how children are started, fed, read and waited for. */
describe("the Apple driver's child processes", () => {
  let directory: string;
  let engine: Engine;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "novabot-test-apple-"));
    await cp(new URL("../../../fixtures/engines/apple/container", import.meta.url), join(directory, "container"));
    engine = appleEngine({ binary: join(directory, "container") });
  });
  afterEach(async () => await rm(directory, { recursive: true, force: true }));
  const spec = (name: string, script: string) => ({
    ...fullSpec,
    name,
    entrypoint: ["/bin/sh"],
    command: ["-c", script],
    mounts: [],
  });

  test("a run from create to its end, with bytes as they are", async () => {
    const input = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 256));
    const id = await engine.create(spec("c-run", "cat; echo done >&2; exit 7"));
    const streams = await engine.attach(id);
    const end = engine.wait(id);
    await engine.start(id);
    streams.stdin.end(input);
    const [stdout, stderr, exit] = await Promise.all([buffer(streams.stdout), text(streams.stderr), end]);
    expect(stdout.equals(input)).toBe(true);
    expect(stderr).toBe("done\n");
    expect(exit).toEqual({ exitCode: 7, outOfMemory: false });
    expect(await engine.inspect(id)).toBeUndefined();
  });

  test("a container that exits before it has read 5 MB", async () => {
    const id = await engine.create(spec("c-early", "echo early; exit 3"));
    const streams = await engine.attach(id);
    const end = engine.wait(id);
    await engine.start(id);
    streams.stdin.end(Buffer.alloc(5_000_000));
    streams.stderr.resume();
    expect(await text(streams.stdout)).toBe("early\n");
    expect((await end).exitCode).toBe(3);
  });

  test("names that are taken, and containers that are gone", async () => {
    await engine.create(spec("c-one", "true"));
    await expect(engine.create(spec("c-one", "true"))).rejects.toMatchObject({ code: "CONTAINER_CONFLICT" });
    expect((await engine.list({ kind: "c-one" })).map(({ id }) => id)).toEqual(["c-one"]);
    expect(await engine.list({ kind: "other" })).toEqual([]);
    await engine.remove("c-one");
    await engine.remove("c-one");
    await engine.kill("c-one", "SIGTERM");
    await engine.stop("c-one", 2000);
    expect((await readFile(join(directory, "state/calls"), "utf8")).split("\n")).toContain("stop --time 2 c-one");
  });

  test("exec gives output and exit code", async () => {
    expect(await engine.exec("c-x", ["sh", "-c", "echo out; echo err >&2; exit 5"])).toEqual({
      exitCode: 5,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("services that stop are the engine's loss", async () => {
    const id = await engine.create(spec("c-lost", "sleep 30"));
    await engine.attach(id);
    const end = engine.wait(id);
    await writeFile(join(directory, "state/down"), "");
    await expect(end).rejects.toMatchObject({ code: "ENGINE_LOST" });
    await expect(engine.probe()).rejects.toMatchObject({ code: "ENGINE_LOST", next: "Run `container system start`." });
  });

  test("what the probe says", async () => {
    expect(await engine.probe()).toMatchObject({
      product: "Apple Container",
      version: "1.2.0",
      endpoint: join(directory, "container"),
    });
    await mkdir(join(directory, "state"), { recursive: true });
    await writeFile(join(directory, "state/version"), "0.9.0");
    await expect(engine.probe()).rejects.toMatchObject({ code: "NOT_SUPPORTED" });
    await expect(appleEngine({ binary: join(directory, "nothing") }).probe()).rejects.toMatchObject({ code: "ENGINE_LOST" });
  });

  test("a build unpacks its context, and tells of its failure", async () => {
    const context = join(directory, "context");
    await mkdir(context);
    await writeFile(join(context, "Dockerfile"), "FROM scratch\n");
    const lines: string[] = [];
    const build = { tag: "x:1", buildArgs: {}, labels: {} };
    await engine.buildImage(
      { ...build, context: tarOf(context) },
      { onProgress: ({ kind, step, text: line }) => lines.push(`${kind} ${step} ${line}`) },
    );
    expect(lines).toEqual(["instruction 1 FROM scratch", "output 1 FROM scratch", "output 1 no newline"]);
    await writeFile(join(context, "Dockerfile"), "FAIL here\n");
    const failed = engine.buildImage({ ...build, context: tarOf(context) });
    await expect(failed).rejects.toMatchObject({
      code: "IMAGE_BUILD_FAILED",
      message: expect.stringContaining("FAIL here") as string,
    });
  });

  test("a build that is called off is killed", async () => {
    const context = join(directory, "context");
    await mkdir(context);
    await writeFile(join(context, "Dockerfile"), "HANG here\n");
    const abort = new AbortController();
    const building = engine.buildImage(
      { tag: "x:1", buildArgs: {}, labels: {}, context: tarOf(context) },
      { signal: abort.signal, onProgress: ({ kind }) => kind === "instruction" && abort.abort() },
    );
    await expect(building).rejects.toMatchObject({ code: "IMAGE_BUILD_FAILED", facts: { cancelled: true } });
    const calls = (await readFile(join(directory, "state/calls"), "utf8")).trim().split("\n");
    expect(calls.at(-1)).toMatch(/^build /);
  });

  test("a program that a signal ends has 128 and the signal's number for its exit code", async () => {
    expect(await engine.exec("c-x", ["sh", "-c", "kill -INT $$"])).toMatchObject({ exitCode: 130 });
    expect(await engine.exec("c-x", ["sh", "-c", "kill -KILL $$"])).toMatchObject({ exitCode: 137 });
    const id = await engine.create(spec("c-signal", 'rm "$STATE/c-signal"; kill -HUP $PPID'));
    await engine.attach(id);
    const end = engine.wait(id);
    await engine.start(id);
    expect(await end).toMatchObject({ exitCode: 129 });
  });
});
