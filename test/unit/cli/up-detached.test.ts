import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CLIContext } from "../../../src/cli/context.ts";
import { startDetached } from "../../../src/cli/up-detached.ts";
import { takeUpLock } from "../../../src/host/up/lock.ts";
import { temporaryHome } from "../../fixtures/home.ts";

test("while another one is just starting it is refused, and what that told is left as it is", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const lock = await takeUpLock(home);
  onTestFinished(async () => await lock.release());
  const log = join(home.host, "up.log");
  await writeFile(log, "first words\n");
  await expect(startDetached(home, false, { env: {} } as CLIContext)).rejects.toMatchObject({
    code: "HOME_BUSY",
    message: expect.stringContaining("just being started or stopped") as string,
    next: "Try again in a moment.",
  });
  expect(await readFile(log, "utf8")).toBe("first words\n");
});
