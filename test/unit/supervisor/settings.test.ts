import { describe, expect, it } from "vitest";
import { readSettings } from "../../../src/supervisor/settings.ts";
import { NovaError } from "../../../src/model/errors.ts";

const TOKEN = "0123456789abcdef0123";
const files: Record<string, string> = { "/run/token": `${TOKEN}\n`, "/run/empty": "\n" };
const machine = {
  hostname: () => "box",
  readFile: (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  },
};
const read = (env: Record<string, string>, argv: string[] = []) => readSettings(argv, env, machine);

function wrong(env: Record<string, string>, argv: string[] = []): readonly string[] {
  try {
    read(env, argv);
  } catch (error) {
    if (error instanceof NovaError && error.code === "SUPERVISOR_FAILED") return error.facts["wrong"] as string[];
    throw error;
  }
  return [];
}

describe("the supervisor's settings", () => {
  it("have a default each, and no door without a token", () => {
    expect(read({})).toEqual({
      worker: "box",
      container: "box",
      socketPath: "/workspace/container/run/supervisor.sock",
      dataDirectory: "/workspace/data",
      door: null,
      stopGraceMs: 9_000,
      records: { memoryBytes: 12_582_912, diskBytes: 268_435_456 },
      terminals: { graceMs: 300_000, idleMs: 28_800_000 },
      program: null,
    });
  });

  it("take a token from the environment or from a file", () => {
    const door = { address: "0.0.0.0", port: 8080, token: TOKEN, hosts: [], origins: [] };
    expect(read({ NOVABOT_WORKER_TOKEN: TOKEN }).door).toEqual(door);
    expect(read({ NOVABOT_WORKER_TOKEN_FILE: "/run/token" }).door).toEqual(door);
    expect(
      read({
        NOVABOT_WORKER_TOKEN: TOKEN,
        NOVABOT_WORKER_ADDRESS: "127.0.0.1",
        NOVABOT_WORKER_PORT: "81",
        NOVABOT_WORKER_HOSTS: "Worker.example, other",
        NOVABOT_WORKER_ORIGINS: "https://example.org,http://localhost:3000",
      }).door,
    ).toEqual({
      address: "127.0.0.1",
      port: 81,
      token: TOKEN,
      hosts: ["worker.example", "other"],
      origins: ["https://example.org", "http://localhost:3000"],
    });
  });

  it("tell of every wrong one by its name, and never the token", () => {
    const found = wrong({
      NOVABOT_WORKER: "a b",
      NOVABOT_CONTAINER: "../x",
      NOVABOT_SUPERVISOR_SOCKET: "run.sock",
      NOVABOT_DATA: "data",
      NOVABOT_WORKER_TOKEN: "too short",
      NOVABOT_WORKER_ADDRESS: "everywhere",
      NOVABOT_WORKER_PORT: "65536",
      NOVABOT_WORKER_HOSTS: "good,http://bad",
      NOVABOT_WORKER_ORIGINS: "example.org",
      NOVABOT_STOP_GRACE_MS: "1e4",
      NOVABOT_RECORDS_MEMORY_BYTES: "1",
      NOVABOT_RECORDS_DISK_BYTES: "-5",
      NOVABOT_TERMINAL_GRACE_MS: "never",
      NOVABOT_TERMINAL_IDLE_MS: "0",
    });
    for (const name of [
      "NOVABOT_WORKER ",
      "NOVABOT_CONTAINER",
      "NOVABOT_SUPERVISOR_SOCKET",
      "NOVABOT_DATA",
      "NOVABOT_WORKER_TOKEN",
      "NOVABOT_WORKER_ADDRESS",
      "NOVABOT_WORKER_PORT",
      "NOVABOT_WORKER_HOSTS",
      "NOVABOT_WORKER_ORIGINS",
      "NOVABOT_STOP_GRACE_MS",
      "NOVABOT_RECORDS_MEMORY_BYTES",
      "NOVABOT_RECORDS_DISK_BYTES",
      "NOVABOT_TERMINAL_GRACE_MS",
      "NOVABOT_TERMINAL_IDLE_MS",
    ]) {
      expect(found.filter((sentence) => sentence.startsWith(name))).toHaveLength(1);
    }
    expect(found.join()).not.toContain("too short");
  });

  it("refuse a token file that cannot be read or is empty, and two tokens", () => {
    expect(wrong({ NOVABOT_WORKER_TOKEN_FILE: "/run/none" })).toEqual([expect.stringContaining('"/run/none"')]);
    expect(wrong({ NOVABOT_WORKER_TOKEN_FILE: "/run/empty" })).toEqual([expect.stringContaining("is empty")]);
    expect(wrong({ NOVABOT_WORKER_TOKEN_FILE: "/run/token", NOVABOT_WORKER_TOKEN: TOKEN })).toEqual([
      expect.stringContaining("both set"),
    ]);
    expect(wrong({ NOVABOT_SUPERVISOR_SOCKET: `/${"x".repeat(107)}` })).toEqual([expect.stringContaining("107 bytes")]);
  });

  it("take a program after --", () => {
    expect(read({}, ["--", "node", "--port", "x"]).program).toEqual({ id: "app", port: null, argv: ["node", "--port", "x"] });
    expect(read({}, ["--instance-id", "web", "--port", "3000", "--", "serve"]).program).toEqual({
      id: "web",
      port: 3000,
      argv: ["serve"],
    });
    expect(wrong({}, ["--instance-id", "-x", "--", "a"])).toHaveLength(1);
    expect(wrong({}, ["--port", "0", "--", "a"])).toHaveLength(1);
    expect(wrong({ NOVABOT_WORKER_TOKEN: TOKEN }, ["--port", "8080", "--", "a"])).toEqual([expect.stringContaining("door")]);
    expect(wrong({}, ["--port", "8080", "--", "a"])).toEqual([]);
    expect(wrong({}, ["--instance-id", "web"])).toHaveLength(1);
    expect(wrong({}, ["--"])).toHaveLength(1);
    expect(wrong({}, ["run", "it"])).toEqual([expect.stringContaining('"run"')]);
  });
});
