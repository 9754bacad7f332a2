import { abortAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";

// Runs in workerd: `factory` is another Worker, bound to the orchestrator's entrypoint; the supervisor behind the orchestrator is a real one.

async function call(method: string, ...args: readonly unknown[]): Promise<Response> {
  return await by("NOVABOT_SERVICE", method, ...args);
}

async function by(binding: string, method: string, ...args: readonly unknown[]): Promise<Response> {
  const body = JSON.stringify({ binding, method, args });
  return (await env.FACTORY.fetch("http://factory/", { method: "POST", body })) as unknown as Response;
}

async function told(method: string, ...args: readonly unknown[]): Promise<unknown> {
  const answer = await call(method, ...args);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text);
}

const shell = (script: string): object => ({
  spec: { argv: ["/bin/sh", "-c", script], directory: "/tmp" },
  worker: "api",
  wait: "running",
});

type DoorRequest = Omit<RequestInit, "headers"> & { readonly headers?: Readonly<Record<string, string>> };

async function door(path: string, init: DoorRequest = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${env.NOVABOT_TOKEN}`, ...init.headers };
  return (await exports.default.fetch(`http://localhost${path}`, { ...init, headers } as object)) as unknown as Response;
}

/** Reads what was taken in and what is, until it is there. */
async function first(filter: string, is: (entry: SomeEntry) => boolean): Promise<void> {
  const headers = { accept: "application/x-ndjson" };
  const entries = await door(`/api/monitoring/entries?${filter}&after=0&follow=true`, { headers });
  for await (const entry of items<SomeEntry>(entries)) if (entry.kind !== "live" && is(entry)) return;
}

interface SomeEntry {
  readonly position: number;
  readonly kind: string;
  readonly text?: string;
  readonly event?: { readonly state?: string };
}

beforeAll(async () => await first("kinds=event", ({ event }) => event?.state === "linked"));

describe("ContainerMonitoringOps through a service binding", () => {
  test("starts and stops a process in a worker, and tells its status, errors and logs", async () => {
    const script = "echo one; echo two; echo 'Error: broken pipe dream' >&2; exec sleep 600";
    expect(await told("startProcess", "web", shell(script))).toMatchObject({
      worker: "api",
      container: "api-box",
      instance: "web",
      status: { state: "running" },
    });
    expect(await told("getProcessStatus", "web")).toMatchObject({ linked: true, status: { state: "running" } });
    const followed = await call("getLogs", "web", { after: 0, follow: true, streams: ["stdout"] });
    expect(await lines(followed, 2)).toEqual(["one", "two"]);
    await first("kinds=error&instances=web", () => true);
    expect(await told("getErrors", "web")).toMatchObject([{ worker: "api", container: "api-box", instance: "web" }]);
    expect(await told("stopProcess", "web", { graceMs: 1000 })).toMatchObject({ status: { state: "stopped" } });
    const audit = (await (await door("/api/audit")).json()) as { readonly items: readonly Record<string, string>[] };
    expect(audit.items.map(({ who, door: way, what, subject, result }) => [who, way, what, subject, result].join(" "))).toEqual([
      "binding rpc process.start web done",
      "binding rpc process.stop web done",
    ]);
  });

  test("says what is wrong by NovaBot's code", async () => {
    const unknown = await call("getProcessStatus", "nobody");
    expect(await unknown.json()).toMatchObject({
      message: expect.stringMatching(/^INSTANCE_NOT_FOUND: /),
      code: "INSTANCE_NOT_FOUND",
      status: 404,
      place: "instanceId",
    });
    expect(await (await call("getLogs", "nobody", { follow: true })).json()).toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    expect(await (await call("getErrors", "web", { limits: 1 })).json()).toMatchObject({
      code: "REQUEST_INVALID",
      place: "limits",
    });
  });

  test("gives a binding the role that its deployer said", async () => {
    expect(await (await by("NOVABOT_EYES", "getProcessStatus", "web")).json()).toMatchObject({ instance: "web" });
    const refused = await by("NOVABOT_EYES", "stopProcess", "web");
    expect(await refused.json()).toMatchObject({ code: "ACCESS_FORBIDDEN", status: 403 });
  });

  test("streams all that is kept, and lets go of streams that nobody reads", async () => {
    await told("startProcess", "counter", shell("seq 1 5000; exec sleep 600"));
    const followed = await call("getLogs", "counter", { after: 0, follow: true });
    expect((await lines(followed, 5000)).at(-1)).toBe("5000");
    const all = await lines(await call("getLogs", "counter", { after: 0 }), Number.POSITIVE_INFINITY);
    expect(all).toEqual(Array.from({ length: 5000 }, (_, index) => `${index + 1}`));
    for (let turn = 0; turn < 66; turn += 1)
      expect(await lines(await call("getLogs", "counter", { limit: 1, follow: true }), 1)).toEqual(["5000"]);
    await told("stopProcess", "counter", { graceMs: 1000 });
  });

  test("holds nothing for a reader that does not read: it finds a gap", async () => {
    await told("startProcess", "loud", shell("sleep 1; while :; do head -c 30000 /dev/zero | tr '\\0' x; echo; done"));
    const followed = await call("getLogs", "loud", { limit: 1, follow: true });
    const read = items<SomeEntry>(followed);
    const begun = (await read.next()).value;
    // More than all that is held for those who follow, and what may wait on the way.
    await first("instances=loud&kinds=log", ({ position }) => position > (begun?.position ?? 0) + 1600);
    await told("stopProcess", "loud", { graceMs: 1000 });
    const kinds = new Set<string>();
    let count = 0;
    for await (const { kind } of read) {
      kinds.add(kind);
      count += 1;
      if (kind === "gap" || count > 5000) break;
    }
    expect([...kinds]).toContain("gap");
  });
});

test("an orchestrator that is taken down comes back with every line once", async () => {
  const script = "for i in 1 2 3 4 5; do seq $((i * 10000 - 9999)) $((i * 10000)); sleep 0.2; done; exec sleep 600";
  await told("startProcess", "survivor", shell(script));
  for (let turn = 0; turn < 3; turn += 1) {
    await abortAllDurableObjects();
    expect(await told("getProcessStatus", "survivor")).toMatchObject({ linked: true, status: { state: "running" } });
  }
  await first("instances=survivor&kinds=log", ({ text }) => text === "50000");
  const all = await lines(await call("getLogs", "survivor", { after: 0 }), Number.POSITIVE_INFINITY);
  expect(all).toEqual(Array.from({ length: 50_000 }, (_, index) => `${index + 1}`));
  await told("stopProcess", "survivor", { graceMs: 1000 });
});

describe("the other doors on Workers", () => {
  test("let in who has the token, and nobody else", async () => {
    const nobody = await exports.default.fetch("http://localhost/api/workers");
    expect(nobody.status).toBe(401);
    const stranger = await exports.default.fetch("http://elsewhere.example/api/workers");
    expect(stranger.status).toBe(403);
    expect(await (await door("/api/workers")).json()).toMatchObject({
      workers: [
        { worker: "api", state: "linked" },
        { worker: "unbound", state: "lost", why: expect.stringContaining('needs the binding "NOWHERE"') },
      ],
    });
    expect(await (await door("/health/terminal?worker=api")).json()).toMatchObject({ status: "healthy" });
    const made = await door("/api/tokens", {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": "32" },
      body: JSON.stringify({ name: "eyes", role: "viewer" }),
    });
    const { token } = (await made.json()) as { readonly token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect((await door("/api/audit", { headers })).status).toBe(403);
    expect((await door("/api/workers", { headers })).status).toBe(200);
  });

  test("keep all in D1, by worker and container", async () => {
    const { results } = await env.DB.prepare("SELECT DISTINCT worker_name, container_name FROM logs").all();
    expect(results).toEqual([{ worker_name: "api", container_name: "api-box" }]);
  });

  test("are put in order by an alarm, which comes again", async () => {
    const orchestrator = env.ORCHESTRATOR.getByName("orchestrator");
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await runDurableObjectAlarm(orchestrator)).toBe(true);
      const indexed = await env.DB.prepare("SELECT value FROM marks WHERE name = 'indexed'").first("value");
      const newest = await env.DB.prepare("SELECT max(position) AS value FROM logs").first("value");
      expect(indexed).toBeGreaterThanOrEqual(Number(newest));
    }
  });

  test("carry a terminal from the client through the Durable Object to the worker", async () => {
    const answer = await door("/api/workers/api/terminal", { headers: { upgrade: "websocket" } });
    expect(answer.status).toBe(101);
    const socket = socketOf(answer);
    let text = "";
    const says = Promise.withResolvers<void>();
    socket.addEventListener("message", ({ data }) => {
      text += typeof data === "string" ? data : new TextDecoder().decode(data as ArrayBuffer);
      if (text.includes("from workerd")) says.resolve();
    });
    socket.send("echo from' 'workerd; exit\n");
    await says.promise;
    socket.close();
  });

  test("tell of what happens on /ws/monitoring", async () => {
    const socket = socketOf(await door("/ws/monitoring", { headers: { upgrade: "websocket" } }));
    const came: { readonly type: string }[] = [];
    const live = Promise.withResolvers<void>();
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as { readonly type: string };
      came.push(message);
      if (message.type === "live") live.resolve();
    });
    socket.send(JSON.stringify({ type: "subscribe", id: 1, filter: { workers: ["api"] }, after: 0 }));
    await live.promise;
    expect(came.map(({ type }) => type)).toEqual(expect.arrayContaining(["hello", "entries", "live"]));
    socket.close();
  });
});

function socketOf(answer: Response): WebSocket {
  const { webSocket } = answer as unknown as { readonly webSocket: (WebSocket & { accept(): void }) | null };
  if (!webSocket) throw new Error(`no WebSocket: ${answer.status}`);
  webSocket.binaryType = "arraybuffer";
  webSocket.accept();
  return webSocket;
}

/** Reads NDJSON until there are so many lines. */
async function lines(answer: Response, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { kind, text } of items<{ readonly kind: string; readonly text: string }>(answer)) {
    if (kind === "log") found.push(text);
    if (found.length === count) break;
  }
  return found;
}

/** Cancels what is left when it is left. */
async function* items<Item>(answer: Response): AsyncGenerator<Item, void, void> {
  if (!answer.ok || !answer.body) throw new Error(await answer.text());
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = whole.pop() ?? "";
      for (const text of whole) yield JSON.parse(text) as Item;
    }
  } finally {
    await reader.cancel();
  }
}
