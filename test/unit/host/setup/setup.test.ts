import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine } from "../../../../src/engine/engine.ts";
import { parseDistribution } from "../../../../src/host/machine/distribution.ts";
import { setUp, type SetUpOptions } from "../../../../src/host/setup/setup.ts";
import { NovaError } from "../../../../src/model/errors.ts";

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "novabot-setup-"));
});
afterEach(async () => {
  await rm(state, { recursive: true, force: true });
});

const debian = parseDistribution("ID=debian\nPRETTY_NAME=Debian\n");
const fedora = parseDistribution("ID=fedora\nPRETTY_NAME=Fedora\n");

async function refusal(options: Partial<SetUpOptions>, env: Record<string, string> = {}): Promise<NovaError> {
  const find = async (): Promise<Engine> => {
    throw new NovaError("ENGINE_NOT_FOUND", "No engine answers: docker: no socket.");
  };
  const defaults = {
    install: false,
    say: () => undefined,
    platform: "linux",
    uid: 0,
    distribution: debian,
    find,
    findDaemon: () => undefined,
  };
  return await setUp({ NOVABOT_STATE_DIR: state, ...env }, { ...defaults, ...options }).then(
    () => expect.fail("it was set up"),
    (error: NovaError) => error,
  );
}

test("an engine that answers is taken", async () => {
  const engine = { name: "docker" } as Engine;
  expect(await setUp({}, { install: true, say: () => expect.fail("nothing to say"), find: async () => engine })).toBe(engine);
});

test("--no-install names what it would install, and how", async () => {
  const error = await refusal({});
  expect(error).toMatchObject({ code: "SETUP_REFUSED", place: "--no-install" });
  expect(error.message).toContain("docker.io iptables");
  expect(error.next).toContain("apt-get install -y --no-install-recommends docker.io");
});

test.each([
  ["another distribution", { distribution: fedora }, "sudo dnf install podman"],
  ["macOS", { platform: "darwin" }, "brew install"],
  ["a user who is not root", { uid: 1000 }, "sudo novabot setup"],
  ["a user who is not root elsewhere", { uid: 1000, distribution: fedora }, "sudo dnf install podman"],
])("on %s it says what to type, with the reasons of each engine, and makes nothing", async (_name, options, advice) => {
  const error = await refusal({ ...options, install: true });
  expect(error.code).toBe("SETUP_REFUSED");
  expect(error.next).toContain(advice);
  expect(error.message).toContain("docker: no socket");
  expect(await readdir(state)).toEqual([]);
});

test.each(["NOVABOT_ENGINE", "DOCKER_HOST"])("an engine that %s names is not replaced by another", async (name) => {
  const error = await refusal({ install: true }, { [name]: "unix:///nowhere.sock" });
  expect(error).toMatchObject({ code: "SETUP_REFUSED", next: `Start it, or unset ${name} to let NovaBot choose.` });
});

test("a failure that is no missing engine is passed on", async () => {
  const find = async (): Promise<Engine> => {
    throw new NovaError("USAGE", "NOVABOT_ENGINE is wrong.");
  };
  expect((await refusal({ find })).code).toBe("USAGE");
});
