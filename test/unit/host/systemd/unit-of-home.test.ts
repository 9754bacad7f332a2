import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Home, openHome } from "../../../../src/agents/home/home.ts";
import { findProgram, type ProgramResult, runProgram } from "../../../../src/host/machine/program.ts";
import { openService, type Service } from "../../../../src/host/systemd/unit-of-home.ts";
import { unitText } from "../../../../src/host/systemd/unit.ts";
import { writeAddress } from "../../../../src/host/up/address.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const said = (stdout: string): ProgramResult => ({ exitCode: 0, stdout, tail: "", missing: false });
const went = said("active\n");
const runs = said("ActiveState=active\nSubState=running\nMainPID=77\nExecMainPID=77\nExecMainStatus=0\n");
const isUp = ([verb]: readonly string[]): ProgramResult => (verb === "show" ? runs : went);

/** Where the process 77 of the unit says that it is up, or another one. */
async function tellUp(home: Home, pid = 77): Promise<void> {
  await mkdir(home.host, { recursive: true });
  await writeAddress(home, { pid, host: "here", url: "http://127.0.0.1:7780", certificate: null, since: "" });
}

async function openTest(systemctl: (args: readonly string[]) => ProgramResult): Promise<{
  readonly service: Service;
  readonly home: Home;
  readonly asked: string[];
  readonly other: Service;
}> {
  const directory = await temporaryDirectory();
  const asked: string[] = [];
  const home = await openHome(join(directory, "home"), { create: true });
  const open = (one: Home): Service =>
    openService({
      home: one,
      env: { HOME: directory, PATH: "/usr/bin" },
      command: ["/usr/bin/node", "/opt/novabot/bin/novabot.cjs"],
      uid: 1000,
      systemctl: (args) => {
        asked.push(args.join(" "));
        return Promise.resolve(systemctl(args));
      },
      journal: (pid) => Promise.resolve(`words of ${pid}\n`),
      waitMs: 300,
    });
  return { service: open(home), home, other: open(await openHome(join(directory, "other"), { create: true })), asked };
}

test("a unit holds the command, what decides the engine, and no secret", () => {
  const text = unitText({
    home: "/srv/nova bot",
    command: ["/usr/bin/node", "/opt/100%/$bin/novabot.cjs"],
    env: {
      PATH: "/usr/bin:/bin",
      NOVABOT_HOME: "/other",
      NOVABOT_ENGINE: "podman",
      NOVABOT_TOKEN: "secret",
      ANTHROPIC_API_KEY: "secret",
      CONTAINER_HOST: 'unix:///run/"p"$x',
    },
    isSystem: true,
  });
  expect(text).toContain('ExecStart="/usr/bin/node" "/opt/100%%/$$bin/novabot.cjs" "--home" "/srv/nova bot" "up"\n');
  expect(text).toContain('Environment="PATH=/usr/bin:/bin"\n');
  expect(text).toContain('Environment="NOVABOT_ENGINE=podman"\n');
  expect(text).toContain('Environment="CONTAINER_HOST=unix:///run/\\"p\\"$x"\n');
  expect(text).toContain("WantedBy=multi-user.target\n");
  expect(text).not.toMatch(/secret|NOVABOT_HOME/);
  expect(unitText({ home: "/h", command: ["/n"], env: {}, isSystem: false })).toContain("WantedBy=default.target\n");
});

test("systemd takes the unit, where it is there to be asked", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "novabot-test.service");
  const command = [process.execPath, join(import.meta.dirname, "../../../../bin/novabot.cjs")];
  await writeFile(file, unitText({ home: directory, command, env: { PATH: "/usr/bin", TZ: "UTC" }, isSystem: true }));
  const analyze = findProgram("systemd-analyze", process.env);
  const tail = analyze ? (await runProgram([analyze, "verify", "--man=no", file], { cwd: directory })).tail : "";
  expect(tail.split("\n").filter((line) => line.includes("novabot-test"))).toEqual([]);
});

test("installing writes the unit once, starts it now and with the machine; uninstalling leaves nothing", async () => {
  const { service, home, asked, other } = await openTest(isUp);
  await tellUp(home);
  expect(service.path).toMatch(/\.config\/systemd\/user\/novabot-[0-9a-f]{8}\.service$/);
  expect(other.path).not.toBe(service.path);
  expect(await service.install()).toEqual({ isNew: true, url: "http://127.0.0.1:7780" });
  expect(await readFile(service.path, "utf8")).toBe(service.text);
  expect(asked.splice(0).slice(1, -1)).toEqual(["daemon-reload", `enable ${service.name}`, `restart ${service.name}`]);
  expect(await service.install()).toMatchObject({ isNew: false });
  expect(asked.splice(0).at(-2)).toBe(`start ${service.name}`);
  expect(await service.state()).toBe("active");
  await service.uninstall();
  expect(existsSync(service.path)).toBe(false);
  expect(asked).toContain(`disable --now ${service.name}`);
});

test("without a systemd nothing is written, and another way is told", async () => {
  const { service } = await openTest(() => ({ exitCode: null, stdout: "", tail: "ENOENT", missing: true }));
  await expect(service.install()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: expect.stringContaining("is not there") as string,
    next: expect.stringContaining("novabot up --detach") as string,
  });
  expect(service.isInstalled()).toBe(false);
});

test("systemd's own words tell why it did not start", async () => {
  const failed = { exitCode: 1, stdout: "", tail: "Failed to start: no such thing\n", missing: false };
  const { service } = await openTest(([verb]) => (verb === "restart" ? failed : went));
  await expect(service.install()).rejects.toThrow(
    /restart novabot-[0-9a-f]+\.service ended with 1:\n {2}Failed to start: no such thing/,
  );
});

test("one that ends at once is told of with its own words, though systemd has started it", async () => {
  const again = said("ActiveState=activating\nSubState=auto-restart\nMainPID=0\nExecMainPID=78\nExecMainStatus=2\n");
  const { service, home } = await openTest(([verb]) => (verb === "show" ? again : went));
  // Of another process, which has the home.
  await tellUp(home, 99);
  await expect(service.install()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: `${service.name} is installed, and ended with status 2 before it was up:\n  words of 78`,
    next: expect.stringContaining(`journalctl --user -u ${service.name}`) as string,
  });
  expect(service.isInstalled()).toBe(true);
});

test("one that takes longer is not waited for for ever", async () => {
  const { service } = await openTest(isUp);
  expect(await service.install()).toEqual({ isNew: true, url: null });
});
