import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCompose } from "../../../../src/host/compose/find.ts";
import { composeEnvironment, parseComposeVersion } from "../../../../src/host/compose/program.ts";

describe("versions", () => {
  test.each([
    ["Docker Compose version v2.29.7\n", { flavour: "compose-v2", version: "2.29.7" }],
    ["Docker Compose version 2.26.1-4\n", { flavour: "compose-v2", version: "2.26.1-4" }],
    ["2.40.3\n", { flavour: "compose-v2", version: "2.40.3" }],
    ["Docker Compose version v5.0.1\n", { flavour: "compose-v2", version: "5.0.1" }],
    [
      "docker-compose version 1.29.2, build unknown\ndocker-py version: 5.0.3\nCPython version: 3.11.2\n",
      { flavour: "compose-v1", version: "1.29.2" },
    ],
    [
      "using podman version: 4.3.1\npodman-composer version  1.0.3\npodman --version \npodman version 4.3.1\n",
      { flavour: "podman-compose", version: "1.0.3" },
    ],
    ["podman-compose version 1.3.0\npodman version 5.4.2\n", { flavour: "podman-compose", version: "1.3.0" }],
    ["docker: 'compose' is not a docker command.\n", undefined],
    ["", undefined],
  ])("%j", (output, expected) => {
    expect(parseComposeVersion(output)).toEqual(expected);
  });
});

test("what the caller's environment says of engines, projects and keys does not reach Compose", () => {
  const env = {
    PATH: "/bin",
    TAG: "1",
    DOCKER_HOST: "tcp://elsewhere:1",
    DOCKER_CONTEXT: "elsewhere",
    CONTAINER_HOST: "ssh://elsewhere",
    COMPOSE_FILE: "/other.yaml",
    COMPOSE_PROJECT_NAME: "other",
    SOPS_AGE_KEY: "AGE-SECRET-KEY-1",
  };
  const made = composeEnvironment(env, { name: "docker", endpoint: "/run/e.sock" });
  expect(made).toMatchObject({ PATH: "/bin", TAG: "1", DOCKER_HOST: "unix:///run/e.sock", CONTAINER_HOST: "unix:///run/e.sock" });
  for (const name of ["DOCKER_CONTEXT", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "SOPS_AGE_KEY"])
    expect(made).not.toHaveProperty(name);
});

describe("finding", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "novabot-compose-"));
  });
  afterEach(async () => await rm(directory, { recursive: true, force: true }));

  /** Programs that answer `version` in these words stand first on the PATH; what this machine has itself is never asked. */
  async function machine(programs: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    for (const [path, answer] of Object.entries(programs)) {
      const file = join(directory, path);
      await mkdir(join(file, ".."), { recursive: true });
      await writeFile(file, `#!/bin/sh\n${answer}\n`);
      await chmod(file, 0o755);
    }
    return { PATH: `${directory}/a:${directory}/b`, NOVABOT_STATE_DIR: join(directory, "state"), HOME: directory };
  }
  const says = (text: string): string => `echo "${text}"`;
  const docker = { name: "docker", endpoint: "/run/e.sock" };
  const podman = { name: "podman", endpoint: "/run/p.sock" };

  test("`docker compose` comes first", async () => {
    const env = await machine({ "a/docker": says("Docker Compose version v2.30.0"), "a/docker-compose": says("2.31.0") });
    expect(await findCompose(docker, env)).toMatchObject({ version: "2.30.0", argv: [join(directory, "a/docker"), "compose"] });
  });

  test("a newer docker-compose comes before the Python one, wherever they stand on the PATH", async () => {
    const env = await machine({
      "a/docker": "echo unknown command >&2; exit 1",
      "a/docker-compose": says("docker-compose version 1.29.2, build x"),
      "b/docker-compose": says("Docker Compose version v2.20.0"),
    });
    expect(await findCompose(docker, env)).toMatchObject({ flavour: "compose-v2", argv: [join(directory, "b/docker-compose")] });
    await rm(join(directory, "b"), { recursive: true });
    expect(await findCompose(docker, env)).toMatchObject({ flavour: "compose-v1", argv: [join(directory, "a/docker-compose")] });
  });

  test("for Podman its own comes first, and podman-compose last", async () => {
    const env = await machine({
      "a/podman": "exit 125",
      "a/podman-compose": says("podman-compose version 1.0.6"),
      "b/docker-compose": says("docker-compose version 1.29.2, build x"),
    });
    expect(await findCompose(podman, env)).toMatchObject({ flavour: "podman-compose", version: "1.0.6" });
  });

  test("every candidate's reason is told when none serves", async () => {
    const env = await machine({
      "a/docker": "echo 'docker: unknown command: docker compose' >&2; exit 1",
      "a/docker-compose": says("hello"),
    });
    await expect(findCompose(docker, { ...env, PATH: `${directory}/a` })).rejects.toMatchObject({
      code: "COMPOSE_NOT_FOUND",
      message: expect.stringMatching(
        /docker compose: exit status 1: docker: unknown command[^]*docker-compose[^]*its answer to `version` is not one of Compose: "hello"/,
      ),
      facts: { candidates: expect.arrayContaining([expect.stringMatching(/^novabot setup: it has brought none into /)]) },
    });
  });

  test("NOVABOT_COMPOSE leaves only the one that it names", async () => {
    const env = await machine({ "a/docker": says("Docker Compose version v2.30.0"), "c/mine": says("2.31.0") });
    expect(await findCompose(docker, { ...env, NOVABOT_COMPOSE: join(directory, "c/mine") })).toMatchObject({
      version: "2.31.0",
    });
    await expect(findCompose(docker, { ...env, NOVABOT_COMPOSE: "/no/such" })).rejects.toMatchObject({
      message: expect.stringContaining('NOVABOT_COMPOSE: "/no/such" is no program'),
    });
  });

  test("Apple Container has none", async () => {
    await expect(findCompose({ name: "apple", endpoint: "/container" }, {})).rejects.toMatchObject({ code: "COMPOSE_NOT_FOUND" });
  });
});
