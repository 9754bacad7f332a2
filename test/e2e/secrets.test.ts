import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { findIdentities } from "../../src/secrets/age/identities.ts";
import { generateKeyFile } from "../../src/secrets/age/key-file.ts";
import { createFile, openSecrets, valuesOf } from "../../src/secrets/file/secrets-file.ts";
import { creationRule } from "../../src/secrets/rules/creation-rules.ts";
import type { PlainRow } from "../../src/secrets/sops/document.ts";
import { finished, novabot, startNovabot, type CommandResult } from "../fixtures/command-line.ts";
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
  /** Makes an encrypted file without the program, whose every start takes its time. */
  seed(values: Readonly<Record<string, string>>, file?: string): Promise<void>;
  /** What is in an encrypted file, without the program. */
  values(file?: string): Promise<Readonly<Record<string, string>>>;
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
  const keyFile = join(root, ".config/sops/age/keys.txt");
  const recipient = await generateKeyFile(keyFile);
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
    seed: async (values, path = file) => {
      const rows = Object.entries(values).map(([name, value]): PlainRow => ({ kind: "value", name, value }));
      await createFile(join(root, path), rows, await creationRule(join(root, path)), new Date());
    },
    values: async (path = file) => {
      const { document } = await openSecrets(join(root, path), await findIdentities(env));
      return Object.fromEntries(valuesOf(document.rows, path));
    },
  };
}

test("a key, a secret, and what other programs read of it", async () => {
  const { root, key, recipient, run, text, values } = await project();
  const made = await run(["keygen"], "", { HOME: join(root, "new") });
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^age1\w{58}\n$/) as string });
  expect((await stat(join(root, "new/.config/sops/age/keys.txt"))).mode & 0o777).toBe(0o600);
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
  expect(await values()).toEqual({ KEY: "canary-1" });
  expect((await run(["get", "waha", "TOKEN"])).code).toBe(2);
  expect(await readdir(join(root, dirname(file)))).toEqual(["waha.env"]);
});

test("what the documentation begins with works as it stands there", async () => {
  const root = await temporaryDirectory();
  const text = await readFile(join(dirname(novabot), "docs/secrets.md"), "utf8");
  const block = (language: string): string => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)?.[1] ?? "";
  await writeFile(join(root, "contract.yaml"), block("yaml"));
  const path = `${dirname(novabot)}:${process.env["PATH"]}`;
  const script = block("sh").replace("materialize shop", "materialize shop --compose compose-v2");
  const child = spawn("/bin/sh", ["-euc", script], {
    cwd: root,
    env: {
      ...process.env,
      HOME: root,
      XDG_CONFIG_HOME: "",
      SOPS_AGE_KEY: "",
      SOPS_AGE_KEY_FILE: "",
      PATH: path,
      PAYMENT_KEY: "it's $5",
    },
    stdio: "pipe",
  });
  const { code, stderr } = await finished(child);
  expect(code, stderr).toBe(0);
  expect(await readFile(join(root, "shop/.env.local"), "utf8")).toBe('API_KEY="it\'s $$5"\n');
});

test("what is verified: names, what the author wrote, and that there is a file", async () => {
  const { root, run, text, seed } = await project();
  expect((await run(["verify"])).code).toBe(2);
  await seed({ KEY: "canary" });
  await seed({ KEY: "canary" }, "secrets/prod/waha.env");
  expect(await run(["verify"])).toMatchObject({ code: 0, stderr: "" });
  const undeclared = await run(["set", "waha", "OTHER"], "canary");
  expect(undeclared.stderr).toContain('"OTHER" is not declared for waha');
  const broken = await run(["verify"]);
  expect(broken).toMatchObject({ code: 1, stdout: expect.stringContaining('"OTHER" is not declared') as string });
  const good = await text();
  await writeFile(join(root, file), good.replace(/^KEY=.*\n/m, ""));
  expect(await run(["verify", "--json"])).toMatchObject({
    code: 2,
    stdout: expect.stringContaining("SECRETS_TAMPERED") as string,
  });
});

test("keys come and go", async () => {
  const { root, run, seed } = await project();
  await seed({ KEY: "canary" });
  const second = await generateKeyFile(join(root, "second"));
  const asSecond = { HOME: "/nowhere", SOPS_AGE_KEY_FILE: join(root, "second") };
  expect((await run(["get", "waha", "KEY"], "", asSecond)).stderr).toContain("SECRETS_KEY");
  expect((await run(["recipients", "add", "waha", second])).code).toBe(0);
  // Anybody who can write the file can add a recipient to it, which a new data key must not be given to unseen.
  const rotated = await run(["rotate", "waha"], "", asSecond);
  expect(rotated).toMatchObject({ code: 0, stderr: expect.stringContaining(`warning "${second}" can open`) as string });
  expect((await run(["get", "waha", "KEY"], "", asSecond)).stdout).toBe("canary");
  const removed = await run(["recipients", "remove", "waha", second]);
  expect(removed).toMatchObject({ stdout: expect.stringContaining("It can still open older versions") as string, stderr: "" });
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
  const { run, text, seed, values } = await project();
  await seed({ KEY: "canary", TOKEN: "two" });
  const before = await text();
  const editor = `stat -c '%a %n' >&2 && sed -i s/two/three/`;
  const edited = await run(["edit", "waha"], "", { EDITOR: editor.replace(">&2", '"$1" >&2') });
  expect(edited).toMatchObject({ code: 0 });
  expect(edited.stderr).toMatch(/^600 \S+waha\.env$/m);
  expect((await text()).split("\n")[0]).toBe(before.split("\n")[0]);
  expect(await values()).toEqual({ KEY: "canary", TOKEN: "three" });
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
  const { root, env, seed } = await project();
  await seed({ KEY: "canary" });
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
  const { root, run, seed, values } = await project();
  await seed({ KEY: "canary" });
  const editor = join(root, "editor.sh");
  const meanwhile = async (commands: string): Promise<CommandResult> => {
    await writeFile(editor, `#!/bin/sh\ncd '${root}'\n${commands}\nsed -i s/canary/mine/ "$1"\n`, { mode: 0o755 });
    // The editor is given no keys by a variable, and finds those in the key file.
    return await run(["edit", "waha"], "", { EDITOR: editor });
  };
  const lost = await meanwhile(`printf theirs | '${novabot}' secrets set waha KEY`);
  expect(lost.stderr).toContain('changed "KEY" too');
  expect(await values()).toEqual({ KEY: "theirs" });
  await rm(join(root, file));
  await seed({ KEY: "canary" });
  const both = await meanwhile(`printf other | '${novabot}' secrets set waha TOKEN && '${novabot}' secrets rotate waha`);
  expect(both).toMatchObject({ code: 0 });
  expect(await values()).toEqual({ KEY: "mine", TOKEN: "other" });
});

test("of two who set at the same time nobody loses", async () => {
  const { run, seed, values } = await project();
  await seed({ KEY: "0" });
  await Promise.all([1, 2, 3].map(async (index) => await run(["set", "waha", `N${index}`], String(index))));
  expect(await values()).toEqual({ KEY: "0", N1: "1", N2: "2", N3: "3" });
});

test("a module's env file, from the program and from the script", async () => {
  const { root, run, seed } = await project();
  await seed({ KEY: `can'ary "$HOME" #\n#two` });
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
      ["encrypt", "waha", "--env", "prod", "--json"],
    ]) {
      const { stdout, stderr } = await run(args, `${canary}\n${canary}`);
      said.push(stdout, stderr);
    }
    // A line of a plain file that cannot be read may be the secret itself, or its last line in base64.
    for (const line of [canary, `+${canary}==`]) {
      await writeFile(join(root, "plain.env"), `${line}\n`);
      const { code, stdout, stderr } = await run(["encrypt", "plain.env", "--in-place"]);
      expect(code).toBe(2);
      said.push(stdout, stderr);
    }
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

test("a value in the wrong place is not repeated, and none at all is not taken for one", async () => {
  const { run } = await project();
  const behind = await run(["set", "waha", "KEY=canary"], "x");
  expect(behind).toMatchObject({ code: 2, stderr: expect.stringContaining("on stdin") as string });
  const third = await run(["set", "waha", "KEY", "canary"], "x");
  expect(third.code).toBe(2);
  expect(behind.stderr + third.stderr).not.toContain("canary");
  const nothing = await run(["set", "waha", "KEY"], "\n");
  expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining("Nothing was given") as string });
  const windows = await run(["encrypt", "waha"], "KEY=a\r\nOTHER=b\r\n");
  expect(windows.stderr).toContain("2 value(s) end with a carriage return");
  expect(windows.stderr).toContain('"OTHER" is not declared');
});

test("a terminal is shown a value without what it would obey, is asked without an echo, and ends a mistaken edit with Ctrl-C", async () => {
  const { root, env, seed, values } = await project();
  await seed({ KEY: "a\u001b[31mb" });
  // util-linux's `script` gives the program a terminal.
  const atTerminal = async (args: string, prompt?: string, answer?: string): Promise<string> => {
    const child = spawn("script", ["-qec", `${novabot} secrets ${args}`, "/dev/null"], {
      cwd: root,
      env: { ...process.env, ...env, EDITOR: "sed -i s/KEY=/canary/" },
    });
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
    if (prompt !== undefined) {
      await until("it asks", () => shown.includes(prompt));
      child.stdin.write(answer);
    }
    await once(child, "close");
    return shown;
  };
  expect(await atTerminal("get waha KEY")).toContain("a\\x1b[31mb");
  expect(await atTerminal("set waha TOKEN", "Value of TOKEN: ", "hidden-canary\r")).not.toContain("canary");
  expect(await values()).toMatchObject({ TOKEN: "hidden-canary" });
  expect(await atTerminal("edit waha", "Press Return", "\u0003")).toContain("secrets/local/waha.env:1");
  expect(leftovers()).toEqual([]);
});

/** Directories of edits that are over: those of processes that live are theirs, and another test makes some with numbers that no process has. */
function leftovers(): string[] {
  const isOver = (name: string): boolean => {
    const pid = Number(/^novabot-secrets-(\d+)-/.exec(name)?.[1]);
    return pid <= 2 ** 22 && !existsSync(`/proc/${pid}`);
  };
  return ["/dev/shm", "/tmp"].flatMap((place) => readdirSync(place).filter(isOver));
}
