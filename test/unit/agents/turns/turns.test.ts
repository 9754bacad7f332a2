import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Home } from "../../../../src/agents/home/home.ts";
import { Presence } from "../../../../src/agents/turns/presence.ts";
import { TurnQueue } from "../../../../src/agents/turns/turns.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const taker = fileURLToPath(new URL("../../../fixtures/turn-taker.ts", import.meta.url));

function startTaker(home: Home, capacity: number, times: number, holdMs: number): ChildProcess {
  const child = spawn(process.execPath, [taker, home.root, String(capacity), String(times), String(holdMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function claim(home: Home): Promise<Presence> {
  const presence = await Presence.claim(home);
  onTestFinished(async () => await presence.release());
  return presence;
}

/** How many held a turn at once, at most, by a journal of + and -. */
function mostAtOnce(journal: string): number {
  let now = 0;
  let most = 0;
  for (const mark of journal) {
    now += mark === "+" ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

test.each([1, 3])("of six processes that take forty turns each, never more than %d hold one at once", async (capacity) => {
  const home = await temporaryHome();
  await writeFile(join(home.root, "journal"), "");
  const children = Array.from({ length: 6 }, () => startTaker(home, capacity, 40, 0));
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
  const journal = await readFile(join(home.root, "journal"), "utf8");
  expect(journal).toHaveLength(480);
  expect(mostAtOnce(journal)).toBeLessThanOrEqual(capacity);
});

test("a process that is killed loses its turn at once, and another gets it", async () => {
  const home = await temporaryHome();
  await writeFile(join(home.root, "journal"), "");
  const holder = startTaker(home, 1, 1, -1);
  await once(holder.stdout!, "data");
  const presence = await claim(home);
  const waiting = new TurnQueue(join(home.host, "turns/test"), 1, presence).take();
  expect(await Promise.race([waiting.then(() => "taken"), new Promise((resolve) => setTimeout(resolve, 600, "waiting"))])).toBe(
    "waiting",
  );
  holder.kill("SIGKILL");
  const turn = await waiting;
  expect(turn.waited).toBe(true);
  await turn.release();
});

test("turns come in the order of asking, within one process too", async () => {
  const home = await temporaryHome();
  const queue = new TurnQueue(join(home.host, "turns/test"), 1, await claim(home));
  const first = await queue.take();
  expect(first.waited).toBe(false);
  const order: number[] = [];
  const all: Promise<void>[] = [];
  const tickets = async (): Promise<number> =>
    (await readdir(join(home.host, "turns/test"))).filter((name) => !name.startsWith(".")).length;
  for (let number = 0; number < 5; number += 1) {
    const before = await tickets();
    all.push(
      queue.take().then(async (turn) => {
        order.push(number);
        await turn.release();
      }),
    );
    // The next one asks only when this one's ticket is drawn.
    while ((await tickets()) <= before) await new Promise(setImmediate);
  }
  await first.release();
  await Promise.all(all);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("who stops waiting leaves nothing behind", async () => {
  const home = await temporaryHome();
  const queue = new TurnQueue(join(home.host, "turns/test"), 1, await claim(home));
  const first = await queue.take();
  const controller = new AbortController();
  const waiting = queue.take(controller.signal);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: "RUN_CANCELLED" });
  await first.release();
  expect(await readdir(join(home.host, "turns/test"))).toEqual([]);
});

test("a host is alive until its process ends, and its remains can be swept", async () => {
  const home = await temporaryHome();
  await writeFile(join(home.root, "journal"), "");
  const presence = await claim(home);
  expect(presence.isAlive(presence.id)).toBe(true);
  const holder = startTaker(home, 1, 1, -1);
  await once(holder.stdout!, "data");
  const [other] = (await readdir(join(home.host, "alive"))).filter((id) => id !== presence.id);
  expect(presence.isAlive(other!)).toBe(true);
  expect(await presence.sweep()).toBe(0);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  expect(presence.isAlive(other!)).toBe(false);
  expect(await presence.sweep()).toBe(1);
  for (const id of ["", "../../x", "0".repeat(16), "nonsense"]) expect(presence.isAlive(id)).toBe(false);
});
