import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import {
  readIDMap,
  readListeners,
  readMountInfo,
  readStat,
  readStatus,
  readUnixListeners,
} from "../../../../../src/host/check/live/proc-text.ts";

describe("what /proc says", () => {
  test("a process whose name looks like the rest of the line", () => {
    const rest = "S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
    expect(readStat(`12 (a) R 1 (b) ${rest}`)).toEqual({ name: "a) R 1 (b", state: "S", parent: 7, startedTicks: 4242 });
    expect(readStat(`12 (two\nlines) ${rest}`)).toMatchObject({ parent: 7 });
    expect(readStat("")).toBeUndefined();
    expect(readStat("12 (a) S")).toBeUndefined();
    expect(readStat(readFileSync("/proc/self/stat", "utf8"))).toMatchObject({ parent: process.ppid });
  });

  test("a thread's ids, capabilities and filters", () => {
    const text = [
      "Name:\tnode",
      "Uid:\t1001\t0\t0\t0",
      "Gid:\t1001\t1001\t1001\t1001",
      "Groups:\t0 33 ",
      "CapInh:\t0000000000000000",
      "CapPrm:\t00000000a80425fb",
      "CapEff:\t0000000000000001",
      "CapBnd:\t000001ffffffffff",
      "CapAmb:\t0000000000000000",
      "NoNewPrivs:\t1",
      "Seccomp:\t2",
      "Seccomp_filters:\t1",
      "",
    ];
    expect(readStatus(text.join("\n"), 5)).toEqual({
      tid: 5,
      users: { real: 1001, effective: 0, saved: 0, fileSystem: 0 },
      groups: { real: 1001, effective: 1001, saved: 1001, fileSystem: 1001 },
      supplementary: [0, 33],
      capabilities: { inheritable: 0n, permitted: 0xa80425fbn, effective: 1n, bounding: 0x1ffffffffffn, ambient: 0n },
      noNewPrivileges: true,
      seccomp: 2,
    });
    const older = text.filter((line) => !/^(CapAmb|NoNewPrivs|Seccomp)/.test(line)).join("\n");
    expect(readStatus(older, 5)).toMatchObject({ noNewPrivileges: null, seccomp: null, capabilities: { ambient: 0n } });
    expect(readStatus("Uid:\t1\t1", 5)).toBeUndefined();
    expect(readStatus("", 5)).toBeUndefined();
    expect(readStatus(readFileSync("/proc/self/status", "utf8"), 1)?.users.real).toBe(process.getuid?.());
  });

  test("maps of ids", () => {
    expect(readIDMap("         0     100000      65536\n      70000          5          1\n")).toEqual([
      { inside: 0, outside: 100_000, count: 65_536 },
      { inside: 70_000, outside: 5, count: 1 },
    ]);
  });

  test("mounts, with paths that hold spaces, and read-only by the mount or by the file system", () => {
    const text = [
      "36 35 98:0 /my\\040dir /app/a\\134b rw,noatime master:1 - ext4 /dev/sda1 rw",
      "37 36 98:0 / /app/ro ro,relatime - ext4 /dev/sda1 rw",
      "38 36 98:1 / /app/rosuper rw - iso9660 /dev/sr0 ro",
      "broken line",
      "",
    ];
    expect(readMountInfo(text.join("\n"))).toEqual([
      {
        id: 36,
        parent: 35,
        device: "98:0",
        root: "/my dir",
        target: "/app/a\\b",
        readonly: false,
        type: "ext4",
        source: "/dev/sda1",
      },
      { id: 37, parent: 36, device: "98:0", root: "/", target: "/app/ro", readonly: true, type: "ext4", source: "/dev/sda1" },
      {
        id: 38,
        parent: 36,
        device: "98:1",
        root: "/",
        target: "/app/rosuper",
        readonly: true,
        type: "iso9660",
        source: "/dev/sr0",
      },
    ]);
    expect(readMountInfo(readFileSync("/proc/self/mountinfo", "utf8")).some(({ target }) => target === "/")).toBe(true);
  });

  test("TCP listeners of both families", () => {
    const text = [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      "   0: 0100007F:1FA6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1",
      "   1: 0100007F:1FA7 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1 1",
      "   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1",
      "   3: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1",
      "   4: 00000000000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1",
    ];
    expect(readListeners(text.join("\n"))).toEqual([
      { address: "127.0.0.1", port: 8102 },
      { address: "::", port: 80 },
      { address: "127.0.0.1", port: 81 },
      { address: "::1", port: 82 },
    ]);
  });

  test("a listener of this process, as the kernel has it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    expect(readListeners(readFileSync("/proc/net/tcp", "utf8"))).toContainEqual({ address: "127.0.0.1", port });
    await new Promise((resolve) => server.close(resolve));
  });

  test("unix sockets that listen", () => {
    const text = [
      "Num       RefCount Protocol Flags    Type St Inode Path",
      "00000000d12aad1a: 00000002 00000000 00010000 0001 01 7924628 /run/docker.sock",
      "00000000d12aad1b: 00000003 00000000 00000000 0001 03 7924629 /run/docker.sock",
      "00000000d12aad1c: 00000002 00000000 00010000 0001 01 7924630 @abstract",
      "00000000d12aad1d: 00000002 00000000 00010000 0001 01    12 /run/with space/podman.sock",
      "00000000d12aad1e: 00000002 00000000 00010000 0001 01 7924631",
    ];
    expect(readUnixListeners(text.join("\n"))).toEqual(["/run/docker.sock", "/run/with space/podman.sock"]);
  });
});
