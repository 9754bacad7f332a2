import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { labels } from "../../../src/engine/spec.ts";
import type { Report } from "../../../src/contract/findings/finding.ts";
import { checkLive } from "../../../src/host/check/live.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { until } from "../../fixtures/engines/processes.ts";
import { createRaw } from "../../fixtures/engines/raw.ts";
import { findingsOf, keptByAll, verdictOf } from "../../fixtures/live-module.ts";
import { buildScriptImage, openStage, polite, type Stage } from "../../fixtures/stage.ts";

export function agentChecksSuite(fixture: () => TestEngine): void {
  const check = async (stage: Stage): Promise<Report> =>
    await checkLive({
      paths: [],
      cwd: stage.home.root,
      home: stage.home.root,
      env: { HOME: join(stage.home.root, ".."), TZ: "UTC" },
      engine: fixture().engine,
    });

  describe("agents' containers that run", () => {
    test.each(["family", "main"])("one of %s that NovaBot made keeps all of it, while it works", async (name) => {
      const { engine, image } = fixture();
      const stage = await openStage(engine, await buildScriptImage(engine, image, "2"));
      const group = await stage.group(
        name,
        `${polite}\ntouch /workspace/group/works\nwhile [ ! -e /workspace/group/go ]; do sleep 0.1; done\nframe done`,
      );
      const running = stage.run(group);
      const folder = join(stage.home.groups, name);
      await until("the agent's work", () => existsSync(join(folder, "works")));
      const report = await check(stage);
      writeFileSync(join(folder, "go"), "");
      await running;
      expect(report.findings).toEqual([]);
      expect(report.unchecked).toEqual([]);
      for (const rule of [...keptByAll, "sandbox-off", "devices"])
        expect([rule, verdictOf(report, rule)]).toEqual([rule, "kept"]);
      expect(report.checked[0]?.module).toBe(name);
      // Without an agent that runs and without a contract there is nothing to check.
      await until("its end", async () => (await stage.containers()).length === 0);
      await expect(check(stage)).rejects.toMatchObject({ code: "CONTRACT_NOT_FOUND" });
    });

    test("one that somebody made in its place breaks what it is held to", async () => {
      const { engine, image, daemon } = fixture();
      const stage = await openStage(engine, await buildScriptImage(engine, image, "2"));
      const group = await stage.group("family", polite);
      const id = await createRaw(fixture(), {
        Image: image,
        User: "1000:1000",
        Cmd: ["sleep", "300"],
        Labels: { [labels.home]: stage.home.label, [labels.kind]: "agent", [labels.group]: group.folder },
        HostConfig: { Binds: [`${daemon.directory}:/workspace/extra`], NetworkMode: "none" },
      });
      await engine.start(id);
      const report = await check(stage);
      expect(findingsOf(report, "mounts").map(({ message }) => message)).toEqual(
        expect.arrayContaining([
          expect.stringContaining("Nothing is mounted at /workspace/group"),
          '"/workspace/extra" is mounted, which is no part of the plan.',
        ]),
      );
      for (const rule of ["capabilities", "no-new-privileges", "memory-limit", "engine-socket"])
        expect([rule, findingsOf(report, rule)[0]?.severity]).toEqual([rule, "error"]);
      expect(report.findings.every(({ module }) => module === "family")).toBe(true);
    });
  });
}
