import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { lockNames, takeLocks } from "../../../../src/supervisor/doors/lock.ts";

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "novabot-lock-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

it("is held by one, told by its process id, and free again after its release", async () => {
  const base = await directory();
  const names = lockNames(join(base, "a.sock"), base);
  const first = await takeLocks(names);
  await expect(takeLocks(names)).rejects.toMatchObject({
    code: "SUPERVISOR_FAILED",
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await first.release();
  await (await takeLocks(names)).release();
});

it("goes by the socket and by the directory of records, each", async () => {
  const base = await directory();
  const [one, other] = [join(base, "one"), join(base, "other")];
  await mkdir(one);
  await mkdir(other);
  const first = await takeLocks(lockNames(join(one, "a.sock"), one));
  await expect(takeLocks(lockNames(join(one, "a.sock"), other))).rejects.toMatchObject({ code: "SUPERVISOR_FAILED" });
  await expect(takeLocks(lockNames(join(other, "a.sock"), one))).rejects.toMatchObject({ code: "SUPERVISOR_FAILED" });
  // What the refused ones had taken already is free.
  await (await takeLocks(lockNames(join(other, "a.sock"), other))).release();
  await first.release();
});

it("is free at once when its holder is killed", async () => {
  const base = await directory();
  const module = join(import.meta.dirname, "../../../../src/supervisor/doors/lock.ts");
  const names = lockNames(join(base, "a.sock"), base);
  const script = `const { takeLocks } = await import(${JSON.stringify(module)}); await takeLocks(${JSON.stringify(names)}); console.log("held");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await expect(takeLocks(names)).rejects.toMatchObject({ facts: { holder: child.pid } });
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await takeLocks(names)).release();
});
