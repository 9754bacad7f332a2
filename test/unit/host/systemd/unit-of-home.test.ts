import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openHome } from "../../../../src/agents/home/home.ts";
import { findProgram, type ProgramResult, runProgram } from "../../../../src/host/machine/program.ts";
import { openService, type Service } from "../../../../src/host/systemd/unit-of-home.ts";
import { unitText } from "../../../../src/host/systemd/unit.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const went: ProgramResult = { exitCode: 0, stdout: "active\n", tail: "", missing: false };

async function openTest(systemctl: (args: readonly string[]) => ProgramResult): Promise<{
  readonly service: Service;
  readonly asked: string[];
  readonly other: Service;
}> {
  const directory = await temporaryDirectory();
  const asked: string[] = [];
  const open = async (name: string): Promise<Service> =>
    openService({
      home: await openHome(join(directory, name), { create: true }),
      env: { HOME: directory, PATH: "/usr/bin" },
      command: ["/usr/bin/node", "/opt/novabot/bin/novabot.cjs"],
      uid: 1000,
      systemctl: (args) => {
        asked.push(args.join(" "));
        return Promise.resolve(systemctl(args));
      },
    });
  return { service: await open("home"), other: await open("other"), asked };
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
  const said = analyze ? (await runProgram([analyze, "verify", "--man=no", file], { cwd: directory })).tail : "";
  expect(said.split("\n").filter((line) => line.includes("novabot-test"))).toEqual([]);
});

test("installing writes the unit once, starts it now and with the machine; uninstalling leaves nothing", async () => {
  const { service, asked, other } = await openTest(() => went);
  expect(service.path).toMatch(/\.config\/systemd\/user\/novabot-[0-9a-f]{8}\.service$/);
  expect(other.path).not.toBe(service.path);
  expect(await service.install()).toBe(true);
  expect(await readFile(service.path, "utf8")).toBe(service.text);
  expect(asked.splice(0).slice(1)).toEqual(["daemon-reload", `enable ${service.name}`, `restart ${service.name}`]);
  expect(await service.install()).toBe(false);
  expect(asked.splice(0).at(-1)).toBe(`start ${service.name}`);
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
