import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { finished, novabot, runNovabot, startNovabot, type CommandResult } from "../fixtures/command-line.ts";
import { until } from "../fixtures/engines/processes.ts";
import { temporaryDirectory } from "../fixtures/home.ts";
import { readIndependently } from "../fixtures/sops.ts";

// Many starts of the program in each test, on machines that do other things as well.
vi.setConfig({ testTimeout: 180_000 });

const isRoot = process.getuid?.() === 0;

interface Project {
  readonly root: string;
  readonly key: string;
  readonly recipient: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], input?: string, env?: Readonly<Record<string, string>>): Promise<CommandResult>;
  text(file?: string): Promise<string>;
}

const file = "secrets/local/waha.env";

/** A project with a contract, a key of its own and creation rules, in which nothing else of the machine's counts. */
async function project(): Promise<Project> {
  const root = await temporaryDirectory();
  const env = {
    HOME: root,
    XDG_CONFIG_HOME: "",
    SOPS_AGE_KEY: "",
    SOPS_AGE_KEY_FILE: "",
    LOG_LEVEL: "debug",
    NOVABOT_HOME: join(root, "home"),
  };
  const made = await runNovabot(["secrets", "keygen"], env);
  expect(made.code, made.stderr).toBe(0);
  const recipient = made.stdout.trim();
  const keyFile = join(root, ".config/sops/age/keys.txt");
  await writeFile(join(root, ".sops.yaml"), `creation_rules:\n  - path_regex: ^secrets/.*\\.env$\n    age: ${recipient}\n`);
  await writeFile(
    join(root, "contract.yaml"),
    `version: 1
modules:
  waha:
    folder: waha
    secrets:
      - { name: KEY, description: The key. }
      - { name: TOKEN, optional: true }
`,
  );
  await mkdir(join(root, "waha"));
  const run: Project["run"] = async (args, input = "", more = {}) => {
    const child = spawn(novabot, ["secrets", ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: "1", ...env, ...more },
      stdio: "pipe",
    });
    return await finished(child, input);
  };
  return {
    root,
    key: await readFile(keyFile, "utf8"),
    recipient,
    env,
    run,
    text: async (path = file) => await readFile(join(root, path), "utf8"),
  };
}

test("a key, a secret, and what other programs read of it", async () => {
  const { root, key, recipient, run, text } = await project();
  expect((await stat(join(root, ".config/sops/age/keys.txt"))).mode & 0o777).toBe(0o600);
  expect(await run(["set", "waha", "KEY"], "canary-1\n")).toMatchObject({ code: 0, stderr: "" });
  expect(await run(["set", file, "TOKEN", "--exact"], "canary-2\n")).toMatchObject({ code: 0, stderr: "" });
  const read = readIndependently(await text(), key);
  expect(read.rows).toEqual([
    ["KEY", "canary-1"],
    ["TOKEN", "canary-2\n"],
  ]);
  expect(read.mac[0]).toBe(read.mac[1]);
  expect((await run(["get", "waha", "TOKEN"])).stdout).toBe("canary-2\n");
  expect((await run(["list", "waha"])).stdout).toBe("NAME\nKEY\nTOKEN\n");
  expect((await run(["decrypt", "waha"])).stdout).toBe("KEY=canary-1\nTOKEN=canary-2\\n\n");
  expect(JSON.parse((await run(["recipients", "list", "waha", "--json"])).stdout)).toEqual({
    age: [{ recipient, mine: true }],
    others: [],
  });
  const before = await text();
  await run(["set", "waha", "TOKEN"], "other");
  expect((await text()).split("\n")[0]).toBe(before.split("\n")[0]);
  expect((await run(["set", "waha", "TOKEN", "--remove"])).code).toBe(0);
  expect((await run(["get", "waha", "TOKEN"])).code).toBe(2);
  expect(await readdir(join(root, dirname(file)))).toEqual(["waha.env"]);
});

test("what is verified: names, what the author wrote, and that there is a file", async () => {
  const { root, run, text } = await project();
  expect((await run(["verify"])).code).toBe(2);
  await run(["set", "waha", "KEY"], "canary");
  await run(["set", "waha", "KEY", "--env", "prod"], "canary");
  expect(await run(["verify"])).toMatchObject({ code: 0, stderr: "" });
  const undeclared = await run(["set", "waha", "OTHER"], "canary");
  expect(undeclared.stderr).toContain("OTHER is not declared for waha");
  const broken = await run(["verify"]);
  expect(broken).toMatchObject({ code: 1, stdout: expect.stringContaining('"OTHER" is not declared') as string });
  const good = await text();
  await writeFile(join(root, file), good.replace(/^KEY=.*\n/m, ""));
  expect((await run(["verify", "--json"])).stdout).toContain("SECRETS_TAMPERED");
  expect((await run(["verify"])).code).toBe(2);
});

test("keys come and go", async () => {
  const { root, run } = await project();
  await run(["set", "waha", "KEY"], "canary");
  const second = (await run(["keygen", "--output", "second"])).stdout.trim();
  const asSecond = { HOME: "/nowhere", SOPS_AGE_KEY_FILE: join(root, "second") };
  expect((await run(["get", "waha", "KEY"], "", asSecond)).stderr).toContain("SECRETS_KEY");
  expect((await run(["recipients", "add", "waha", second])).code).toBe(0);
  expect((await run(["get", "waha", "KEY"], "", asSecond)).stdout).toBe("canary");
  expect((await run(["rotate", "waha"], "", asSecond)).code).toBe(0);
  const removed = await run(["recipients", "remove", "waha", second]);
  expect(removed.stdout).toContain("It can still open older versions");
  expect((await run(["get", "waha", "KEY"], "", asSecond)).code).toBe(2);
  expect((await run(["recipients", "remove", "waha", second])).stderr).toContain("not encrypted for");
});

test("a plain file becomes an encrypted one, and back", async () => {
  const { root, run } = await project();
  const plain = `# why\nKEY=it's "x" $A #b\nTOKEN=a\\nb\n`;
  expect((await run(["encrypt", "waha"], plain)).code).toBe(0);
  expect((await run(["decrypt", "waha"])).stdout).toBe(plain);
  expect((await run(["encrypt", "waha"], plain)).stderr).toContain("is encrypted");
  expect((await run(["decrypt", "waha", "--output", "plain"])).code).toBe(0);
  expect((await stat(join(root, "plain"))).mode & 0o777).toBe(0o600);
  await mkdir(join(root, "secrets/prod"), { recursive: true });
  await writeFile(join(root, "secrets/prod/waha.env"), plain);
  expect((await run(["get", "secrets/prod/waha.env", "KEY"])).stderr).toContain("is not encrypted");
  expect((await run(["encrypt", "waha", "--env", "prod"], plain)).stderr).toContain("--in-place");
  expect((await run(["encrypt", "waha", "--env", "prod", "--in-place"])).code).toBe(0);
  expect((await run(["decrypt", "waha", "--env", "prod"])).stdout).toBe(plain);
});

test("the editor sees plain text on a private file, and what was not changed stays", async () => {
  const { run, text } = await project();
  await run(["encrypt", "waha"], "KEY=canary\nTOKEN=two\n");
  const before = await text();
  const editor = `stat -c '%a %n' >&2 && sed -i s/two/three/`;
  const edited = await run(["edit", "waha"], "", { EDITOR: editor.replace(">&2", '"$1" >&2') });
  expect(edited).toMatchObject({ code: 0 });
  expect(edited.stderr).toMatch(/^600 \S+waha\.env$/m);
  expect((await text()).split("\n")[0]).toBe(before.split("\n")[0]);
  expect((await run(["get", "waha", "TOKEN"])).stdout).toBe("three");
  const unchanged = await text();
  expect((await run(["edit", "waha"], "", { EDITOR: "true" })).stdout).toContain("Nothing was changed");
  expect((await run(["edit", "waha"], "", { EDITOR: "false" })).code).toBe(2);
  const wrong = await run(["edit", "waha"], "", { EDITOR: "sed -i 's/KEY=/canary/'" });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr + wrong.stdout).not.toContain("canary");
  expect(await text()).toBe(unchanged);
  expect(leftovers()).toEqual([]);
});

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s ends the editor and removes what it saw", async (signal) => {
  const { root, env, run } = await project();
  await run(["set", "waha", "KEY"], "canary");
  const mark = join(root, "mark");
  const child = spawn(novabot, ["secrets", "edit", "waha"], {
    cwd: root,
    env: { ...process.env, ...env, EDITOR: `dirname "$1" >'${mark}' && exec sleep 60 #` },
    stdio: "pipe",
  });
  const directory = await until("the editor runs", () => (existsSync(mark) && readFileSync(mark, "utf8").trim()) || undefined);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  child.kill(signal);
  await once(child, "close");
  expect(child.signalCode ?? child.exitCode).not.toBe(0);
  expect(existsSync(directory)).toBe(false);
});

test("somebody else's change during an edit stays, and a change of the same value is not written over", async () => {
  const { root, run } = await project();
  await run(["set", "waha", "KEY"], "canary");
  const editor = join(root, "editor.sh");
  const meanwhile = async (commands: string): Promise<CommandResult> => {
    await writeFile(editor, `#!/bin/sh\ncd '${root}'\n${commands}\nsed -i s/canary/mine/ "$1"\n`, { mode: 0o755 });
    // The editor is given no keys by a variable, and finds those in the key file.
    return await run(["edit", "waha"], "", { EDITOR: editor });
  };
  const lost = await meanwhile(`printf theirs | '${novabot}' secrets set waha KEY`);
  expect(lost.stderr).toContain('changed "KEY" too');
  expect((await run(["get", "waha", "KEY"])).stdout).toBe("theirs");
  await run(["set", "waha", "KEY"], "canary");
  const both = await meanwhile(`printf other | '${novabot}' secrets set waha TOKEN && '${novabot}' secrets rotate waha`);
  expect(both).toMatchObject({ code: 0 });
  expect((await run(["decrypt", "waha"])).stdout).toBe("KEY=mine\nTOKEN=other\n");
});

test("of two who set at the same time nobody loses", async () => {
  const { run } = await project();
  await run(["set", "waha", "KEY"], "0");
  await Promise.all([1, 2, 3].map(async (index) => await run(["set", "waha", `N${index}`], String(index))));
  expect((await run(["list", "waha"])).stdout.split("\n").sort().join(" ").trim()).toBe("KEY N1 N2 N3 NAME");
});

test("a module's env file, from the program and from the script", async () => {
  const { root, run } = await project();
  await run(["set", "waha", "KEY"], `can'ary "$HOME" #\n#two`);
  const done = await run(["materialize", "waha", "--compose", "compose-v2", "--json"]);
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).not.toContain("ary");
  const path = join(root, "waha/.env.local");
  expect(await readFile(path, "utf8")).toBe(`KEY="can'ary \\"$$HOME\\" #\n#two"\n`);
  const found = await stat(path);
  expect(found.mode & 0o777).toBe(0o600);
  if (isRoot) expect([found.uid, found.gid]).toEqual([1001, 1001]);
  const refused = await run(["materialize", "waha", "--compose", "podman-compose"]);
  expect(refused.stderr).toContain("SECRETS_UNREPRESENTABLE");
  expect(refused.stderr).toContain('"KEY"');
  expect(refused.stderr).not.toContain("ary");
  expect(await readFile(path, "utf8")).toContain("ary");
  await mkdir(join(root, "script"));
  await writeFile(
    join(root, "script/materialize-secret.sh"),
    await readFile(join(dirname(novabot), "script/materialize-secret.sh")),
    { mode: 0o755 },
  );
  const script = spawn(join(root, "script/materialize-secret.sh"), ["waha", "staging"], {
    cwd: "/",
    env: { ...process.env, HOME: root, PATH: `${dirname(novabot)}:${process.env["PATH"]}` },
    stdio: "pipe",
  });
  expect((await finished(script)).stderr).toContain('"staging" is no environment');
});

test("values are in no argument, no log and no error", async () => {
  const { root, env, run } = await project();
  const canary = "CANARY-7f3a";
  const seen: string[] = [];
  const look = (): void => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (line.includes(canary)) seen.push(line);
      } catch {
        // It ended while we looked.
      }
    }
  };
  const watch = setInterval(look, 25);
  const said: string[] = [];
  try {
    for (const args of [
      ["set", "waha", "KEY"],
      ["list", "waha", "--json"],
      ["verify", "--json"],
      ["rotate", "waha"],
      ["materialize", "waha", "--compose", "compose-v2", "--json"],
      ["materialize", "waha", "--compose", "podman-compose"],
      ["set", "waha", "sops_x"],
      ["encrypt", "waha", "--env", "prod"],
    ]) {
      const { stdout, stderr } = await run(args, `${canary}\n${canary}`);
      said.push(stdout, stderr);
    }
    // A line of a plain file that cannot be read may be the secret itself.
    await writeFile(join(root, "plain.env"), `${canary}\n`);
    const { stdout, stderr } = await run(["encrypt", "plain.env", "--in-place"]);
    said.push(stdout, stderr);
    said.push(
      await finished(startNovabot(["secrets", "get", "plain.env", "KEY"], { ...env })).then(
        (result) => result.stderr + result.stdout,
      ),
    );
  } finally {
    clearInterval(watch);
  }
  expect(said.join("\n")).not.toContain(canary);
  expect(seen).toEqual([]);
});

test("a terminal is shown a value without what it would obey, and is asked without an echo", async () => {
  const { root, env, run } = await project();
  await run(["set", "waha", "KEY"], "a\u001b[31mb");
  // util-linux's `script` gives the program a terminal.
  const atTerminal = async (args: string, prompt?: string, answer?: string): Promise<string> => {
    const child = spawn("script", ["-qec", `${novabot} secrets ${args}`, "/dev/null"], {
      cwd: root,
      env: { ...process.env, ...env },
    });
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
    if (prompt !== undefined) {
      await until("it asks", () => shown.includes(prompt));
      child.stdin.write(`${answer}\r`);
    }
    await once(child, "close");
    return shown;
  };
  expect(await atTerminal("get waha KEY")).toContain("a\\x1b[31mb");
  expect(await atTerminal("set waha TOKEN", "Value of TOKEN: ", "hidden-canary")).not.toContain("canary");
  expect((await run(["get", "waha", "TOKEN"])).stdout).toBe("hidden-canary");
});

/** Directories of edits that are over. */
function leftovers(): string[] {
  return ["/dev/shm", "/tmp"].flatMap((place) => readdirSync(place).filter((name) => name.startsWith("novabot-secrets-")));
}
