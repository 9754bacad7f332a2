import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { specOf } from "../../fixtures/engines/containers.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { until } from "../../fixtures/engines/processes.ts";
import { freePort } from "../../../src/host/workers/reach.ts";

const SERVE = `exec node -e 'require("http").createServer((q, r) => r.end("served")).listen(8080, "0.0.0.0", () => console.log("ready"))'`;

/** Where published ports lead somewhere: the network of the tests' Podman has no plugin for them, and its service only holds the port. */
const forwards: ReadonlySet<string> = new Set(["docker"]);

/** What a container needs that serves for days. */
export function servingSuite(fixture: () => TestEngine): void {
  /** Runs a program where the daemon's own network is. */
  const beside = async (...argv: readonly string[]): Promise<string> =>
    (await promisify(execFile)("nsenter", ["--net", "-t", String(fixture().daemon.pid), "--", ...argv])).stdout;

  describe("containers that serve", () => {
    test("a published port is on loopback and on no other address", async () => {
      const { engine } = fixture();
      // In a network of its own, loopback is down.
      await beside("/sbin/ip", "link", "set", "lo", "up");
      const host = await freePort();
      const spec = specOf(fixture(), SERVE, {
        network: "default",
        ports: [{ container: 8080, host }],
        stdin: false,
        autoRemove: false,
        restart: "unless-stopped",
      });
      const id = await engine.create(spec);
      await engine.start(id);
      try {
        if (forwards.has(engine.name)) {
          const program = `fetch("http://127.0.0.1:${host}").then(async (r) => process.stdout.write(await r.text()))`;
          const ask = async (): Promise<string> => await beside(process.execPath, "-e", program);
          expect(await until("its answer", async () => await ask().catch(() => undefined))).toBe("served");
        }
        const listeners = await beside("/bin/cat", "/proc/net/tcp", "/proc/net/tcp6");
        const port = host.toString(16).toUpperCase().padStart(4, "0");
        const bound = [...listeners.matchAll(new RegExp(`: ([0-9A-F]+):${port} `, "g"))].map(([, address]) => address);
        expect(bound).toContain("0100007F");
        expect(bound.filter((address) => address !== "0100007F")).toEqual([]);
        const description = await engine.observation?.describe(id);
        expect(description).toMatchObject({
          restartPolicy: "unless-stopped",
          ports: [{ container: 8080, protocol: "tcp", hostAddress: "127.0.0.1", host }],
        });
      } finally {
        await engine.remove(id);
      }
    });

    test("one that ends by itself is started again, and one that was stopped is not", async () => {
      const { engine } = fixture();
      expect(engine.capabilities.restarts).toBe(true);
      const spec = specOf(fixture(), "exec sleep 1000", { stdin: false, autoRemove: false, restart: "unless-stopped" });
      const id = await engine.create(spec);
      await engine.start(id);
      try {
        const first = (await engine.inspect(id))?.pid ?? -1;
        await engine
          .exec(id, ["sh", "-c", "kill -KILL $(cat /proc/[0-9]*/stat | sed -n 's/^\\([0-9]*\\) (sleep).*/\\1/p')"])
          .catch(() => undefined);
        await until("another process", async () => {
          const now = await engine.inspect(id);
          return now?.running === true && now.pid !== null && now.pid !== first;
        });
        await engine.stop(id, 1000);
        expect(await engine.inspect(id)).toMatchObject({ running: false });
        await engine.start(id);
        expect(await engine.inspect(id)).toMatchObject({ running: true });
      } finally {
        await engine.remove(id);
      }
    });

    test("a command's output comes as it is written", async () => {
      const { engine } = fixture();
      const id = await engine.create(specOf(fixture(), "exec sleep 1000", { stdin: false }));
      await engine.start(id);
      try {
        const heard: [string, string][] = [];
        const result = engine.exec(
          id,
          ["sh", "-c", "echo one; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo two >&2; exit 3"],
          {
            onOutput: (stream, bytes) => heard.push([stream, Buffer.from(bytes).toString()]),
          },
        );
        await until("its first line", () => heard.length > 0);
        await engine.exec(id, ["touch", "/tmp/go"]);
        expect(await result).toEqual({ exitCode: 3, stdout: "", stderr: "" });
        expect(heard).toEqual([
          ["stdout", "one\n"],
          ["stderr", "two\n"],
        ]);
      } finally {
        await engine.remove(id);
      }
    });
  });
}
