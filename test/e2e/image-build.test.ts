import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import type { ImageProgress } from "../../src/host/images/build.ts";
import { packContext } from "../../src/host/images/context.ts";
import { buildImages, type BuiltImage, listImages } from "../../src/host/images/images.ts";
import type { Environment } from "../../src/host/state.ts";
import { AGENT_IMAGE, type GroupFolders, makeGroupFolders, runAgentContainer } from "../fixtures/agent-container.ts";

const BASE_IMAGE = "novabot-base:latest";
const tag = (name: string): string => `novabot-test-${name}:${process.pid}`;

let engine: Engine;
let folders: GroupFolders;
const made: string[] = [];

beforeAll(async () => {
  engine = await findEngine(process.env);
  folders = await makeGroupFolders();
});
afterAll(async () => {
  await folders.remove();
  for (const image of made) if (await engine.findImage(image)) await engine.removeImage(image);
});

interface Build {
  readonly images: readonly BuiltImage[];
  readonly events: readonly ImageProgress[];
}

async function build(
  agent: string,
  more: { base?: string; which?: "base" | "agent"; env?: Environment; withCA?: boolean } = {},
): Promise<Build> {
  if (agent !== AGENT_IMAGE) made.push(agent);
  const events: ImageProgress[] = [];
  const images = await buildImages(engine, {
    which: more.which ?? "agent",
    env: { ...process.env, ...more.env },
    install: false,
    say: () => undefined,
    progress: (event) => events.push(event),
    tags: { base: more.base ?? BASE_IMAGE, agent },
    ...(more.withCA === undefined ? {} : { withCA: more.withCA }),
  });
  return { images, events };
}

/** What `script` prints inside an agent container of `image`. */
async function inside(image: string, script: string): Promise<string> {
  const { frames } = await runAgentContainer(engine, {
    folders,
    image,
    input: { prompt: "", agent: { command: ["sh", "-c", script] } },
  });
  return String(frames.at(-1)?.result ?? frames.at(-1)?.error);
}

test("what is up to date is not built again, and is listed so", async () => {
  await build(AGENT_IMAGE);
  const { images, events } = await build(AGENT_IMAGE);
  expect(images.map(({ name, action }) => [name, action])).toEqual([
    ["base", "up to date"],
    ["agent", "up to date"],
  ]);
  expect(events).toEqual([]);
  expect((await listImages(engine, process.env)).map(({ tag: name, state }) => [name, state])).toMatchObject([
    [BASE_IMAGE, "up to date"],
    [AGENT_IMAGE, "up to date"],
    ["novabot-worker:latest", expect.any(String)],
  ]);
});

test("the agent image says what it is, and holds what it promises", async () => {
  const image = await engine.findImage(AGENT_IMAGE);
  expect(image).toMatchObject({
    user: "1000:1000",
    labels: { "novabot.protocol": "2", "novabot.init": "own", "novabot.abilities": "persistent follow-ups gateway" },
  });
  const report = await inside(
    AGENT_IMAGE,
    "claude --version; node --version; for p in bash git ps novabot; do command -v $p; done; test -s /etc/ssl/certs/ca-certificates.crt && echo certificates; getent passwd 1000 | cut -d: -f1,3,4; stat -c '%a %U' /app/agent-runner/ld.so /app/agent-runner/init",
  );
  expect(report.split("\n")).toEqual([
    expect.stringMatching(/^2\.1\.329 /),
    expect.stringMatching(/^v24\./),
    expect.stringMatching(/\/bash$/),
    expect.stringMatching(/\/git$/),
    expect.stringMatching(/\/ps$/),
    "/usr/local/bin/novabot",
    "certificates",
    "node:1000:1000",
    "711 root",
    "711 root",
  ]);
});

describe("the host's certificates", () => {
  test("are not in the image, nor is anything else that only the build needed", async () => {
    const left = await inside(
      AGENT_IMAGE,
      "ls -d /fetch 2>&1; find / -xdev -name 'ca.pem' 2>/dev/null; env | grep -E 'CERT|REGISTRY|npm_'; true",
    );
    expect(left).toMatch(/^ls: .*No such file or directory$/);
  });

  test("stay when they are asked for, until they are told to go", async () => {
    const agent = tag("agent");
    const { images, events } = await build(agent, { withCA: true });
    expect(images[1]?.action).toBe("built");
    expect(new Set(events.map(({ phase }) => phase))).toEqual(new Set(["context", "step", "output", "done"]));
    expect(
      events.find(({ phase, bytes, totalBytes }) => phase === "context" && bytes === totalBytes && Number(bytes) > 0),
    ).toBeDefined();
    const file = process.env["NODE_EXTRA_CA_CERTS"];
    const expected = file ? (await readFile(file, "utf8")).trim().length : 0;
    expect(await inside(agent, 'echo "$NODE_EXTRA_CA_CERTS $SSL_CERT_FILE"; wc -c < $SSL_CERT_FILE')).toMatch(
      /^\/app\/agent-runner\/ca\.pem \/app\/agent-runner\/ca\.pem\n\d+$/,
    );
    expect(Number(await inside(agent, "wc -m < $SSL_CERT_FILE"))).toBeGreaterThanOrEqual(expected);
    expect((await build(agent)).images[1]?.action, "a later build keeps the choice").toBe("up to date");
    expect((await build(agent, { withCA: false })).images[1]?.action).toBe("built");
    expect(await engine.findImage(String(images[1]?.id)), "what the later image replaced is gone").toBeUndefined();
    expect(await inside(agent, 'echo "[$SSL_CERT_FILE]"')).toBe("[]");
  });
});

test("an image that was replaced stays while it has another name", async () => {
  const [agent, kept] = [tag("named"), tag("kept")];
  made.push(kept);
  const { images } = await build(agent, { withCA: true });
  const same = await engine.buildImage({
    tag: kept,
    context: packContext([{ path: "Dockerfile", mode: 0o644, content: `FROM ${agent}\n` }]),
    buildArgs: {},
    labels: {},
  });
  expect(same.id, "an image from nothing but another is that other").toBe(images[1]?.id);
  await build(agent, { withCA: false });
  expect((await engine.findImage(kept))?.id).toBe(images[1]?.id);
});

describe("a build that fails says why", () => {
  test("when the base image cannot be had", async () => {
    const building = build(tag("agent"), { base: tag("base"), env: { BASE_IMAGE: "localhost:1/no/such:image" } });
    await expect(building).rejects.toMatchObject({
      code: "IMAGE_BUILD_FAILED",
      message: expect.stringMatching(/^The base image localhost:1\/no\/such:image cannot be pulled: \S/),
      place: "BASE_IMAGE",
      next: "Set BASE_IMAGE to an image that the engine has or can pull, or unset it.",
    });
  });

  test("when a step of it fails, with the step and its last lines", async () => {
    const image = tag("bare");
    made.push(image);
    const content = `FROM ${BASE_IMAGE}\nRUN rm /usr/local/bin/node\n`;
    await engine.buildImage({
      tag: image,
      context: packContext([{ path: "Dockerfile", mode: 0o644, content }]),
      buildArgs: {},
      labels: {},
    });
    const building = build(tag("agent"), { base: tag("base"), env: { BASE_IMAGE: image } });
    await expect(building).rejects.toMatchObject({
      code: "IMAGE_BUILD_FAILED",
      message: expect.stringContaining("BASE_IMAGE must bring Node 24 or newer."),
    });
  });
});
