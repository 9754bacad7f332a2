import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dockerCandidates, podmanCandidates } from "../../../../src/host/engines/sockets.ts";
import { findEngine, probeEngines } from "../../../../src/host/engines/find.ts";

describe("looking for an engine", () => {
  let directory: string;
  let env: Record<string, string>;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "novabot-test-find-"));
    await mkdir(join(directory, "bin"));
    // Names of no socket that could be there: the machine's own engines are not asked.
    env = {
      HOME: directory,
      PATH: join(directory, "bin"),
      NOVABOT_STATE_DIR: join(directory, "state"),
      DOCKER_HOST: `unix://${directory}/docker.sock`,
      CONTAINER_HOST: `unix://${directory}/podman.sock`,
    };
  });
  afterEach(async () => await rm(directory, { recursive: true }));

  test("the places where engines answer, in order", () => {
    const places = { HOME: "/home/u", XDG_RUNTIME_DIR: "/run/user/1", NOVABOT_STATE_DIR: "/state" };
    expect(dockerCandidates(places)).toEqual(
      [
        "/var/run/docker.sock",
        "/run/user/1/docker.sock",
        "/home/u/.docker/run/docker.sock",
        "/home/u/.colima/default/docker.sock",
        "/state/docker/docker.sock",
      ].map((socket) => ({ socket })),
    );
    expect(podmanCandidates(places)).toEqual(
      ["/run/podman/podman.sock", "/run/user/1/podman/podman.sock"].map((socket) => ({ socket })),
    );
    expect(dockerCandidates({ ...places, DOCKER_HOST: "unix:///x.sock" })).toEqual([{ socket: "/x.sock" }]);
  });

  test.each(["tcp://10.0.0.1:2375", "ssh://u@h", "https://h", "unix://", "unix://relative", "/no/scheme"])(
    "DOCKER_HOST=%s is refused with its reason",
    async (value) => {
      const [report] = await probeEngines({ ...env, DOCKER_HOST: value, NOVABOT_ENGINE: "docker" });
      expect(report).toMatchObject({
        name: "docker",
        ok: false,
        next: expect.stringContaining("DOCKER_HOST to unix://") as string,
      });
      expect(report?.reason).toContain(value);
      if (/^(tcp|ssh|https)/.test(value))
        expect(report?.reason).toContain("mounts need an engine that sees this machine's files");
    },
  );

  test("nothing answers: every engine's reason and what to do", async () => {
    const error: unknown = await findEngine(env, { platform: "linux" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ENGINE_NOT_FOUND", next: expect.stringContaining("`novabot setup`") as string });
    expect(String(error)).toMatch(new RegExp(`docker: (.*; )?${directory}/docker.sock: no such socket`));
    expect(String(error)).toMatch(new RegExp(`podman: (.*; )?${directory}/podman.sock: no such socket`));
    expect(String(error)).toContain("apple: Apple Container runs on macOS only");
  });

  test("a program without its daemon is no engine", async () => {
    for (const name of ["docker", "podman"]) {
      await writeFile(join(directory, "bin", name), "#!/bin/sh\necho fine\n");
      await chmod(join(directory, "bin", name), 0o755);
    }
    for (const report of await probeEngines(env, { platform: "linux" })) {
      expect(report.ok).toBe(false);
      if (report.name !== "apple")
        expect(report.reason).toMatch(
          new RegExp(`^the ${report.name} program is there \\(.*bin/${report.name}\\) but no daemon answers; `),
        );
    }
  });

  test("a socket that nobody serves, and one that answers nonsense", async () => {
    const server = createServer((connection) =>
      connection
        .resume()
        .on("error", () => {})
        .end("nonsense\r\n\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(join(directory, "docker.sock"), resolve));
    await writeFile(join(directory, "podman.sock"), "");
    try {
      const [docker, podman] = await probeEngines(env, { platform: "linux" });
      expect(docker).toMatchObject({ ok: false });
      expect(docker?.reason).toContain("Parse Error");
      expect(podman?.reason).toContain("the socket is there and nobody listens");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("on a Mac, the program and its services are asked", async () => {
    const look = async () => (await probeEngines({ ...env, NOVABOT_ENGINE: "apple" }, { platform: "darwin" }))[0];
    expect(await look()).toMatchObject({ ok: false, reason: "there is no program `container` on the PATH" });
    const program = join(directory, "bin/container");
    const write = async (script: string): Promise<void> => {
      await writeFile(program, `#!/bin/sh\n${script}\n`);
      await chmod(program, 0o755);
    };
    await write('[ "$1" = --version ] && echo "container CLI version 1.2.0" || exit 1');
    expect(await look()).toMatchObject({ ok: false, next: "Run `container system start`." });
    await write('[ "$1" = --version ] && echo "container CLI version 1.2.0" || exit 0');
    expect(await look()).toMatchObject({ ok: true, endpoint: program, info: { product: "Apple Container", version: "1.2.0" } });
  });

  test("NOVABOT_ENGINE names one of the engines, or is told which there are", async () => {
    expect((await probeEngines({ ...env, NOVABOT_ENGINE: "podman" })).map(({ name }) => name)).toEqual(["podman"]);
    for (const ask of [probeEngines, findEngine]) {
      await expect(ask({ ...env, NOVABOT_ENGINE: "lxc" })).rejects.toMatchObject({
        code: "USAGE",
        place: "NOVABOT_ENGINE",
        next: expect.stringContaining("docker, podman, apple") as string,
      });
    }
  });
});
