import { expect, test } from "vitest";
import { checkSettings, checkWorkerName, keptWorkerSchema, type WorkerSettings } from "../../../src/workers/worker.ts";

const settings: WorkerSettings = {
  image: "novabot-worker:latest",
  argv: ["node", "server.js"],
  instance: "app",
  port: 3000,
  env: { A: "1" },
  network: "open",
  memoryBytes: 2 ** 30,
  cpus: 2,
  pids: 512,
};
const engine = { cpus: 4, memoryBytes: 2 ** 33 };

test.each(["a", "Web-1", "x_y", "0", "a".repeat(64)])("the name %j", (name) => {
  expect(checkWorkerName(name)).toBe(name);
});

test.each(["", "-a", "_a", "a.b", "a/b", "..", "a b", "a".repeat(65), "ä", "a\n"])("no name: %j", (name) => {
  expect(() => checkWorkerName(name)).toThrow(expect.objectContaining({ code: "WORKER_INVALID" }) as Error);
});

test("settings that hold", () => {
  expect(() => checkSettings(settings, engine)).not.toThrow();
  expect(() => checkSettings({ ...settings, memoryBytes: 2 ** 40 }, { ...engine, memoryBytes: 0 })).not.toThrow();
});

test.each([
  ["--env", { env: { "A-B": "1" } }],
  ["--env", { env: { NOVABOT_WORKER_TOKEN: "mine" } }],
  ["--env", { env: { NOVABOT_DATA: "/" } }],
  ["--env", { env: { LD_PRELOAD: "/workspace/app/x.so" } }],
  ["--env", { env: { NODE_OPTIONS: "--require=/workspace/app/x.js" } }],
  ["--env", { env: { A: "a\0b" } }],
  ["-- CMD", { argv: ["node", "a\0b"] }],
  ["-- CMD", { argv: [""] }],
  ["--port", { argv: [] }],
  ["--port", { port: 8080 }],
  ["--cpus", { cpus: 5 }],
  ["--memory", { memoryBytes: 2 ** 34 }],
] as const)("settings that do not hold at %s: %j", (place, change) => {
  const wrong = { ...settings, ...change } as WorkerSettings;
  expect(() => checkSettings(wrong, engine)).toThrow(expect.objectContaining({ code: "WORKER_INVALID", place }) as Error);
});

test("what is kept is read as it was written, and nothing else", () => {
  const kept = { name: "web", token: "t".repeat(43), settings, state: "up", published: null, startedAtMs: 1 };
  expect(keptWorkerSchema.parse(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  for (const wrong of [
    { name: "../web" },
    { token: "short" },
    { state: "gone" },
    { published: { door: 0, app: null } },
    { more: 1 },
  ])
    expect(keptWorkerSchema.safeParse({ ...kept, ...wrong }).success).toBe(false);
});
