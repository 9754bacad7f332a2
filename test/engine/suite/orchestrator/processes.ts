import { describe, expect, test } from "vitest";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { APIParams } from "../../../../src/model/api/calls.ts";
import type { Entry, ErrorEntry, EventEntry } from "../../../../src/model/entry.ts";
import type { ProcessView } from "../../../../src/model/kept.ts";
import { askFile, type House } from "../../../fixtures/workers/house.ts";
import { isLine, isProcess, shell } from "./entries.ts";

/** One door's way to do the three. */
interface Door {
  readonly start: (params: APIParams<"process.start">) => Promise<ProcessView>;
  readonly status: (instanceId: string) => Promise<ProcessView>;
  readonly stop: (params: APIParams<"process.stop">) => Promise<ProcessView>;
  readonly close: () => void;
}

const nothing = (): void => undefined;

const doors: Readonly<Record<"REST API" | "WebSocket" | "RPC entrypoint", (house: House) => Promise<Door>>> = {
  async "REST API"({ fetch }) {
    const ask = async (path: string, body?: object): Promise<ProcessView> => {
      const sent = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const answer = await fetch(`/api/monitoring/process/${path}`, sent);
      expect(answer.status, await answer.clone().text()).toBe(200);
      return (await answer.json()) as ProcessView;
    };
    return {
      start: async ({ instanceId, worker, ...body }) => await ask(`${instanceId}/start?worker=${worker}`, body),
      status: async (instanceId) => await ask(`${instanceId}/status`),
      stop: async ({ instanceId, ...body }) => await ask(`${instanceId}/stop`, body),
      close: nothing,
    };
  },
  async WebSocket({ client }) {
    const monitoring = client.openMonitoring();
    return {
      start: async (params) => await monitoring.call("process.start", params),
      status: async (instanceId) => await monitoring.call("process.status", { instanceId }),
      stop: async (params) => await monitoring.call("process.stop", params),
      close: () => monitoring.close(),
    };
  },
  async "RPC entrypoint"(house) {
    const ops = await house.rpc();
    return {
      start: async ({ instanceId, ...options }) => await ops.startProcess(instanceId, options),
      status: async (instanceId) => await ops.getProcessStatus(instanceId),
      stop: async ({ instanceId, ...options }) => await ops.stopProcess(instanceId, options),
      close: nothing,
    };
  },
};

/** Throws a TypeError where its caller's line can be told. */
const crashing = `console.log("about to fall"); const order = {}; order.customer.name;`;

/** "Process Monitoring" of the requirement. */
export function processesSuite(house: () => House): void {
  describe("processes", () => {
    test.each([
      ["Test process start/stop via REST API", "REST API"],
      ["Test process start/stop via WebSocket", "WebSocket"],
      ["Test process start/stop via RPC entrypoint", "RPC entrypoint"],
    ] as const)("%s: it runs in the container, it ends there, it runs again", async (_, name) => {
      const { stand, client } = house();
      const door = await doors[name](house());
      const id = name.replaceAll(" ", "-");
      const alive = async (pid: number | null): Promise<boolean> =>
        (await stand.exec("shop", "bash", "-c", `test -d /proc/${pid}`)).exitCode === 0;
      const heard = await house().listen({ workers: ["shop"], instances: [id] });
      try {
        const started = await door.start({ instanceId: id, worker: "shop", ...shell("echo alive; exec sleep 600") });
        expect(started).toMatchObject({ worker: "shop", instance: id, status: { state: "running" } });
        expect(started.container).toBe((await stand.container("shop"))?.name);
        expect(await alive(started.status.pid)).toBe(true);
        await heard.first(isLine("alive"));
        expect(await door.status(id)).toMatchObject({ linked: true, status: { state: "running", pid: started.status.pid } });
        expect(await stand.status("shop", id)).toMatchObject({ state: "running", pid: started.status.pid });

        expect(await door.stop({ instanceId: id, graceMs: 1000 })).toMatchObject({ status: { state: "stopped" } });
        expect(await alive(started.status.pid)).toBe(false);
        await heard.first(isProcess("stopped"));
        expect(await door.status(id)).toMatchObject({ status: { state: "stopped", pid: null } });

        const again = await door.start({ instanceId: id, worker: "shop", wait: "running" });
        expect(again.status.pid).not.toBe(started.status.pid);
        expect(await alive(again.status.pid)).toBe(true);
        await door.stop({ instanceId: id, graceMs: 1000 });

        const { items } = await client.call("audit.list", { limit: 1000 });
        const byName = { "REST API": "api", WebSocket: "websocket", "RPC entrypoint": "rpc" } as const;
        expect(items.filter(({ subject }) => subject === id).map((row) => [row.door, row.what, row.worker, row.result])).toEqual(
          ["process.start", "process.stop", "process.start", "process.stop"].map((what) => [byName[name], what, "shop", "done"]),
        );
        await expect(door.start({ instanceId: "no-such-thing", worker: "shop" })).rejects.toThrow(/./);
      } finally {
        door.close();
      }
    });

    test("Test error detection and routing to orchestrator: a crash in a container is told to a client, grouped and kept", async () => {
      const { client, file } = house();
      const heard = await house().listen({ instances: ["falls"] });
      const spec = { argv: ["node", "-e", crashing], directory: "/tmp", restart: often };
      const { container } = await client.call("process.start", { instanceId: "falls", worker: "shop", spec });
      const isError = (entry: Entry): entry is ErrorEntry => entry.kind === "error";
      expect(await heard.first(isError)).toMatchObject({
        ...{ worker: "shop", container, instance: "falls" },
        error: {
          name: "TypeError",
          category: "type",
          source: "node",
          before: expect.arrayContaining(["about to fall"]) as string[],
        },
      });
      await heard.until((entries) => entries.filter(isError).some(({ error }) => error.count >= 3));
      await client.call("process.stop", { instanceId: "falls", graceMs: 1000 });
      // What it counted until its end is kept with that end, which comes after the answer.
      await heard.first(isProcess("stopped"));
      const { errors } = await client.call("errors.get", { instanceId: "falls", limit: 10 });
      const [group] = errors;
      expect(errors).toMatchObject([{ worker: "shop", container, instance: "falls", name: "TypeError" }]);
      expect(await (await house().rpc()).getErrors("falls")).toEqual(errors);
      const fingerprint = group?.fingerprint ?? "";
      const { items } = await client.call("errors.occurrences", { instanceId: "falls", fingerprint, limit: 100 });
      expect(items.at(-1)?.lines.join("\n")).toContain("TypeError");
      const [rows] = await askFile(
        file,
        `select worker_name, container_name, count from errors where fingerprint = '${fingerprint}'`,
      );
      expect(rows).toEqual([{ worker_name: "shop", container_name: container, count: group?.count }]);
    });

    test("Test log aggregation and routing to orchestrator: lines of several containers, each as it was written, in one order", async () => {
      const { client, stand } = house();
      const heard = await house().listen({ kinds: ["log"], instances: ["writer"] });
      const count = 2000;
      const lines = (worker: string): string[] => [
        ...Array.from({ length: count }, (_, index) => `  ${worker} ${index + 1} für €`),
        `end of ${worker}`,
      ];
      const both = ["shop", "depot"];
      await Promise.all(
        both.map(async (worker) => {
          const script = `for ((i = 1; i <= ${count}; i++)); do echo "  ${worker} $i für €"; done; echo "end of ${worker}"; exec sleep 600`;
          await client.call("process.start", { instanceId: "writer", worker, ...shell(script) });
        }),
      );
      for (const worker of both) await heard.first(isLine(`end of ${worker}`));
      const { items } = await client.call("logs.list", { instances: ["writer"], after: 0, limit: 10_000 });
      const positions = items.map(({ position }) => position);
      expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
      const texts = (entries: readonly Entry[], worker: string): string[] =>
        entries.flatMap((entry) => (entry.kind === "log" && entry.worker === worker ? [entry.text] : []));
      for (const worker of both) {
        expect(texts(items, worker)).toEqual(lines(worker));
        expect(texts(heard.entries, worker)).toEqual(lines(worker));
        expect((await stand.logs(worker, "writer")).map(({ text }) => text)).toEqual(lines(worker));
        await client.call("process.stop", { instanceId: "writer", worker, graceMs: 1000 });
      }
    });

    test("Test automatic restart: a process that is killed in its container runs again, and all of it is seen", async () => {
      const { client, stand } = house();
      const heard = await house().listen({ instances: ["phoenix"] });
      const spec = { ...shell("echo life of $$; exec sleep 600").spec, restart: often };
      const first = await client.call("process.start", { instanceId: "phoenix", worker: "depot", spec, wait: "running" });
      await stand.exec("depot", "bash", "-c", `kill -9 ${first.status.pid}`);
      const isNext = (entry: Entry): entry is EventEntry =>
        isProcess("running")(entry) && entry.event.type === "instance" && entry.event.status.pid !== first.status.pid;
      await heard.first(isNext);
      const states = heard.entries.flatMap((entry) =>
        entry.kind === "event" && entry.event.type === "instance" ? [entry.event.status.state] : [],
      );
      expect(states).toEqual(["starting", "running", "crashed", "starting", "running"]);
      const second = await client.call("process.status", { instanceId: "phoenix" });
      expect(second.status).toMatchObject({ state: "running", restarts: 1, signal: "SIGKILL" });
      await heard.first(isLine(`life of ${second.status.pid}`));
      await client.call("process.stop", { instanceId: "phoenix", graceMs: 1000 });
    });

    test("Test streaming responses: each line comes when it was written, over NDJSON, server-sent events, WebSocket and RPC", async () => {
      const { client, stand } = house();
      const heard = await house().listen({ kinds: ["log"], instances: ["stepwise"] });
      const script =
        "for step in 1 2 3; do until [ -e /tmp/step-$step ]; do sleep 0.02; done; echo step $step; done; exec sleep 600";
      await client.call("process.start", { instanceId: "stepwise", worker: "shop", ...shell(script) });
      const rpc = await (await house().rpc()).getLogs("stepwise", { after: 0, follow: true });
      const reader = rpc.getReader();
      const path = "/api/monitoring/logs/stepwise?follow=true&after=0";
      const over = new AbortController();
      const [ndjson, events] = await Promise.all(
        ["application/x-ndjson", "text/event-stream"].map(async (accept) => {
          const { body } = await house().fetch(path, { headers: { accept }, signal: over.signal });
          return createInterface(Readable.fromWeb(body as never))[Symbol.asyncIterator]();
        }),
      );
      const line = async (lines: AsyncIterator<string> | undefined, text: string): Promise<void> => {
        for (;;) {
          const read = await lines?.next();
          if (read?.done !== false) throw new Error(`the stream ended before ${text}`);
          if (read.value.includes(JSON.stringify(text))) return;
        }
      };
      for (const step of [1, 2, 3]) {
        const text = `step ${step}`;
        // Nothing writes the next line before this one was read everywhere.
        await stand.exec("shop", "touch", `/tmp/step-${step}`);
        await Promise.all([line(ndjson, text), line(events, text), heard.first(isLine(text))]);
        for (let item; item?.kind !== "log";) {
          const { done, value } = await reader.read();
          if (done) throw new Error(`the stream over RPC ended before ${text}`);
          item = value;
          if (item.kind === "log") expect(item.text).toBe(text);
        }
      }
      expect(heard.entries.length).toBe(3);
      over.abort();
      await reader.cancel();
      await client.call("process.stop", { instanceId: "stepwise", graceMs: 1000 });
    });
  });
}

const often = {
  when: "always",
  maxRestarts: 1000,
  windowMs: 60_000,
  delayMs: 20,
  maxDelayMs: 20,
  healthyAfterMs: 60_000,
} as const;
