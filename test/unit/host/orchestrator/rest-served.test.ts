import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import type { Store } from "../../../../src/store/store.ts";
import { openTestDoors } from "../../../fixtures/open-doors.ts";
import { openHouse, TOKEN } from "../../../fixtures/supervised-house.ts";

const BOOT = "fedcba9876543210fedcba9876543210";

test("processes are changed and asked for over a real connection", async () => {
  const { port } = await openHouse();
  const doors = await openTestDoors({ workers: { worker: { host: "127.0.0.1", port, token: TOKEN } } });
  await linked(doors.store);
  const post = (what: string, body?: unknown): Promise<Response> =>
    doors.get(`/api/monitoring/process/app/${what}`, {
      method: "POST",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  const started = await post("start", { spec: { argv: ["sleep", "1000"], directory: "/" }, wait: "running" });
  expect(await started.json()).toMatchObject({ worker: "worker", status: { state: "running" } });
  expect(await (await doors.get("/api/monitoring/process/app/status")).json()).toMatchObject({ status: { state: "running" } });
  expect(await (await post("stop")).json()).toMatchObject({ status: { state: "stopped" } });
  expect(await (await doors.get("/api/monitoring/process/app/status")).json()).toMatchObject({ status: { state: "stopped" } });
  expect((await doors.get("/api/tokens/none", { method: "DELETE" })).status).toBe(404);
});

test("followed lines come as they are kept, and following ends with the connection", async () => {
  const doors = await openTestDoors();
  const headers = { authorization: `Bearer ${doors.token}`, accept: "text/event-stream" };
  const request = get(`${doors.url}/api/monitoring/logs?limit=1`, { headers });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  answer.setEncoding("utf8");
  let text = "";
  let wake = (): void => undefined;
  answer.on("data", (part: string) => {
    text += part;
    wake();
  });
  const until = async (words: string): Promise<void> => {
    while (!text.includes(words)) await new Promise<void>((resolve) => (wake = resolve));
  };
  await until("event: live");
  await keep(doors.store, 1);
  await until("line 1");
  await keep(doors.store, 2);
  await until("line 2");
  request.destroy();
  // It would wait for an answer that is still going on.
  await doors.doors.close();
  expect(doors.logged.map(({ message }) => message).filter((message) => message.includes("broke off"))).toEqual([]);
});

async function keep(store: Store, seq: number): Promise<void> {
  const record = { kind: "log", seq, atMs: 1, instance: "app", stream: "stdout", level: null, text: `line ${seq}` } as const;
  await store.keep({ worker: "w", container: "c", bootID: BOOT, records: [record] });
}

async function linked(store: Store): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = async (): Promise<void> => {
    if ((await store.workers()).some(({ state }) => state === "linked")) resolve();
  };
  const end = store.listen(() => void look());
  await look();
  await promise;
  end();
}
