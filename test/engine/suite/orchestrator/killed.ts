import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { randomBelow } from "../../../fixtures/seeded-random.ts";
import { askFile, type House } from "../../../fixtures/workers/house.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";
import { shell } from "./entries.ts";

/** Some 2,000 lines a second, each with its number, until it is told that it is enough. */
const numbers = String.raw`
let n = 0;
const write = () => {
  let text = "";
  for (let line = 0; line < 10; line += 1) text += "number " + ++n + "\n";
  if (require("node:fs").existsSync("/tmp/enough-numbers")) { clearInterval(timer); text += "end of " + n + "\n"; setInterval(() => {}, 1e6); }
  process.stdout.write(text);
};
const timer = setInterval(write, 5);
`;

/** `novabot up`, as a process that can be killed. */
function begin({ program, env }: WorkerStand): {
  readonly child: ChildProcess;
  readonly up: Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
} {
  const [node, ...args] = program;
  const child = spawn(node, [...args, "up", "--json"], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await gone;
  };
  onTestFinished(async () => await end("SIGKILL"));
  const told = async (): Promise<void> => {
    // Read to its end all the same: a console that nobody reads would hold it up.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface(child.stdout)
      .on("line", (line) => (JSON.parse(line) as { kind: string }).kind === "up" && resolve())
      .on("close", () => reject(new Error("it ended before it was up")));
    await promise;
  };
  const up = told();
  // Of one that is killed before it is up.
  up.catch(() => undefined);
  return { child, up, end };
}

export function killedSuite(house: () => House): void {
  // Half a dozen starts of a whole program, whose time is the machine's.
  describe("an orchestrator that is killed", { timeout: 240_000 }, () => {
    test("kill -9 under load, at any moment: every record is there once, in the database and for who followed all the while", async () => {
      const { stand, client, url, file, linked } = house();
      await house().close();
      await writeFile(join(stand.home.root, "novabot.yaml"), `listen: ${new URL(url).host}\n`);
      const below = randomBelow(20_261_121);
      let now = begin(stand);
      await now.up;
      await linked();

      const followed: string[] = [];
      const over = new AbortController();
      let wake = (): void => undefined;
      const ended = Promise.withResolvers<void>();
      const following = (async () => {
        for await (const part of client.follow(
          { kinds: ["log", "lost"], instances: ["numbers"] },
          { after: 0, signal: over.signal },
        )) {
          if (part.kind === "gap") throw new Error(`a gap: ${JSON.stringify(part)}`);
          if (part.kind !== "entries") continue;
          for (const entry of part.entries) followed.push(entry.kind === "log" ? entry.text : `lost: ${JSON.stringify(entry)}`);
          wake();
          if (followed.at(-1)?.startsWith("end of")) ended.resolve();
        }
      })();
      following.catch((error: unknown) => ended.reject(error));
      onTestFinished(async () => {
        over.abort();
        await following.catch(() => undefined);
      });
      const more = async (): Promise<void> => {
        const before = followed.length;
        while (followed.length === before) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended.promise]);
      };
      await client.call("process.start", {
        instanceId: "numbers",
        worker: "shop",
        spec: { ...shell("").spec, argv: ["node", "-e", numbers] },
      });

      // Some are killed on their way up, the others while they take in.
      for (const early of [false, true, false, true, false]) {
        if (early) await sleep(below(1500));
        else {
          await now.up;
          await more();
          await sleep(below(500));
        }
        await now.end("SIGKILL");
        now = begin(stand);
      }
      await now.up;
      await more();
      await stand.exec("shop", "touch", "/tmp/enough-numbers");
      await ended.promise;
      await client.call("process.stop", { instanceId: "numbers", graceMs: 1000 });
      await now.end("SIGINT");
      expect(now.child.exitCode).toBe(0);

      const count = Number(followed.at(-1)?.slice("end of ".length));
      expect(count).toBeGreaterThan(2000);
      const all = [...Array.from({ length: count }, (_, index) => `number ${index + 1}`), `end of ${count}`];
      expect(firstDifference(followed, all)).toBeNull();
      const [rows = [], kept = []] = await askFile<{ text: string; seq: number; n: number }>(
        file,
        "select text from logs where instance_id = 'numbers' order by position",
        "select seq, count(*) as n from (select boot_id, seq from logs union all select boot_id, seq from process_events where seq is not null union all select boot_id, seq from error_occurrences) group by boot_id, seq having n > 1",
      );
      expect(
        firstDifference(
          rows.map(({ text }) => text),
          all,
        ),
      ).toBeNull();
      expect(kept).toEqual([]);
    });
  });
}

/** Where two long lists differ first: the whole of them is nothing to read. */
function firstDifference(found: readonly string[], expected: readonly string[]): object | null {
  const length = Math.max(found.length, expected.length);
  for (let at = 0; at < length; at += 1)
    if (found[at] !== expected[at]) return { at, found: found.slice(at - 2, at + 3), expected: expected[at] };
  return null;
}
