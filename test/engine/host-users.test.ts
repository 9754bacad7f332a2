import { execFile } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type TestEngine, withDocker, withPodman } from "../fixtures/engines/engines.ts";
import { buildScriptImage, polite } from "../fixtures/stage.ts";

const runner = fileURLToPath(new URL("../fixtures/run-as-user.ts", import.meta.url));

// Becoming another user takes root.
describe.runIf(process.getuid?.() === 0).each([
  ["docker", withDocker],
  ["podman", withPodman],
])("whoever runs NovaBot, the agent writes its folder (%s)", (name, open) => {
  let under: TestEngine;
  let image: string;

  beforeAll(async () => {
    under = await open();
    image = await buildScriptImage(under.engine, under.image, "2");
    // The daemon of the tests is root's alone; root's group stands here for the group `docker`.
    await chmod(under.daemon.directory, 0o755);
    await chown(under.socket, 0, 0);
    await chmod(under.socket, 0o660);
  });

  afterAll(async () => await under?.dispose());

  async function homeOf(uid: number): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), "novabot-user-"));
    onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
    await chmod(directory, 0o755);
    const home = join(directory, "home");
    await mkdir(join(home, "groups/family"), { recursive: true });
    const script = `${polite}
echo x > mine && echo y > /home/node/.claude/s && echo z > /workspace/ipc/messages/m && wrote=yes
echo more >> notes.md 2>/dev/null && notes=yes
[ -r notes.md ] && read=yes
frame "$(id -u):$(id -g) wrote=$wrote notes=$notes read=$read"`;
    await writeFile(join(home, "groups/family/agent.sh"), script);
    await writeFile(join(home, "groups/family/notes.md"), "the owner's\n");
    await writeFile(join(home, ".env"), "ANTHROPIC_API_KEY=key\n", { mode: 0o600 });
    for (const path of [
      home,
      join(home, "groups"),
      join(home, "groups/family"),
      join(home, "groups/family/agent.sh"),
      join(home, "groups/family/notes.md"),
      join(home, ".env"),
    ]) {
      await chown(path, uid, uid);
    }
    return home;
  }

  async function runAs(uid: number, home: string): Promise<Record<string, unknown>> {
    const { stdout } = await promisify(execFile)(process.execPath, [runner, String(uid), name, under.socket, home, image]);
    return JSON.parse(stdout);
  }

  test.each([
    [0, "1000:1000 wrote=yes notes= read=yes"],
    [1000, "1000:1000 wrote=yes notes=yes read=yes"],
    [1001, "1001:1001 wrote=yes notes=yes read=yes"],
  ])("host user %d", async (uid, answer) => {
    const home = await homeOf(uid);
    for (const _ of [1, 2]) expect(await runAs(uid, home)).toMatchObject({ outcome: "success", error: null, result: answer });
    expect(await readFile(join(home, "groups/family/mine"), "utf8")).toBe("x\n");
    // What the owner put there before keeps its owner: nothing is changed below the directories themselves.
    expect((await stat(join(home, "groups/family/notes.md"))).uid).toBe(uid);
    expect((await stat(join(home, "groups/family/logs"))).uid).toBe(uid);
    expect((await stat(join(home, "data/env/family/env"))).mode & 0o777).toBe(0o400);
  });

  test("an agent that closes its own folders to its owner stops nobody", async () => {
    const home = await homeOf(1001);
    const script = `${polite}\nframe closing\nchmod 000 /workspace/ipc/messages /workspace/ipc /home/node/.claude /workspace/group`;
    await writeFile(join(home, "groups/family/agent.sh"), script);
    for (const _ of [1, 2]) expect(await runAs(1001, home)).toMatchObject({ outcome: "success", result: "closing" });
  });

  test("a folder that belongs to another user is told with the command that mends it", async () => {
    const home = await homeOf(1001);
    await chown(join(home, "groups/family"), 1000, 1000);
    expect(await runAs(1001, home)).toMatchObject({
      thrown: { code: "HOME_UNSAFE_PATH", place: join(home, "groups/family"), next: expect.stringContaining("chown 1001:1001") },
    });
  });
});
