import { existsSync } from "node:fs";
import { appendFile, copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { buildImages } from "../../src/host/images/images.ts";
import { finished, runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { composeProgram } from "../fixtures/compose-programs.ts";
import { makeModulesHome, type ModulesHome } from "../fixtures/modules-home.ts";
import { buildWAHAStandIn } from "../fixtures/waha.ts";

const WAHA = "whatsapp-adapter-waha";
const DOCS = "whatsapp-adapter-docs";
const BASE = "novabot-base:latest";

let engine: Engine;
let socket: string;
const image = `novabot-test-waha:${process.pid}`;
const docsImage = `novabot-test-docs:${process.pid}`;

beforeAll(async () => {
  engine = await findEngine(process.env);
  socket = (await engine.probe()).endpoint;
  if (!(await engine.findImage(BASE)))
    await buildImages(engine, { which: "base", env: process.env, install: false, say: () => undefined });
  await buildWAHAStandIn(engine, BASE, image);
});
afterAll(async () => {
  for (const one of [image, docsImage]) if (await engine.findImage(one)) await engine.removeImage(one);
});

interface Listed {
  readonly modules: readonly {
    readonly module: string;
    readonly result: string;
    readonly environment: string;
    readonly containers?: readonly { readonly id: string }[];
    readonly findings?: readonly { readonly rule: string; readonly severity: string; readonly message: string }[];
    readonly error?: { readonly code: string; readonly message: string };
  }[];
}

/** `./novabot modules up … --json` by module. */
async function up(
  home: ModulesHome,
  ...args: string[]
): Promise<{ code: number | null; of(module: string): Listed["modules"][number]; stderr: string }> {
  const { code, stdout, stderr } = await home.modules("up", ...args, "--json");
  const { modules } = JSON.parse(stdout) as Listed;
  return {
    code,
    stderr,
    of: (module) => {
      const found = modules.find((one) => one.module === module);
      if (!found) throw new Error(`nothing of ${module}: ${stdout} ${stderr}`);
      return found;
    },
  };
}

async function running(home: ModulesHome, module: "waha" | "docs"): Promise<string[]> {
  const { stdout } = await home.modules("status", module, "--json");
  const { modules } = JSON.parse(stdout) as { modules: { state: string; container: string | null }[] };
  return modules.filter(({ state }) => state === "running").map(({ container }) => container ?? "");
}

async function key(home: ModulesHome): Promise<string> {
  return /^WAHA_API_KEY=(.*)$/m.exec(await readFile(join(home.waha, ".env.local"), "utf8"))?.[1] ?? "";
}

async function ask(home: ModulesHome, apiKey: string): Promise<{ status: number; mark: unknown; uid: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${home.ports.waha}/api/version`, { headers: { "x-api-key": apiKey } });
  return { status: answer.status, mark: null, uid: null, ...((await answer.json()) as object) };
}

/** Sets a plain variable of the stand-in in its Compose file. */
async function setVariable(home: ModulesHome, line: string): Promise<void> {
  await home.edit(`modules/${WAHA}/compose.yaml`, (text) =>
    text.replace("    environment:\n", `    environment:\n      ${line}\n`),
  );
}

async function idOf(home: ModulesHome, module: "waha" | "docs"): Promise<string> {
  const project = `${home.env["PROJECT_INTERNAL_NETWORK"]?.slice("novabot-test-".length)}-${module}`;
  const [container] = (await engine.list({ "com.docker.compose.project": project })).filter((one) => one.running);
  return container?.id ?? "";
}

describe.each(["v2", "v1"] as const)("modules with Compose %s", (version) => {
  let home: ModulesHome;
  beforeAll(async () => {
    home = await makeModulesHome({ engine, socket, compose: await composeProgram(version), image, docsImage });
  });
  afterAll(async () => {
    await home.modules("down");
    await home.dispose();
  });

  test("come up with their secrets, are served, keep the contract, and stay as they are when nothing has changed", async () => {
    const first = await up(home);
    expect(first.stderr).toContain("Not there, and left out: whatsapp-adapter-api, whatsapp-adapter-app.");
    expect([first.of(WAHA), first.of(DOCS)]).toMatchObject([{ result: "started" }, { result: "started" }]);
    for (const module of [WAHA, DOCS]) {
      expect(first.of(module).findings?.filter(({ severity }) => severity === "error")).toEqual([]);
    }
    expect(first.code).toBe(0);

    const page = await fetch(`http://127.0.0.1:${home.ports.docs}/groups`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'self'; script-src 'self' 'sha256-/);
    expect(await page.text()).toContain("Settings of a group");
    expect(await (await fetch(`http://127.0.0.1:${home.ports.docs}/healthz`)).text()).toBe("ok");
    expect((await fetch(`http://127.0.0.1:${home.ports.docs}/no-such-page`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${home.ports.docs}/`, { method: "POST" })).status).toBe(405);

    expect(await (await fetch(`http://127.0.0.1:${home.ports.waha}/ping`)).json()).toEqual({ message: "pong" });
    expect(await ask(home, await key(home))).toMatchObject({ status: 200, uid: 1001 });
    expect(await ask(home, "another")).toMatchObject({ status: 401 });
    for (const path of ["sessions/noweb/default/creds.json", "media/stand-in.txt", "logs/waha.log"]) {
      expect(await stat(join(home.waha, path))).toMatchObject({ uid: 1001, gid: 1001 });
    }
    expect(await stat(join(home.waha, ".env.local"))).toMatchObject({ uid: 1001, gid: 1001, mode: 0o100600 });
    const before = (await stat(join(home.waha, "logs/waha.log"))).size;
    await ask(home, "");
    await expect.poll(async () => (await stat(join(home.waha, "logs/waha.log"))).size).toBeGreaterThan(before);

    const ids = [await idOf(home, "waha"), await idOf(home, "docs")];
    const second = await up(home);
    expect(second.code).toBe(0);
    expect([second.of(WAHA).result, second.of(DOCS).result]).toEqual(["unchanged", "unchanged"]);
    expect([await idOf(home, "waha"), await idOf(home, "docs")]).toEqual(ids);

    const network = await engine.observation?.findNetwork(home.env["PROJECT_INTERNAL_NETWORK"] ?? "");
    expect(network?.labels).toMatchObject({ "novabot.kind": "module" });
  }, 240_000);

  test("a change that does not come up leaves the former one answering with its former key, and the others untouched", async () => {
    const former = await key(home);
    const docs = await idOf(home, "docs");
    const envFile = await readFile(join(home.waha, ".env.local"));
    const compose = await readFile(join(home.waha, "compose.yaml"), "utf8");
    const set = await home.secrets(
      ["set", join(home.root, `secrets/local/${WAHA}.env`), "WAHA_API_KEY"],
      "the-new-key-of-this-test",
    );
    expect([set.code, set.stderr]).toEqual([0, ""]);
    await setVariable(home, 'STAND_IN_BROKEN: "true"');
    const failed = await up(home, "waha", "--timeout", "5");
    expect(failed.code).toBe(1);
    expect(failed.of(WAHA).error).toMatchObject({ code: "MODULE_FAILED" });
    expect(failed.of(WAHA).error?.message).toContain(`${WAHA} was brought back to what ran before.`);
    expect(`${failed.stderr}${JSON.stringify(failed.of(WAHA))}`).not.toContain("the-new-key-of-this-test");
    expect(await ask(home, former)).toMatchObject({ status: 200 });
    expect(await ask(home, "the-new-key-of-this-test")).toMatchObject({ status: 401 });
    expect(await readFile(join(home.waha, ".env.local"))).toEqual(envFile);
    expect(await idOf(home, "docs")).toBe(docs);

    await writeFile(join(home.waha, "compose.yaml"), compose);
    const mended = await up(home, "waha");
    expect(mended.of(WAHA)).toMatchObject({ result: "started" });
    expect(await ask(home, "the-new-key-of-this-test")).toMatchObject({ status: 200 });
    expect((await home.audit()).map(({ result }) => result)).toContain("failed, brought back");
  }, 240_000);

  test("killed in the midst, the next `up` brings it to what its files say", async () => {
    await setVariable(home, `STAND_IN_LATER: "${Date.now()}"`);
    const former = await idOf(home, "waha");
    const child = startNovabot(["modules", "up", "waha"], home.env);
    const killed = once(child, "close");
    // The former container has made room, and the new one is not proven.
    await expect.poll(async () => await idOf(home, "waha"), { timeout: 20_000, interval: 20 }).not.toBe(former);
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await killed;
    const again = await up(home, "waha");
    expect(again.code).toBe(0);
    expect(await ask(home, await key(home))).toMatchObject({ status: 200 });
    expect(await running(home, "waha")).toHaveLength(1);
  }, 120_000);

  test("Ctrl-C in the midst puts back what ran, and says so", async () => {
    await setVariable(home, 'STAND_IN_BROKEN: "true"');
    const child = startNovabot(["modules", "up", "waha"], home.env);
    let told = "";
    // Once: a second one ends it at once, and what Compose says may come before what is said of the first.
    let isInterrupted = false;
    child.stderr?.on("data", (text: Buffer) => {
      told += text.toString();
      if (isInterrupted || !/: starting/.test(told)) return;
      isInterrupted = true;
      process.kill(child.pid ?? 0, "SIGINT");
    });
    const { code } = await finished(child);
    expect(code).toBe(1);
    expect(told).toMatch(/Interrupted: putting things in order/);
    expect(told).toMatch(/was brought back to what ran before|runs on as it did before/);
    expect(await ask(home, await key(home))).toMatchObject({ status: 200 });
    await home.edit(`modules/${WAHA}/compose.yaml`, (text) => text.replace(/ +STAND_IN_BROKEN.*\n/, ""));
  }, 120_000);

  test("logs come with their module's name and harm no terminal; restart keeps the container; down takes it away and leaves the data", async () => {
    expect((await up(home, "waha")).code).toBe(0);
    await fetch(`http://127.0.0.1:${home.ports.waha}/%1b%5b2J`);
    const { stdout } = await home.modules("logs", "--tail", "50");
    expect(stdout).toMatch(/^whatsapp-adapter-waha {2}.*stand-in for WAHA: listening on 3000/m);
    expect(stdout).not.toContain("\u001b");
    const id = await idOf(home, "waha");
    const restarted = await home.modules("restart", "waha");
    expect([restarted.code, await idOf(home, "waha")]).toEqual([0, id]);
    expect(await readFile(join(home.waha, "logs/waha.log"), "utf8")).toContain("stand-in for WAHA: SIGTERM");
    const docs = await idOf(home, "docs");
    expect((await home.modules("down", "waha")).code).toBe(0);
    expect(await running(home, "waha")).toEqual([]);
    expect(existsSync(join(home.waha, "sessions/noweb/default/creds.json"))).toBe(true);
    expect(await idOf(home, "docs")).toBe(docs);
    expect((await fetch(`http://127.0.0.1:${home.ports.docs}/healthz`)).status).toBe(200);
    const { stdout: table } = await home.modules("status");
    expect(table).toMatch(/whatsapp-adapter-waha +down/);
    expect(table).toMatch(/whatsapp-adapter-docs +running +(healthy|starting) .* kept /);
  }, 120_000);
});

describe("modules, whatever the Compose", () => {
  let home: ModulesHome;
  beforeAll(async () => {
    home = await makeModulesHome({ engine, socket, compose: await composeProgram("v2"), image, docsImage });
    await up(home);
  }, 240_000);
  afterAll(async () => {
    await home.modules("down");
    await home.dispose();
  });

  test("one that breaks the contract does not start, and with --force it does, loudly", async () => {
    const id = await idOf(home, "waha");
    const compose = await readFile(join(home.waha, "compose.yaml"), "utf8");
    await home.edit(`modules/${WAHA}/compose.yaml`, (text) => text.replace("restart: unless-stopped", "restart: always"));
    const refused = await up(home, "waha");
    expect(refused.code).toBe(1);
    expect(refused.of(WAHA).error).toMatchObject({ code: "MODULE_BROKEN" });
    expect(refused.of(WAHA).error?.message).toMatch(/restart: .*always/);
    expect(await idOf(home, "waha")).toBe(id);

    const forced = await up(home, "waha", "--force");
    expect(forced.code).toBe(0);
    expect(forced.stderr).toContain("BREAKS THE CONTRACT before it starts, and starts because of --force");
    expect(forced.of(WAHA)).toMatchObject({ result: "started", forced: true });
    expect((await home.audit()).at(-1)).toMatchObject({
      what: "up",
      module: WAHA,
      forced: true,
      because: ["restart"],
      user: { uid: 0 },
    });
    await writeFile(join(home.waha, "compose.yaml"), compose);
    expect((await up(home, "waha")).of(WAHA)).toMatchObject({ result: "started", forced: false });
  }, 240_000);

  test("an image that is nowhere leaves the running container as it is", async () => {
    const id = await idOf(home, "waha");
    const compose = await readFile(join(home.waha, "compose.yaml"), "utf8");
    await home.edit(`modules/${WAHA}/compose.yaml`, (text) => text.replace(/image: \S+/, "image: 127.0.0.1:9/nowhere:1"));
    const failed = await up(home, "waha", "--force");
    expect(failed.of(WAHA).error).toMatchObject({ code: "COMPOSE_FAILED" });
    expect(failed.of(WAHA).error?.message).toContain(`${WAHA} runs on as it did before.`);
    expect(await idOf(home, "waha")).toBe(id);
    await writeFile(join(home.waha, "compose.yaml"), compose);
  }, 120_000);

  test("a change of a read-only file is taken over, and a bad one gives way to the former file", async () => {
    const id = await idOf(home, "docs");
    const file = join(home.docs, "conf/site.caddyfile");
    const caddyfile = await readFile(file, "utf8");
    await writeFile(file, caddyfile.replace('respond "ok" 200', 'respond "fine" 200'));
    expect((await up(home, "docs")).of(DOCS)).toMatchObject({ result: "started" });
    expect(await idOf(home, "docs")).not.toBe(id);
    const health = `http://127.0.0.1:${home.ports.docs}/healthz`;
    expect(await (await fetch(health)).text()).toBe("fine");

    await writeFile(file, "this is no configuration {");
    const failed = await up(home, "docs", "--timeout", "20");
    expect(failed.of(DOCS).error?.message).toContain("was brought back to what ran before");
    expect(failed.of(DOCS).error?.message).toContain("what runs has a copy of how it was");
    expect(await (await fetch(health)).text()).toBe("fine");
    expect(await readFile(file, "utf8")).toBe("this is no configuration {");
    await writeFile(file, caddyfile);
    expect((await up(home, "docs")).of(DOCS)).toMatchObject({ result: "started" });
    expect(await (await fetch(health)).text()).toBe("ok");
  }, 240_000);

  test("two at once: one is told who is at work", async () => {
    await setVariable(home, `STAND_IN_MARK: "${Date.now()}"`);
    const [one, other] = await Promise.all([home.modules("up", "waha"), home.modules("up", "waha")]);
    expect(new Set([one.code, other.code])).toEqual(new Set([0, 2]));
    const busy = one.code === 2 ? one : other;
    expect(busy.stderr).toMatch(/are being changed by `novabot modules up` of root \(process \d+ on /);
    expect(await running(home, "waha")).toHaveLength(1);
  }, 120_000);

  test("killed in the midst, and the next `up` fails: what was proven last answers again", async () => {
    const compose = await readFile(join(home.waha, "compose.yaml"), "utf8");
    const { mark } = await ask(home, await key(home));
    await setVariable(home, 'STAND_IN_BROKEN: "true"');
    const child = startNovabot(["modules", "up", "waha"], home.env);
    const killed = once(child, "close");
    const id = await idOf(home, "waha");
    // The new container is there, and nobody has seen that it is broken.
    await expect.poll(async () => await idOf(home, "waha"), { timeout: 20_000 }).not.toBe(id);
    await expect.poll(async () => await idOf(home, "waha"), { timeout: 20_000 }).not.toBe("");
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await killed;
    const failed = await up(home, "waha", "--timeout", "3");
    expect(failed.of(WAHA).error?.message).toContain(`${WAHA} was brought back to what ran before.`);
    expect(await ask(home, await key(home))).toMatchObject({ status: 200, mark });
    expect(await running(home, "waha")).toHaveLength(1);
    expect((await home.audit()).slice(-3).map(({ result }) => result)).toEqual(["begun", "begun", "failed, brought back"]);
    expect(await readdir(join(home.root, "data/host/modules", WAHA))).toEqual(["standing"]);
    await writeFile(join(home.waha, "compose.yaml"), compose);
    expect((await up(home, "waha")).code).toBe(0);
  }, 120_000);

  test("secrets that were materialized by hand are no change, and what somebody did to a container since is put right", async () => {
    const id = await idOf(home, "waha");
    const written = await runNovabot(["secrets", "materialize", "waha", "--env", "local"], home.env, "", home.root);
    expect(written.code, written.stderr).toBe(0);
    expect((await up(home, "waha")).of(WAHA)).toMatchObject({ result: "unchanged" });
    await appendFile(join(home.waha, ".env.local"), "ANOTHER=1\n");
    expect((await up(home, "waha")).of(WAHA)).toMatchObject({ result: "unchanged" });
    expect(await readFile(join(home.waha, ".env.local"), "utf8")).not.toContain("ANOTHER");
    expect(await idOf(home, "waha")).toBe(id);

    const body = JSON.stringify({ RestartPolicy: { Name: "no" } });
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    const asked = request({ socketPath: socket, path: `/v1.40/containers/${id}/update`, method: "POST", headers }).end(body);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    expect(answer.resume().statusCode).toBe(200);
    const again = await up(home, "waha");
    expect(again.of(WAHA)).toMatchObject({ result: "started" });
    expect(again.stderr).toContain("what runs is not what its files say");
    expect(await ask(home, await key(home))).toMatchObject({ status: 200 });
  }, 120_000);

  test("a health check that hangs holds up neither the time limit nor the process", async () => {
    const compose = await readFile(join(home.waha, "compose.yaml"), "utf8");
    await home.edit(`modules/${WAHA}/compose.yaml`, (text) => text.replace(/test: \[.*\]/, 'test: [CMD, sleep, "1000"]'));
    const failed = await up(home, "waha", "--force", "--timeout", "2");
    expect(failed.of(WAHA).error?.message).toContain("it was not healthy after 2 seconds: its health check does not answer");
    expect(failed.of(WAHA).error?.message).toContain("was brought back to what ran before");
    expect((await home.audit()).at(-1)).toMatchObject({ result: "failed, brought back", forced: true });
    await writeFile(join(home.waha, "compose.yaml"), compose);
  }, 120_000);

  test("an engine that goes away in the midst: nobody claims to know what runs, and the next `up` sees to it", async () => {
    const door = join(home.root, "door.sock");
    const open = new Set<Socket>();
    const proxy = createServer((near) => {
      const far = connect(socket);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy()).on("close", () => other.destroy());
      }
    }).listen(door);
    await once(proxy, "listening");
    await setVariable(home, `STAND_IN_LOST: "${Date.now()}"`);
    const child = startNovabot(["modules", "up", "waha"], { ...home.env, DOCKER_HOST: `unix://${door}` });
    let told = "";
    child.stderr?.on("data", (text: Buffer) => {
      told += text.toString();
      if (!told.includes(": starting") || !proxy.listening) return;
      proxy.close();
      for (const one of open) one.destroy();
    });
    const { code } = await finished(child);
    expect(code).toBe(1);
    expect(told).toContain(`Whether ${WAHA} runs now is not known`);
    expect((await home.audit()).at(-1)).toMatchObject({ result: "failed, not known" });
    expect((await up(home, "waha")).of(WAHA)).toMatchObject({ result: "started" });
    expect(await running(home, "waha")).toHaveLength(1);
    expect(await readdir(join(home.root, "data/host/modules", WAHA))).toEqual(["standing"]);
  }, 120_000);

  test("a module remembers whose secrets it has", async () => {
    const local = await key(home);
    expect((await up(home, "waha", "--env", "prod")).of(WAHA)).toMatchObject({ result: "started" });
    expect(await ask(home, local)).toMatchObject({ status: 401 });
    const { stdout } = await home.modules("status", "waha", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ modules: [{ environment: "prod", contract: "kept" }] });
    const live = await runNovabot(["check", "--live", "waha", "--rule", "env-file-fresh"], home.env, "", home.root);
    expect([live.code, live.stdout], live.stderr).toEqual([0, expect.stringMatching(/env-file-fresh +kept/)]);
    const asked = await runNovabot(
      ["check", "--live", "waha", "--rule", "env-file-fresh", "--env", "local"],
      home.env,
      "",
      home.root,
    );
    expect(asked.code).toBe(1);
    const again = await up(home, "waha");
    expect(again.of(WAHA)).toMatchObject({ result: "unchanged", environment: "prod" });
    expect(again.stderr).toContain("with --env prod, as it came up last");
    expect((await up(home, "waha", "--env", "local")).of(WAHA)).toMatchObject({ result: "started" });
    expect(await ask(home, local)).toMatchObject({ status: 200 });
  }, 120_000);

  test("another home's module of the same name is neither shown nor touched", async () => {
    const id = await idOf(home, "waha");
    const other = await makeModulesHome({ engine, socket, compose: await composeProgram("v2"), image, docsImage });
    try {
      await copyFile(join(home.waha, ".env"), join(other.waha, ".env"));
      for (const command of ["up", "down", "restart", "logs"]) {
        const refused = await other.modules(command, "waha");
        expect([command, refused.stderr]).toEqual([command, expect.stringContaining(`was started from "${home.waha}"`)]);
        expect([command, refused.stdout]).toEqual([command, expect.not.stringContaining("listening on")]);
      }
      const { stdout } = await other.modules("status", "waha", "--json");
      expect(JSON.parse(stdout)).toMatchObject({ modules: [{ state: "elsewhere", contract: null }] });
      expect(await idOf(home, "waha")).toBe(id);
    } finally {
      await other.dispose();
    }
  }, 120_000);
});
