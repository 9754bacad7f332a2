import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../../../src/host/package-root.ts";
import { HEALTH_ASK_MS, HEALTH_LOOK_MS } from "../../../../src/model/link.ts";
import { createHealth } from "../../../../src/supervisor/doors/health.ts";
import { TerminalBed } from "../terminal/bed.ts";

/** Looks at a terminal in which this runs instead of a shell. */
async function lookAt(command: string, timeoutMs = 30_000): Promise<void> {
  const bed = await TerminalBed.running(command);
  onTestFinished(() => bed.close());
  await createHealth({ address: "127.0.0.1", port: () => bed.port, token: "", timeoutMs }).terminal();
}

test("a terminal whose shell is slow to start is healthy: what was typed waits for it", async () => {
  await expect(lookAt("sleep 1; exec sh")).resolves.toBeUndefined();
});

test("one whose shell does nothing is not, though the terminal shows what is typed; and it is told how far it came", async () => {
  const come = /no echo came within 3000 ms; it opened after \d+ ms and first said something after \d+ ms$/;
  await expect(lookAt("exec sleep 600", 3000)).rejects.toMatchObject({
    code: "TERMINAL_FAILED",
    message: expect.stringMatching(come) as string,
  });
});

test("one whose shell ends is told at once", async () => {
  await expect(lookAt("exit 3")).rejects.toThrow("it hung up before the echo");
});

test("each waits longer than who answers it: the door, the program that the engine runs, the engine", async () => {
  const script = await readFile(join(packageRoot(), "images/worker/health.sh"), "utf8");
  const image = await readFile(join(packageRoot(), "images/worker/Dockerfile"), "utf8");
  const askMs = Number(/--max-time (\d+)/.exec(script)?.[1]) * 1000;
  const engineMs = Number(/^HEALTHCHECK .*--timeout=(\d+)s/m.exec(image)?.[1]) * 1000;
  expect(askMs).toBeGreaterThan(HEALTH_LOOK_MS);
  expect(engineMs).toBeGreaterThan(2 * askMs);
  expect(HEALTH_ASK_MS).toBeGreaterThan(HEALTH_LOOK_MS);
});
