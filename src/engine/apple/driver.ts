/**
 * Apple Container, through its command line program, the only door that it has. NOT RUN ON A MAC YET: its argument lists are
 * tested to the letter against Apple's reference and its readers on documented output, its child processes with a stand-in.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { NovaError, hasCode, quote } from "../../model/errors.ts";
import type { BuildOptions, BuildProgress, Capabilities, ContainerInfo, Engine, ExecResult, ImageInfo } from "../engine.ts";
import type { ImageBuild } from "../spec.ts";
import { probeApple } from "./probe.ts";
import { exitOf, runProgram, startProgram } from "./program.ts";
import type { Ended } from "./program.ts";
import {
  buildArguments,
  createArguments,
  deleteArguments,
  execArguments,
  imageDeleteArguments,
  imageInspectArguments,
  inspectArguments,
  killArguments,
  listArguments,
  stopArguments,
} from "./request.ts";
import { readBuildLine, readContainers, readImage, saysExists, saysMissing } from "./response.ts";
import { sessions } from "./sessions.ts";

const capabilities: Capabilities = {
  fileMounts: false,
  pidsLimit: false,
  swapLimit: false,
  networkNone: true,
  hardening: false,
  outOfMemory: false,
  restarts: false,
};

const CONTROL_TIMEOUT_MS = 60_000;

/** Apple Container 1.0 or newer, through the program at `binary`. */
export function appleEngine(engine: { readonly binary: string }): Engine {
  const { binary } = engine;
  const running = sessions(binary, (id) => inspect(id));

  async function run(argv: readonly string[], timeoutMs: number = CONTROL_TIMEOUT_MS): Promise<Ended> {
    return await runProgram(binary, argv, { timeoutMs });
  }

  /** Runs it; what fails is `ENGINE_REFUSED` in its own words, unless `excuse` takes it. */
  async function command(
    argv: readonly string[],
    excuse: (ended: Ended) => boolean = () => false,
    timeoutMs?: number,
  ): Promise<Ended> {
    const ended = await run(argv, timeoutMs);
    if (ended.exitCode === 0 || excuse(ended)) return ended;
    throw new NovaError(
      "ENGINE_REFUSED",
      `\`container ${argv[0]}\` failed with ${ended.exitCode}: ${ended.stderr.trim().slice(0, 2000) || "it printed nothing"}`,
      {
        facts: { argv, exitCode: ended.exitCode },
      },
    );
  }
  const missing = (ended: Ended): boolean => saysMissing(ended.stderr);

  async function inspect(id: string): Promise<ContainerInfo | undefined> {
    const ended = await command(inspectArguments(id), missing);
    return ended.exitCode === 0 ? readContainers(ended.stdout).find((container) => container.id === id) : undefined;
  }

  async function findImage(reference: string): Promise<ImageInfo | undefined> {
    const ended = await command(imageInspectArguments(reference), missing);
    return ended.exitCode === 0 ? readImage(ended.stdout) : undefined;
  }

  async function buildImage(build: ImageBuild, options: BuildOptions = {}): Promise<ImageInfo> {
    const directory = await mkdtemp(join(tmpdir(), "novabot-build-"));
    try {
      const tar = await startProgram("tar", ["-x", "-f", "-", "-C", directory], "pipe");
      tar.stdout?.resume();
      let complaint = "";
      tar.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint += text));
      const unpacked = exitOf(tar);
      if (tar.stdin) {
        await pipeline(build.context, tar.stdin, { ...(options.signal ? { signal: options.signal } : {}) }).catch(
          (thrown: unknown) => {
            // tar goes at the archive's end, and the padding after it may still be on its way; how tar ended decides.
            if (!hasCode(thrown, "ERR_STREAM_PREMATURE_CLOSE", "EPIPE")) throw thrown;
          },
        );
      }
      if ((await unpacked) !== 0)
        throw new NovaError(
          "IMAGE_BUILD_FAILED",
          `The context of ${quote(build.tag)} cannot be unpacked: ${quote(complaint.trim())}`,
        );
      const last: string[] = [];
      let step: BuildProgress | undefined;
      const ended = await runProgram(binary, buildArguments(build, directory), {
        ...(options.signal ? { signal: options.signal } : {}),
        onLine(line) {
          const progress = readBuildLine(line);
          if (progress.kind === "instruction") step = progress;
          last.push(line);
          if (last.length > 30) last.shift();
          options.onProgress?.({ ...progress, step: step?.step ?? null, steps: step?.steps ?? null });
        },
      });
      if (ended.exitCode !== 0) {
        throw new NovaError(
          "IMAGE_BUILD_FAILED",
          `The image ${quote(build.tag)} could not be built at ${step?.text ?? "its beginning"}:\n${last.map((line) => `  ${line}`).join("\n")}`,
          {
            facts: { tag: build.tag, lastLines: last },
          },
        );
      }
    } catch (error) {
      if (!options.signal?.aborted) throw error;
      throw new NovaError("IMAGE_BUILD_FAILED", `The build of the image ${quote(build.tag)} was cancelled.`, {
        facts: { tag: build.tag, cancelled: true },
        cause: error,
      });
    } finally {
      build.context.destroy();
      await rm(directory, { recursive: true, force: true });
    }
    const image = await findImage(build.tag);
    if (!image) throw new NovaError("IMAGE_BUILD_FAILED", `The engine said no error and made no image ${quote(build.tag)}.`);
    return image;
  }

  return {
    name: "apple",
    capabilities,
    probe: () => probeApple(binary),
    findImage,
    buildImage,
    async removeImage(reference) {
      const ended = await command(imageDeleteArguments(reference), missing);
      if (ended.exitCode !== 0)
        throw new NovaError("IMAGE_NOT_FOUND", `The image ${quote(reference)} is not there.`, { facts: { image: reference } });
    },
    async create(spec) {
      const ended = await run(createArguments(spec));
      if (ended.exitCode === 0) return spec.name;
      if (saysExists(ended.stderr))
        throw new NovaError("CONTAINER_CONFLICT", `A container named ${quote(spec.name)} exists already.`, {
          facts: { name: spec.name },
        });
      if (saysMissing(ended.stderr) && (await findImage(spec.image)) === undefined) {
        throw new NovaError("IMAGE_NOT_FOUND", `The image ${quote(spec.image)} is not there.`, {
          facts: { image: spec.image },
        });
      }
      throw new NovaError(
        "ENGINE_REFUSED",
        `\`container create\` failed with ${ended.exitCode}: ${ended.stderr.trim().slice(0, 2000)}`,
      );
    },
    attach: (id) => Promise.resolve(running.attach(id)),
    start: (id) => running.start(id),
    async wait(id) {
      const exitCode = await running.wait(id);
      return { exitCode, outOfMemory: false };
    },
    async stop(id, graceMs) {
      await command(stopArguments(id, graceMs), missing, graceMs + CONTROL_TIMEOUT_MS);
    },
    async kill(id, signal) {
      await command(killArguments(id, signal), (ended) => missing(ended) || /not running/i.test(ended.stderr));
    },
    async remove(id) {
      await command(deleteArguments(id), missing);
    },
    async exec(id, argv, exec): Promise<ExecResult> {
      return await runProgram(binary, execArguments(id, argv, exec?.user), {
        ...(exec?.signal ? { signal: exec.signal } : {}),
        ...(exec?.onOutput ? { onOutput: exec.onOutput } : {}),
      });
    },
    inspect,
    async list(labels) {
      const containers = readContainers((await command(listArguments())).stdout);
      return containers.filter((container) => Object.entries(labels).every(([name, value]) => container.labels[name] === value));
    },
    // oxlint-disable-next-line require-yield -- There is no stream of events to yield from.
    async *events() {
      await sleep(0);
      throw new NovaError("NOT_SUPPORTED", "Apple Container tells no events.");
    },
  };
}
