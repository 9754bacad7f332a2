import { describe, expect, test } from "vitest";
import { askFile, type House } from "../../../fixtures/workers/house.ts";
import { isLine, shell } from "./entries.ts";

/** Tables that take what comes from containers, each with what a row of another container must not be. */
const fromContainers = ["containers", "instances", "logs", "process_events", "errors", "error_occurrences", "terminal_sessions"];
const workers = ["shop", "depot"];

/** Finds every file that is a database of SQLite by its first bytes, or is named like one. */
const finder = String.raw`
const fs = require("node:fs"), path = require("node:path");
const found = [], magic = Buffer.from("SQLite format 3\0"), head = Buffer.alloc(16);
let looked = 0;
function look(directory) {
  let entries;
  try { entries = fs.readdirSync(directory, { withFileTypes: true }); } catch { return; }
  for (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory() && !["/proc", "/sys", "/dev"].includes(file)) look(file);
    if (!entry.isFile()) continue;
    looked += 1;
    let is = /\.(db|sqlite3?|db3)(-wal|-shm|-journal)?$/i.test(entry.name);
    try {
      const fd = fs.openSync(file, "r");
      is ||= fs.readSync(fd, head, 0, 16, 0) === 16 && head.equals(magic);
      fs.closeSync(fd);
    } catch {}
    if (is) found.push(file);
  }
}
look("/");
console.log(JSON.stringify({ looked, found }));
`;

/** "Database Integration" of the requirement. */
export function databaseSuite(house: () => House): void {
  describe("the database", () => {
    /** Something of every kind from both: lines, an error, a process, a terminal. */
    async function fill(): Promise<void> {
      const { client } = house();
      const heard = await house().listen({ instances: ["same"] });
      for (const worker of workers) {
        const script = `echo "of ${worker}"; echo "Error: broken in ${worker}" >&2; exec sleep 600`;
        await client.call("process.start", { instanceId: "same", worker, ...shell(script) });
        await heard.first(isLine(`of ${worker}`));
        const terminal = await house().terminal(worker);
        terminal.send({ kind: "close" });
        await terminal.closed();
      }
      await heard.until((entries) => workers.every((name) => entries.some((one) => one.kind === "error" && one.worker === name)));
      for (const worker of workers) await client.call("process.stop", { instanceId: "same", worker, graceMs: 1000 });
    }

    test("Verify all monitoring data stored in orchestrator D1: every record of every container's boots, once and without a hole", async () => {
      await fill();
      const { client, file, stand } = house();
      const all = ["logs", "process_events", "error_occurrences"]
        .map((table) => `select worker_name, container_name, boot_id, seq from ${table} where seq is not null`)
        .join(" union all ");
      const [boots = []] = await askFile<{
        worker: string;
        records: number;
        seqs: number;
        least: number;
        most: number;
        kept: number;
        lost: number;
      }>(
        file,
        `select r.worker_name as worker, count(*) as records, count(distinct r.seq) as seqs, min(r.seq) as least, max(r.seq) as most,
           c.last_seq as kept, (select count(*) from logs where stream is null and worker_name = r.worker_name) as lost
         from (${all}) r join containers c on c.worker_name = r.worker_name and c.container_name = r.container_name and c.boot_id = r.boot_id
         group by r.worker_name, r.container_name, r.boot_id`,
      );
      // The depot's container was started a second time.
      expect(boots.map(({ worker }) => worker).toSorted()).toEqual(["depot", "depot", "shop"]);
      for (const { records, seqs, least, most, kept, lost } of boots) {
        expect({ records, least, most, lost }).toEqual({ records: seqs, least: 1, most: seqs, lost: 0 });
        expect(kept).toBe(most);
      }
      for (const worker of workers) {
        const told = JSON.parse(await stand.tools(worker, "process", "list", "--format", "json")) as {
          instances: { id: string }[];
        };
        const { processes } = await client.call("workers.get", { workerName: worker });
        expect(processes.map(({ instance }) => instance).toSorted()).toEqual(told.instances.map(({ id }) => id).toSorted());
        const { items } = await client.call("logs.list", { workers: [worker], instances: ["same"], limit: 100 });
        expect(items.map((item) => item.kind === "log" && item.text)).toEqual([`of ${worker}`, `Error: broken in ${worker}`]);
      }
    });

    test("Verify worker_name/container_name columns populated: in every table that takes what comes from containers", async () => {
      const { client, file, stand } = house();
      const [tables = []] = await askFile<{ name: string }>(
        file,
        `select m.name from sqlite_master m join pragma_table_info(m.name) c on c.name = 'worker_name' where m.type = 'table' order by 1`,
      );
      // Beside them: the workers themselves, counts of their lines, and what may concern a worker or not.
      const others = ["audit", "house_events", "usage", "workers"];
      expect(tables.map(({ name }) => name)).toEqual([...fromContainers, ...others].toSorted());
      const names = new Map<string, string | undefined>();
      for (const worker of workers) names.set(worker, (await stand.container(worker))?.name);
      const answers = await askFile<{ worker_name: unknown; container_name: unknown }>(
        file,
        ...[...fromContainers, "workers"].map(
          (table) => `select distinct worker_name, container_name from ${table} order by 1 desc`,
        ),
      );
      for (const [index, rows] of answers.entries()) {
        const expected = workers.map((worker) => ({ worker_name: worker, container_name: names.get(worker) }));
        expect(rows, [...fromContainers, "workers"][index]).toEqual(expected);
      }
      const [events = []] = await askFile(
        file,
        "select worker_name, container_name from house_events where event like '%\"viewer\"%'",
      );
      expect(events.length).toBeGreaterThan(0);
      for (const row of events) expect(names.get(String(row["worker_name"]))).toBe(row["container_name"]);
      // A process belongs to the container that it runs in also as the doors tell it.
      const { processes } = await client.call("process.list", {});
      for (const { worker, container } of processes) expect(container).toBe(names.get(worker));
    });

    test("Test queries filtered by worker_name: through every door, and an id that two workers have is asked back", async () => {
      const { client, fetch } = house();
      const ops = await house().rpc();
      for (const worker of workers) {
        const filter = { workers: [worker], limit: 1000 };
        const found = [
          (await client.call("logs.list", filter)).items,
          (await client.call("errors.list", filter)).errors,
          (await client.call("entries.list", filter)).items,
          (await client.call("process.list", { workers: [worker] })).processes,
          (await client.call("terminals.list", { worker, limit: 1000 })).items,
          ((await (await fetch(`/api/monitoring/logs/same?worker=${worker}`)).json()) as { items: { worker: string }[] }).items,
          await ops.getErrors("same", { worker }),
        ];
        for (const [index, items] of found.entries()) {
          expect(items.length, `answer ${index}`).toBeGreaterThan(0);
          expect(new Set(items.map((item) => item.worker)), `answer ${index}`).toEqual(new Set([worker]));
        }
        const { items } = await client.call("logs.list", { ...filter, search: "broken" });
        expect(items.map((item) => item.kind === "log" && item.text)).toEqual([`Error: broken in ${worker}`]);
      }
      const ambiguous = await fetch("/api/monitoring/process/same/status");
      expect([ambiguous.status, await ambiguous.json()]).toMatchObject([
        409,
        {
          code: "AMBIGUOUS",
          candidates: expect.arrayContaining(workers.map((worker): unknown => expect.objectContaining({ worker }))) as unknown,
        },
      ]);
      await expect(ops.getProcessStatus("same")).rejects.toMatchObject({ code: "AMBIGUOUS" });
      const nobody = await client.call("logs.list", { workers: ["nobody"], limit: 10 });
      expect(nobody).toMatchObject({ items: [] });
    });

    test("Verify no SQLite databases in containers: in all of their file systems there is none", async () => {
      const { stand } = house();
      const look = async (worker: string): Promise<{ looked: number; found: string[] }> =>
        JSON.parse((await stand.exec(worker, "node", "-e", finder)).stdout) as never;
      for (const worker of workers) {
        const { looked, found } = await look(worker);
        expect(found).toEqual([]);
        expect(looked).toBeGreaterThan(50);
      }
      // The look itself would see one.
      const plant = `new (require("node:sqlite").DatabaseSync)("/workspace/data/planted").exec("create table t (x)")`;
      await stand.exec("shop", "node", "-e", plant);
      expect((await look("shop")).found).toEqual(["/workspace/data/planted"]);
      await stand.exec("shop", "rm", "/workspace/data/planted");
    });
  });
}
