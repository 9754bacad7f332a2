import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { readDevices } from "../../../../../src/host/check/live/devices.ts";
import { readEnvFile } from "../../../../../src/host/check/live/env-files.ts";
import { readLog, type LogMarks } from "../../../../../src/host/check/live/log-file.ts";
import { subjectOf } from "../../../../fixtures/live-subject.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "novabot-test-live-files-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

describe("an env file beside its container", () => {
  async function compared(text: string, env: readonly string[], overridden: readonly string[] = []): Promise<unknown> {
    const path = join(directory, ".env.local");
    writeFileSync(path, text);
    const { container } = subjectOf({ container: { env } });
    const { facts } = await readEnvFile(path, undefined, container, new Set(overridden), { OUTSIDE: "out" });
    if (!facts.found?.known) return facts.found;
    const { differing, missing, names } = facts.found.value;
    return { differing, missing, names };
  }

  test.each([
    ["plain", "A=1\n", ["A=1"]],
    ["as Compose v2 reads quotes", `A="a b" # why\n`, ["A=a b"]],
    ["as podman-compose keeps them", `A="a b"\n`, [`A="a b"`]],
    ["variables that are filled in, or not", "A=${OUTSIDE}-x\nB=$OUTSIDE\n", ["A=out-x", "B=$OUTSIDE"]],
    ["an empty value", "A=\n", ["A="]],
    ["a value with equals signs", "A=b=c==\n", ["A=b=c=="]],
    ["Windows line ends", "A=1\r\n", ["A=1"]],
    ["comments and blank lines", "# A=2\n\nA=1\n", ["A=1"]],
  ])("the same: %s", async (_, text, env) => {
    expect(await compared(text, env)).toMatchObject({ differing: [], missing: [] });
  });

  test("another value, none, and one that the file does not decide", async () => {
    expect(await compared("A=1\nB=2\nC=3\n", ["A=9", "C=other"], ["C"])).toEqual({ differing: ["A"], missing: ["B"], names: 2 });
  });

  test("nothing there, a link, a directory", async () => {
    const { container } = subjectOf();
    const at = async (name: string): Promise<unknown> =>
      (await readEnvFile(join(directory, name), undefined, container, new Set(), {})).facts.found;
    expect(await at("none")).toBeNull();
    writeFileSync(join(directory, "file"), "A=1");
    symlinkSync("file", join(directory, "link"));
    mkdirSync(join(directory, "dir"));
    expect(await at("link")).toMatchObject({ value: { kind: "link" } });
    expect(await at("dir")).toMatchObject({ value: { kind: "other" } });
  });
});

describe("a log file in a directory that the container can write", () => {
  const at = (marks: LogMarks, now: number, target = "/app/logs/one.log"): ReturnType<typeof readLog> =>
    readLog(target, [{ target: "/app/logs", source: directory, readonly: false, at: undefined }], marks, "id", now);

  test("it grows from look to look, and has to grow again", () => {
    const marks: LogMarks = new Map();
    const log = join(directory, "one.log");
    writeFileSync(log, "a\n");
    expect(at(marks, 1000)).toMatchObject({ value: { kind: "file", sizeBytes: 2, grew: false, watchedMs: 0 } });
    expect(at(marks, 1500)).toMatchObject({ value: { grew: false, watchedMs: 500 } });
    appendFileSync(log, "b\n");
    expect(at(marks, 2000)).toMatchObject({ value: { grew: true, sizeBytes: 4 } });
    expect(at(marks, 2500)).toMatchObject({ value: { grew: false, watchedMs: 500 } });
  });

  test("links on the way are not followed, and pipes are not opened", () => {
    expect(at(new Map(), 0)).toMatchObject({ value: { kind: "missing" } });
    symlinkSync("/etc/passwd", join(directory, "one.log"));
    expect(at(new Map(), 0)).toMatchObject({ value: { kind: "link" } });
    symlinkSync("/etc", join(directory, "deep"));
    expect(at(new Map(), 0, "/app/logs/deep/passwd")).toMatchObject({ value: { kind: "link" } });
    execFileSync("mkfifo", [join(directory, "pipe")]);
    expect(at(new Map(), 0, "/app/logs/pipe")).toMatchObject({ value: { kind: "fifo" } });
    mkdirSync(join(directory, "inner"));
    expect(at(new Map(), 0, "/app/logs/inner")).toMatchObject({ value: { kind: "other" } });
    expect(at(new Map(), 0, "/elsewhere/one.log")).toMatchObject({ known: false });
  });
});

describe("device nodes", () => {
  test("those that every container has are no finding, a link in their place is not followed", () => {
    mkdirSync(join(directory, "dev/dri"), { recursive: true });
    for (const [name, major, minor] of [
      ["null", 1, 3],
      ["tty", 5, 0],
      ["fuse", 10, 229],
      ["dri/card0", 226, 0],
    ] as const)
      execFileSync("mknod", [join(directory, "dev", name), "c", String(major), String(minor)]);
    execFileSync("mknod", [join(directory, "dev/sda300"), "b", "8", "300"]);
    const found = readDevices(directory);
    expect(found?.known && found.value.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "/dev/dri/card0", kind: "character", major: 226, minor: 0 },
      { path: "/dev/fuse", kind: "character", major: 10, minor: 229 },
      { path: "/dev/sda300", kind: "block", major: 8, minor: 300 },
    ]);
    rmSync(join(directory, "dev"), { recursive: true });
    symlinkSync("/dev", join(directory, "dev"));
    expect(readDevices(directory)).toMatchObject({ known: false });
    chmodSync(directory, 0o700);
    expect(readDevices(join(directory, "none"))).toBeUndefined();
  });
});
