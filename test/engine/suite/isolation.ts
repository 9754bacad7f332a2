import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { run, specOf, startReady } from "../../fixtures/engines/containers.ts";

export function isolationSuite(fixture: () => TestEngine): void {
  describe("isolation, as the kernel has it", () => {
    test("no capabilities, no new privileges, numeric ids, seccomp, an init", async () => {
      const script = "cat /proc/self/status; echo ===; tr '\\0' ' ' < /proc/1/cmdline; echo; id -u; id -g";
      const { stdout } = await run(fixture().engine, specOf(fixture(), script, { user: { uid: 12345, gid: 54321 } }));
      const status = Object.fromEntries<string[] | undefined>(
        [...stdout.matchAll(/^(\w+):\s*(.*)$/gm)].map((match) => [match[1] ?? "", match[2]?.split(/\s+/)]),
      );
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(status[set]).toEqual(["0000000000000000"]);
      expect(status).toMatchObject({
        NoNewPrivs: ["1"],
        Seccomp: ["2"],
        Uid: Array(4).fill("12345"),
        Gid: Array(4).fill("54321"),
      });
      expect(status["Groups"]?.filter((group) => group !== "" && group !== "54321")).toEqual([]);
      const [init = "", uid, gid] = stdout.split("===\n")[1]?.split("\n") ?? [];
      expect(init).toContain("init");
      expect([uid, gid]).toEqual(["12345", "54321"]);
    });

    test("orphans are reaped", async () => {
      const script = `
        for i in 1 2 3; do (true & exec true); bash -c 'sleep 0.05 & exec true'; done
        for i in {1..200}; do
          left=$(grep -lE '^Name:.(sleep|true)$' /proc/[0-9]*/status 2> /dev/null | wc -l)
          [ "$left" = 0 ] && break
          sleep 0.1
        done
        echo "$left"`;
      expect((await run(fixture().engine, specOf(fixture(), script))).stdout).toBe("0\n");
    });

    test("a fork bomb stays within the limit of processes", async () => {
      const limits = { ...specOf(fixture(), "").limits, pids: 40 };
      const script = `exec node -e '
        const { spawn } = require("node:child_process");
        let started = 0, failed = 0;
        for (let i = 0; i < 80; i += 1) spawn("sleep", ["0.5"]).on("spawn", () => started++).on("error", () => failed++);
        process.on("exit", () => console.log(started + " " + failed));'`;
      const { stdout } = await run(fixture().engine, specOf(fixture(), script, { limits }));
      const [started = 0, failed = 0] = stdout.split(" ").map(Number);
      expect(started + failed).toBe(80);
      expect(started).toBeGreaterThan(5);
      expect(started).toBeLessThan(40);
    });

    test("limits as the kernel has them", async () => {
      const { engine } = fixture();
      const limits = { memoryBytes: 96 * 2 ** 20, memorySwapBytes: 96 * 2 ** 20, cpus: 0.5, pids: 33 };
      const { id, end } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 30", { limits }));
      const pid = (await engine.inspect(id))?.pid;
      const groups = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n").map((line) => line.split(":"));
      const pathOf = (controller: string): string => {
        const group = groups.find(([, names]) => names?.split(",").includes(controller));
        return group
          ? `/sys/fs/cgroup/${controller}${group[2]}`
          : `/sys/fs/cgroup${groups.find(([number]) => number === "0")?.[2]}`;
      };
      const read = async (controller: string, ...files: string[]): Promise<string> => {
        for (const file of files) {
          const value = await readFile(join(pathOf(controller), file), "utf8").catch(() => undefined);
          if (value !== undefined) return value.trim();
        }
        throw new Error(`no ${files.join(" or ")} of ${pathOf(controller)}`);
      };
      expect(await read("memory", "memory.limit_in_bytes", "memory.max")).toBe(String(limits.memoryBytes));
      expect(await read("pids", "pids.max")).toBe("33");
      expect(await read("cpu", "cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000\b/);
      await engine.kill(id, "SIGKILL");
      await end;
    });

    test("no network but loopback", async () => {
      const { stdout } = await run(fixture().engine, specOf(fixture(), "ls /sys/class/net; cat /proc/net/route"));
      expect(stdout.split("\n")[0]).toBe("lo");
      expect(stdout.split("\n").filter(Boolean)).toHaveLength(2);
    });

    test("the engine keeps no copy of what a container says", async () => {
      const { engine, daemon } = fixture();
      const mark = randomBytes(12).toString("hex");
      const { id } = await run(engine, specOf(fixture(), "cat; echo", { autoRemove: false }), mark);
      const found = execFileSync("sh", ["-c", `grep -rls -- ${mark} "$1" || true`, "sh", daemon.directory], { encoding: "utf8" });
      await engine.remove(id);
      expect(found).toBe("");
    });

    test("environment, working directory and labels arrive as they are", async () => {
      const { engine } = fixture();
      const env = { PLAIN: "a", SPACED: " b  c ", QUOTED: `"'$x\`#`, LINES: "one\ntwo", EMPTY: "" };
      const script = 'for name in PLAIN SPACED QUOTED LINES EMPTY; do echo "[${!name}]"; done; pwd';
      const labels = { "a.b": "c d", "e/f": "", 'g"': "h=i,j" };
      const spec = specOf(fixture(), script, { env, workingDirectory: "/workspace", labels, autoRemove: false });
      const { id, stdout } = await run(engine, spec);
      expect(stdout).toBe(
        `${Object.values(env)
          .map((value) => `[${value}]\n`)
          .join("")}/workspace\n`,
      );
      expect((await engine.inspect(id))?.labels).toMatchObject(labels);
      await engine.remove(id);
    });
  });

  describe("mounts", () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "novabot-test-mounts-"));
      for (const name of ["a", "a/inner", "b"]) await mkdir(join(directory, name));
      for (const name of ["a", "a/inner", "b"]) await chmod(join(directory, name), 0o777);
      await writeFile(join(directory, "a/one"), "of a\n");
      await writeFile(join(directory, "b/two"), "of b\n");
    });
    afterEach(async () => await rm(directory, { recursive: true, force: true }));
    const at = (name: string, target: string, readonly: boolean) => ({ source: join(directory, name), target, readonly });

    test("writable and read-only", async () => {
      const script = "cat /a/one /b/two; echo new > /a/new; echo no > /b/no; rm -f /b/two";
      const { stdout, stderr } = await run(
        fixture().engine,
        specOf(fixture(), script, { mounts: [at("a", "/a", false), at("b", "/b", true)] }),
      );
      expect(stdout).toBe("of a\nof b\n");
      expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
      expect(await readFile(join(directory, "a/new"), "utf8")).toBe("new\n");
      expect(await readFile(join(directory, "b/two"), "utf8")).toBe("of b\n");
    });

    test("one inside another, each with its own mode", async () => {
      const { engine } = fixture();
      const script = "ls /w/inner; echo x > /w/x; echo y > /w/inner/y; cat /w/one";
      const nested = [at("a", "/w", false), at("b", "/w/inner", true)];
      const { stdout, stderr } = await run(engine, specOf(fixture(), script, { mounts: nested }));
      expect(stdout).toBe("two\nof a\n");
      expect(stderr).toContain("/w/inner/y: Read-only file system");
      const turned = await run(
        engine,
        specOf(fixture(), "echo x > /w/z; echo y > /w/inner/z; cat /w/inner/z", {
          mounts: [at("a", "/w", true), at("b", "/w/inner", false)],
        }),
      );
      expect(turned.stdout).toBe("y\n");
      expect(turned.stderr).toContain("/w/z: Read-only file system");
    });

    test("a single file", async () => {
      const script = "cat /etc/one; echo x > /etc/one";
      const { stdout, stderr } = await run(
        fixture().engine,
        specOf(fixture(), script, { mounts: [at("a/one", "/etc/one", true)] }),
      );
      expect(stdout).toBe("of a\n");
      expect(stderr).toContain("Read-only file system");
    });

    test("what is mounted inside a read-only source cannot be written", async () => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "mode=1777", "tmpfs", join(directory, "a/inner")]);
      try {
        const { stdout } = await run(
          fixture().engine,
          specOf(fixture(), "echo x > /a/inner/x && echo written", { mounts: [at("a", "/a", true)] }),
        );
        expect(stdout).toBe("");
      } finally {
        execFileSync("umount", [join(directory, "a/inner")]);
      }
    });

    test("a path with characters that options would split is mounted as it is, or refused", async () => {
      const { engine } = fixture();
      for (const [name, carries] of [
        ["a:b c$d'e", true],
        ['a,b"c', engine.name === "docker"],
        ["a,readonly=false", engine.name === "docker"],
      ] as const) {
        await mkdir(join(directory, name));
        await writeFile(join(directory, name, "file"), "here\n");
        const spec = specOf(fixture(), "cat /odd/file; echo no > /odd/new", { mounts: [at(name, "/odd", true)] });
        if (carries) {
          const { stdout, stderr } = await run(engine, spec);
          expect(stdout).toBe("here\n");
          expect(stderr).toContain("Read-only file system");
        } else await expect(run(engine, spec)).rejects.toMatchObject({ code: "MOUNT_REFUSED" });
      }
    });

    test("a missing source is an error and is not made", async () => {
      const { engine } = fixture();
      await expect(engine.create(specOf(fixture(), "true", { mounts: [at("missing", "/m", false)] }))).rejects.toMatchObject({
        code: "ENGINE_REFUSED",
      });
      await expect(readFile(join(directory, "missing"))).rejects.toMatchObject({ code: "ENOENT" });
    });
  });
}
