import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Sessions } from "../../../../src/agents/queue/sessions.ts";
import { writeRecord } from "../../../../src/agents/run/records.ts";
import type { RunRecord } from "../../../../src/model/run.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { groupOf } from "../../../fixtures/queue.ts";
import { runRecord } from "../../../fixtures/run-record.ts";

function record(second: number, changes: Partial<RunRecord>): RunRecord {
  const usual = { jid: "family@g.us", agent: "claude", newSessionId: null } as const;
  return runRecord(`0000000000${second}`, { startedAt: `2026-11-21T10:00:0${second}.000Z`, ...usual, ...changes });
}

test("a group goes on in the session of its newest run with its agent, whoever carried it", async () => {
  const home = await temporaryHome();
  const sessions = new Sessions(home);
  const family = groupOf("family");
  expect(await sessions.latest(family)).toBeUndefined();
  await mkdir(join(home.host, "runs"), { recursive: true });
  await writeFile(join(home.host, "runs/20261121100000000-00000000000.json"), "no record");
  await writeRecord(home, record(1, { newSessionId: "first" }));
  await writeRecord(home, record(2, { newSessionId: "second" }));
  await writeRecord(home, record(3, { newSessionId: "own", ownSession: true }));
  await writeRecord(home, record(4, { newSessionId: "demo", agent: "demo" }));
  await writeRecord(home, record(5, { newSessionId: "other", jid: "other@g.us" }));
  await writeRecord(home, record(6, {}));
  expect(await Promise.all([sessions.latest(family), sessions.latest(family)])).toEqual(["second", "second"]);
  await writeRecord(home, record(7, { newSessionId: "third" }));
  expect(await sessions.latest(family)).toBe("third");
  expect(await sessions.latest({ ...family, agent: "demo" })).toBe("demo");
});
