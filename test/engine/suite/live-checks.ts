import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { exitStatus } from "../../../src/contract/findings/severity.ts";
import { openProc } from "../../../src/host/check/live/proc.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { until } from "../../fixtures/engines/processes.ts";
import type { RawContainer } from "../../fixtures/engines/raw.ts";
import { findingsOf, openLiveModule, verdictOf, type LiveModule } from "../../fixtures/live-module.ts";
import { buildScriptImage } from "../../fixtures/stage.ts";

const main = join(import.meta.dirname, "../../../src/cli/main.ts");

/** Rules that cannot be decided where the tests' engine has a network of its own. */
const beyond = ["health"];

export function liveChecksSuite(fixture: () => TestEngine): void {
  /** The command, in the engine's own network. */
  async function command(
    module: LiveModule,
    ...argv: readonly string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const { engine, socket, daemon } = fixture();
    const variable = engine.name === "docker" ? "DOCKER_HOST" : "CONTAINER_HOST";
    const child = spawn("nsenter", ["--net", "-t", String(daemon.pid), process.execPath, main, "check", "--live", ...argv], {
      cwd: module.directory,
      env: { PATH: process.env["PATH"], HOME: module.directory, NOVABOT_ENGINE: engine.name, [variable]: `unix://${socket}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: child.exitCode, stdout, stderr };
  }

  describe("what runs", () => {
    test("a module that keeps the contract, by every rule", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const report = await module.check();
      expect(report.findings.filter(({ severity }) => severity !== "advice")).toEqual([]);
      expect(report.unchecked).toEqual([]);
      const kept = report.checked.filter(({ verdict, rule }) => verdict === "kept" && !beyond.includes(rule));
      expect(kept.map(({ rule }) => rule)).toEqual(
        expect.arrayContaining([
          "running",
          "user",
          "root-group",
          "restart",
          "mounts",
          "mounts-read-only",
          "ports",
          "network",
          "env-file",
          "env-file-fresh",
          "log-file",
          "privileged",
          "capabilities",
          "host-namespaces",
          "engine-socket",
          "host-paths",
          "devices",
          "sandbox-off",
          "secret-values",
          "drift",
          "memory-limit",
          "cpu-limit",
          "pids-limit",
          "no-new-privileges",
          "init",
        ]),
      );
      expect(report.checked.filter(({ verdict, rule }) => verdict === "unknown" && !beyond.includes(rule))).toEqual([]);
    });

    test("the command tells the same, health as a caller has it, and its exit status", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const kept = await command(module, "--json", "--wait", "10");
      expect(kept.stderr).toBe("");
      const report = JSON.parse(kept.stdout) as { kind: string; checked: { rule: string; verdict: string; note?: string }[] };
      expect(report.kind).toBe("live");
      expect(report.checked).toContainEqual(
        expect.objectContaining({
          rule: "health",
          verdict: "kept",
          note: expect.stringContaining("/ping answered 200") as string,
        }),
      );
      expect(kept.code).toBe(0);
      const unnamed = await command(module, "two");
      expect(unnamed.code).toBe(2);
      expect(unnamed.stderr).toContain("two");
    });

    test("another answer at the contract's path, a redirect, and none at all", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const contract = readFileSync(join(module.directory, "contract.yaml"), "utf8");
      const ask = async (path: string, body: string): Promise<string> => {
        writeFileSync(
          join(module.directory, "contract.yaml"),
          contract.replace("{ path: /ping, body: pong }", `{ path: ${path}, body: ${body} }`),
        );
        const { stdout, code } = await command(module, "one", "--rule", "health");
        expect(code).toBe(1);
        return stdout;
      };
      expect(await ask("/other", "pong")).toContain("/other answers 404; it must be 200");
      expect(await ask("/moved", "pong")).toContain("answers 302, a redirect, which is not followed");
      expect(await ask("/ping", "somebody-else")).toContain('answers 200 without "somebody-else"');
    });

    test("a process that is root, whoever the container was configured as", async () => {
      const { engine } = fixture();
      const module = await openLiveModule(fixture());
      // With no-new-privileges the kernel gives a root that comes later no capabilities.
      const id = await module.start({ HostConfig: { ...module.request().HostConfig, CapDrop: [], SecurityOpt: [] } });
      void engine.exec(id, ["bash", "-c", "exec -a 'node -e' sleep 301"], { user: "0:0" }).catch(() => {});
      await until("the root process", () => runsIn(id, / 301$/));
      const report = await module.check();
      expect(findingsOf(report, "user")[0]?.message).toMatch(
        /^Process \d+ "sleep" runs as user 0 and group 0 .*it must be 1001:1001\.$/,
      );
      expect(findingsOf(report, "user")[0]?.at).toMatchObject({ file: join(module.folder, "compose.yaml") });
      expect(findingsOf(report, "root-group")).toHaveLength(1);
      expect(findingsOf(report, "capabilities")[0]?.message).toContain("CAP_CHOWN");
      expect(verdictOf(report, "mounts")).toBe("kept");
    });

    test("a child that a setuid program made root, with the rest as configured", async () => {
      const { engine, image } = fixture();
      const tag = "novabot-test-setuid:latest";
      await buildScriptImage(engine, image, null, { tag, lines: ["RUN cp /bin/sleep /bin/asleep && chmod 4755 /bin/asleep"] });
      onTestFinished(async () => await engine.removeImage(tag).catch(() => {}));
      const module = await openLiveModule(fixture());
      const { Cmd } = module.request() as { Cmd: string[] };
      const id = await module.start({
        Image: tag,
        Cmd: [`require("node:child_process").spawn("/bin/asleep", ["302"]); ${Cmd[0]}`],
        HostConfig: { ...module.request().HostConfig, SecurityOpt: [] },
      });
      await until("the setuid process", () => runsIn(id, / 302$/));
      expect((await engine.observation?.describe(id))?.user).toBe("1001:1001");
      const report = await module.check();
      expect(findingsOf(report, "user")[0]?.message).toMatch(/uid real 1001, effective 0, saved 0, file system 0/);
      expect(findingsOf(report, "no-new-privileges")[0]?.severity).toBe("advice");
      expect(findingsOf(report, "drift").map(({ message }) => message)).toEqual(
        expect.arrayContaining([expect.stringContaining("novabot-test-setuid"), "The container's command is not the file's."]),
      );
    });

    test("a first process that made root another number by a user namespace of its own", async () => {
      const module = await openLiveModule(fixture());
      const { HostConfig } = module.request();
      // unshare(CLONE_NEWUSER), then the map that makes 0 outside 1001 inside, then the service.
      const script = `syscall(${process.arch === "arm64" ? 97 : 272}, 0x10000000) == 0 or die $!;
        for (["setgroups", "deny"], ["uid_map", "1001 0 1"], ["gid_map", "1001 0 1"]) {
          open(my $file, ">", "/proc/self/$_->[0]") or die $!; syswrite($file, $_->[1]) or die $!; close($file);
        }
        exec "node", "-e", @ARGV;`;
      await module.start({
        User: "0:0",
        Entrypoint: ["perl", "-e", script],
        // Docker's filter of system calls is in the way of that, Podman's is not.
        HostConfig: { ...HostConfig, Init: false, CapDrop: [], SecurityOpt: ["no-new-privileges:true", "seccomp=unconfined"] },
      });
      const report = await module.check();
      expect(findingsOf(report, "user")[0]?.message).toMatch(/runs as user 0 and group 0/);
      expect(findingsOf(report, "root-group")).toHaveLength(1);
    });

    test("a process that calls itself something else is looked at all the same", async () => {
      const { engine } = fixture();
      const module = await openLiveModule(fixture());
      const id = await module.start({ HostConfig: { ...module.request().HostConfig, CapDrop: [] } });
      const script = "$0 = 'runc:[2:INIT]'; sleep 303";
      void engine.exec(id, ["perl", "-e", script], { user: "0:1001" }).catch(() => {});
      await until("its new name", () => runsIn(id, /^runc:\[2:INIT\]$/));
      const report = await module.check();
      expect(findingsOf(report, "user")[0]?.message).toContain('"runc:[2:INIT]" runs as user 0');
    });

    test("conf that is writable: by its mode, by another mount of it, by a mount in it", async () => {
      const module = await openLiveModule(fixture());
      const binds = (...more: readonly string[]): RawContainer => ({
        HostConfig: {
          ...module.request().HostConfig,
          Binds: [`${module.folder}/data:/app/data`, `${module.folder}/logs:/app/logs`, ...more],
        },
      });
      mkdirSync(join(module.folder, "conf/inner"));
      await module.start({ ...binds(`${module.folder}/conf:/app/conf`) });
      expect(findingsOf(await module.check(), "mounts-read-only").map(({ message }) => message)).toEqual([
        "/app/conf can be written: it is mounted rw.",
      ]);
      await removeAll(fixture(), module);
      await module.start({ ...binds(`${module.folder}/conf:/app/conf:ro`, `${module.folder}:/app/everything`) });
      const [other] = findingsOf(await module.check(), "mounts-read-only");
      expect(other?.message).toBe("The directory at /app/conf is also mounted at /app/everything, and can be written there.");
      await removeAll(fixture(), module);
      await module.start({ ...binds(`${module.folder}/conf:/app/conf:ro`, `${module.folder}/data:/app/conf/inner`) });
      const [inner] = findingsOf(await module.check(), "mounts-read-only");
      expect(inner?.message).toBe("/app/conf/inner lies in /app/conf and is mounted rw.");
    });

    test("a mount over conf that the engine does not know of", async () => {
      const { engine } = fixture();
      const module = await openLiveModule(fixture());
      const id = await module.start();
      const pid = (await engine.observation?.describe(id))?.pid ?? 0;
      mountOver(pid, "/app/conf");
      const report = await module.check();
      const messages = [...findingsOf(report, "mounts-read-only"), ...findingsOf(report, "mounts")].map(({ message }) => message);
      expect(messages).toEqual(
        expect.arrayContaining(["/app/conf can be written: it is mounted rw.", expect.stringMatching(/^\/app\/conf is not "/)]),
      );
    });

    test("the directory that is mounted is not the declared one, or was deleted", async () => {
      const module = await openLiveModule(fixture());
      mkdirSync(join(module.folder, "elsewhere"));
      await module.start({
        HostConfig: {
          ...module.request().HostConfig,
          Binds: [
            `${module.folder}/elsewhere:/app/data`,
            `${module.folder}/logs:/app/logs`,
            `${module.folder}/conf:/app/conf:ro`,
          ],
        },
      });
      rmSync(join(module.folder, "conf"), { recursive: true });
      mkdirSync(join(module.folder, "conf"));
      const report = await module.check();
      const messages = findingsOf(report, "mounts").map(({ message }) => message);
      expect(messages).toContainEqual(
        expect.stringMatching(/^\/app\/data is not ".*\/m\/data": what is mounted is ".*\/elsewhere"/),
      );
      expect(messages).toContainEqual(expect.stringMatching(/^\/app\/conf is a directory that was deleted on the host/));
      expect(findingsOf(report, "drift").map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^\/app\/data comes .*elsewhere"/),
      );
    });

    test("a directory that holds the engine's socket", async () => {
      const { daemon } = fixture();
      const module = await openLiveModule(fixture());
      const { HostConfig } = module.request() as { HostConfig: { Binds: string[] } };
      await module.start({ HostConfig: { ...HostConfig, Binds: [...HostConfig.Binds, `${daemon.directory}:/app/innocent:ro`] } });
      const report = await module.check();
      expect(findingsOf(report, "engine-socket").map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/engine\.sock can be reached in the container: \/app\/innocent holds it/),
      );
    });

    test("the host's namespaces, devices and system directories, and protections that are off", async () => {
      const module = await openLiveModule(fixture());
      const { HostConfig } = module.request() as { HostConfig: { Binds: string[] } };
      await module.start({
        HostConfig: {
          ...HostConfig,
          PidMode: "host",
          Init: false,
          UTSMode: "host",
          Privileged: true,
          Binds: [...HostConfig.Binds, "/etc:/app/etc:ro"],
        },
      });
      const report = await module.check();
      const told = findingsOf(report, "host-namespaces").map(({ message }) => message);
      expect(told).toContainEqual(expect.stringContaining("is in the host's pid namespace"));
      expect(told).toContainEqual(expect.stringContaining("is in the host's uts namespace"));
      expect(findingsOf(report, "privileged").length).toBeGreaterThan(0);
      expect(findingsOf(report, "host-paths")[0]?.message).toBe('The host\'s /etc is mounted at "/app/etc".');
      expect(findingsOf(report, "sandbox-off").length).toBeGreaterThan(0);
      // Privileged containers get the devices that this machine has; every one has some.
      expect(findingsOf(report, "devices").length).toBeGreaterThan(0);
    });

    test("a port on every address, and one that nobody declared", async () => {
      const module = await openLiveModule(fixture());
      await module.start({
        ExposedPorts: { "3000/tcp": {}, "3001/tcp": {} },
        HostConfig: {
          ...module.request().HostConfig,
          PortBindings: {
            "3000/tcp": [{ HostIp: "0.0.0.0", HostPort: String(module.port) }],
            "3001/tcp": [{ HostIp: "127.0.0.1", HostPort: String(module.port + 1) }],
          },
        },
      });
      const messages = findingsOf(await module.check(), "ports").map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringContaining(`Port 3000 is not bound to 127.0.0.1:${module.port}`));
      expect(messages).toContainEqual(expect.stringMatching(/^Port 3000 is bound to (every address|0\.0\.0\.0), port/));
      expect(messages).toContainEqual(expect.stringContaining(`Port 3001 is also bound to 127.0.0.1:${module.port + 1}`));
    });

    test("a log file that is a link, a pipe, missing, or does not grow", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      writeFileSync(join(module.folder, "data/quiet"), "");
      await until("its silence", () => existsSync(join(module.folder, "data/is-quiet")));
      const log = join(module.folder, "logs/one.log");
      rmSync(log, { force: true });
      const say = async (): Promise<string | undefined> => findingsOf(await module.check(), "log-file")[0]?.message;
      expect(await say()).toContain("is not there");
      symlinkSync("/etc/passwd", log);
      expect(await say()).toContain("is a symbolic link");
      rmSync(log);
      execFileSync("mkfifo", [log]);
      expect(await say()).toContain("is a pipe");
      rmSync(log);
      rmSync(join(module.folder, "logs"), { recursive: true });
      symlinkSync("/var/log", join(module.folder, "logs"));
      expect(await say()).toContain("is a symbolic link");
    });

    test("an env file that was changed, or that the container does not have as it is", async () => {
      const module = await openLiveModule(fixture());
      await module.start({ Env: ["ONE_KEY=another-secret-value", "SET=here"] });
      const env = join(module.folder, ".env.local");
      const first = await module.check();
      const said = findingsOf(first, "env-file-fresh").map(({ message }) => message);
      expect(said).toEqual([`The container has another value of ONE_KEY as ${env} has it.`]);
      writeFileSync(env, "ONE_KEY=0123456789abcdef\nTWO=2\n", { mode: 0o600 });
      const report = await module.check();
      expect(
        findingsOf(report, "env-file-fresh")
          .map(({ message }) => message)
          .toSorted(),
      ).toEqual([
        `The container does not have TWO as ${env} has it.`,
        `The container has another value of ONE_KEY as ${env} has it.`,
        expect.stringMatching(/was changed .* after the container was made\.$/),
      ]);
      expect(JSON.stringify([...report.findings, ...report.checked])).not.toMatch(/0123456789abcdef|another-secret-value/);
      rmSync(env);
      expect(findingsOf(await module.check(), "env-file")[0]?.message).toContain("is not there");
      symlinkSync("/etc/passwd", env);
      expect(findingsOf(await module.check(), "env-file")[0]?.message).toContain("is a symbolic link");
    });

    test("a secret in a label or in arguments", async () => {
      const module = await openLiveModule(fixture());
      await module.start({ Labels: { key: "it is 0123456789abcdef" } });
      const [finding] = findingsOf(await module.check(), "secret-values");
      expect(finding?.message).toBe("The value of ONE_KEY stands in the container's labels.");
    });

    test("a module that is reached through a link is the same one", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const link = join(module.directory, "link");
      symlinkSync(module.directory, link);
      const report = await module.check({ paths: [link], cwd: link });
      expect(report.findings.filter(({ severity }) => severity !== "advice")).toEqual([]);
      expect([verdictOf(report, "mounts"), verdictOf(report, "drift")]).toEqual(["kept", "kept"]);
    });

    test("drift, at the places of the file", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const file = join(module.folder, "compose.yaml");
      const before = readFileSync(file, "utf8");
      const changed = before
        .replace("SET: here", "SET: there")
        .replace("mem_limit: 256m", "mem_limit: 128m")
        .replace("cpus: 1", "cpus: 0.5")
        .replace("unless-stopped", "always")
        .replace("- ./data:/app/data", "- ./data:/app/data:ro")
        .replace("pids_limit: 64", 'pids_limit: 32\n    labels: { tier: "1" }');
      writeFileSync(file, changed);
      const drift = findingsOf(await module.check(), "drift");
      const line = (words: string): number => changed.split("\n").findIndex((row) => row.includes(words)) + 1;
      const told = new Map(drift.map(({ at, message }) => [at?.line, message]));
      for (const words of ["SET: there", "mem_limit", "cpus: 0.5", "restart:", "./data:/app/data:ro", "pids_limit", "labels:"])
        expect([...told.keys()], words).toContain(line(words));
      expect(told.get(line("SET: there"))).toBe("The container has another value of the variable SET that the file sets.");
    });

    test("one that ended, one that is not there, and one that is started again and again", async () => {
      const { engine } = fixture();
      const module = await openLiveModule(fixture());
      expect(findingsOf(await module.check(), "running")[0]?.message).toBe("There is no container of one.");
      expect(verdictOf(await module.check(), "user")).toBe("unknown");
      const id = await module.start();
      await engine.kill(id, "SIGKILL");
      await engine.stop(id, 0);
      const report = await module.check();
      expect(findingsOf(report, "running")[0]?.message).toMatch(/^The container does not run: it is \w+, and ended with \d+\.$/);
      expect(verdictOf(report, "user")).toBe("unknown");
    });

    test("where the kernel's table is another's, everything from it is unknown, and the check did not look", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const report = await module.check({ proc: openProc(module.folder) });
      for (const rule of ["user", "capabilities", "mounts", "mounts-read-only", "host-namespaces", "engine-socket", "devices"])
        expect([rule, verdictOf(report, rule)]).toEqual([rule, "unknown"]);
      expect(report.unchecked.map(({ message }) => message)).toEqual([
        expect.stringMatching(/^What the kernel says of .* is not known: process \d+ of the container is not in /),
      ]);
      expect(exitStatus(report)).toBe(2);
    });

    test("a watch tells every round to programs, and what changes to people", async () => {
      const { engine, socket, daemon } = fixture();
      const module = await openLiveModule(fixture());
      const id = await module.start();
      const variable = engine.name === "docker" ? "DOCKER_HOST" : "CONTAINER_HOST";
      const watch = (...argv: readonly string[]): ReturnType<typeof spawn> =>
        spawn(
          "nsenter",
          ["--net", "-t", String(daemon.pid), process.execPath, main, "check", "--live", "--watch", "1", ...argv],
          {
            cwd: module.directory,
            env: {
              PATH: process.env["PATH"],
              HOME: module.directory,
              NOVABOT_ENGINE: engine.name,
              [variable]: `unix://${socket}`,
            },
            stdio: ["ignore", "pipe", "inherit"],
          },
        );
      const rounds: { checked: { rule: string; verdict: string }[] }[] = [];
      const people = watch("--rule", "running");
      let told = "";
      people.stdout?.on("data", (chunk: Buffer) => (told += chunk.toString()));
      const programs = watch("--json", "--rule", "running");
      const ended = Promise.all([once(people, "close"), once(programs, "close")]);
      const running = (): string | undefined => rounds.at(-1)?.checked.find(({ rule }) => rule === "running")?.verdict;
      let removed = false;
      for await (const line of createInterface({ input: programs.stdout ?? process.stdin })) {
        rounds.push(JSON.parse(line) as (typeof rounds)[number]);
        if (rounds.length >= 3 && !removed && told.includes("Checked 1 module")) {
          removed = true;
          await engine.remove(id);
        }
        if (running() !== "broken") continue;
        await until("the report for people", () => told.includes("There is no container of one"));
        programs.kill("SIGINT");
        people.kill("SIGINT");
        break;
      }
      await ended;
      expect(rounds.slice(0, 3).map(({ checked }) => checked.find(({ rule }) => rule === "running")?.verdict)).toEqual([
        "kept",
        "kept",
        "kept",
      ]);
      // Once as it was, once as it is, and perhaps once in between, while the engine removed it.
      expect([2, 3]).toContain(told.match(/Checked 1 module/g)?.length);
      expect([people.exitCode, programs.exitCode]).toEqual([1, 1]);
    });

    test("containers that come and go while they are looked at are no crash, and never said to be kept", async () => {
      const { engine } = fixture();
      const module = await openLiveModule(fixture());
      let ended = false;
      const churn = (async () => {
        while (!ended) {
          const id = await module.start();
          await engine.remove(id);
        }
      })();
      const seen = new Set<string | undefined>();
      for (let round = 0; round < 12; round += 1) {
        const report = await module.check();
        seen.add(verdictOf(report, "user"));
        expect(findingsOf(report, "user")).toEqual([]);
      }
      ended = true;
      await churn;
      expect([...seen].every((verdict) => verdict === "kept" || verdict === "unknown")).toBe(true);
    });
  });
}

/** Whether a process of the container has such a command line. Other engines' tests have the same ones at the same time. */
function runsIn(id: string, commandLine: RegExp): boolean {
  return execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+) (.*)$/.exec(line))
    .some((row) => row !== null && commandLine.test(row[2] ?? "") && cgroupOf(row[1] ?? "").includes(id));
}

/** Empty for one that is gone by now. */
function cgroupOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return "";
  }
}

async function removeAll(fixture: TestEngine, module: LiveModule): Promise<void> {
  for (const { id } of await fixture.engine.list({ "com.docker.compose.project.working_dir": module.folder }))
    await fixture.engine.remove(id);
}

/** Mounts a temporary file system in a container's mount namespace, as somebody on the host could. The image has no `mount`. */
function mountOver(pid: number, target: string): void {
  const number = process.arch === "arm64" ? 40 : 165;
  const script = `my ($type, $target) = ("tmpfs", "${target}"); syscall(${number}, $type, $target, $type, 0, 0) == 0 or die $!`;
  execFileSync("nsenter", ["-t", String(pid), "--mount", "--", "perl", "-e", script]);
}
