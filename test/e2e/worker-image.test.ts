import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { packContext } from "../../src/host/images/context.ts";
import { buildImages, listImages } from "../../src/host/images/images.ts";
import { openWorker, WORKER_IMAGE } from "../fixtures/worker-container.ts";
import { promiseWorkers } from "../fixtures/worker-promises.ts";

let engine: Engine;
const made: string[] = [];

beforeAll(async () => {
  engine = await findEngine(process.env);
  await buildImages(engine, { which: "worker", env: process.env, install: false, say: () => undefined });
}, 600_000);

afterAll(async () => {
  for (const image of made) if (await engine.findImage(image)) await engine.removeImage(image);
});

describe("a worker", () => {
  promiseWorkers(() => engine);
});

test("the image says what it is, and holds what the requirement lists", async () => {
  expect(await engine.findImage(WORKER_IMAGE)).toMatchObject({
    user: "1000:1000",
    labels: { "novabot.init": "own", "novabot.worker": "1", "novabot.node": "24" },
  });
  const worker = await openWorker(engine);
  const found = await worker.ok(
    "for p in bash bun bunx curl git netstat node npm npx patchctl pip3 ps python3 tini tsc cli-tools; do command -v $p >/dev/null || echo no $p; done",
  );
  expect(found).toBe("");
  expect(
    await worker.ok(
      "node --version; bun --version; bunx tsc --version; /workspace/container/bin/node --version; python3 --version",
    ),
  ).toMatch(/^v24\.21\.0\n1\.4\.5\nVersion 7\.0\.2\nv24\.21\.0\nPython 3\.\d+\.\d+\n$/);
  expect(await worker.ok("cd /workspace && ls; cd container && ls *.ts *.js *.mjs")).toBe(
    "app\ncontainer\ndata\ncli-tools.js\ncli-tools.ts\nsupervisor.mjs\n",
  );
  expect(await worker.ok("ls /usr/local/bin/shared-scripts; test -s /etc/ssl/certs/ca-certificates.crt")).toBe(
    "patch_manager.py\n",
  );
  expect(await worker.ok("env | grep -E '^(CONTAINER_ENV|VITE_LOGGER_TYPE|PORT|HOME)=' | sort")).toBe(
    "CONTAINER_ENV=docker\nHOME=/home/node\nPORT=8080\nVITE_LOGGER_TYPE=json\n",
  );
  expect(
    await worker.ok("ls -d /fetch 2>/dev/null; find / -xdev -name ca.pem 2>/dev/null; env | grep -E 'CERT|REGISTRY|npm_'; true"),
  ).toBe("");
});

test("it is listed, and not built again while nothing has changed", async () => {
  const options = { which: "worker", env: process.env, install: false, say: () => undefined } as const;
  await buildImages(engine, options);
  const images = await buildImages(engine, options);
  expect(images.map(({ name, action }) => [name, action])).toEqual([
    ["base", "up to date"],
    ["worker", "up to date"],
  ]);
  expect((await listImages(engine, process.env)).at(-1)).toMatchObject({
    name: "worker",
    tag: WORKER_IMAGE,
    state: "up to date",
  });
});

test("on another image, what that brings stays; the programs can have Node 22, while the supervisor has its own", async () => {
  const [other, tag] = [`novabot-test-other:${process.pid}`, `novabot-test-worker:${process.pid}`];
  made.push(tag, other);
  // Like Cloudflare's: another Node behind a link, programs of its own, an entrypoint, and nobody with the number 1000.
  const dockerfile = [
    "FROM novabot-base:latest",
    "RUN userdel -r node && rm /usr/local/bin/node && mkdir /opt/node \\",
    "    && for name in node bun tsc; do printf '#!/bin/sh\\necho other\\n' > /opt/node/$name && chmod 0755 /opt/node/$name; done \\",
    "    && ln -s /opt/node/node /opt/node/bun /opt/node/tsc /usr/local/bin/ \\",
    "    && cp /opt/node/node /usr/local/bin/cloudflared",
    'ENTRYPOINT ["/opt/node/node"]',
    'CMD ["start"]',
    "",
  ];
  const context = packContext([{ path: "Dockerfile", mode: 0o644, content: dockerfile.join("\n") }]);
  await engine.buildImage({ tag: other, context, buildArgs: {}, labels: {} });
  const env = { ...process.env, NOVABOT_WORKER_BASE_IMAGE: other };
  const options = { which: "worker", env, install: false, say: () => undefined, tags: { worker: tag } } as const;
  await buildImages(engine, { ...options, node: 22 });
  expect((await buildImages(engine, options))[1]?.action, "a later build keeps the choice").toBe("up to date");
  const worker = await openWorker(engine, { image: tag, command: ["node", "-p", "process.version"] });
  await worker.ok("cli-tools process wait -i app --for stopped");
  expect(await worker.ok("cli-tools logs get --format raw")).toBe("v22.23.3\n");
  expect(await worker.ok("/workspace/container/bin/node --version; /opt/node/node; cloudflared; bun --version; id -un")).toBe(
    "v24.21.0\nother\nother\n1.4.5\nnode\n",
  );
  expect(await worker.ok("/workspace/container/health.sh")).toContain("healthy");
}, 300_000);

test("where the image that is named cannot be pulled, the build says so", async () => {
  const env = { ...process.env, NOVABOT_WORKER_BASE_IMAGE: "localhost:1/no/such:image" };
  const building = buildImages(engine, {
    which: "worker",
    env,
    install: false,
    say: () => undefined,
    tags: { worker: "novabot-test-none:1" },
  });
  await expect(building).rejects.toMatchObject({
    code: "IMAGE_BUILD_FAILED",
    message: expect.stringMatching(/^The image localhost:1\/no\/such:image cannot be pulled: \S/),
    place: "NOVABOT_WORKER_BASE_IMAGE",
  });
});
