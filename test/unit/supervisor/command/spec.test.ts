import { describe, expect, test } from "vitest";
import { specOf } from "../../../../src/supervisor/command/spec.ts";

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
