import { describe, expect, test } from "vitest";
import { parseCount, parseDuration, parseInstances, parseNames, parseTime } from "../../../../src/supervisor/command/options.ts";
import { specOf } from "../../../../src/supervisor/command/spec.ts";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["10", 10_000],
    ["0", 0],
    ["1.5h", 5_400_000],
    ["5m", 300_000],
    ["5min", 300_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("%s", (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each(["", "m", "-5m", "5 m", "5y", "5m!", "1e3s"])("%j is none", (text) =>
    expect(() => parseDuration(text)).toThrow("is no duration"),
  );
});

describe("a time", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  test.each([
    ["10m", now - 600_000],
    ["1h30m", now - 5_400_000],
    ["2026-11-21T08:00:00Z", now - 4 * 3_600_000],
    ["2026-11-21T08:00:00.500+01:00", now - 5 * 3_600_000 + 500],
    ["2026-11-20", new Date(2026, 10, 20).getTime()],
    ["2026-11-20 08:30", new Date(2026, 10, 20, 8, 30).getTime()],
  ])("%s", (text, atMs) => expect(parseTime(text, now)).toBe(atMs));
  test.each(["", "yesterday", "2026-13-01", "17", "10 minutes"])("%j is none", (text) =>
    expect(() => parseTime(text, now)).toThrow("is no time"),
  );
});

test("names, counts and instances are told apart from what they are not", () => {
  const names = parseNames(["info", "warn"] as const);
  expect(names("WARN,info", ["warn"])).toEqual(["warn", "info"]);
  expect(() => names("warn,loud")).toThrow('"loud" is none of info, warn.');
  expect(parseInstances("a,b", ["a"])).toEqual(["a", "b"]);
  expect(() => parseInstances("a,../b")).toThrow("must be 1 to 64 letters");
  expect(parseCount(1, 10)("10")).toBe(10);
  expect(() => parseCount(1, 10)("11")).toThrow("is no whole number from 1 to 10");
});

describe("what a process shall be", () => {
  const world = { env: { LANG: "C" }, directory: "/workspace/app" };
  const base = { instanceId: "web" };

  test("has defaults, and the shell's directory", () => {
    expect(specOf(["bun", "run", "dev"], base, world)).toMatchObject({
      id: "web",
      argv: ["bun", "run", "dev"],
      directory: "/workspace/app",
      port: null,
      env: {},
      restart: { when: "on-failure", maxRestarts: 10 },
      readiness: null,
      liveness: null,
      output: { overflow: "slow" },
    });
    expect(specOf(["a"], { ...base, cwd: "sub" }, world).directory).toBe("/workspace/app/sub");
  });

  test("is asked by port, by path or by command", () => {
    const ready = (options: object) => specOf(["a"], { ...base, ...options }, world).readiness?.target;
    expect(ready({ readyPort: 81 })).toEqual({ kind: "port", port: 81 });
    expect(ready({ port: 80, readyPath: "/up" })).toEqual({ kind: "http", port: 80, path: "/up" });
    expect(ready({ port: 80, readyPort: 81, readyPath: "/up" })).toEqual({ kind: "http", port: 81, path: "/up" });
    expect(ready({ readyCommand: "test -e up" })).toEqual({ kind: "command", argv: ["/bin/sh", "-c", "test -e up"] });
    expect(() => ready({ readyPath: "/up" })).toThrow("no port");
    expect(() => ready({ readyCommand: "true", readyPort: 1 })).toThrow("not both");
    expect(() => ready({ readyTimeout: 5 })).toThrow("not what");
  });

  test("gets variables, by value or as the shell has them", () => {
    const env = (...pairs: string[]) => specOf(["a"], { ...base, env: pairs }, world).env;
    expect(env("A=1=2", "B=", "LANG")).toEqual({ A: "1=2", B: "", LANG: "C" });
    expect(() => env("NOPE")).toThrow("not set in this shell");
    expect(() => env("1A=x")).toThrow("does not begin with the name");
  });

  test("is refused with the field that is wrong", () => {
    expect(() => specOf(["a"], { ...base, backoff: 1e12 }, world)).toThrow("restart.delayMs");
  });
});
