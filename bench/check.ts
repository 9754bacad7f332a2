import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { composeCorpus } from "../test/fixtures/compose-corpus/fetch.ts";
import { oracleEnvironment } from "../test/fixtures/compose-oracle.ts";
import { composeProgram } from "../test/fixtures/compose-programs.ts";
import { largeFile } from "./check/large-file.ts";
import { type Case, measure, type OwnFigures, type Work } from "./check/own-process.ts";
import { type Ran, runProcess } from "./check/process.ts";
import { compareSecrets } from "./check/secrets.ts";
import { median, table } from "./table.ts";

// Reading Compose files that people wrote, against Docker Compose reading the same: many in one process here, a process for each there, which
// is how either is used in a check. Then one large file, and one small file with everything that a command's start costs.

const { values: options } = parseArgs({
  options: {
    sample: { type: "string", default: "200" },
    passes: { type: "string", default: "5" },
    // What this program asks of a second process of itself: the paths, and what to do with them.
    own: { type: "string" },
    work: { type: "string", default: "read" },
  },
});

const AIM = 10;
const LARGE_BYTES = 4.9 * 1024 * 1024;

async function main(): Promise<void> {
  const passes = Number(options.passes);
  if (options.own !== undefined) {
    const cases = JSON.parse(readFileSync(options.own, "utf8")) as Case[];
    const work = options.work === "check" ? "check" : "read";
    process.stdout.write(JSON.stringify(await measure(work, cases, passes, oracleEnvironment)));
    return;
  }
  const compose = await composeProgram("v2");
  const corpus = await composeCorpus();
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-check-"));
  try {
    await compareCorpus(compose, corpus, directory);
    await compareLarge(compose, directory);
    await compareOne(compose, directory);
    await compareSecrets(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function here(work: Work, cases: readonly Case[], directory: string): OwnFigures {
  const list = join(directory, "cases.json");
  writeFileSync(list, JSON.stringify(cases));
  const argv = [import.meta.filename, "--own", list, "--work", work, "--passes", options.passes];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8", maxBuffer: 1024 ** 3 })) as OwnFigures;
}

async function there(compose: string, { files }: Case): Promise<Ran> {
  return await runProcess([compose, ...files.flatMap((file) => ["-f", file]), "config", "--quiet"], oracleEnvironment);
}

async function compareCorpus(compose: string, corpus: readonly Case[], directory: string): Promise<void> {
  const read = here("read", corpus, directory);
  const checked = here("check", corpus, directory);
  const single = corpus.filter(({ files }) => files.length === 1).length;
  const count = Math.min(Number(options.sample), corpus.length);
  const sample = Array.from(
    { length: count },
    (_, index) => corpus[Math.floor((index * corpus.length) / count)] ?? { files: [] },
  );
  const theirs: Ran[] = [];
  for (const one of sample) theirs.push(await there(compose, one));
  const peer = theirs.reduce((sum, { ms }) => sum + ms, 0) / theirs.length;
  process.stdout.write(
    `${corpus.length} Compose projects that people wrote; Docker Compose was run on ${count} of them, evenly taken.\n\n`,
  );
  const row = (name: string, ms: number, kib: number): string[] => [
    name,
    ms.toFixed(2),
    (1000 / ms).toFixed(0),
    (peer / ms).toFixed(1),
    (kib / 1024).toFixed(0),
  ];
  const rows = (name: string, { passesMs, peakKiB }: OwnFigures, projects: number): string[][] => {
    const [first = Number.NaN, ...later] = passesMs.map((ms) => ms / projects);
    const warm = later.length === 0 ? [] : [row(`${name}, later passes`, median(later), peakKiB)];
    return [row(`${name}, first pass`, first, peakKiB), ...warm];
  };
  process.stdout.write(
    table(
      ["by", "ms a project", "projects/s", "times faster", "peak MiB"],
      [
        ...rows("NovaBot reads", read, corpus.length),
        ...rows("NovaBot checks by every rule", checked, single),
        row("docker-compose config -q", peer, median(theirs.map(({ peakKiB }) => peakKiB))),
      ],
    ),
  );
  process.stdout.write(`\nNovaBot's process has ${(read.loadedKiB / 1024).toFixed(0)} MiB before it reads the first.\n`);
  const times = peer / ((checked.passesMs[0] ?? Number.NaN) / single);
  process.stdout.write(`Aim: ${AIM} times faster a project: ${times >= AIM ? "met" : "missed"} by a check's first pass.\n\n`);
}

async function compareLarge(compose: string, directory: string): Promise<void> {
  const file = join(directory, "large.yaml");
  writeFileSync(file, largeFile(LARGE_BYTES));
  const ours = here("read", [{ files: [file] }], directory);
  const theirs = await there(compose, { files: [file] });
  process.stdout.write(`One file of ${(LARGE_BYTES / 1024 ** 2).toFixed(1)} MiB.\n\n`);
  process.stdout.write(
    table(
      ["read by", "s", "peak MiB"],
      [
        ["NovaBot, first time", ((ours.passesMs[0] ?? Number.NaN) / 1000).toFixed(2), (ours.peakKiB / 1024).toFixed(0)],
        ["docker-compose config -q", (theirs.ms / 1000).toFixed(2), (theirs.peakKiB / 1024).toFixed(0)],
      ],
    ),
  );
  process.stdout.write("\n");
}

async function compareOne(compose: string, directory: string): Promise<void> {
  const file = join(directory, "compose.yaml");
  writeFileSync(file, "services: { web: { image: nginx:1.29, ports: ['127.0.0.1:8080:80'] } }\n");
  const subjects: Readonly<Record<string, readonly string[]>> = {
    "novabot check FILE (from its source)": [process.execPath, join(import.meta.dirname, "../bin/novabot.cjs"), "check", file],
    "docker-compose config -q": [compose, "-f", file, "config", "--quiet"],
  };
  const ran = new Map<string, Ran[]>(Object.keys(subjects).map((name) => [name, []]));
  for (let round = 0; round <= 10; round += 1) {
    for (const [name, argv] of Object.entries(subjects)) {
      const one = await runProcess(argv, oracleEnvironment);
      if (round > 0) ran.get(name)?.push(one);
    }
  }
  process.stdout.write("One small file, a process for it: medians of 10 rounds.\n\n");
  process.stdout.write(
    table(
      ["run by", "ms", "peak MiB"],
      [...ran].map(([name, all]) => [
        name,
        median(all.map(({ ms }) => ms)).toFixed(0),
        (median(all.map(({ peakKiB }) => peakKiB)) / 1024).toFixed(0),
      ]),
    ),
  );
}

await main();
