import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "../../../../src/host/up/config.ts";
import { configJSONSchema } from "../../../../src/host/up/config-schema.ts";
import { NovaError } from "../../../../src/model/errors.ts";

const root = join(import.meta.dirname, "../../../..");

const whole = `
listen: "[::1]:0"
hosts: [nova.example, "nova.example:8443"]
tls: { cert: tls/cert.pem, key: /etc/key.pem }
retention: { age: 12h, rows: null, bytes: 512m, runs: { rows: 500 }, messages: { age: 90d }, audit: { age: null, rows: null } }
check: { every: null }
recordings: all
groups:
  main: {}
  family: { jid: 123@g.us, name: Family, agent: demo, containerConfig: { memory: 512m, network: none } }
workers:
  shop:
    command: [node, server.js]
    port: 3000
    env: { MODE: quiet }
    memory: 256m
    cpus: 0.5
modules: [whatsapp-docs]
`;

function refusal(text: string): NovaError {
  try {
    parseConfig("/h/novabot.yaml", text);
  } catch (error) {
    if (error instanceof NovaError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test("the published schema is the one that novabot.yaml is read by", async () => {
  // When it is stale: `npx vitest run test/unit/host/up -u` writes it anew.
  const text = `${JSON.stringify(configJSONSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(join(root, "schema/novabot.schema.json"));
});

test("the schema takes what is read, and refuses what is not", () => {
  const validate = new Ajv2020({ allErrors: true, validateFormats: false }).compile(configJSONSchema() as object);
  expect(validate(parse(whole)), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ listen: "here", workers: { shop: { port: 0 } } })).toBe(false);
  expect(validate.errors?.map(({ instancePath }) => instancePath).toSorted()).toEqual(["/listen", "/workers/shop/port"]);
});

test("the file that docs/up.md shows is taken, and every key that it tells of exists", async () => {
  const page = await readFile(join(root, "docs/up.md"), "utf8");
  const config = parseConfig("/h/novabot.yaml", /```yaml\n([^]*?)```/.exec(page)?.[1] ?? "");
  expect(config.workers).toMatchObject([{ name: "shop", settings: { argv: ["node", "server.js"], memoryBytes: 2 ** 29 } }]);
  const told = [...page.matchAll(/^\| `(\w+)` /gm)].map(([, key = ""]) => key);
  const { properties } = configJSONSchema() as { properties: object };
  expect(told.toSorted()).toEqual(Object.keys(properties).toSorted());
});

test("everything may be left out", () => {
  for (const text of ["", "# nothing\n", "{}"]) {
    expect(parseConfig("/h/novabot.yaml", text)).toMatchObject({
      listen: { host: "127.0.0.1", port: 7780 },
      tls: null,
      retention: { maxAgeMs: 2_592_000_000, maxRows: 5_000_000, maxBytes: 2 ** 31 },
      groups: [],
      workers: [],
      modules: [],
    });
  }
});

test("what is written is what comes of it", () => {
  expect(parseConfig("/h/novabot.yaml", whole)).toEqual({
    listen: { host: "::1", port: 0 },
    insecure: false,
    tls: { cert: "/h/tls/cert.pem", key: "/etc/key.pem" },
    hosts: ["nova.example", "nova.example:8443"],
    retention: { maxAgeMs: 43_200_000, maxRows: null, maxBytes: 536_870_912 },
    history: {
      runs: { maxAgeMs: 31_536_000_000, maxRows: 500 },
      messages: { maxAgeMs: 7_776_000_000, maxRows: 1_000_000 },
      audit: { maxAgeMs: null, maxRows: null },
      terminals: { maxAgeMs: 31_536_000_000, maxRows: 100_000 },
    },
    checkEveryMs: null,
    recordAll: true,
    groups: [
      { jid: "local:main", name: "main", folder: "main", isMain: true },
      {
        jid: "123@g.us",
        name: "Family",
        folder: "family",
        agent: "demo",
        containerConfig: { memory: "512m", network: "none" },
        isMain: false,
      },
    ],
    workers: [
      {
        name: "shop",
        settings: { argv: ["node", "server.js"], port: 3000, env: { MODE: "quiet" }, memoryBytes: 268_435_456, cpus: 0.5 },
      },
    ],
    modules: ["whatsapp-docs"],
  });
});

test.for([
  ["workers:\n  shop:\n    memory: many\n", "/h/novabot.yaml:3:13", /workers\.shop\.memory/],
  ["listen: 127.0.0.1:99999\n", "/h/novabot.yaml:1:9", /65535/],
  ["listen: 0.0.0.0:7780\n", "/h/novabot.yaml:1:9", /others reach.*`tls`.*`insecure: true`/],
  ["check: { every: 59s }\n", "/h/novabot.yaml:1:17", /check\.every must be 1m or more/],
  ["check: { every: often }\n", "/h/novabot.yaml:1:17", /check\.every must be a duration/],
  ["a: 1\n", "/h/novabot.yaml:1:1", /used: it has unknown keys: "a"/],
  ['workers: { "a b": {} }\n', "/h/novabot.yaml:1:19", /workers\.a b is no name that can be taken: must/],
  ["groups:\n  Global: {}\n", "/h/novabot.yaml:2:11", /groups\.Global is no group/],
  ["groups:\n  a: { jid: x@g.us }\n  b: { jid: x@g.us }\n", "/h/novabot.yaml:3:6", /the chat "x@g.us"/],
  ["groups: [\n", "/h/novabot.yaml:2:1", /not YAML/],
  ["listen: a:1\nlisten: b:2\n", "/h/novabot.yaml:2:1", /not YAML/],
  ["- 1\n", "/h/novabot.yaml:1:1", /not valid/],
] as const)("the line of a mistake is named: %j", ([text, place, message]) => {
  expect(refusal(text)).toMatchObject({ code: "CONFIG_INVALID", place, message: expect.stringMatching(message) as string });
});

test("whoever says insecure, or has a certificate, may be reached by others", () => {
  expect(parseConfig("/h/novabot.yaml", "listen: 0.0.0.0:80\ninsecure: true\n").insecure).toBe(true);
  expect(parseConfig("/h/novabot.yaml", "listen: 0.0.0.0:80\ntls: { cert: c, key: k }\n").tls).toEqual({
    cert: "/h/c",
    key: "/h/k",
  });
  for (const address of ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
    expect(parseConfig("/h/novabot.yaml", `listen: "${address}"\n`).listen.port).toBe(1);
  expect(refusal("listen: 127.example.com:1\n").message).toMatch(/others reach/);
});
