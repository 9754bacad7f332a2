import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startWorker } from "../../../src/host/workers/start.ts";
import { stopWorker } from "../../../src/host/workers/stop.ts";
import { withWorkers } from "../../../src/host/workers/workers.ts";
import { GATEWAY_SOCKET, GATEWAY_TARGET } from "../../../src/model/workspace.ts";
import type { DoorsProcess } from "../../fixtures/doors-process.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { temporaryDirectory } from "../../fixtures/home.ts";
import { buildScriptImage, openStage, polite } from "../../fixtures/stage.ts";
import { buildWorkerTestImage } from "../../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../../fixtures/workers/stand.ts";

/**
 * Asks each address for `/healthz`, which anybody may ask, and for what the token opens, over TCP and through a gateway's socket where one is there. Prints
 * what was answered, in one line of JSON: nothing, where it is as it must be.
 */
const prober = String.raw`
const http = require("node:http"), net = require("node:net"), fs = require("node:fs"), os = require("node:os");
const [port, plainPort, token, socket, ...given] = process.argv.slice(1);
const route = fs.readFileSync("/proc/net/route", "utf8").split("\n").map((line) => line.split("\t")).filter(([, to, by]) => to === "00000000" && by);
const gateways = route.map(([, , by]) => by.match(/../g).reverse().map((part) => parseInt(part, 16)).join("."));
const hosts = [...new Set(["127.0.0.1", "::1", "localhost", ...gateways, ...given])];
const answers = {}, refusals = [];
const settle = (name, begin) => new Promise((resolve) => {
  setTimeout(resolve, 3000).unref();
  begin((answer) => { answers[name] = answer; resolve(); }, resolve);
});
const ask = (host, path, port) => settle(host + path, (answered, failed) =>
  http.get({ host, port, path, agent: false, headers: { authorization: "Bearer " + token, host: "localhost" } },
    (answer) => { answer.resume(); answered(answer.statusCode); }).on("error", failed));
const tunnel = (host) => settle("through the gateway to " + host, (answered, failed) =>
  http.request({ socketPath: socket, method: "CONNECT", path: (host.includes(":") ? "[" + host + "]" : host) + ":" + port, agent: false })
    .on("connect", (answer) => answer.statusCode === 200 ? answered(200) : failed(refusals.push(answer.statusCode))).on("error", failed).end());
(async () => {
  for (const host of hosts) await Promise.all([ask(host, "/healthz", port), ask(host, "/api/status", port), ask(host, "/plain", plainPort), ...(fs.existsSync(socket) ? [tunnel(host)] : [])]);
  const plain = Object.keys(answers).filter((name) => name.endsWith("/plain"));
  for (const name of plain) delete answers[name];
  console.log(JSON.stringify({ answers, plain: plain.length, gateways, refusals }));
})();
`;

interface Probed {
  readonly answers: Readonly<Record<string, number>>;
  /** By how many addresses a server was reached that bars nobody. */
  readonly plain: number;
  readonly gateways: readonly string[];
  /** What the broker's proxy answered. */
  readonly refusals: readonly number[];
}

/** That what runs in containers reaches none of the orchestrator's doors, on one engine. */
export function describeDoors(name: string, start: () => Promise<TestEngine>): void {
  describe(`the doors from containers of ${name}`, { timeout: 120_000 }, () => {
    let engine: TestEngine | undefined;
    let opened: WorkerStand | undefined;
    let scriptImage = "";
    beforeAll(async () => {
      engine = await start();
      opened = await openWorkerStand(engine, await buildWorkerTestImage(engine.engine, engine.image));
      scriptImage = await buildScriptImage(engine.engine, engine.image, "2");
      // A daemon's own network begins without a loopback.
      execFileSync("nsenter", [...opened.inside(), "ip", "link", "set", "lo", "up"]);
    });
    afterAll(async () => {
      await opened?.close();
      await engine?.dispose();
    });
    const stand = (): WorkerStand => {
      if (!opened) throw new Error("the engine was not started");
      return opened;
    };

    describe.each(["127.0.0.1", "0.0.0.0"])("that are open on %s", (host) => {
      /** In the network that the engine is in, as a house beside it. */
      async function openDoors(): Promise<DoorsProcess> {
        const program = join(import.meta.dirname, "../../fixtures/doors-process.ts");
        const argv = [...stand().inside(), process.execPath, program, join(await temporaryDirectory(), "home"), host];
        const child = spawn("nsenter", argv, { stdio: ["pipe", "pipe", "inherit"] });
        const ended = once(child, "exit");
        onTestFinished(async () => {
          child.stdin.end();
          await ended;
        });
        for await (const line of createInterface(child.stdout)) return JSON.parse(line) as DoorsProcess;
        throw new Error("the doors did not open");
      }

      const argumentsFor = ({ port, plainPort, token, addresses }: DoorsProcess): string[] => [
        String(port),
        String(plainPort),
        token,
        `${GATEWAY_TARGET}/${GATEWAY_SOCKET}`,
        ...addresses,
      ];

      test("the house itself reaches them", async () => {
        const doors = await openDoors();
        const argv = [...stand().inside(), process.execPath, "-e", prober, "--", ...argumentsFor(doors)];
        const child = spawn("nsenter", argv, { stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        for await (const chunk of child.stdout as AsyncIterable<Buffer>) text += chunk.toString();
        expect((JSON.parse(text) as Probed).answers).toMatchObject({ "127.0.0.1/healthz": 200, "127.0.0.1/api/status": 200 });
      });

      test("a worker does not", async () => {
        const doors = await openDoors();
        const { home, fixture, env } = stand();
        await withWorkers({ home, engine: fixture.connect(), env }, async (workers) => {
          await startWorker(workers, "prober", { settings: { argv: [] } });
          try {
            const { stdout, stderr } = await stand().exec("prober", "node", "-e", prober, "--", ...argumentsFor(doors));
            expect(stderr).toBe("");
            const probed = JSON.parse(stdout) as Probed;
            expect(probed.gateways).toHaveLength(1);
            expect(probed.plain).toBeGreaterThan(0);
            expect(probed.answers).toEqual({});
          } finally {
            await stopWorker(workers, "prober", { forget: true, removeData: true });
          }
        });
      });

      test.each(["closed", "open"] as const)("an agent does not, with its network %s", async (network) => {
        const doors = await openDoors();
        const { group, run } = await openStage(stand().fixture.connect(), scriptImage);
        const probe = `cat > /tmp/probe.cjs <<'PROBE'\n${prober.replaceAll("process.argv.slice(1)", "process.argv.slice(2)")}\nPROBE\n`;
        const asked = `node /tmp/probe.cjs ${argumentsFor(doors).join(" ")} > /tmp/probed`;
        const script = `${polite}\n${probe}${asked}\nraw "{\\"status\\":\\"success\\",\\"result\\":$(node -p 'JSON.stringify(require("fs").readFileSync("/tmp/probed","utf8"))'),\\"nonce\\":\\"$nonce\\"}"\n`;
        const result = await run(await group("prober", script, network === "open" ? { network } : {}));
        expect(result.record).toMatchObject({ outcome: "success" });
        const probed = JSON.parse(result.result ?? "") as Probed;
        expect(probed.gateways).toHaveLength(network === "open" ? 1 : 0);
        expect(probed.plain > 0).toBe(network === "open");
        expect(new Set(probed.refusals)).toEqual(new Set(network === "open" ? [] : [403]));
        expect(probed.answers).toEqual({});
      });
    });
  });
}
