import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { changeGroups, readGroups } from "../src/agents/groups/registry.ts";
import { openHome } from "../src/agents/home/home.ts";
import { MailSlots } from "../src/agents/mail/mail-slots.ts";
import { Tasks } from "../src/agents/tasks/tasks.ts";
import { median, percentile, table } from "./table.ts";

// How long one group's mail takes from its appearing to the outbox: alone, and while another group's slots hold a flood of files.

const { values: options } = parseArgs({
  options: { files: { type: "string", default: "100000" }, letters: { type: "string", default: "200" } },
});
const files = Number(options.files);
const letters = Number(options.letters);

const directory = mkdtempSync(join(tmpdir(), "novabot-bench-mail-"));
try {
  const home = await openHome(join(directory, "home"), { create: true });
  await changeGroups(home, () =>
    ["flood", "quiet"].map((folder) => ({ jid: `${folder}@g.us`, name: folder, folder, isMain: false })),
  );
  const groups = async () => await readGroups(home);
  const logger = { warn: () => undefined };
  const tasks = await Tasks.open({ home, groups, timezone: "UTC", queue: null, logger });
  const arrived = new Map<string, number>();
  let flooded = 0;
  const uid = process.getuid?.() ?? 1000;
  const mail = new MailSlots({
    home,
    groups,
    tasks,
    logger,
    user: { uid, gid: process.getgid?.() ?? 1000, isGiven: false, shifted: false, why: "a benchmark" },
    editGroups: async (change) => await changeGroups(home, change),
    runOf: () => null,
    outbox: {
      post: async ({ group, text }) => {
        // As long as a journal takes to be on the disk.
        await delay(2);
        if (group === "flood") flooded += 1;
        else arrived.set(text, performance.now());
      },
    },
  });
  const slot = (folder: string, name: string): string => join(home.data, "ipc", folder, "messages", name);
  for (const folder of ["flood", "quiet"]) mkdirSync(slot(folder, ""), { recursive: true });
  await mail.start();

  const measure = async (round: string): Promise<number[]> => {
    const sent = new Map<string, number>();
    for (let letter = 0; letter < letters; letter += 1) {
      const text = `${round} ${letter}`;
      writeFileSync(slot("quiet", ".next"), JSON.stringify({ type: "message", text }));
      sent.set(text, performance.now());
      renameSync(slot("quiet", ".next"), slot("quiet", `${letter}.json`));
      await delay(60);
    }
    while ([...sent.keys()].some((text) => !arrived.has(text))) await delay(20);
    return [...sent].map(([text, at]) => (arrived.get(text) ?? 0) - at);
  };
  const row = (name: string, times: readonly number[], loop: string): string[] => {
    const figures = [median(times), percentile(times, 0.99), Math.max(...times)];
    return [name, ...figures.map((ms) => `${ms.toFixed(1)} ms`), loop];
  };
  const rows: string[][] = [];
  for (const [name, kind] of [
    ["alone", null],
    [`${files} messages`, '{"type":"message","text":"flood"}'],
    [`${files} broken files`, "{"],
    [`${files} other names`, ""],
    ["1000 times a megabyte of brackets", "["],
  ] as const) {
    rmSync(slot("flood", ""), { recursive: true });
    if (kind === "[") {
      mkdirSync(slot("flood", ""));
      const brackets = "[".repeat(1024 * 1024);
      for (let file = 0; file < 1000; file += 1) writeFileSync(slot("flood", `${file}.json`), brackets);
    } else if (kind !== null) {
      const script = `mkdir -p "$1" && cd "$1" && seq ${files} | awk -v text="$2" -v end="$3" '{ f = $1 end; print text > f; close(f) }'`;
      execFileSync("sh", ["-c", script, "sh", slot("flood", ""), kind, kind === "" ? ".other" : ".json"]);
    }
    await delay(1500);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const times = await measure(name);
    loop.disable();
    rows.push(row(name, times, `${(loop.percentile(99) / 1e6).toFixed(1)} ms`));
  }
  const headings = ["the other group's slot holds", "median", "99th", "longest", "event loop 99th"];
  process.stdout.write(`${table(headings, rows)}\nposted of the flood meanwhile: ${flooded}\n`);
  await mail.close();
  await tasks.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
