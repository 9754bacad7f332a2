import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import type { ContainerSpec } from "../src/engine/spec.ts";
import { ANSWER, buildAgentImage, IMAGE } from "./cold-run/agent-image.ts";
import { group, inputFor, makeBed, type Bed } from "./cold-run/bed.ts";
import { runDocker } from "./cold-run/docker-cli.ts";
import { dockerMemory, novabotMemory, type PerRun } from "./cold-run/memory.ts";
import { RawAPI } from "./cold-run/raw-api.ts";
import { findSocket } from "./socket.ts";
import { median, table } from "./table.ts";

// A cold run, prompt to answer and container gone, through NovaBot, by bare Engine API calls and by `docker run`: the same container
// each time. Then the host's memory for each live run.

const { values: options } = parseArgs({
  options: {
    socket: { type: "string" },
    base: { type: "string", default: "novabot-base:latest" },
    rounds: { type: "string", default: "20" },
    live: { type: "string", default: "30" },
    "memory-only": { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const live = Number(options.live);

async function measureTime(bed: Bed, socket: string): Promise<Map<string, number[]>> {
  const raw = new RawAPI(socket);
  const of = group("cold");
  const prompt = "What is the weather in Paris?";
  // The peers get the container's description and its directories made; NovaBot's own time includes making both.
  const input = inputFor(of, prompt);
  const subjects: Readonly<Record<string, (spec: ContainerSpec) => Promise<void>>> = {
    async NovaBot() {
      const { record, result } = await bed.installation.runs.run({ group: of, prompt });
      if (result !== ANSWER) throw new Error(`NovaBot: ${record.outcome}: ${record.error}`);
    },
    "raw Engine API": (spec) => raw.run(spec, input),
    "docker run": (spec) => runDocker(socket, spec, input),
  };
  const times = new Map<string, number[]>(Object.keys(subjects).map((name) => [name, []]));
  // Round zero fills the caches of the disk and of the daemon; the others are interleaved, so that all see the same machine,
  // and begin with another subject each time.
  const names = Object.keys(subjects);
  for (let round = 0; round <= rounds; round += 1) {
    for (let index = 0; index < names.length; index += 1) {
      const name = names[(index + round) % names.length] ?? "";
      const spec = await bed.spec(of);
      const began = performance.now();
      await subjects[name]?.(spec);
      if (round > 0) times.get(name)?.push(performance.now() - began);
    }
  }
  raw.close();
  return times;
}

/** NovaBot's memory is measured in a process that has done nothing else. */
async function inOwnProcess(socket: string): Promise<void> {
  const bed = await makeBed(socket);
  try {
    process.stdout.write(JSON.stringify(await novabotMemory(bed, live)));
  } finally {
    await bed.close();
  }
}

async function main(): Promise<void> {
  const socket = findSocket(options.socket);
  if (options["memory-only"]) return await inOwnProcess(socket);

  const bed = await makeBed(socket);
  try {
    await buildAgentImage(bed.engine, options.base);
    const info = await bed.engine.probe();
    const times = await measureTime(bed, socket);
    const novabot = median(times.get("NovaBot") ?? []);
    const ratio = (name: string): number => novabot / median(times.get(name) ?? []);
    process.stdout.write(`A cold run on ${info.product} ${info.version}: medians of ${rounds} interleaved rounds.\n\n`);
    const rows = [...times].map(([name, all]) => {
      const sorted = all.toSorted((a, b) => a - b);
      return [
        name,
        median(all).toFixed(0),
        (sorted[0] ?? Number.NaN).toFixed(0),
        (sorted.at(-1) ?? Number.NaN).toFixed(0),
        ratio(name).toFixed(2),
      ];
    });
    process.stdout.write(table(["run by", "median ms", "least", "most", "NovaBot takes ×"], rows));
    const isFast = ratio("raw Engine API") <= 1.1 && ratio("docker run") < 1;
    process.stdout.write(`\nAim: at most 1.1 times the raw API, and faster than docker run: ${isFast ? "met" : "missed"}.\n\n`);

    const args = ["--expose-gc", import.meta.filename, "--memory-only", "--socket", socket, "--live", String(live)];
    const own = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as PerRun;
    const docker = await dockerMemory(bed, socket, live);
    const memory = (name: string, each: PerRun): string[] => [
      name,
      (each.rssKiB / 1024).toFixed(2),
      (each.pssKiB / 1024).toFixed(2),
    ];
    process.stdout.write(`Host memory for each of ${live} live runs, daemons left out.\n\n`);
    process.stdout.write(
      table(["run by", "resident MiB", "proportional MiB"], [memory("NovaBot", own), memory("docker run", docker)]),
    );
    process.stdout.write(`\nAim: less than 1 MiB: ${own.rssKiB < 1024 ? "met" : "missed"}.\n`);
  } finally {
    await bed.engine.removeImage(IMAGE).catch(() => undefined);
    await bed.close();
  }
}

await main();
