import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { dropGarbageOfStart } from "../../../src/cli/up-garbage.ts";
import { silent } from "../../fixtures/kept-house.ts";

/** What one turn holds lives until its end. */
async function garbage(): Promise<WeakRef<object>> {
  const reference = new WeakRef({ some: "thing" });
  await turn();
  return reference;
}

test("what the start left behind goes once its time has come, and not when it was ended before", async () => {
  const reference = await garbage();
  dropGarbageOfStart(silent, 20)();
  const end = dropGarbageOfStart(silent, 50);
  // A failed expectation would keep what it was of.
  const isThere = (): boolean => reference.deref() !== undefined;
  expect(isThere()).toBe(true);
  await expect.poll(isThere).toBe(false);
  end();
});
