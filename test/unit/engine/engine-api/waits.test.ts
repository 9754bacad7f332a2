import { expect, test } from "vitest";
import { pendingWaits } from "../../../../src/engine/engine-api/waits.ts";
import { NovaError } from "../../../../src/model/errors.ts";

const lost = new NovaError("ENGINE_LOST", "gone");

test("a start whose wait lost the engine is lost with it, and does not ask again", async () => {
  const waits = pendingWaits();
  const { promise, reject } = Promise.withResolvers<never>();
  const wait = waits.begin("one", async () => await promise);
  const ready = waits.ready("one");
  reject(lost);
  await expect(ready).rejects.toBe(lost);
  await expect(wait).rejects.toBe(lost);
});

test("a wait that reached the engine, or was refused, lets the start go on", async () => {
  const waits = pendingWaits();
  const late = Promise.withResolvers<never>();
  const reached = waits.begin("one", async (ready) => {
    ready();
    return await late.promise;
  });
  await waits.ready("one");
  late.reject(lost);
  await expect(reached).rejects.toBe(lost);
  const refused = waits.begin("two", async () => await Promise.reject(new NovaError("CONTAINER_NOT_FOUND", "none")));
  await waits.ready("two");
  await expect(refused).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
});
