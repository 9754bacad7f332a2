import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isPullFailure } from "../../../../src/host/images/build.ts";
import { hostCertificates, hostRegistry } from "../../../../src/host/images/host-settings.ts";
import { nodeArchitecture } from "../../../../src/host/images/packages.ts";
import { agentPlan, registryBasePlan } from "../../../../src/host/images/plan.ts";
import { rootFileSystemHash, rootFileSystemPlan, whyNoRootFileSystem } from "../../../../src/host/images/rootfs.ts";
import { bundleMailCommand, bundleRunner, imageFile } from "../../../../src/host/images/sources.ts";
import { parseDistribution } from "../../../../src/host/machine/distribution.ts";
import { abilities, ABILITIES_LABEL } from "../../../../src/model/markers.ts";

const run = promisify(execFile);
const debian = parseDistribution("ID=debian\nVERSION_CODENAME=bookworm\n");
const ubuntu = parseDistribution("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n");
let directory: string;
let pem: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-plan-"));
  pem = join(directory, "ca.pem");
  await writeFile(pem, "-----BEGIN CERTIFICATE-----\nhost\n-----END CERTIFICATE-----\n");
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("the root file system is this machine's own distribution", () => {
  const plan = rootFileSystemPlan(debian, "x64");
  expect(plan.argv).toContain("--architectures=amd64");
  expect(plan.argv).toContain("--include=bash,ca-certificates,git,procps,tini,libstdc++6,libatomic1");
  expect(plan.argv.at(-1)).toBe("bookworm");
  expect(rootFileSystemPlan(ubuntu, "arm64").argv).toEqual(
    expect.arrayContaining(["--architectures=arm64", "--components=main,universe", "noble"]),
  );
  expect(rootFileSystemHash(plan)).not.toBe(rootFileSystemHash(rootFileSystemPlan(ubuntu, "x64")));
  expect(rootFileSystemHash(plan)).toBe(rootFileSystemHash(rootFileSystemPlan(debian, "x64")));
  expect(whyNoRootFileSystem(debian, 0)).toBeUndefined();
  expect(whyNoRootFileSystem(debian, 1000)).toContain("root");
  expect(whyNoRootFileSystem(parseDistribution("ID=fedora\n"), 0)).toContain("neither Debian nor Ubuntu");
});

test("an architecture without a packaged Node is refused by name", () => {
  expect(["amd64", "x86_64", "aarch64", "arm64"].map(nodeArchitecture)).toEqual(["x64", "x64", "arm64", "arm64"]);
  expect(() => nodeArchitecture("riscv64")).toThrow('"riscv64"');
});

test("BASE_IMAGE changes what the base image is", async () => {
  const usual = await registryBasePlan({});
  const chosen = await registryBasePlan({ BASE_IMAGE: "mine:1" });
  expect(usual.buildArgs["BASE_IMAGE"]).toContain("node:24-");
  expect(chosen.buildArgs["BASE_IMAGE"]).toBe("mine:1");
  expect(chosen.source).not.toBe(usual.source);
});

test("the host's certificates reach the agent's build, and are part of the image only when they stay", async () => {
  const plain = await agentPlan({}, "sha256:1", false);
  const behindProxy = await agentPlan({ NODE_EXTRA_CA_CERTS: pem, SSL_CERT_FILE: pem }, "sha256:1", false);
  const kept = await agentPlan({ NODE_EXTRA_CA_CERTS: pem }, "sha256:1", true);
  expect(plain.entries.find(({ path }) => path === "ca.pem")).toMatchObject({ content: "" });
  expect(behindProxy.entries.find(({ path }) => path === "ca.pem")).toMatchObject({
    content: expect.stringMatching(/^-----BEGIN[^]*host[^]*END CERTIFICATE-----\n$/),
  });
  expect(behindProxy.source).toBe(plain.source);
  expect([plain.target, kept.target]).toEqual(["agent", "agent-with-ca"]);
  expect(kept.source).not.toBe(plain.source);
  expect((await agentPlan({}, "sha256:2", false)).source).not.toBe(plain.source);
});

test("certificates that are named and not there are an error that names them", async () => {
  await expect(hostCertificates({ SSL_CERT_FILE: "/no/such.pem" })).rejects.toMatchObject({
    code: "IMAGE_BUILD_FAILED",
    place: "SSL_CERT_FILE",
  });
  expect(await hostCertificates({})).toBe("");
});

test("the npm registry is the one that npm uses here", async () => {
  expect(await hostRegistry({ npm_config_registry: "http://registry.test:4873/" })).toBe("http://registry.test:4873/");
  expect(await hostRegistry({ NPM_CONFIG_REGISTRY: "not a link" })).toBe("");
});

test("an .npmrc where the caller is, as an agent may have written it, does not choose the registry", async () => {
  const home = join(directory, "home");
  const caller = join(directory, "group");
  await mkdir(home);
  await mkdir(caller);
  await writeFile(join(home, ".npmrc"), "registry=http://mine.test/\n");
  await writeFile(join(caller, ".npmrc"), "registry=http://agents.test/\n");
  const module = new URL("../../../../src/host/images/host-settings.ts", import.meta.url).href;
  const script = `import { hostRegistry } from ${JSON.stringify(module)}; console.log(await hostRegistry(process.env));`;
  const env = { PATH: process.env["PATH"], HOME: home };
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: caller, env });
  expect(stdout).toBe("http://mine.test/\n");
});

test("the runner is one small module that imports nothing but Node", async () => {
  const code = await bundleRunner();
  expect(code.length).toBeLessThan(60_000);
  for (const [, name] of code.matchAll(/^import .* from "([^"]+)"/gm)) expect(name).toMatch(/^node:/);
});

test("the in-container command is small, its server is apart, and neither imports anything but Node", async () => {
  const { command, server } = await bundleMailCommand();
  expect(command.length).toBeLessThan(60_000);
  expect(server.length).toBeLessThan(2_000_000);
  for (const code of [command, server])
    for (const [, name] of code.matchAll(/^import .* from "([^"]+)"/gm)) expect(name).toMatch(/^(?:node:|process$)/);
  const { entries } = await agentPlan({}, "sha256:1", false);
  expect(entries.find(({ path }) => path === "command/novabot")).toMatchObject({ mode: 0o755 });
});

test("the agent image says what its runner can do in the words that the host knows", async () => {
  expect(await imageFile("agent/Dockerfile")).toContain(`${ABILITIES_LABEL}="${abilities.join(" ")}"`);
});

test.each([
  ["FROM ${BASE_IMAGE}", "dial tcp: lookup registry.test: no such host", true],
  ["from node", "initializing source docker://node: pinging container registry", true],
  ["FROM node", "toomanyrequests: rate limit", true],
  ["FROM node", "pull access denied for node", true],
  ["RUN echo FROM && apt-get update", "Temporary failure resolving: no such host", false],
  ["", "the context could not be read: not found", false],
  ["FROM node", "no space left on device", false],
])("after %j, %j is a failure to pull: %s", (step, message, expected) => {
  expect(isPullFailure(step, message)).toBe(expected);
});
