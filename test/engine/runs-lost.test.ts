import { rename } from "node:fs/promises";
import { labels } from "../../src/engine/spec.ts";
import { NovaError } from "../../src/model/errors.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestEngine, withDocker, withPodman } from "../fixtures/engines/engines.ts";
import { stopwatch } from "../fixtures/own-lateness.ts";
import { buildScriptImage, openStage, polite, type Stage } from "../fixtures/stage.ts";

describe.each([
  ["Docker", withDocker],
  ["Podman", withPodman],
])("runs on a %s that goes away", (_, open) => {
  let under: TestEngine;
  let image: string;

  beforeAll(async () => {
    under = await open();
    image = await buildScriptImage(under.engine, under.image, "2");
  });

  afterAll(async () => await under?.dispose());

  /** Begins a long run, loses the engine by `lose`, and gives what became of the run. */
  async function lose(stage: Stage, how: () => Promise<void>): Promise<void> {
    const group = await stage.group("family", `${polite}\nframe begun\nexec sleep 300`);
    const begun = Promise.withResolvers<void>();
    const running = stage.run(group, { onOutput: () => begun.resolve() });
    await begun.promise;
    const passed = stopwatch();
    await how();
    const { record, result } = await running;
    expect(record).toMatchObject({ outcome: "engine lost", exitCode: null });
    expect(result).toBe("begun");
    expect(passed()).toBeLessThan(5000);
  }

  /** The same host runs again, and of the lost container nothing stays. */
  async function runAgain(stage: Stage): Promise<string | null> {
    const { result } = await stage.run(await stage.group("family", `${polite}\nframe back`));
    expect(await stage.containers()).toEqual([]);
    return result;
  }

  test("killed and started again", async () => {
    const stage = await openStage(under.engine, image);
    await lose(stage, async () => await under.daemon.kill("SIGKILL"));
    await expect(stage.run(await stage.group("other", ""))).rejects.toMatchObject({ code: "ENGINE_LOST" });
    await under.daemon.start();
    expect(await runAgain(stage)).toBe("back");
  });

  test("hanging when a run begins", async () => {
    const stage = await openStage(under.engine, image);
    const group = await stage.group("family", `${polite}\nframe never`);
    process.kill(under.daemon.pid, "SIGSTOP");
    const passed = stopwatch();
    try {
      await expect(stage.run(group)).rejects.toMatchObject({ code: "ENGINE_LOST" });
      expect(passed()).toBeLessThan(5000);
    } finally {
      process.kill(under.daemon.pid, "SIGCONT");
    }
    expect(await runAgain(stage)).toBe("back");
  });

  test("hanging when a container was just made", async () => {
    const stage = await openStage(under.engine, image);
    // The word of its making may come late: by itself it does not end.
    const group = await stage.group("family", `${polite}\nexec sleep 300`);
    const events = under.engine.events({ [labels.home]: stage.home.label }, new AbortController().signal);
    const created = events[Symbol.asyncIterator]().next();
    const running = stage.run(group);
    running.catch(() => {});
    await created;
    process.kill(under.daemon.pid, "SIGSTOP");
    const passed = stopwatch();
    try {
      const lost = await running.then(
        ({ record }) => record.outcome,
        (error: unknown) => (error instanceof NovaError ? error.code : error),
      );
      expect(["engine lost", "ENGINE_LOST"]).toContain(lost);
      expect(passed()).toBeLessThan(5000);
    } finally {
      process.kill(under.daemon.pid, "SIGCONT");
    }
    expect(await runAgain(stage)).toBe("back");
  });

  test("its socket gone and back while the container lives on", async () => {
    const stage = await openStage(under.engine, image);
    await lose(stage, async () => await rename(under.socket, `${under.socket}.away`));
    await rename(`${under.socket}.away`, under.socket);
    expect(await runAgain(stage)).toBe("back");
  });
});
