import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { afterAll, describe, expect, test } from "vitest";
import type { BuildProgress, ImageInfo } from "../../../src/engine/engine.ts";
import type { ImageBuild } from "../../../src/engine/spec.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { tarOf } from "../../fixtures/engines/image.ts";
import { processesMarked, until } from "../../fixtures/engines/processes.ts";
import { run, specOf } from "../../fixtures/engines/containers.ts";

export function imagesSuite(fixture: () => TestEngine): void {
  const tag = "novabot-test-build:one";

  async function build(
    dockerfile: string,
    changes: Partial<ImageBuild> = {},
  ): Promise<{ image: ImageInfo; progress: BuildProgress[] }> {
    const directory = await mkdtemp(join(tmpdir(), "novabot-test-context-"));
    const progress: BuildProgress[] = [];
    try {
      await writeFile(join(directory, "Dockerfile"), dockerfile);
      await writeFile(join(directory, "file.txt"), "from the context\n");
      const image = await fixture().engine.buildImage(
        { tag, context: tarOf(directory), buildArgs: {}, labels: {}, ...changes },
        { onProgress: (step) => progress.push(step) },
      );
      return { image, progress };
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  describe("images", () => {
    afterAll(async () => {
      if (await fixture().engine.findImage(tag)) await fixture().engine.removeImage(tag);
    });

    test("a build tells its steps and gives the image", async () => {
      const { engine, image: base } = fixture();
      const dockerfile = `FROM ${base}\nARG WHO=nobody\nCOPY file.txt /file.txt\nRUN echo "made for $WHO" > /who && echo said while building\nLABEL own=yes\nUSER 1000:1000\n`;
      const { image, progress } = await build(dockerfile, {
        buildArgs: { WHO: "you & me" },
        labels: { "novabot.protocol": "2" },
      });
      expect(image.labels).toMatchObject({ own: "yes", "novabot.protocol": "2" });
      expect(image.user).toBe("1000:1000");
      expect(image.sizeBytes).toBeGreaterThan(1_000_000);
      expect(await engine.findImage(tag)).toEqual(image);
      const steps = progress.flatMap(({ step }) => (step === null ? [] : [step]));
      expect(steps).toEqual(steps.toSorted((a, b) => a - b));
      expect(Math.max(...steps)).toBe(progress.at(-1)?.steps);
      const instructions = progress.filter(({ kind }) => kind === "instruction");
      expect(instructions.map(({ step }) => step)).toEqual(instructions.map((_, index) => index + 1));
      expect(instructions[1]?.text).toBe("ARG WHO=nobody");
      expect(progress.filter(({ kind }) => kind === "output").map(({ text }) => text)).toContain("said while building");
      const { stdout } = await run(engine, specOf(fixture(), "cat /file.txt /who", { image: tag }));
      expect(stdout).toBe("from the context\nmade for you & me\n");
    });

    test("a stage can be the goal", async () => {
      const { image: base } = fixture();
      const { image } = await build(`FROM ${base} AS first\nLABEL stage=first\nFROM ${base} AS second\nLABEL stage=second\n`, {
        target: "first",
      });
      expect(image.labels["stage"]).toBe("first");
    });

    test("a step that fails is named, with its last output", async () => {
      const { image: base } = fixture();
      const failing = build(`FROM ${base}\nRUN echo the reason; echo on stderr >&2; exit 23\nRUN true\n`, {
        tag: "novabot-test-build:broken",
      });
      const error: unknown = await failing.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "IMAGE_BUILD_FAILED", facts: { step: 2 } });
      expect(String(error)).toContain("the reason");
      expect(String(error)).toContain("on stderr");
      expect(String(error)).toContain("RUN echo the reason");
      expect(await fixture().engine.findImage("novabot-test-build:broken")).toBeUndefined();
    });

    test("a build that is called off ends, on the engine as well", async () => {
      const { image: base, engine } = fixture();
      const mark = randomBytes(6).toString("hex");
      // Podman's service lets the step that runs end by itself, and begins no other.
      const seconds = engine.name === "podman" ? 3 : 987;
      const abort = new AbortController();
      const begun = Promise.withResolvers<void>();
      const context = pack();
      context.entry(
        { name: "Dockerfile" },
        `FROM ${base}\nRUN echo begun; sleep ${seconds}; : ${mark}\nRUN sleep 987; : ${mark}\n`,
      );
      context.finalize();
      const building = engine.buildImage(
        { tag: "novabot-test-build:cancelled", context: Readable.from(context), buildArgs: {}, labels: {} },
        { signal: abort.signal, onProgress: ({ kind, text }) => kind === "output" && text === "begun" && begun.resolve() },
      );
      building.catch(begun.reject);
      await begun.promise;
      expect(processesMarked([mark])).not.toEqual([]);
      abort.abort();
      await expect(building).rejects.toMatchObject({
        code: "IMAGE_BUILD_FAILED",
        message: expect.stringContaining("was cancelled") as string,
      });
      await until("the end of the build's processes", () => processesMarked([mark]).length === 0);
      expect(await engine.findImage("novabot-test-build:cancelled")).toBeUndefined();
      const never = new Readable({ read() {} });
      await expect(
        engine.buildImage({ tag, context: never, buildArgs: {}, labels: {} }, { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: "IMAGE_BUILD_FAILED", message: expect.stringContaining("was cancelled") as string });
    });

    test("a Dockerfile that cannot be read, and a context that breaks off", async () => {
      await expect(build("NONSENSE\n")).rejects.toMatchObject({ code: "IMAGE_BUILD_FAILED" });
      const breaking = new Readable({
        read() {
          this.destroy(new Error("the disk went away"));
        },
      });
      await expect(build("", { context: breaking })).rejects.toMatchObject({
        code: "IMAGE_BUILD_FAILED",
        message: expect.stringContaining("the disk went away") as string,
      });
      await expect(build("", { context: Readable.from([Buffer.from("no tar at all".repeat(100))]) })).rejects.toMatchObject({
        code: "IMAGE_BUILD_FAILED",
      });
    });

    test("an image that is not there", async () => {
      const { engine } = fixture();
      expect(await engine.findImage("novabot-none:test")).toBeUndefined();
      await expect(engine.removeImage("novabot-none:test")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
      await expect(engine.findImage("../containers")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    });
  });
}
