import { expect, test } from "vitest";
import { removeWhenBack } from "../../../../src/agents/run/remains.ts";
import type { ContainerSummary } from "../../../../src/engine/engine.ts";
import { NovaError } from "../../../../src/model/errors.ts";

const made: ContainerSummary = { id: "c1", name: "one", labels: {}, running: false, createdAtMs: 0 };

/** An engine that is just coming back: one cannot be told to list what it does not have yet. */
function engineThatAnswers(...lists: (readonly ContainerSummary[] | NovaError)[]) {
  const asked: string[] = [];
  return {
    asked,
    async list() {
      asked.push("list");
      const next = lists.length > 1 ? lists.shift() : lists[0];
      if (next instanceof NovaError) throw next;
      return await Promise.resolve([...(next ?? [])]);
    },
    async remove(id: string) {
      asked.push(`remove ${id}`);
      await Promise.resolve();
    },
  };
}

test("a lost run's container is removed until it is not listed any more", async () => {
  const away = new NovaError("ENGINE_LOST", "away");
  // The first removal finds none, because the container is still being made.
  const engine = engineThatAnswers(away, [made], [made], []);
  expect(await removeWhenBack(engine, { label: "home" }, "run", new AbortController().signal)).toBe(true);
  expect(engine.asked).toEqual(["list", "list", "remove c1", "list", "remove c1", "list"]);
});

test("one that an engine lists for ever holds nobody up for ever, and a host that ends does not wait", async () => {
  const engine = engineThatAnswers([made]);
  expect(await removeWhenBack(engine, { label: "home" }, "run", new AbortController().signal)).toBe(true);
  expect(await removeWhenBack(engine, { label: "home" }, "run", AbortSignal.abort())).toBe(false);
});
