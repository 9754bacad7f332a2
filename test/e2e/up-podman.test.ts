import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { labels } from "../../src/engine/spec.ts";
import { type CommandResult, finished } from "../fixtures/command-line.ts";
import { composeProgram } from "../fixtures/compose-programs.ts";
import { type TestEngine, withPodman } from "../fixtures/engines/engines.ts";
import { makeModulesHome } from "../fixtures/modules-home.ts";
import { buildScriptImage, polite } from "../fixtures/stage.ts";
import { buildWAHAStandIn } from "../fixtures/waha.ts";
import { buildWorkerTestImage } from "../fixtures/workers/image.ts";
import { openWorkerStand } from "../fixtures/workers/stand.ts";

// The way of a person through an installation, on Podman; what else `up` promises is shown on Docker (up.test.ts, up-modules.test.ts).

/** A container that vanished is shown so within this time. */
const SHOWN_MS = 5000;
/** For what takes processes of its own, whose time is the machine's. */
const UP_MS = 60_000;
const WAHA = "whatsapp-adapter-waha";
const wahaImage = "novabot-test-waha:1";

let podman: TestEngine;
beforeAll(async () => {
  podman = await withPodman();
});
afterAll(async () => await podman?.dispose());

interface Seen {
  readonly workers: readonly { readonly worker: string; readonly state: string }[];
  readonly processes: readonly {
    readonly worker: string;
    readonly status: { readonly state: string; readonly crashLoop: boolean };
  }[];
  readonly groups: readonly { readonly folder: string; readonly runs: number }[];
}

type Run = (...args: readonly string[]) => Promise<CommandResult>;

/** `novabot …`. Throws when it failed; gives what it printed. */
async function must(run: Run, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  if (code !== 0) throw new Error(`novabot ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

describe("novabot up on Podman", { timeout: 240_000 }, () => {
  test("brings up groups and workers, shows them, a container that vanishes within five seconds, and goes on in the background", async () => {
    const agent = await buildScriptImage(podman.engine, podman.image, "2");
    const stand = await openWorkerStand(podman, await buildWorkerTestImage(podman.engine, podman.image));
    const { root } = stand.home;
    const env = { ...process.env, ...stand.env, NOVABOT_AGENT_IMAGE: agent, LOG_LEVEL: "" };
    const [program, ...words] = stand.program;
    const children: ChildProcess[] = [];
    const run: Run = async (...args) =>
      await finished(spawn(program, [...words, ...args], { env, stdio: "pipe", detached: true }));
    onTestFinished(async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await run("down", "--now");
      await stand.close();
    });
    const seen = async (): Promise<Seen> => JSON.parse(await must(run, "ps", "--json")) as Seen;
    const states = async (): Promise<string[]> =>
      (await seen()).workers.map(({ worker, state }) => `${worker} ${state}`).toSorted();
    await writeFile(
      join(root, "novabot.yaml"),
      `listen: 127.0.0.1:0
groups:
  family: { agent: demo }
workers:
  calm: { command: [sh, -c, "i=0; while sleep 0.1; do i=$((i+1)); echo line $i; done"], memory: 256m }
  shaky: { command: [sh, -c, "echo 'Error: no database' >&2; exit 3"] }
`,
    );
    await mkdir(join(root, "groups/family"), { recursive: true });
    await writeFile(join(root, "groups/family/agent.sh"), `${polite}\nframe "forty-two"\n`);

    const up = spawn(program, [...words, "up"], { env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(up);
    let console = "";
    up.stdout.setEncoding("utf8").on("data", (text: string) => (console += text));
    up.stderr.setEncoding("utf8").on("data", (text: string) => (console += text));
    await vi.waitFor(() => expect(console).toMatch(/Up: .* on podman\.[^]*worker shaky {2}is up/), { timeout: UP_MS });
    await vi.waitFor(async () => expect(await states(), console).toEqual(["calm linked", "shaky linked"]), { timeout: UP_MS });
    const { processes } = await vi.waitFor(
      async () => {
        const found = await seen();
        expect(found.processes.some(({ status }) => status.crashLoop)).toBe(true);
        return found;
      },
      { timeout: UP_MS },
    );
    expect(processes.find(({ worker }) => worker === "calm")).toMatchObject({ status: { state: "running" } });
    expect(await must(run, "logs", "calm/app", "--limit", "10000")).toMatch(/ line 1$/m);
    expect(await must(run, "errors")).toContain("no database");
    expect(await must(run, "chat", "family", "how many?")).toContain("forty-two");
    await vi.waitFor(async () => expect(await must(run, "events", "--types", "run")).toContain("settled: success"), {
      timeout: UP_MS,
    });
    expect(await must(run, "top")).toMatch(/^calm +linked/m);
    expect(await must(run, "status")).toMatch(/engine podman\nworkers +2 linked/);

    await podman.engine.kill((await stand.container("calm"))?.id ?? "", "SIGKILL");
    await vi.waitFor(() => expect(console).toMatch(/calm {2}worker stopped/), { timeout: SHOWN_MS });
    expect(await states()).toEqual(["calm stopped", "shaky linked"]);
    // With its pipes: what it told last is told by then.
    const ended = once(up, "close");
    up.kill("SIGINT");
    expect(await ended, console).toEqual([0, null]);
    expect(console).toMatch(/Stopped\. Workers and modules run on/);
    expect(await stand.container("shaky")).toMatchObject({ running: true });

    // What is declared and does not run comes back, with all that was known of it.
    const { logFile } = JSON.parse(await must(run, "up", "--detach", "--json")) as { logFile: string };
    await vi.waitFor(
      async () => expect(await states(), await readFile(logFile, "utf8")).toEqual(["calm linked", "shaky linked"]),
      { timeout: UP_MS },
    );
    const begun = async (): Promise<void> =>
      expect((await must(run, "logs", "calm/app", "--limit", "10000")).match(/ line 1$/gm)).toHaveLength(2);
    await vi.waitFor(begun, { timeout: UP_MS });
    expect((await seen()).groups).toMatchObject([{ folder: "family", runs: 1 }]);
    expect(await must(run, "down", "--all")).toMatch(/ {2}stopped\nworker calm {2}stopped\nworker shaky {2}stopped/);
    expect(await podman.engine.list({ [labels.home]: stand.home.label })).toEqual([]);
  });

  test("brings up a module, finds that it is healthy without Podman's own timers, and takes it down when asked", async () => {
    await buildWAHAStandIn(podman.engine, podman.image, wahaImage);
    const { engine, socket } = podman;
    const home = await makeModulesHome({ engine, socket, compose: await composeProgram("v2"), image: wahaImage });
    const run: Run = async (...args) =>
      await finished(
        spawn(process.execPath, [join(import.meta.dirname, "../../src/cli/main.ts"), ...args], {
          env: { ...process.env, ...home.env, NO_COLOR: "1" },
          stdio: "pipe",
          detached: true,
        }),
      );
    onTestFinished(async () => {
      await run("down", "--now", "--modules");
      await home.dispose();
    });
    // A machine without CAP_SYS_RESOURCE cannot raise the limits that Podman would set by itself.
    const limits = "    ulimits:\n      nofile: 1024\n      nproc: 1024\n";
    await home.edit(`modules/${WAHA}/compose.yaml`, (text) => text.replace("    restart:", `${limits}    restart:`));
    await writeFile(join(home.root, "novabot.yaml"), `listen: 127.0.0.1:0\nmodules: [${WAHA}]\n`);
    const { logFile } = JSON.parse(await must(run, "up", "--detach", "--json")) as { logFile: string };
    const told = async (): Promise<string> => await readFile(logFile, "utf8");
    await vi.waitFor(async () => expect(await told()).toMatch(new RegExp(`module ${WAHA} {2}is up`)), { timeout: UP_MS });
    await vi.waitFor(async () => expect(await must(run, "ps")).toMatch(new RegExp(`^${WAHA} +healthy`, "m")), {
      timeout: UP_MS,
    });
    expect(await must(run, "down", "--modules")).toContain(`module ${WAHA}  stopped`);
  });
});
