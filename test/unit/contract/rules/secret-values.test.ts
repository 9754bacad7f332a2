import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatReport } from "../../../../src/contract/report/format.ts";
import { nameOfSecret, secretUnder, tokensIn } from "../../../../src/contract/rules/secret-text.ts";
import { checkExample, type ExampleOptions } from "./example.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

// Put together here, so that no scanner takes this file for a leak.
const parts = {
  github: `ghp_${"aB3dE6".repeat(6)}`,
  aws: ["AKIA", "ABCDEFGH23456789"].join(""),
  age: `AGE-SECRET-KEY-1${"Q".repeat(58)}`,
  anthropic: `sk-ant-api03-${"x".repeat(40)}`,
  jwt: ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"].join("."),
  key: ["-----BEGIN OPENSSH", "PRIVATE KEY-----"].join(" "),
  address: "postgres://shop:cOrrect7horse@db/shop",
};
const random = "9f86d081884c7d659a2feaa0c55ad015";

async function found(files: string | Readonly<Record<string, string>>, options: ExampleOptions = {}): Promise<string[]> {
  const all = typeof files === "string" ? { "compose.yaml": files } : files;
  const { report } = await checkExample(all, options);
  for (const format of ["text", "json", "sarif", "junit", "github"] as const) {
    const text = formatReport(report, format);
    for (const value of [...Object.values(parts), random, "correct-horse"]) expect(text).not.toContain(value);
  }
  return report.findings
    .filter(({ rule }) => rule === "secret-values")
    .map(({ severity, at }) => `${severity} ${at?.file.slice(at.file.lastIndexOf("/") + 1) ?? ""}:${String(at?.line)}`);
}
const shop = (lines: string, rest = ""): string =>
  `services:\n  shop:\n    image: example/shop:1.4\n${lines.replace(/^(?=.)/gm, "    ")}\n${rest}`;

test.each(Object.entries(parts))("a well-known form is found wherever it stands: %s", async (_, value) => {
  expect(tokensIn(`x ${value} y`)).toHaveLength(1);
  expect(await found(shop(`environment: { NAME: "${value}" }`))).toEqual(["error compose.yaml:4"]);
  expect(await found(shop(`command: ["run", "${value}"]`))).toEqual(["error compose.yaml:4"]);
  expect(await found(shop(`# ${value}\nhostname: x`))).toEqual(["error compose.yaml:4"]);
});

describe("a literal value under a name that says what it is", () => {
  test.each([
    "DB_PASSWORD",
    "API_KEY",
    "SECRET",
    "JWT_SECRET",
    "GITHUB_TOKEN",
    "stripe.secret-key",
    "PGPASSWORD",
    "MYSQL_PWD",
    "SSH_PRIVATE_KEY",
    "POSTGRES_PASSWD",
    "apiKey",
    "client_secret",
  ])("%s", async (name) => {
    expect(await found(shop(`environment:\n  - "${name}=correct-horse"`))).toEqual(["error compose.yaml:5"]);
    expect(await found(shop(`environment:\n  ${name}: correct-horse`))).toEqual(["error compose.yaml:5"]);
    expect(await found(shop(`environment:\n  ${name}: \${X:-correct-horse}`))).toEqual(["error compose.yaml:5"]);
  });

  test.each([
    ["labels", "labels: { app.token: correct-horse }"],
    ["arguments of a build", "build: { context: ., args: { NPM_TOKEN: correct-horse } }"],
    ["a command", "command: redis-server --requirepass correct-horse"],
    ["words of a command", 'command: ["x", "--password", "correct-horse"]'],
    ["one word of a command", 'command: ["x", "--api-key=correct-horse"]'],
    ["a user's password", "healthcheck: { test: curl -fsu admin:correct-horse http://x/y }"],
    ["a health check", "healthcheck: { test: mysqladmin ping --password=correct-horse }"],
    ["an entrypoint", "entrypoint: sh -c 'TOKEN=correct-horse exec x'"],
    ["a hook", "post_start: [{ command: 'x --token correct-horse' }]"],
  ])("in %s", async (_, lines) =>
    expect(await found({ "compose.yaml": shop(lines), Dockerfile: "FROM a:1\n" })).toEqual(["error compose.yaml:4"]),
  );

  test.each([
    `CONFIG: '{"db":{"password":"correct-horse"}}'`,
    "DSN: 'host=db user=x password=correct-horse'",
    "SQL: 'Server=db;User Id=sa;Password=correct-horse;'",
    "JAVA_OPTS: '-Xmx1g -Ddb.password=correct-horse'",
    "REDIS_ARGS: '--requirepass correct-horse'",
    "HOOK: 'https://x/?api_key=correct-horse'",
    "HEADERS: 'Authorization: Bearer correct-horse-12345'",
    "DB_PASSWORD: '${HOME:+correct-horse}'",
    "DB_PASSWORD: '$$correct-horse'",
    "DB_PASSWORD: /correct-horse",
    "SECRET_KEY_BASE: correct-horse",
    "DB_PW: correct-horse",
    "API_TOKENS: correct-horse",
    "DB_PASSWORD_1: correct-horse",
  ])("inside of a longer value, or under a longer name: %s", async (line) => {
    expect(await found(shop(`environment:\n  ${line}`))).toEqual(["error compose.yaml:5"]);
  });

  test.each([
    "MAX_OUTPUT_TOKENS: 16384",
    "DSN: 'host=db user=x password=$$DB_PASSWORD'",
    "JAVA_OPTS: '-Ddb.password=${DB_PASSWORD}'",
    "LOG_FORMAT: 'token=%t path=%p'",
    "URL: 'https://x/password:reset/?token_url=/login'",
    "TEXT: 'Authorization: Bearer authentication'",
    "DB_PASSWORD: '$$DB_PASSWORD_OF_IMAGE'",
    "DB_PASSWORD: /run/secrets/db",
  ])("but not %s", async (line) => expect(await found(shop(`environment:\n  ${line}`))).toEqual([]));

  test("in what drivers of logs, volumes and networks are told", async () => {
    expect(await found(shop("logging: { driver: splunk, options: { splunk-token: correct-horse } }"))).toHaveLength(1);
    const share = "volumes: { n: { driver_opts: { type: cifs, device: //nas/x, o: 'username=u,password=correct-horse' } } }\n";
    expect(await found(shop("volumes: [n:/n]", share))).toHaveLength(1);
    expect(await found(shop("volumes: [n:/n]", share.replace("correct-horse", "${SHARE_PASSWORD}")))).toEqual([]);
  });

  test("in an extension that no service takes over", async () => {
    expect(await found(shop("hostname: x", `x-all:\n  deep: [{ environment: { DB_PASSWORD: "correct-horse" } }]\n`))).toEqual([
      "error compose.yaml:6",
    ]);
    expect(
      await found(
        shop("environment: *all", `x-other: { DB_PASSWORD: "\${X}" }\n`).replace("services", "x-all: &all { A: b }\nservices"),
      ),
    ).toEqual([]);
  });

  test("but not the name of a file that holds it, nor a manual's example", async () => {
    expect(secretUnder("KEYSTORE_CREDENTIALS", "kafka_keystore_creds")).toBeUndefined();
    expect(secretUnder("GOOGLE_CREDENTIALS", "account.json")).toBeUndefined();
    expect(secretUnder("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?.weak).toBe(true);
    expect(tokensIn(["AKIA", "IOSFODNN7EXAMPLE"].join("")).map(({ weak }) => weak)).toEqual([true]);
    expect(await found(shop('command: redis-server --requirepass "correct-horse"'))).toEqual(["error compose.yaml:4"]);
  });

  test("in contents that stand in the file", async () => {
    expect(
      await found(shop("hostname: x", "configs:\n  c:\n    content: |\n      name: x\n      password = correct-horse\n")),
    ).toHaveLength(1);
    expect(await found(shop("hostname: x", "configs:\n  c:\n    content: |\n      name: x\n"))).toEqual([]);
  });

  test.each([
    "SORT_KEY",
    "GPG_KEY",
    "PUBLIC_KEY",
    "MAX_TOKENS",
    "TOKEN_URL",
    "PASSWORD_FILE",
    "COMPOSE_BYPASS",
    "KEYSPACE",
    "PWD",
  ])("but not %s", (name) => {
    expect(nameOfSecret(name)).toBeUndefined();
  });

  test.each(["", "true", "/run/secrets/db", "./keys/x", "0", "30s", "required"])("but not the value %j", (value) => {
    expect(secretUnder("DB_PASSWORD", value)).toBeUndefined();
  });

  test("a name that only may mean one wants a value that looks like one", () => {
    expect(secretUnder("SOME_KEY", "name")).toBeUndefined();
    expect(secretUnder("SOME_KEY", random)).toMatchObject({ weak: false });
  });

  test("a value of the caller's environment is not the file's", async () => {
    expect(
      await found(shop("environment:\n  DB_PASSWORD: ${DB_PASSWORD}\n  OTHER_TOKEN:"), {
        env: { DB_PASSWORD: "correct-horse", OTHER_TOKEN: "correct-horse" },
      }),
    ).toEqual([]);
    expect(await found(shop("environment: [DB_PASSWORD]"), { env: { DB_PASSWORD: "correct-horse" } })).toEqual([]);
  });

  test.each(["changeme", "password", "your-key-here", "<token>", "xxxx", "secret123"])(
    "a placeholder is a warning: %s",
    async (value) => {
      expect(await found(shop(`environment:\n  DB_PASSWORD: "${value}"`))).toEqual(["warning compose.yaml:5"]);
    },
  );
});

describe("a Dockerfile", () => {
  const built = (dockerfile: string, more: Record<string, string> = {}): Record<string, string> => ({
    "compose.yaml": "services:\n  shop:\n    build: .\n",
    Dockerfile: `FROM a:1\n${dockerfile}\n`,
    ...more,
  });
  test.each([
    ["ENV DB_PASSWORD=correct-horse", "error"],
    ["ENV DB_PASSWORD correct-horse", "error"],
    ['ENV A=1 DB_PASSWORD="correct-horse"', "error"],
    ["ARG NPM_TOKEN=correct-horse", "error"],
    ["ARG NPM_TOKEN", "warning"],
    ["RUN TOKEN=correct-horse make", "error"],
    ["RUN curl --password correct-horse x", "error"],
    [`RUN echo ${parts.github} > /x`, "error"],
    ["COPY .env /app/", "error"],
    ["COPY .env.local /app/", "error"],
    ["COPY a id_rsa /app/", "error"],
    ["ADD secrets/server.key /app/", "error"],
    ["COPY .npmrc /app/", "error"],
    ["COPY . /app", "error"],
    ["LABEL token=correct-horse", "error"],
  ])("%s", async (line, severity) => expect(await found(built(line))).toEqual([`${severity} Dockerfile:2`]));

  test.each([
    "ENV NODE_ENV=production",
    "COPY .env.example /app/",
    "COPY src /app/",
    "COPY --from=build /app/.env /x",
    "RUN --mount=type=secret,id=token make",
    "COPY id_rsa.pub /x",
    "ARG VERSION=1.2",
    "RUN make TOKEN=$TOKEN",
  ])("%s is nothing", async (line) => expect(await found(built(line))).toEqual([]));

  test("what .dockerignore keeps out is not taken along", async () => {
    for (const text of [".env*\n", "**/.env*\n", "*\n!src\n", ".env.local\n.env.server\n", ".*\n"]) {
      expect(await found(built("COPY . /app", { ".dockerignore": text }))).toEqual([]);
    }
    for (const text of ["", "node_modules\n", ".env\n", ".env*\n!.env.local\n", "# .env*\n"]) {
      expect(await found(built("COPY . /app", { ".dockerignore": text }))).toEqual(["error Dockerfile:2"]);
    }
  });

  test("a here-document and a continued line", async () => {
    expect(await found(built("ENV A=1 \\\n    B_SECRET=correct-horse"))).toEqual(["error Dockerfile:3"]);
    expect(await found(built(`RUN <<EOF\necho ${parts.aws}\nEOF`))).toHaveLength(1);
  });
});

test("an image's variables, labels and history", async () => {
  const image = (given: object): ExampleOptions => ({ images: { "example/shop:1.4": given } });
  const compose = shop("hostname: x");
  expect(await found(compose, image({ env: ["PATH=/bin", "DB_PASSWORD=correct-horse"] }))).toEqual(["error compose.yaml:3"]);
  expect(await found(compose, image({ history: ["|1 NPM_TOKEN=correct-horse /bin/sh -c npm ci"] }))).toEqual([
    "error compose.yaml:3",
  ]);
  expect(await found(compose, image({ history: ["/bin/sh -c #(nop)  ENV API_KEY=correct-horse"] }))).toEqual([
    "error compose.yaml:3",
  ]);
  expect(await found(compose, image({ labels: { "app.token": "correct-horse" } }))).toEqual(["error compose.yaml:3"]);
  expect(
    await found(
      compose,
      image({
        env: ["GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", "NODE_VERSION=24"],
        history: ["/bin/sh -c gpg --keyserver x --recv-keys A035C8C19219BA821ECEA86B64E628F8D684696D"],
      }),
    ),
  ).toEqual([]);
});

test("a file that Compose would refuse gives none of them away", async () => {
  expect(await found(`services:\n  shop:\n    environment:\n      DB_PASSWORD: "correct-horse" oops\n`)).toEqual([
    "error compose.yaml:4",
  ]);
  expect(await found(`services:\n  shop:\n    imagee: ${parts.github}\n    image: x\n`)).toEqual(["error compose.yaml:3"]);
});

test("a project that does not hold its secrets is not blamed for its env file", async () => {
  const before = (folder: string): Promise<void> => writeFile(join(folder, ".env.local"), `SHOP_KEY=${random}\n`);
  expect(await found(shop("env_file: [.env.local]"), { before })).toEqual([]);
});

test("no text takes long to look at", () => {
  const took = processorTime();
  for (const text of [
    "a".repeat(1_000_000),
    "eyJ".repeat(300_000),
    "://".repeat(300_000),
    "a://b:".repeat(150_000),
    "-----BEGIN ".repeat(90_000),
    "sk-".repeat(300_000),
    "xoxb-1".repeat(150_000),
  ])
    tokensIn(text);
  expect(took()).toBeLessThan(3_000);
});
