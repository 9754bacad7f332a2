import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkExample, type ExampleOptions } from "./example.ts";

/** A service of the module `shop`, from the lines below its key. */
function shop(body: string, rest = ""): string {
  const indented = body.replace(/^(?=.)/gm, "    ");
  return `services:\n  shop:\n    image: example/shop:1.4\n${indented}\n${rest}`;
}

async function found(
  rule: string,
  compose: string | Readonly<Record<string, string>>,
  options: ExampleOptions = {},
): Promise<string[]> {
  const { report } = await checkExample(typeof compose === "string" ? { "compose.yaml": compose } : compose, options);
  expect(report.findings.filter((one) => one.rule === "compose-valid" && one.severity === "error")).toEqual([]);
  return report.findings
    .filter((one) => one.rule === rule)
    .map(({ severity, at, message }) => `${severity} ${String(at?.line)} ${message}`);
}

const broken = expect.stringMatching(/^error /) as string;
const warned = expect.stringMatching(/^warning /) as string;

describe("user", () => {
  test("root's group is told of where it is what stands there for a variable that is not set", async () => {
    const user = shop('user: "1001:${RUNTIME_GID:-0}"');
    expect(await found("root-group", user, { env: { RUNTIME_GID: "1001" } })).toEqual([broken]);
    expect(await found("root-group", shop('user: "1001:${RUNTIME_GID:-1001}"'), { env: { RUNTIME_GID: "1001" } })).toEqual([]);
  });

  test.each([
    '"00:00"',
    '"+0:0"',
    '":1001"',
    '":"',
    "root",
    "node",
    '"0"',
    '"1002:1001"',
    '"1001:1002"',
    '"1001:staff"',
    '"-0:1001"',
    '"1001 :1001"',
    '"4294967296:1001"',
    '"${X:-0}"',
    '"${RUNTIME_UID}:${RUNTIME_GID}"',
    '"${RUNTIME_UID:-0}:${RUNTIME_GID:-0}"',
    '"2000:${RUNTIME_GID:-1001}"',
  ])("%s is not the contract's", async (user) => expect(await found("user", shop(`user: ${user}`))).toEqual([broken]));

  test.each([
    '"1001:1001"',
    '"+1001:01001"',
    '"${RUNTIME_UID:-1001}:${RUNTIME_GID:-1001}"',
    '"${RUNTIME_UID:?set it}:${RUNTIME_GID:-1001}"',
  ])("%s is", async (user) => {
    expect(await found("user", shop(`user: ${user}`), { env: { RUNTIME_UID: "1001" } })).toEqual([]);
  });

  test("another numeric user is kept through the contract's variables, but never root", async () => {
    const user = shop('user: "${RUNTIME_UID:-1001}:${RUNTIME_GID:-1001}"');
    expect(await found("user", user, { env: { RUNTIME_UID: "2002", RUNTIME_GID: "2002" } })).toEqual([]);
    expect(await found("user", user, { env: { RUNTIME_UID: "0", RUNTIME_GID: "2002" } })).toEqual([broken]);
    expect(await found("user", user, { env: { RUNTIME_UID: "root" } })).toEqual([broken]);
    expect(await found("user", shop('user: "${RUNTIME_UID:-0}:1001"'), { env: { RUNTIME_UID: "1001" } })).toEqual([broken]);
  });

  test("without one the image decides", async () => {
    const image = (user: string): ExampleOptions => ({ images: { "example/shop:1.4": { user } } });
    expect(await found("user", shop(""))).toEqual([broken]);
    expect(await found("user", shop(""), image(""))).toEqual([broken]);
    expect(await found("user", shop(""), image("node"))).toEqual([broken]);
    expect(await found("user", shop(""), image("1001:1001"))).toEqual([]);
    expect(await found("root-group", shop(""), image("1001"))).toEqual([broken]);
    expect(await found("user", shop('user: ""'), image("1001:1001"))).toEqual([]);
  });

  const built = (dockerfile: string, build = "build: ."): Record<string, string> => ({
    "compose.yaml": `services:\n  shop:\n    ${build.replaceAll("\n", "\n    ")}\n`,
    Dockerfile: dockerfile,
  });
  test.each<[string, string, string, boolean]>([
    ["a numeric one", "FROM a:1\nUSER 1001:1001\n", "build: .", true],
    ["root behind it", "FROM a:1\nUSER 1001:1001\nUSER root\n", "build: .", false],
    ["a name", "FROM a:1\nUSER node\n", "build: .", false],
    ["none at all", "FROM a:1\n", "build: .", false],
    ["the empty image", "FROM scratch\nCOPY a /\n", "build: .", false],
    ["an argument", "FROM a:1\nARG U=1001:1001\nUSER $U\n", "build: .", true],
    [
      "an argument that Compose gives",
      "FROM a:1\nARG U=1001:1001\nUSER ${U}\n",
      "build:\n  context: .\n  args: { U: root }",
      false,
    ],
    ["a variable of the stage below", "FROM a:1 AS base\nENV U=0\nFROM base\nUSER ${U:-1001}\n", "build: .", false],
    [
      "an argument of another stage, which is not seen",
      "FROM a:1 AS base\nARG U=1001:1001\nFROM a:1\nUSER ${U:-0}\n",
      "build: .",
      false,
    ],
    ["a stage below", "FROM a:1 AS base\nUSER 1001:1001\nFROM base\n", "build: .", true],
    ["another stage by the name of upper case", "FROM a:1 AS Base\nUSER 1001:1001\nFROM BASE\n", "build: .", true],
    ["the target", "FROM a:1 AS base\nFROM base AS run\nUSER 1001:1001\n", "build: { context: ., target: base }", false],
    [
      "the target that is right",
      "FROM a:1 AS run\nUSER 1001:1001\nFROM a:1\nUSER 0\n",
      "build: { context: ., target: run }",
      true,
    ],
    ["a target that is not there", "FROM a:1 AS run\nUSER 1001:1001\n", "build: { context: ., target: gone }", false],
    ["what the stage below left for it", "FROM a:1 AS base\nUSER 1001:1001\nONBUILD USER root\nFROM base\n", "build: .", false],
    [
      "an image that a context takes the place of",
      "FROM b:1\n",
      "build: { context: ., additional_contexts: { 'docker.io/library/b:1': 'docker-image://a:1' } }",
      false,
    ],
    [
      "a stage that a context takes the place of",
      "FROM a:1 AS base\nUSER 1001:1001\nFROM base\n",
      "build: { context: ., additional_contexts: [base=docker-image://a:1] }",
      false,
    ],
    [
      "the last stage, which a context takes the place of",
      "FROM a:1 AS run\nUSER 1001:1001\n",
      "build: { context: ., additional_contexts: { run: ./data } }",
      false,
    ],
    [
      "a context beside the images",
      "FROM a:1\nUSER 1001:1001\nCOPY --from=x / /\n",
      "build: { context: ., additional_contexts: { x: ./data } }",
      true,
    ],
    ["another builder's words", "# syntax=somebody/builder\nFROM a:1\nUSER 1001:1001\n", "build: .", false],
    ["the usual builder's words", "# syntax=docker/dockerfile:1.7\nFROM a:1\nUSER 1001:1001\n", "build: .", true],
    [
      "another builder by an argument",
      "FROM a:1\nUSER 1001:1001\n",
      "build: { context: ., args: { BUILDKIT_SYNTAX: somebody/builder } }",
      false,
    ],
    ["a comment", "FROM a:1\n# USER 1001:1001\n", "build: .", false],
    ["a continued line", "FROM a:1\nUSER \\\n  1001:1001\n", "build: .", true],
    ["another escape", "# escape=`\nFROM a:1\nUSER `\n  1001:1001\n", "build: .", true],
    ["a here-document", "FROM a:1\nRUN <<EOF\nUSER 1001:1001\nEOF\n", "build: .", false],
    ["lower case", "from a:1\nuser 1001:1001\n", "build: .", true],
  ])("of a Dockerfile: %s", async (_, dockerfile, build, kept) => {
    expect(await found("user", built(dockerfile, build))).toEqual(kept ? [] : [broken]);
  });

  test("of a Dockerfile inside of the Compose file, and of a base that the engine knows", async () => {
    const inline = "build:\n  context: .\n  dockerfile_inline: |\n    FROM a:1\n    USER 1001:1001";
    expect(await found("user", built("", inline))).toEqual([]);
    expect(await found("user", built("FROM a:1\n"), { images: { "a:1": { user: "1001:1001" } } })).toEqual([]);
    const onbuild = { user: "1001:1001", history: ["ONBUILD USER root"] };
    expect(await found("user", built("FROM a:1\n"), { images: { "a:1": onbuild } })).toEqual([broken]);
    expect(await found("user", built("FROM a:1\nUSER 1001:1001\n"), { images: { "a:1": onbuild } })).toEqual([]);
  });

  test("of a Dockerfile whose USER is a variable of its base", async () => {
    const variable = built("FROM a:1\nUSER $APP_UID:$APP_UID\n");
    expect(await found("user", variable, { images: { "a:1": { env: ["APP_UID=1001"] } } })).toEqual([]);
    expect(await found("user", variable, { images: { "a:1": { env: ["APP_UID=0"] } } })).toEqual([broken]);
    const [told] = await found("user", variable);
    expect(told).toContain("Nothing says that shop is not root: it has no user, and USER of its Dockerfile is a variable");
    expect(await found("user", built("FROM a:1\n"), { images: { "a:1": { user: "" } } })).toEqual([broken]);
  });

  test("of hooks", async () => {
    const hooks =
      "user: '1001:1001'\npost_start:\n  - command: chown -R 1001 /app\n    user: root\n  - command: 'true'\n    user: '1001'";
    expect(await found("user", shop(hooks))).toEqual([broken]);
    expect(await found("privileged", shop("post_start:\n  - { command: a, privileged: true }"))).toEqual([broken]);
  });

  test("of hooks: root's group, and those of `compose watch`", async () => {
    const hook = (user: string): string => shop(`user: '1001:1001'\npre_stop: [{ command: a, user: '${user}' }]`);
    expect(await found("root-group", hook("1001:0"))).toEqual([broken]);
    expect(await found("root-group", hook("1001"))).toEqual([broken]);
    expect(await found("root-group", hook("1001:1001"))).toEqual([]);
    expect(await found("user", hook(""))).toEqual([]);
    const watch = "exec: { command: a, user: root, privileged: true }";
    const watched = shop(`user: '1001:1001'\ndevelop: { watch: [{ path: ., action: sync+exec, target: /x, ${watch} }] }`);
    expect(await found("user", watched)).toEqual([broken]);
    expect(await found("privileged", watched)).toEqual([broken]);
  });

  test.each(["entrypoint: [sudo, -E, app]", "command: /bin/su -c app", "post_start: [{ command: [doas, app] }]"])(
    "%s becomes root",
    async (line) => expect(await found("user", shop(`user: '1001:1001'\n${line}`))).toEqual([broken]),
  );

  test("numbers that older readers of YAML take for others", async () => {
    expect(await found("user", shop("user: 1001:1001"))).toEqual([]);
    const contract = "version: 1\nmodules: { shop: { folder: modules/shop, user: { uid: 33, gid: 33 } } }\n";
    expect(await found("user", shop("user: 33:33"), { contract })).toEqual([warned]);
    expect(await found("user", shop("user: '33:33'"), { contract })).toEqual([]);
  });
});

test.each(['"0"', "root", '"+0"', '"00"', "docker", "disk", "sudo"])("group_add %s is as good as root", async (group) => {
  expect(await found("root-group", shop(`user: "1001:1001"\ngroup_add: [${group}]`))).toEqual([broken]);
});
test.each(['"1001"', '"1001:0"', '"1001:root"', '"1001:00"', '"1001:"'])("the group of %s is root's", async (user) => {
  expect(await found("root-group", shop(`user: ${user}`))).toEqual([broken]);
});
test("the group of an engine by a variable is told", async () => {
  expect(await found("root-group", shop('user: "1001:1001"\ngroup_add: ["${DOCKER_GID:-999}"]'))).toEqual([warned]);
});

test("restart", async () => {
  expect(await found("restart", shop("restart: always"))).toEqual([broken]);
  expect(await found("restart", shop("restart: no"))).toEqual([broken]);
  expect(await found("restart", shop("restart: on-failure:3"))).toEqual([broken]);
  expect(await found("restart", shop("restart: unless-stopped\ndeploy: { restart_policy: { condition: none } }"))).toEqual([
    broken,
  ]);
  expect(await found("restart", shop("deploy: { restart_policy: { condition: unless-stopped } }"))).toEqual([]);
  const job = "  migrate:\n    image: example/shop:1.4\n    restart: 'no'\n";
  const wait = "depends_on:\n  migrate: { condition: service_completed_successfully }\nrestart: unless-stopped";
  expect(await found("restart", shop(wait, job))).toEqual([]);
  expect(await found("restart", shop("restart: unless-stopped", job))).toEqual([broken]);
});

const usual = "  - ./data:/app/data\n  - ./logs:/app/logs\n";
describe("mounts", () => {
  const mounts = async (lines: string, rest = "", options?: ExampleOptions): Promise<string[]> =>
    await found("mounts", shop(`volumes:\n${usual}${lines}`, rest), options);
  const readOnly = async (lines: string, rest = "", options?: ExampleOptions): Promise<string[]> =>
    await found("mounts-read-only", shop(`volumes:\n${usual}${lines}`, rest), options);

  test.each<[string, string, string]>([
    ["another mode", "  - ./conf:/app/conf:RO\n", ""],
    ["a mode that means nothing", "  - ./conf:/app/conf:readonly\n", ""],
    ["a mode of its own", "  - ./conf:/app/conf:rw\n", ""],
    ["a mode from a variable", "  - ./conf:/app/conf:${MODE:-rw}\n", ""],
    ["a later mount", "  - ./conf:/app/conf:ro\n  - ./conf:/app//conf/:rw\n", ""],
    ["a writable part", "  - ./conf:/app/conf:ro\n  - ./data/x:/app/conf/x\n", ""],
    ["a volume inside", "  - ./conf:/app/conf:ro\n  - /app/conf/cache\n", ""],
    ["the long form", "  - { type: bind, source: ./conf, target: /app/conf, read_only: false }\n", ""],
    ["the long form without a word", "  - { type: bind, source: ./conf, target: /app/conf }\n", ""],
    ["the directory once more", "  - ./conf:/app/conf:ro\n  - ./conf:/c\n", ""],
    ["the directory by another way", "  - ./conf:/app/conf:ro\n  - ../shop/./conf/:/c\n", ""],
    ["the directory above", "  - ./conf:/app/conf:ro\n  - .:/module\n", ""],
    [
      "a volume that is bound to it",
      "  - ./conf:/app/conf:ro\n  - tricky:/c\n",
      "volumes:\n  tricky:\n    driver: local\n    driver_opts: { type: none, o: bind, device: ./conf }\n",
    ],
    ["another service", "  - ./conf:/app/conf:ro\n", "  helper:\n    image: example/h:1\n    volumes: [./conf:/x]\n"],
    [
      "a service of a profile",
      "  - ./conf:/app/conf:ro\n",
      "  helper:\n    image: example/h:1\n    profiles: [x]\n    volumes: [./conf:/x]\n",
    ],
  ])("read-only is undone by %s", async (_, lines, rest) => expect(await readOnly(lines, rest)).toEqual([broken]));

  test("read-only is undone by a symbolic link, and by volumes_from", async () => {
    const before = (folder: string): Promise<void> => symlink("conf", join(folder, "harmless"));
    expect(await readOnly("  - ./conf:/app/conf:ro\n  - ./harmless:/c\n", "", { before })).toEqual([broken]);
    const from = shop(
      "volumes_from: [helper]\nvolumes:\n  - ./data:/app/data\n  - ./logs:/app/logs\n  - ./conf:/app/conf:ro",
      "  helper:\n    image: example/h:1\n    volumes: [./conf:/x]\n",
    );
    expect(await found("mounts-read-only", from)).toEqual([broken, broken]);
    expect(await found("mounts", from)).toEqual([broken]);
  });

  test("another module may not write it, unless the contract says so", async () => {
    const contract = (mode: string): string =>
      `version: 1\nmodules:\n  shop:\n    folder: modules/shop\n    mounts: [{ target: /s, source: conf, mode: ro }]\n  owner:\n    folder: modules/owner\n    mounts: [{ target: /s, source: ../shop/conf, mode: ${mode} }]\n`;
    const before = async (folder: string): Promise<void> => {
      await mkdir(join(folder, "../owner"));
      await writeFile(
        join(folder, "../owner/compose.yaml"),
        "services:\n  owner:\n    image: example/o:1\n    volumes: [../shop/conf:/s]\n",
      );
    };
    const compose = shop("volumes: [./conf:/s:ro]");
    expect(await found("mounts-read-only", compose, { contract: contract("rw"), before })).toEqual([]);
    expect(await found("mounts-read-only", compose, { contract: contract("ro"), before })).toEqual([broken, broken]);
  });

  test.each([
    "  - ./conf:/app/conf:ro\n",
    "  - ./conf:/app/conf:ro,z\n",
    "  - { type: bind, source: ./conf, target: /app/conf, read_only: true }\n",
    "  - ./conf:/app/conf/:ro\n",
  ])("%s is read-only", async (line) => {
    expect(await readOnly(line)).toEqual([]);
    expect(await mounts(line)).toEqual([]);
  });

  test("what is declared must be there, from its directory, and writable", async () => {
    expect(await mounts("")).toEqual([broken]);
    expect(await mounts("  - ./data/../logs:/app/conf:ro\n")).toEqual([broken]);
    expect(await mounts("  - conf:/app/conf:ro\n", "volumes: { conf: {} }\n")).toEqual([broken]);
    expect(await mounts("  - ./conf:/app/conf:ro\n  - ./data:/app/data:ro\n")).toEqual([broken]);
    expect(await found("mounts", shop(`volumes:\n${usual}tmpfs: [/app/conf]`))).toEqual([broken]);
    expect(await mounts("  - ./conf:/app/conf:ro\n", "configs: { c: { content: a } }\n")).toEqual([]);
    const over = (kind: string): string =>
      shop(
        `${kind}: [{ source: c, target: /app/conf/x }]\nvolumes:\n${usual}  - ./conf:/app/conf:ro`,
        `${kind}: { c: { file: ./x } }\n`,
      );
    expect(await found("mounts", over("configs"))).toEqual([warned]);
    expect(await found("mounts", over("secrets"))).toEqual([warned]);
  });
});

describe("ports", () => {
  test.each([
    "8100:5000",
    "0.0.0.0:8100:5000",
    "[::]:8100:5000",
    "5000",
    "8100-8101:5000-5001",
    "127.0.0.1::5000",
    "127.0.0.1:${UNSET_PORT}:5000",
    "127.0.0.1:8101:5000",
    "127.0.0.1:8100:5001",
    "127.0.0.1:8100:5000/udp",
    "192.168.1.5:8100:5000",
    "127.0.0.2:8100:5000",
  ])("%s is not the declared one", async (port) => {
    const all = await found("ports", shop(`ports: ["${port}"]`));
    expect(all.length).toBeGreaterThan(0);
    expect(all.every((one) => one.startsWith("error"))).toBe(true);
  });

  test.each([
    '["127.0.0.1:8100:5000"]',
    '["127.0.0.1:8100:5000/tcp"]',
    '["${A:-127.0.0.1}:${P:-8100}:5000"]',
    '[{ host_ip: 127.0.0.1, published: "8100", target: 5000 }]',
    "[{ host_ip: 127.0.0.1, published: 8100, target: 5000, mode: host }]",
  ])("%s is", async (ports) => expect(await found("ports", shop(`ports: ${ports}`))).toEqual([]));

  test("others besides are not declared, nor is none", async () => {
    expect(await found("ports", shop('ports: ["127.0.0.1:8100:5000", "127.0.0.1:9229:9229"]'))).toEqual([broken]);
    expect(await found("ports", shop("expose: [5000]"))).toEqual([broken]);
    expect(await found("ports", shop("ports: [{ target: 5000, published: 8100 }]"))).toEqual([broken]);
    const helper = "  helper:\n    image: example/h:1\n    ports: ['6379:6379', '127.0.0.1:6380:6380']\n";
    expect(await found("ports", shop('ports: ["127.0.0.1:8100:5000"]', helper))).toEqual([broken]);
  });
});

describe("network", () => {
  const network = async (service: string, declared: string, env: Record<string, string> = {}): Promise<string[]> =>
    await found("network", shop(service, `networks:\n  internal: ${declared}\n`), { env });
  test.each<[string, string, string]>([
    ["not external", "networks: [internal]", "{ name: '${PROJECT_INTERNAL_NETWORK}' }"],
    ["external: false", "networks: [internal]", "{ external: false, name: '${PROJECT_INTERNAL_NETWORK}' }"],
    ["a name that is written out", "networks: [internal]", "{ external: true, name: novabot-internal }"],
    ["another default", "networks: [internal]", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK:-bridge}' }"],
    ["a longer name", "networks: [internal]", "{ external: true, name: 'x${PROJECT_INTERNAL_NETWORK}' }"],
    ["what replaces the variable", "networks: [internal]", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK:+host}x' }"],
    ["another variable", "networks: [internal]", "{ external: true, name: '${OTHER:-novabot-internal}' }"],
    ["not joined", "hostname: x", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK}' }"],
    ["the host's", "network_mode: host", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK}' }"],
    ["none", "network_mode: none", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK}' }"],
  ])("%s", async (_, service, declared) =>
    expect(await network(service, declared, { PROJECT_INTERNAL_NETWORK: "novabot-internal" })).toEqual([broken]),
  );

  test.each([
    "${PROJECT_INTERNAL_NETWORK}",
    "$PROJECT_INTERNAL_NETWORK",
    "${PROJECT_INTERNAL_NETWORK:-novabot-internal}",
    "${PROJECT_INTERNAL_NETWORK:?set it}",
  ])("%s", async (name) =>
    expect(await network("networks: { internal: { aliases: [a] } }", `{ external: true, name: "${name}" }`)).toEqual([]),
  );

  test("the default network may be the shared one; another one besides is told", async () => {
    const shared = "networks:\n  default: { external: true, name: '${PROJECT_INTERNAL_NETWORK}' }\n";
    expect(await found("network", shop("", shared))).toEqual([]);
    expect(await network("networks: [internal, default]", "{ external: true, name: '${PROJECT_INTERNAL_NETWORK}' }")).toEqual([
      warned,
    ]);
  });
});

describe("env file", () => {
  test.each<[string, string, boolean]>([
    ["none", "hostname: x", false],
    ["the other environment's", "env_file: [.env.server]", false],
    ["not required", "env_file: [{ path: .env.local, required: false }]", false],
    ["overridden", "env_file: [.env.local]\nenvironment: { SHOP_KEY: x }", false],
    ["overridden by a later file", "env_file: [.env.local, .env.server]", false],
    ["not overridden by an earlier file", "env_file: [.env.server, .env.local]", true],
    ["overridden by a list", "env_file: [.env.local]\nenvironment: ['SHOP_KEY=${SHOP_KEY}']", false],
    ["overridden by the caller's", "env_file: [.env.local]\nenvironment: [SHOP_KEY]", false],
    ["one", "env_file: .env.local", true],
    ["one by a variable", "env_file: ['${RUNTIME_ENV_FILE:-.env.local}']", true],
    ["one by another way", "env_file: [../shop/.env.local]", true],
    ["other variables", "env_file: [.env.local]\nenvironment: { SHOP_NAME: x }", true],
  ])("%s", async (_, service, kept) => {
    const before = (folder: string): Promise<void> => writeFile(join(folder, ".env.server"), "SHOP_KEY=y\n");
    expect(await found("env-file", shop(service), { before })).toEqual(kept ? [] : [broken]);
  });
});

test("log file", async () => {
  const log = async (service: string): Promise<string[]> => await found("log-file", shop(service));
  expect(await log("volumes: [./logs:/app/logs]")).toEqual([]);
  expect(await log("volumes: [.:/app]")).toEqual([]);
  expect(await log("volumes: [./logs:/app/logs:ro]")).toEqual([broken]);
  expect(await log("volumes: [./logs:/app/logs, /app/logs/shop.log]")).toEqual([broken]);
  expect(await log("volumes: [./data:/app/data]")).toEqual([broken]);
  expect(await log("tmpfs: [/app/logs]")).toEqual([broken]);
  expect(await log("volumes: [./logs:/app/logs, /dev/null:/app/logs/shop.log]")).toEqual([broken]);
  expect(await log("volumes: [./logs:/app/logs]\nlogging: { driver: none }")).toEqual([broken]);
});

test.each<[string, string]>([
  ["privileged", "privileged: true"],
  ["privileged", 'privileged: "true"'],
  ["privileged", "privileged: ${P:-true}"],
  ["privileged", "build: { context: ., privileged: true }"],
  ["privileged", "build: { context: ., entitlements: [security.insecure] }"],
  ["capabilities", "cap_add: [ALL]"],
  ["capabilities", "cap_add: [cap_sys_admin]"],
  ["capabilities", "cap_add: ['${CAP:-NET_RAW}']"],
  ["host-namespaces", "pid: host"],
  ["host-namespaces", "pid: container:x"],
  ["host-namespaces", "ipc: host"],
  ["host-namespaces", "uts: host"],
  ["host-namespaces", "network_mode: host"],
  ["host-namespaces", "network_mode: container:x"],
  ["host-namespaces", "userns_mode: host"],
  ["host-namespaces", "cgroup: host"],
  ["host-namespaces", "build: { context: ., network: host }"],
  ["engine-socket", "volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]"],
  ["engine-socket", "volumes: [//var//run/./docker.sock:/s]"],
  ["engine-socket", "volumes: [/run:/host]"],
  ["engine-socket", "volumes: [/var/run:/host]"],
  ["engine-socket", "volumes: [/var:/host:ro]"],
  ["engine-socket", "volumes: [/:/host:ro]"],
  ["engine-socket", "volumes: [/var/lib/docker/overlay2:/x]"],
  ["engine-socket", "volumes: [/run/user/1000/podman/podman.sock:/s]"],
  ["engine-socket", "volumes: [/run/containerd/containerd.sock:/s]"],
  ["engine-socket", "volumes: [/var/run/crio/crio.sock:/s]"],
  ["engine-socket", "volumes: [{ type: bind, source: /var/run/docker.sock, target: /s }]"],
  ["engine-socket", "volumes: ['${DOCKER_SOCK:-/var/run/docker.sock}:/s']"],
  ["engine-socket", "volumes: [{ type: npipe, source: '\\\\.\\pipe\\docker_engine', target: '\\\\.\\pipe\\docker_engine' }]"],
  ["engine-socket", "use_api_socket: true"],
  ["host-paths", "volumes: [/etc:/e:ro]"],
  ["host-paths", "volumes: [/etc/passwd:/e]"],
  ["host-paths", "volumes: [/etc/localtime:/etc/localtime]"],
  ["host-paths", "volumes: [/proc/sys:/p]"],
  ["host-paths", "volumes: [~/.ssh:/k:ro]"],
  ["host-paths", "volumes: [/:/host]"],
  ["devices", "devices: [/dev/kvm]"],
  ["devices", "devices: [vendor.com/class=name]"],
  ["devices", "device_cgroup_rules: ['c *:* rwm']"],
  ["devices", "gpus: all"],
  ["devices", "deploy: { resources: { reservations: { devices: [{ capabilities: [gpu] }] } } }"],
  ["devices", "volumes: [/dev:/dev]"],
  ["sandbox-off", "security_opt: [seccomp=unconfined]"],
  ["sandbox-off", "security_opt: ['seccomp:unconfined']"],
  ["sandbox-off", "security_opt: ['apparmor=unconfined']"],
  ["sandbox-off", "security_opt: ['label:disable']"],
  ["sandbox-off", "security_opt: ['label=disable']"],
  ["sandbox-off", "security_opt: [systempaths=unconfined]"],
  ["sandbox-off", "security_opt: [no-new-privileges=false]"],
  ["sandbox-off", "security_opt: [writable-cgroups=true]"],
  ["devices", "volumes: [//dev/sda:/d]"],
  ["devices", "volumes: [/srv/../dev/kvm:/d]"],
  ["devices", "volumes: [{ type: bind, source: /dev/./kvm, target: /d }]"],
  ["host-paths", "volumes: [/tmp/ssh-x1/agent.7:/agent]"],
  ["host-paths", "volumes: [/run/host-services/ssh-auth.sock:/agent]"],
  ["engine-socket", "volumes: [/run/host-services/docker.proxy.sock:/d]"],
  ["engine-socket", "volumes: [/var/run/docker.sock.raw:/d]"],
  ["engine-socket", "volumes: [/var/snap/lxd/common/lxd/unix.socket:/d]"],
  ["engine-socket", "volumes: [/run/libvirt/libvirt-sock:/d]"],
  ["sandbox-off", "cgroup_parent: /other"],
  ["sandbox-off", "runtime: sysbox-runc"],
  ["sandbox-off", "oom_kill_disable: true"],
])("%s is broken by %s", async (rule, service) => {
  expect(await found(rule, { "compose.yaml": shop(service), Dockerfile: "FROM a:1\n" })).toEqual([broken]);
});

describe("what a name hides", () => {
  const volume = (options: string): string => `volumes: { vol: ${options} }\n`;
  test.each<[string, string, unknown]>([
    ["devices", "{ driver_opts: { type: ext4, device: /dev/sda1 } }", broken],
    ["devices", "{ driver_opts: { type: ext4, device: /srv/../dev/sda1 } }", broken],
    ["devices", "{ driver_opts: { type: none, o: bind, device: /srv/../dev } }", broken],
    ["host-paths", "{ driver_opts: { type: proc, device: /x } }", broken],
    ["host-paths", "{ driver_opts: { type: overlay, device: /x, o: 'lowerdir=/' } }", broken],
    ["host-paths", "{ driver_opts: { type: proc, device: proc } }", broken],
    ["host-paths", "{ driver_opts: { type: overlay, device: overlay, o: 'lowerdir=/,upperdir=/u,workdir=/w' } }", broken],
    ["host-paths", "{ driver: local-persist, driver_opts: { mountpoint: / } }", warned],
  ])("%s of a volume %s", async (rule, options, expected) =>
    expect(await found(rule, shop("volumes: ['vol:/v']", volume(options)))).toEqual([expected]),
  );
  test.each([
    "{}",
    "{ driver_opts: { type: nfs, o: 'addr=10.0.0.1', device: ':/x' } }",
    "{ driver_opts: { type: tmpfs, device: tmpfs } }",
  ])("a volume %s is nobody's", async (options) => {
    expect(await found("host-paths", shop("volumes: ['vol:/v']", volume(options)))).toEqual([]);
    expect(await found("devices", shop("volumes: ['vol:/v']", volume(options)))).toEqual([]);
  });

  test.each(["/home/alice", "~/.config", "/run/systemd", "/var/run/dbus/system_bus_socket", "/var/spool/cron"])(
    "%s is the host's",
    async (path) =>
      expect(await found("host-paths", shop(`volumes: ['${path}:/h']`), { env: { HOME: "/home/bob" } })).toEqual([broken]),
  );
  test("mounts of a container outside of the file", async () => {
    expect(await found("host-paths", shop("volumes_from: ['container:other']"))).toEqual([warned]);
  });

  test("a network that is the host's by its name, or open to the host's", async () => {
    const network = (lines: string): string => shop("networks: [x]", `networks: { x: ${lines} }\n`);
    expect(await found("host-namespaces", network("{ external: true, name: host }"))).toEqual([broken]);
    expect(await found("ports", network("{ driver: macvlan, driver_opts: { parent: eth0 } }"))).toEqual([broken, broken]);
    const mode = "com.docker.network.bridge.gateway_mode_ipv4: nat-unprotected";
    expect(await found("ports", network(`{ driver_opts: { ${mode} } }`))).toEqual([broken, broken]);
    expect(await found("ports", network("{ driver: bridge }"))).toEqual([broken]);
  });

  test.each<[string, unknown[]]>([
    ['{ "defaultAction": "SCMP_ACT_ALLOW" }', [broken]],
    ['{ "defaultAction": "SCMP_ACT_LOG" }', [broken]],
    ['{ "defaultAction": "SCMP_ACT_ERRNO" }', [warned]],
  ])("a filter %s", async (profile, expected) => {
    const files = { "compose.yaml": shop("security_opt: ['seccomp=./calls.json']"), "calls.json": profile };
    expect(await found("sandbox-off", files)).toEqual(expected);
  });
  test("a profile of the host, and the runtime's own settings", async () => {
    expect(await found("sandbox-off", shop("security_opt: ['apparmor=mine']"))).toEqual([warned]);
    expect(await found("sandbox-off", shop("security_opt: ['apparmor=docker-default']"))).toEqual([]);
    expect(await found("sandbox-off", shop("annotations: { run.oci.keep_original_groups: '1' }"))).toEqual([broken]);
    expect(await found("sandbox-off", shop("annotations: [org.example.note=1]"))).toEqual([]);
  });
});

describe("what runs is what was looked at", () => {
  const modulePresent = async (files: Readonly<Record<string, string>>): Promise<string[]> =>
    await found("module-present", files);
  test.each(["scale: 0", "deploy: { replicas: 0 }"])("%s starts nothing", async (line) => {
    expect(await modulePresent({ "compose.yaml": shop(line) })).toEqual([broken]);
  });
  test("one container, or several, run", async () =>
    expect(await modulePresent({ "compose.yaml": shop("scale: 2") })).toEqual([]));
  test.each(["compose.override.yaml", "docker-compose.override.yml", ".env"])("%s beside it", async (name) => {
    const text = name === ".env" ? "COMPOSE_FILE=other.yaml\n" : "services: { shop: { privileged: true } }\n";
    expect(await modulePresent({ "compose.yaml": shop(""), [name]: text })).toEqual([broken]);
  });
  test("an .env of other settings, and files that are named", async () => {
    expect(await modulePresent({ "compose.yaml": shop(""), ".env": "X=1\n" })).toEqual([]);
    const contract = "version: 1\nmodules: { shop: { folder: modules/shop, compose: [compose.yaml, compose.override.yaml] } }\n";
    const files = { "compose.yaml": shop(""), "compose.override.yaml": "services: { shop: { privileged: true } }\n" };
    expect(await found("module-present", files, { contract })).toEqual([]);
    expect(await found("privileged", files, { contract })).toEqual([broken]);
  });
  test("a folder that is not there is added only where NovaBot has it", async () => {
    const missing = async (name: string): Promise<(string | undefined)[]> => {
      const contract = `version: 1\nmodules: { ${name}: { folder: modules/${name} } }\n`;
      const { report } = await checkExample({ "compose.yaml": shop("") }, { contract });
      return report.findings.filter(({ rule }) => rule === "module-present").map(({ fix }) => fix);
    };
    expect(await missing("whatsapp-adapter-docs")).toEqual([
      expect.stringContaining("novabot modules add whatsapp-adapter-docs"),
    ]);
    expect(await missing("whatsapp-adapter-api")).toEqual([expect.not.stringContaining("modules add")]);
  });
});

test("health checks that never count", async () => {
  const health = async (line: string): Promise<string[]> =>
    await found("health", shop(`healthcheck:\n  test: curl -f http://127.0.0.1:5000/healthz\n  ${line}`));
  expect(await health("start_period: 9999h")).toEqual([broken]);
  expect(await health("interval: 9999h")).toEqual([broken]);
  expect(await health("timeout: 9999h")).toEqual([broken]);
  expect(await health("timeout: 20m")).toEqual([warned]);
  expect(await health("retries: 100000")).toEqual([broken]);
  expect(await health("retries: 5")).toEqual([]);
  const localhost = "healthcheck: { test: curl -f http://localhost:5000/healthz }";
  expect(await found("health", shop(`extra_hosts: ['localhost:10.0.0.1']\n${localhost}`))).toEqual([broken]);
  expect(await found("health", shop(`extra_hosts: { other: 10.0.0.1 }\n${localhost}`))).toEqual([]);
  const shell = (words: string): Readonly<Record<string, string>> => ({
    "compose.yaml": `services:\n  shop:\n    build: .\n    ${localhost}\n`,
    Dockerfile: `FROM a:1\nSHELL ${words}\n`,
  });
  expect(await found("health", shell('["/bin/true", "-c"]'))).toEqual([warned]);
  expect(await found("health", shell('["/bin/bash", "-o", "pipefail", "-c"]'))).toEqual([]);
});

describe("a mode that only looks like read-only", () => {
  const none = "version: 1\nmodules: { shop: { folder: modules/shop } }\n";
  test.each(["RO", "Ro", "readonly", "read-only", "ReadOnly", "z,RO", "'ro '"])("%s", async (mode) => {
    const plain = mode.replaceAll("'", "");
    expect(await found("mounts-read-only", shop(`volumes: ["./x:/x:${plain}"]`), { contract: none })).toEqual([warned]);
  });
  test.each(["ro", "rw", "z", "ro,z", "rslave"])("%s is what it says", async (mode) => {
    expect(await found("mounts-read-only", shop(`volumes: ["./x:/x:${mode}"]`), { contract: none })).toEqual([]);
  });
});

test("a volume's device is what the kernel makes of it, which follows a link before it goes up", async () => {
  const before = async (folder: string): Promise<void> => {
    await mkdir(join(folder, "conf/below"));
    await symlink("../conf/below", join(folder, "data/link"));
    const volume = `volumes:\n  vol: { driver_opts: { type: none, o: bind, device: "${folder}/data/link/.." } }\n`;
    await writeFile(join(folder, "compose.yaml"), shop("volumes: [./conf:/app/conf:ro, vol:/v]", volume));
  };
  expect(await found("mounts-read-only", "", { before })).toEqual([broken]);
});

test("an engine's socket by a symbolic link, a volume and a secret", async () => {
  const before = (folder: string): Promise<void> => symlink("/var/run", join(folder, "tools"));
  expect(await found("engine-socket", shop("volumes: [./tools:/t]"), { before })).toEqual([broken]);
  const volume = "volumes:\n  vol: { driver_opts: { type: none, o: 'ro,bind', device: /run } }\n";
  expect(await found("engine-socket", shop("volumes: [vol:/t]", volume))).toEqual([broken]);
  expect(await found("engine-socket", shop("secrets: [s]", "secrets: { s: { file: /var/run/docker.sock } }\n"))).toEqual([
    broken,
  ]);
  expect(await found("engine-socket", shop("environment: { DOCKER_HOST: tcp://10.0.0.1:2375 }"))).toEqual([warned]);
});

test.each<[string, string]>([
  ["host-paths", "volumes: [/etc/localtime:/etc/localtime:ro, ./data:/app/data]"],
  ["host-paths", "volumes: [/srv/shop:/srv]"],
  ["devices", "volumes: [/dev/shm:/dev/shm]"],
  ["sandbox-off", "security_opt: [no-new-privileges:true]\nruntime: runc"],
  ["host-namespaces", "ipc: private\ncgroup: private"],
  ["engine-socket", "volumes: [./run:/run, ./docker.socket.txt:/x, /var/www:/www, /var/log/shop:/l]"],
  ["capabilities", "cap_drop: [ALL]"],
])("%s is kept by %s", async (rule, service) => expect(await found(rule, shop(service))).toEqual([]));

test.each<[string, boolean]>([
  ["image: docker.io/example/shop:2", true],
  ["image: example/shop@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true],
  ["image: evil.example:5000/example/shop:2", false],
  ["image: example/shop2", false],
  ["image: shop", false],
])("%s", async (image, kept) => {
  expect(await found("image", `services:\n  shop:\n    ${image}\n`)).toEqual(kept ? [] : [broken]);
});
