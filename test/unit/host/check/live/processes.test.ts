import { describe, expect, test } from "vitest";
import { known } from "../../../../../src/contract/live/kernel-facts.ts";
import type { Proc } from "../../../../../src/host/check/live/proc.ts";
import { readProcesses } from "../../../../../src/host/check/live/processes.ts";

const ID = "f".repeat(64);
const NAMESPACES = { pid: 1, net: 1, ipc: 1, uts: 1, mnt: 1, user: 0, cgroup: 0 };

interface Row {
  readonly parent: number;
  readonly uid?: number;
  readonly started?: number;
  readonly state?: string;
  readonly group?: string;
  /** Numbers of namespaces; 0 is the host's. */
  readonly namespaces?: Partial<typeof NAMESPACES>;
}

/** A `/proc` that `table` fills; it is asked anew for each read, so that it can change between reads. */
function procOf(table: () => Readonly<Record<number, Row>>): Proc {
  const row = (path: string): [number, Row] | undefined => {
    const pid = Number(path.split("/")[0]?.replace("self", "1"));
    const found = table()[pid];
    return found && [pid, found];
  };
  const read = (path: string): string | undefined => {
    const found = row(path);
    if (!found) return undefined;
    const [pid, { parent, uid = 1001, started = 10, state = "S", group = "/" }] = found;
    if (path.endsWith("/stat")) return `${pid} (x) ${state} ${parent} ${"0 ".repeat(17)}${started} 0`;
    if (path.endsWith("/cgroup")) return `1:memory:${group}\n0::${group}\n`;
    const four = `${uid}\t${uid}\t${uid}\t${uid}`;
    const set = "0000000000000000";
    return `Uid:\t${four}\nGid:\t${four}\nCapInh:\t${set}\nCapPrm:\t${set}\nCapEff:\t${set}\nCapBnd:\t${set}\n`;
  };
  return {
    root: "/proc",
    read,
    readGuarded: (path) => {
      const text = read(path);
      return text === undefined ? undefined : known(text);
    },
    link(path) {
      const found = row(path);
      const kind = path.split("/").at(-1) as keyof typeof NAMESPACES;
      return found && known(`${kind}:[${found[1].namespaces?.[kind] ?? 0}]`);
    },
    numbers: (path) => (path === "" ? Object.keys(table()).map(Number) : row(path) ? [row(path)?.[0] ?? 0] : []),
  };
}

const host: Record<number, Row> = {
  1: { parent: 0, uid: 0 },
  50: { parent: 1, uid: 0, group: `/libpod_parent/libpod-conmon-${ID}` },
  60: { parent: 1, uid: 0, group: "/other" },
};
const init: Row = { parent: 50, group: `/docker/${ID}`, namespaces: NAMESPACES };

async function pidsOf(table: Readonly<Record<number, Row>>, told: readonly number[] = []): Promise<number[]> {
  return (
    await readProcesses(
      procOf(() => table),
      100,
      ID,
      told,
    )
  ).map(({ pid }) => pid);
}

describe("the processes of a container", () => {
  test("each mark alone is enough, and what watches over a container is not part of it", async () => {
    const table: Record<number, Row> = {
      ...host,
      100: init,
      101: { parent: 100 },
      102: { parent: 60, group: `/machine.slice/libpod-${ID}.scope/deeper` },
      103: { parent: 60, namespaces: { pid: 1 } },
      104: { parent: 60, namespaces: { mnt: 1 } },
      105: { parent: 104 },
      106: { parent: 60, group: `/libpod-conmon-${ID}` },
      107: { parent: 60 },
      108: { parent: 100, state: "Z" },
      109: { parent: 60 },
    };
    expect(await pidsOf(table, [107])).toEqual([100, 101, 102, 103, 104, 105, 107]);
  });

  test("in the host's own process namespace its neighbours are no part of it", async () => {
    const table = { ...host, 100: { ...init, namespaces: { ...NAMESPACES, pid: 0 } }, 101: { parent: 60 } };
    expect(await pidsOf(table)).toEqual([100]);
  });

  test("a number that is another process's now is not looked at", async () => {
    let reads = 0;
    const proc = procOf(() => {
      reads += 1;
      // Every look finds another start time.
      return { ...host, 100: init, 101: { parent: 100, started: reads } };
    });
    expect((await readProcesses(proc, 100, ID, [])).map(({ pid }) => pid)).toEqual([100]);
  });

  test("what enters from outside counts as what it has become", async () => {
    const begun = performance.now();
    const entered = (): boolean => performance.now() - begun > 100;
    const during = { parent: 50, group: `/docker/${ID}`, namespaces: NAMESPACES };
    const becoming = procOf(() => ({
      ...host,
      100: init,
      101: { ...during, uid: entered() ? 1001 : 0 },
      // It was there for a moment alone.
      ...(entered() ? {} : { 102: { ...during, uid: 0 } }),
      // It stays root.
      103: { ...during, uid: 0 },
      // Its parent is in the container: it entered from nowhere.
      104: { parent: 100, uid: 0 },
    }));
    const found = await readProcesses(becoming, 100, ID, []);
    expect(found.map(({ pid, threads }) => [pid, threads[0]?.users.effective])).toEqual([
      [100, 1001],
      [101, 1001],
      [103, 0],
      [104, 0],
    ]);
  });
});
