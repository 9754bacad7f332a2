import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openSQLiteStore } from "../../../../src/store/sqlite/open.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const WORKERS = 5;
const writer = new URL("../../../fixtures/store-writer.ts", import.meta.url).pathname;

/** Lets a process write until so many lines are acknowledged, and kills it in the midst of its work. Gives how far each worker's are. */
async function writeAndKill(
  file: string,
  lines: number,
  from: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const child = spawn(process.execPath, [writer, file, String(WORKERS), JSON.stringify(from)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const acknowledged = { ...from };
  const sum = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((all, one) => all + one, 0);
  for await (const line of createInterface({ input: child.stdout })) {
    const [worker = "", seq] = line.split(" ");
    acknowledged[worker] = Number(seq);
    if (sum(acknowledged) - sum(from) >= lines) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
  return acknowledged;
}

test("kill -9 loses nothing that was acknowledged and keeps nothing twice, time after time", async () => {
  const file = join(await temporaryDirectory(), "orchestrator.db");
  let from: Record<string, number> = {};
  let position = 0;
  for (let round = 1; round <= 5; round += 1) {
    const acknowledged = await writeAndKill(file, 4_000 * round, from);
    const store = await openSQLiteStore({ file });
    try {
      expect(store.position).toBeGreaterThan(position);
      ({ position } = store);
      for (const [worker, seq] of Object.entries(acknowledged)) {
        const [have] = await store.have(worker, `${worker}-1`);
        expect(have?.seq).toBeGreaterThanOrEqual(seq);
        let after = 0;
        let next = 1;
        for (;;) {
          const page = await store.logs({ workers: [worker], after, limit: 10_000 });
          for (const line of page.items)
            if (line.seq !== next++) throw new Error(`${worker}: line ${line.seq} stands where ${next - 1} should`);
          if (!page.more) break;
          after = page.last ?? 0;
        }
        expect(next - 1).toBe(have?.seq);
        const rows = (await store.size()).logRows;
        expect(rows).toBeGreaterThanOrEqual(seq);
      }
      // As a worker does that did not hear of the last acknowledgement: it sends some of them again.
      from = Object.fromEntries(Object.entries(acknowledged).map(([worker, seq]) => [worker, Math.max(0, seq - 150)]));
    } finally {
      await store.close();
    }
  }
});
