import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openHome } from "../../src/agents/home/home.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { buildImages } from "../../src/host/images/images.ts";
import { findUp } from "../../src/host/up/find-up.ts";
import { runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { composeProgram } from "../fixtures/compose-programs.ts";
import { makeModulesHome, type ModulesHome } from "../fixtures/modules-home.ts";
import { buildWAHAStandIn } from "../fixtures/waha.ts";

const WAHA = "whatsapp-adapter-waha";
const BASE = "novabot-base:latest";
const image = `novabot-test-up-waha:${process.pid}`;

let engine: Engine;
let home: ModulesHome;

beforeAll(async () => {
  engine = await findEngine(process.env);
  if (!(await engine.findImage(BASE)))
    await buildImages(engine, { which: "base", env: process.env, install: false, say: () => undefined });
  await buildWAHAStandIn(engine, BASE, image);
  home = await makeModulesHome({ engine, socket: (await engine.probe()).endpoint, compose: await composeProgram("v2"), image });
}, 300_000);
afterAll(async () => {
  if (home) await runNovabot(["down", "--now"], home.env);
  await home?.modules("down");
  await home?.dispose();
  if (await engine.findImage(image)) await engine.removeImage(image);
});

test("modules of novabot.yaml come up, their health and the contract are watched, and down takes them along when asked", async () => {
  await writeFile(join(home.root, "novabot.yaml"), `listen: 127.0.0.1:0\nmodules: [${WAHA}, nobody]\n`);
  const child = startNovabot(["up", "--json"], home.env);
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (out += text));
  const told = (): unknown[] =>
    out
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  const became = (name: string, result: string): unknown =>
    expect.objectContaining({ told: expect.objectContaining({ what: "module", name, result }) as unknown });
  await vi.waitFor(() => expect(told()).toContainEqual(became("nobody", "failed")), { timeout: 120_000 });
  await writeFile(join(home.root, "novabot.yaml"), `listen: 127.0.0.1:0\nmodules: [${WAHA}]\n`);
  const first = once(child, "exit");
  child.kill("SIGTERM");
  await first;
  expect(child.exitCode).toBe(0);

  const detached = await runNovabot(["up", "--detach"], home.env);
  expect(detached.code, detached.stderr).toBe(0);
  const asked = async (path: string, method = "GET"): Promise<unknown> => {
    const { url, token } = await found();
    return await (await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}` } })).json();
  };
  const healthy = expect.arrayContaining([expect.objectContaining({ module: WAHA, state: "healthy" }) as unknown]) as unknown;
  await vi.waitFor(async () => expect(await asked("/api/modules")).toMatchObject({ modules: healthy }), {
    timeout: 120_000,
    interval: 500,
  });
  await asked("/api/contract/check", "POST");
  const { check } = (await asked("/api/contract")) as {
    check: { report: { findings: readonly { readonly module: string; readonly severity: string }[] } };
  };
  // The contract's other modules do not run, which it tells as well.
  expect(check.report.findings.filter(({ module, severity }) => module === WAHA && severity === "error")).toEqual([]);
  expect(check.report.findings.map(({ module }) => module)).toContain("whatsapp-adapter-docs");
  expect(await asked("/api/audit")).toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({ door: "command", what: "modules.up", subject: WAHA, result: "started" }) as unknown,
    ]) as unknown,
  });
  const { code, stdout } = await runNovabot(["down", "--modules", "--json"], home.env);
  expect(JSON.parse(stdout)).toMatchObject({
    stopped: expect.arrayContaining([
      expect.objectContaining({ what: "orchestrator", result: "stopped" }) as unknown,
      expect.objectContaining({ what: "module", name: WAHA, result: "stopped" }) as unknown,
    ]) as unknown,
  });
  expect(code).toBe(0);
}, 600_000);

async function found(): Promise<{ readonly url: string; readonly token: string }> {
  return await findUp(await openHome(home.root, { create: false }));
}
