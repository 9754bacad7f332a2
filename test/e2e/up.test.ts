import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { labels } from "../../src/engine/spec.ts";
import { openHome } from "../../src/agents/home/home.ts";
import { type CommandResult, finished } from "../fixtures/command-line.ts";
import { type TestEngine, withDocker } from "../fixtures/engines/engines.ts";
import { buildScriptImage, polite } from "../fixtures/stage.ts";
import { buildWorkerTestImage } from "../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../fixtures/workers/stand.ts";

/** A container that vanished is shown so within this time. */
const SHOWN_MS = 5000;
/** For what takes processes of its own, whose time is the machine's. */
const UP_MS = 60_000;

let engine: TestEngine;
let agentImage: string;
let workerImage: string;

beforeAll(async () => {
  engine = await withDocker();
  agentImage = await buildScriptImage(engine.engine, engine.image, "2");
  workerImage = await buildWorkerTestImage(engine.engine, engine.image);
}, 120_000);

afterAll(async () => await engine?.dispose());

interface Installation {
  readonly stand: WorkerStand;
  readonly root: string;
  /** `novabot …` of this home. */
  run(...args: readonly string[]): Promise<CommandResult>;
  /** The same. Throws when it failed; gives what it printed. */
  novabot(...args: readonly string[]): Promise<string>;
  json<T>(...args: readonly string[]): Promise<T>;
  /** `novabot up --json` in the foreground; resolves when it is up. */
  up(env?: Readonly<Record<string, string>>): Promise<Upped>;
}

interface Upped {
  readonly child: ChildProcess;
  /** What it told so far. */
  told(): Record<string, unknown>[];
  readonly url: string;
  readonly token: string;
  ask(path: string): Promise<Response>;
  /** Signals it, and gives its exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

async function installation(config: string): Promise<Installation> {
  const stand = await openWorkerStand(engine, workerImage);
  const { root } = stand.home;
  const env = { ...process.env, ...stand.env, NOVABOT_AGENT_IMAGE: agentImage, LOG_LEVEL: "" };
  const children: ChildProcess[] = [];
  await writeFile(join(root, "novabot.yaml"), `listen: 127.0.0.1:0\n${config}`);
  onTestFinished(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await run("down", "--now");
    await stand.close();
  });
  const run = async (...args: readonly string[]): Promise<CommandResult> => {
    const [program, ...words] = stand.program;
    return await finished(spawn(program, [...words, ...args], { env, stdio: "pipe", detached: true }));
  };
  const novabot = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    if (code !== 0) throw new Error(`novabot ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  return {
    stand,
    root,
    run,
    novabot,
    json: async <T>(...args: readonly string[]) => JSON.parse(await novabot(...args, "--json")) as T,
    async up(more = {}) {
      const [program, ...args] = stand.program;
      const child = spawn(program, [...args, "up", "--json"], { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
      children.push(child);
      let out = "";
      let errors = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
      const told = (): Record<string, unknown>[] =>
        out
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      const isUp = (): Record<string, unknown> | undefined => told().find(({ kind }) => kind === "up");
      await vi.waitFor(() => expect(isUp() ?? child.exitCode, errors).toBeTruthy(), { timeout: UP_MS, interval: 20 });
      const { url } = isUp() as { url: string };
      const token = (await readFile(join(root, "data/host/access/local-token"), "utf8")).trim();
      return {
        ...{ child, told, url, token },
        ask: async (path) => await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } }),
        async stop(signal = "SIGINT") {
          // With its pipes: what it told last is told by then.
          const ended = once(child, "close");
          child.kill(signal);
          await ended;
          return child.exitCode;
        },
      };
    },
  };
}

const group = (folder: string): string => `groups:\n  ${folder}: { agent: demo }\n`;
const agentSays = async (root: string, folder: string, answer: string): Promise<void> => {
  await mkdir(join(root, "groups", folder), { recursive: true });
  await writeFile(join(root, "groups", folder, "agent.sh"), `${polite}\nframe "${answer}"\n`);
};

interface Seen {
  readonly workers: readonly { readonly worker: string; readonly state: string; readonly container: string | null }[];
  readonly processes: readonly {
    readonly worker: string;
    readonly instance: string;
    readonly status: { readonly state: string };
  }[];
  readonly groups: readonly { readonly folder: string; readonly runs: number }[];
}
interface Told {
  readonly event: Readonly<Record<string, unknown>>;
}

describe("novabot up", { timeout: 180_000 }, () => {
  test("brings up what novabot.yaml declares, shows all of it, and leaves the workers running when it ends", async () => {
    const own = await installation(
      `${group("family")}workers:\n  shop: { command: [sh, -c, "echo begun; exec sleep 600"], port: 3000, memory: 256m }\n`,
    );
    await agentSays(own.root, "family", "forty-two");
    const up = await own.up();
    const shop = { what: "worker", name: "shop", result: "started", note: null };
    await vi.waitFor(() => expect(up.told()).toContainEqual(expect.objectContaining({ kind: "brought up", told: shop })), {
      timeout: UP_MS,
    });
    expect(up.told()).toContainEqual(
      expect.objectContaining({ kind: "brought up", told: { what: "group", name: "family", result: "added", note: null } }),
    );
    // What a worker is and says is collected once it is linked.
    const shown = async (): Promise<void> =>
      expect(await own.json<Seen>("ps")).toMatchObject({
        workers: [{ worker: "shop", state: "linked" }],
        processes: [{ worker: "shop", instance: "app", status: { state: "running" } }],
      });
    await vi.waitFor(shown, { timeout: UP_MS });
    await vi.waitFor(async () => expect(await own.novabot("logs", "shop/app")).toContain("begun"), { timeout: UP_MS });

    expect(await own.novabot("chat", "family", "how many?")).toContain("forty-two");
    // A run beside it, by another process, is told of, too.
    await own.novabot("run", "--group", "family", "again");
    const settled = async (): Promise<void> => {
      const events = await own.json<Told[]>("events", "--types", "run", "--limit", "100");
      expect(events.filter(({ event }) => event["what"] === "settled").map(({ event }) => event["outcome"])).toEqual([
        "success",
        "success",
      ]);
    };
    await vi.waitFor(settled, { timeout: UP_MS });
    expect((await own.json<Seen>("ps")).groups).toMatchObject([{ folder: "family", runs: 2 }]);

    const status = await own.json<{ orchestrator: Record<string, unknown>; pid: number }>("status");
    expect(status).toMatchObject({ pid: up.child.pid, orchestrator: { url: up.url, engine: "docker", workers: { linked: 1 } } });
    expect(await own.novabot("status")).toMatch(/up +at http.*\nworkers +1 linked/);
    expect((await fetch(`${up.url}/api/workers`)).status).toBe(401);
    expect((await up.ask("/api/openapi.json")).status).toBe(200);

    expect(await up.stop()).toBe(0);
    expect(up.told().at(-1)).toMatchObject({ kind: "stopped" });
    expect(await own.stand.container("shop")).toMatchObject({ running: true });
    expect(await engine.engine.list({ [labels.home]: own.stand.home.label, [labels.kind]: "agent" })).toEqual([]);
  });

  test("a worker whose container is killed is shown so within five seconds, and so is one that comes back", async () => {
    const own = await installation("workers:\n  shop: { command: [sleep, '600'] }\n");
    const up = await own.up();
    const states = async (): Promise<string[]> => {
      const { workers } = (await (await up.ask("/api/workers")).json()) as Seen;
      return workers.map(({ worker, state }) => `${worker} ${state}`);
    };
    await vi.waitFor(async () => expect(await states()).toEqual(["shop linked"]), { timeout: UP_MS });
    await engine.engine.remove((await own.stand.container("shop"))?.id ?? "");
    await vi.waitFor(async () => expect(await states()).toEqual(["shop gone"]), { timeout: SHOWN_MS });
    await own.novabot("worker", "start", "shop");
    await vi.waitFor(async () => expect(await states()).toEqual(["shop linked"]), { timeout: UP_MS });
    const told = (): unknown[] =>
      up
        .told()
        .flatMap(({ kind, entries }) => (kind === "entries" ? (entries as Told[]).map(({ event }) => event?.["state"]) : []));
    expect(await up.stop("SIGTERM")).toBe(0);
    expect(told()).toEqual(expect.arrayContaining(["linked", "gone"]));
  });

  test("a declared worker whose program falls stays, is told of calmly, and shown as what it is", async () => {
    const own = await installation('workers:\n  shop: { command: [sh, -c, "echo no database >&2; exit 3"] }\n');
    const { logFile } = await own.json<{ logFile: string }>("up", "--detach");
    const looping = async (): Promise<void> => expect(await own.novabot("ps")).toMatch(/^shop +app +crash loop/m);
    await vi.waitFor(looping, { timeout: UP_MS });
    expect(await own.novabot("logs", "shop/app", "--limit", "1")).toContain("no database");
    await own.novabot("down");
    const log = await readFile(logFile, "utf8");
    expect(log).toMatch(/worker shop {2}is up/);
    expect(log.match(/shop\/app {2}crash loop/g)).toHaveLength(1);
    expect(log.match(/shop {2}worker .*/g)).toEqual([expect.stringMatching(/^shop {2}worker linked/)]);
  });

  test("in the background: --detach comes back when it is up, a second one is refused, down --all stops workers as well", async () => {
    const own = await installation("workers:\n  shop: { command: [sleep, '600'] }\n");
    const { pid, url, logFile } = await own.json<{ pid: number; url: string; logFile: string }>("up", "--detach");
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await own.json("status")).toMatchObject({ pid, orchestrator: { url, logFile } });
    expect(await own.novabot("status")).toContain(`log         ${logFile}`);
    for (const again of [["up"], ["up", "--detach"], ["serve"]]) {
      const { code, stderr } = await own.run(...again);
      expect([code, stderr]).toEqual([2, expect.stringMatching(new RegExp(`process ${pid}[^]*HOME_BUSY`)) as string]);
    }
    await vi.waitFor(async () => expect(await own.stand.container("shop")).toMatchObject({ running: true }), { timeout: UP_MS });
    await vi.waitFor(async () => expect(await readFile(logFile, "utf8")).toMatch(/worker shop {2}is up/), { timeout: UP_MS });
    const { stopped } = await own.json<{ stopped: object[] }>("down", "--all");
    expect(stopped).toMatchObject([
      { what: "orchestrator", result: "stopped" },
      { what: "worker", name: "shop", result: "stopped" },
    ]);
    expect(await own.stand.container("shop")).toBeUndefined();
    const { code, stderr } = await own.run("ps");
    expect([code, stderr]).toEqual([2, expect.stringContaining("ORCHESTRATOR_NOT_RUNNING") as string]);
    expect(await own.novabot("down")).toMatch(/was down/);
  });

  test("after kill -9 the next one goes on: what happened meanwhile is taken over, and nothing twice", async () => {
    const own = await installation(
      `${group("family")}workers:\n  shop: { command: [sh, -c, "i=0; while sleep 0.05; do i=$((i+1)); echo line $i; done"] }\n`,
    );
    await agentSays(own.root, "family", "first");
    const up = await own.up();
    expect(await own.novabot("chat", "family", "one")).toContain("first");
    await vi.waitFor(async () => expect(await own.novabot("logs", "shop/app")).toContain("line 3"), { timeout: UP_MS });
    expect(await up.stop("SIGKILL")).toBeNull();
    // What it left tells nobody that it is up, and nobody else's process is ended for it.
    expect((await own.run("ps")).stderr).toContain("ORCHESTRATOR_NOT_RUNNING");
    expect(await own.novabot("down")).toContain("was down");
    await own.novabot("run", "--group", "family", "two");
    const again = await own.up();
    await vi.waitFor(async () => expect((await own.json<Seen>("ps")).groups).toMatchObject([{ runs: 2 }]), { timeout: UP_MS });
    const lines = async (): Promise<number[]> => {
      const text = await own.novabot("logs", "shop/app", "--limit", "10000");
      return [...text.matchAll(/line (\d+)$/gm)].map(([, number]) => Number(number));
    };
    const before = (await lines()).length;
    await vi.waitFor(async () => expect((await lines()).length).toBeGreaterThan(before + 5), { timeout: UP_MS });
    const all = await lines();
    expect(all).toEqual(all.map((_, index) => index + 1));
    expect(await again.stop()).toBe(0);
  });

  test("two installations on one engine and one machine: each sees its own, and ends its own", async () => {
    const [one, other] = [
      await installation(`${group("family")}workers:\n  shop: { command: [sh, -c, "echo of one; exec sleep 600"] }\n`),
      await installation(`${group("family")}workers:\n  shop: { command: [sh, -c, "echo of other; exec sleep 600"] }\n`),
    ];
    await agentSays(one.root, "family", "from one");
    await agentSays(other.root, "family", "from other");
    const ups = [await one.up(), await other.up()];
    expect(ups[0]?.url).not.toBe(ups[1]?.url);
    for (const own of [one, other])
      await vi.waitFor(
        async () => expect((await own.json<Seen>("ps")).workers).toMatchObject([{ worker: "shop", state: "linked" }]),
        {
          timeout: UP_MS,
        },
      );
    for (const [own, said] of [
      [one, "of one"],
      [other, "of other"],
    ] as const)
      await vi.waitFor(async () => expect(await own.novabot("logs", "shop/app")).toContain(said), { timeout: UP_MS });
    const answers = await Promise.all([one.novabot("chat", "family", "who?"), other.novabot("chat", "family", "who?")]);
    expect(answers).toEqual([expect.stringContaining("from one"), expect.stringContaining("from other")]);
    // A token of one opens nothing of the other.
    const strange = await fetch(`${ups[1]?.url}/api/workers`, { headers: { authorization: `Bearer ${ups[0]?.token}` } });
    expect(strange.status).toBe(401);
    await one.novabot("down", "--all");
    expect(await one.stand.container("shop")).toBeUndefined();
    expect((await other.json<Seen>("ps")).workers).toMatchObject([{ worker: "shop", state: "linked" }]);
    expect(await ups[1]?.stop()).toBe(0);
  });

  test("without an engine it says so, and goes on with what it can", async () => {
    const own = await installation(`${group("family")}workers:\n  shop: {}\n`);
    const nowhere = { DOCKER_HOST: `unix://${own.root}/nowhere.sock` };
    const up = await own.up(nowhere);
    expect(up.told()).toContainEqual(expect.objectContaining({ kind: "without engine" }));
    expect(up.told()).toContainEqual(
      expect.objectContaining({ told: { what: "worker", name: "shop", result: "failed", note: "no engine answers" } }),
    );
    expect(await own.json("status")).toMatchObject({ orchestrator: { engine: null, groups: 1 } });
    expect(await own.json<Seen>("ps")).toMatchObject({ workers: [], groups: [{ folder: "family" }] });
    const ended = once(up.child, "exit");
    const [program, ...words] = own.stand.program;
    const down = async (...args: readonly string[]): Promise<CommandResult> =>
      await finished(
        spawn(program, [...words, "down", ...args], { env: { ...process.env, ...own.stand.env, ...nowhere }, stdio: "pipe" }),
      );
    // What was stopped is told before what kept the rest from it.
    expect(await down("--workers")).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/ {2}stopped\n/) as string,
      stderr: expect.stringContaining("ENGINE_NOT_FOUND") as string,
    });
    expect(await ended).toEqual([0, null]);
    const { error } = JSON.parse((await down("--workers", "--json")).stdout) as { error: object };
    expect(error).toMatchObject({
      code: "ENGINE_NOT_FOUND",
      facts: { stopped: [{ what: "orchestrator", result: "was down" }] },
    });
  });

  test("what the agents do is asked and changed through the doors: messages, runs, tasks, and who did it", async () => {
    const own = await installation(group("family"));
    await mkdir(join(own.root, "groups", "family"), { recursive: true });
    const script = 'case $input in *slow*) touch begun; sleep 60 ;; esac\nframe "done"\n';
    await writeFile(join(own.root, "groups", "family", "agent.sh"), `${polite}\n${script}`);
    const up = await own.up();
    const post = async (path: string, body?: object): Promise<Record<string, unknown>> => {
      const headers = { authorization: `Bearer ${up.token}`, "content-type": "application/json" };
      const answer = await fetch(`${up.url}${path}`, {
        method: "POST",
        headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      expect(answer.status, `${path}: ${await answer.clone().text()}`).toBe(200);
      return (await answer.json()) as Record<string, unknown>;
    };
    const get = async <T>(path: string): Promise<T> => (await (await up.ask(path)).json()) as T;
    const message = { chatJid: "local:family", text: "hello", id: "x1" };
    expect(await post("/api/messages", message)).toEqual({ id: "x1", isNew: true });
    expect(await post("/api/messages", message)).toEqual({ id: "x1", isNew: false });
    interface Items {
      readonly items: readonly Readonly<Record<string, unknown>>[];
    }
    const states = async (): Promise<unknown[]> =>
      (await get<Items>("/api/messages")).items.map(({ direction, state, text }) => [direction, state, text]);
    await vi.waitFor(
      async () =>
        expect(await states()).toEqual([
          ["in", "answered", "hello"],
          ["out", "sent", "done"],
        ]),
      { timeout: UP_MS },
    );

    await post("/api/messages", { ...message, id: "x2", text: "slow" });
    const run = await vi.waitFor(
      async () => {
        const { live } = await get<{ live: { run: string | null } }>("/api/groups/family");
        if (live.run === null) throw new Error("no run goes on");
        return live.run;
      },
      { timeout: UP_MS },
    );
    await post(`/api/runs/${run}/cancel`);
    await vi.waitFor(async () => expect(await get(`/api/runs/${run}`)).toMatchObject({ outcome: "cancelled" }), {
      timeout: UP_MS,
    });

    const { id } = await own.json<{ id: string }>("tasks", "add", "family", "water the plants", "--every", "1d");
    const tasks = async (): Promise<unknown> => (await get<{ tasks: unknown }>("/api/tasks")).tasks;
    await vi.waitFor(async () => expect(await tasks()).toMatchObject([{ id, status: "active" }]), { timeout: UP_MS });
    expect(await post(`/api/tasks/${id}/pause`)).toMatchObject({ id, status: "paused" });
    expect(await own.json("tasks", "list")).toMatchObject([{ id, status: "paused" }]);
    await vi.waitFor(async () => expect(await tasks()).toMatchObject([{ id, status: "paused" }]), { timeout: UP_MS });

    const { items } = await get<Items>("/api/audit");
    expect(items.map(({ who, door, what, result }) => [who, door, what, result])).toEqual([
      ["local", "api", "messages.send", "done"],
      ["local", "api", "messages.send", "done"],
      ["local", "api", "messages.send", "done"],
      ["local", "api", "runs.cancel", "done"],
      ["local", "api", "tasks.change", "done"],
    ]);
    expect(await up.stop()).toBe(0);
  });

  test("an engine that comes later is found, and everything else is started then", async () => {
    const own = await installation("workers:\n  shop: { command: [sleep, '600'] }\n");
    const socket = join(own.root, "later.sock");
    const up = await own.up({ DOCKER_HOST: `unix://${socket}` });
    expect(await own.json("status")).toMatchObject({ orchestrator: { engine: null } });
    await symlink(engine.socket, socket);
    await vi.waitFor(
      async () => expect((await own.json<Seen>("ps")).workers).toMatchObject([{ worker: "shop", state: "linked" }]),
      {
        timeout: UP_MS,
      },
    );
    expect(await own.json("status")).toMatchObject({ orchestrator: { engine: "docker", pid: up.child.pid } });
    expect(await up.stop()).toBe(0);
  });

  test("an engine that goes away while it starts is one that does not answer, and is found when it is back", async () => {
    const own = await installation(group("family"));
    const socket = join(own.root, "shaky.sock");
    let isAway = true;
    const sockets = new Set<Socket>();
    // It answers those who look whether it is there, and goes away when it is asked for the home's containers.
    const shaky = createServer((near) => {
      const far = connect(engine.socket);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on("error", () => undefined).on("close", () => to.destroy());
      }
      far.pipe(near);
      near.on("data", (chunk: Buffer) => {
        if (isAway && chunk.includes("/containers/")) near.destroy();
        else far.write(chunk);
      });
    }).listen(socket);
    onTestFinished(() => {
      shaky.close();
      for (const one of sockets) one.destroy();
    });
    await once(shaky, "listening");
    const up = await own.up({ DOCKER_HOST: `unix://${socket}` });
    expect(up.told()).toContainEqual(
      expect.objectContaining({ kind: "without engine", error: expect.objectContaining({ code: "ENGINE_LOST" }) as object }),
    );
    expect(await own.json("status")).toMatchObject({ orchestrator: { engine: null, pid: up.child.pid } });
    isAway = false;
    await vi.waitFor(
      async () => expect(await own.json("status")).toMatchObject({ orchestrator: { engine: "docker", pid: up.child.pid } }),
      { timeout: UP_MS },
    );
    expect(await up.stop()).toBe(0);
  });

  test("what stands against it is told, and leaves nothing behind", async () => {
    const own = await installation("workers:\n  shop: { port: many }\n");
    const refused = async (): Promise<string> => {
      const { code, stderr } = await own.run("up");
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused()).toMatch(/workers\.shop\.port[^]*novabot\.yaml:3:17[^]*CONFIG_INVALID/);
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const file = join(own.root, "novabot.yaml");
    await writeFile(file, `listen: 127.0.0.1:${port}\n`);
    expect(await refused()).toMatch(/EADDRINUSE[^]*LISTEN_REFUSED/);
    const detached = await own.run("up", "--detach");
    expect([detached.code, detached.stderr]).toEqual([2, expect.stringMatching(/EADDRINUSE[^]*LISTEN_REFUSED/) as string]);
    expect(detached.stderr.match(/LISTEN_REFUSED/g)).toHaveLength(1);
    await writeFile(file, "listen: 0.0.0.0:0\n");
    expect(await refused()).toMatch(/insecure: true[^]*CONFIG_INVALID/);
    await writeFile(file, "listen: 127.0.0.1:0\n");
    await appendFile(join(own.root, "data/registered_groups.json"), "{");
    expect(await refused()).toMatch(/REGISTRY_INVALID/);
    await writeFile(join(own.root, "data/registered_groups.json"), "{}");
    const up = await own.up();
    expect(await up.stop()).toBe(0);
  });

  test("the service's unit starts this home's installation, wherever it is called from", async () => {
    const own = await installation("");
    const unit = await own.novabot("service", "print");
    const argv = [...(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "").matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);
    expect(argv.slice(-3)).toEqual(["--home", own.root, "up"]);
    const [program = "", ...args] = argv;
    const child = spawn(program, args, {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", ...own.stand.env, NOVABOT_HOME: "" },
      stdio: "ignore",
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await vi.waitFor(async () => expect(await own.json("status")).toMatchObject({ orchestrator: { pid: child.pid } }), {
      timeout: UP_MS,
    });
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect((await ended)[0]).toBe(0);
    expect((await openHome(own.root, { create: false })).root).toBe(own.root);
  });
});
