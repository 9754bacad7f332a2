import { describe, expect, test } from "vitest";
import { batch, bootA, bootB, instanceEvent, log, START_MS, status } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

export function describeWorkers(subject: Subject): void {
  describe("workers and processes", () => {
    test("gives each worker with what was put of it, its instances and its lines", async () => {
      const { store } = await openSubject(subject);
      await store.putWorker("alpha", {
        container: "alpha-1",
        state: "linked",
        sinceMs: START_MS,
        why: "it answers",
        bootID: bootA,
      });
      await store.putWorker("alpha", { version: "1.2.3", image: "worker:latest", engine: "docker", bootedAtMs: 5 });
      await store.putWorker("beta", { state: "gone", sinceMs: 7, why: "there is no container" });
      await store.keep(batch([log(1, "twelve bytes"), instanceEvent(2, status("web")), instanceEvent(3, status("job"))]));
      await store.keep(batch([{ kind: "event", seq: 4, atMs: START_MS, instance: "job", event: { type: "removed" } }]));
      expect(await store.workers()).toEqual([
        {
          worker: "alpha",
          container: "alpha-1",
          state: "linked",
          sinceMs: START_MS,
          why: "it answers",
          bootID: bootA,
          bootedAtMs: 5,
          version: "1.2.3",
          image: "worker:latest",
          engine: "docker",
          instances: 1,
          logs: { rows: 1, bytes: expect.any(Number) },
        },
        {
          worker: "beta",
          container: null,
          state: "gone",
          sinceMs: 7,
          why: "there is no container",
          bootID: null,
          bootedAtMs: null,
          version: null,
          image: null,
          engine: null,
          instances: 0,
          logs: { rows: 0, bytes: 0 },
        },
      ]);
    });

    test("gives processes as they were told last, by worker, container and id", async () => {
      const { store } = await openSubject(subject);
      await store.keep(batch([instanceEvent(1, status("web", { state: "starting" })), instanceEvent(2, status("web"))]));
      await store.keep(batch([instanceEvent(1, status("web"))], { worker: "beta", container: "beta-1", bootID: bootB }));
      await store.putProcesses("beta", "beta-1", { bootID: bootB, lastSeq: 1, atMs: START_MS }, [status("job"), status("web")]);
      const all = await store.processes({});
      expect(all.map(({ worker, instance }) => `${worker} ${instance}`)).toEqual(["alpha web", "beta job", "beta web"]);
      expect(all[0]).toEqual({
        worker: "alpha",
        container: "alpha-1",
        instance: "web",
        asOfMs: expect.any(Number),
        status: status("web"),
      });
      expect(await store.processes({ instance: "web" })).toHaveLength(2);
      expect(await store.processes({ instance: "web", workers: ["beta"] })).toHaveLength(1);
      expect(await store.processes({ containers: ["alpha-1", "none"] })).toHaveLength(1);
    });
  });
}
