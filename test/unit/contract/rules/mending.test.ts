import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planFixes } from "../../../../src/contract/fix/plan.ts";
import { checkExample } from "./example.ts";

/** What `--fix` makes of it by one rule; undefined when nothing can be mended without a decision. */
async function mended(rule: string, compose: string): Promise<string | undefined> {
  const { report, folder } = await checkExample({ "compose.yaml": compose });
  const found = report.findings.filter((one) => one.rule === rule);
  expect(found.length).toBeGreaterThan(0);
  return planFixes(found, report.sources).files.find(({ file }) => file === join(folder, "compose.yaml"))?.after;
}

const shop = (body: string): string => `services:\n  shop:\n    image: example/shop:1.4\n${body.replace(/^(?=.)/gm, "    ")}\n`;

describe("quotes, comments and line ends stay", () => {
  test.each([
    ["restart: always", "restart: unless-stopped"],
    ['restart: "always" # on purpose', 'restart: "unless-stopped" # on purpose'],
    ["restart: 'no'", "restart: 'unless-stopped'"],
    ["restart:   always   ", "restart:   unless-stopped   "],
  ])("%s", async (before, after) => expect(await mended("restart", shop(before))).toBe(shop(after)));

  test("with the line ends of another system", async () => {
    const crlf = (text: string): string => text.replaceAll("\n", "\r\n");
    expect(await mended("restart", crlf(shop("restart: always")))).toBe(crlf(shop("restart: unless-stopped")));
    expect(await mended("init", crlf(shop("hostname: x")))).toBe(crlf(shop("hostname: x\ninit: true")));
  });

  test("and without an end of the last line", async () => {
    expect(await mended("init", "services:\n  shop:\n    image: example/shop:1.4")).toBe(
      "services:\n  shop:\n    image: example/shop:1.4\n    init: true",
    );
  });

  test("and with wide indentation", async () => {
    expect(await mended("init", "services:\n        shop:\n                image: example/shop:1.4\n")).toBe(
      "services:\n        shop:\n                image: example/shop:1.4\n                init: true\n",
    );
  });
});

describe("ports", () => {
  test.each([
    ['ports: ["8100:5000"]', 'ports: ["127.0.0.1:8100:5000"]'],
    ["ports:\n  - 8100:5000 # x", "ports:\n  - 127.0.0.1:8100:5000 # x"],
    ["ports:\n  - '[::]:8100:5000'", "ports:\n  - '127.0.0.1:8100:5000'"],
    ['ports:\n  - "${PORT:-8100}:5000/tcp"', 'ports:\n  - "127.0.0.1:${PORT:-8100}:5000/tcp"'],
    ['ports:\n  - "5000"', 'ports:\n  - "127.0.0.1:8100:5000"'],
    ["ports:\n  - target: 5000\n    published: 8100", "ports:\n  - target: 5000\n    host_ip: 127.0.0.1\n    published: 8100"],
    [
      "ports:\n  - target: 5000\n    published: 8100\n    host_ip: 0.0.0.0",
      "ports:\n  - target: 5000\n    published: 8100\n    host_ip: 127.0.0.1",
    ],
  ])("%s", async (before, after) => expect(await mended("ports", shop(before))).toBe(shop(after)));

  test("a mode that only looks like read-only, where nothing is declared", async () => {
    const before = 'volumes:\n  - ./conf:/app/conf:ro\n  - "./x:/x:z,ReadOnly" # keep\n  - ./y:/y:RO';
    const after = 'volumes:\n  - ./conf:/app/conf:ro\n  - "./x:/x:ro,z" # keep\n  - ./y:/y:ro';
    expect(await mended("mounts-read-only", shop(before))).toBe(shop(after));
  });

  test("an address that somebody chose is left", async () => {
    expect(await mended("ports", shop("ports: ['192.168.1.5:8100:5000']"))).toBeUndefined();
    expect(await mended("ports", shop("ports: ['${ADDRESS:-0.0.0.0}:8100:5000']"))).toBeUndefined();
  });
});

describe("read-only mounts", () => {
  const rest = "volumes:\n  - ./data:/app/data\n  - ./logs:/app/logs\n";
  test.each([
    ["  - ./conf:/app/conf", "  - ./conf:/app/conf:ro"],
    ['  - "./conf:/app/conf:rw" # x', '  - "./conf:/app/conf:ro" # x'],
    ["  - ./conf:/app/conf:RO", "  - ./conf:/app/conf:ro"],
    ["  - ./conf:/app/conf:rw,z", "  - ./conf:/app/conf:ro,z"],
    [
      "  - type: bind\n    source: ./conf\n    target: /app/conf",
      "  - type: bind\n    source: ./conf\n    target: /app/conf\n    read_only: true",
    ],
    [
      "  - type: bind\n    source: ./conf\n    target: /app/conf\n    read_only: false",
      "  - type: bind\n    source: ./conf\n    target: /app/conf\n    read_only: true",
    ],
  ])("%s", async (before, after) => expect(await mended("mounts-read-only", shop(rest + before))).toBe(shop(rest + after)));

  test("a mode out of a variable is left", async () => {
    expect(await mended("mounts-read-only", shop(`${rest}  - ./conf:/app/conf:\${MODE:-rw}`))).toBeUndefined();
  });
});

describe("what others share is left", () => {
  test.each([
    [
      "an anchor above",
      "x-common: &common\n  restart: always\nservices:\n  shop:\n    <<: *common\n    image: example/shop:1.4\n",
    ],
    [
      "an anchor on the service",
      "services:\n  shop: &shop\n    image: example/shop:1.4\n    restart: always\n  other:\n    <<: *shop\n    image: example/other:1.0\n",
    ],
    [
      "an anchor on the value",
      "services:\n  shop:\n    image: example/shop:1.4\n    restart: &r always\n  other:\n    image: example/o:1\n    restart: *r\n",
    ],
    ["an alias", "x-r: &r always\nservices:\n  shop:\n    image: example/shop:1.4\n    restart: *r\n"],
    [
      "a variable is replaced by its value only where it stands",
      "services: { shop: { image: example/shop:1.4, restart: &x always } }\n",
    ],
  ])("%s", async (_, compose) => expect(await mended("restart", compose)).toBeUndefined());

  test("a service in braces gets no lines", async () => {
    expect(await mended("init", "services:\n  shop: { image: example/shop:1.4 }\n")).toBeUndefined();
    expect(await mended("init", "x-a: &x\n  image: example/shop:1.4\nservices:\n  shop: *x\n")).toBeUndefined();
    const shared = "services:\n  shop: &shop\n    image: example/shop:1.4\n  other:\n    <<: *shop\n";
    expect(await mended("init", shared)).toBe(`${shared}    init: true\n`);
  });

  test("what is merged into a service is no reason not to add to it", async () => {
    const compose =
      "x-common: &common\n  restart: unless-stopped\nservices:\n  shop:\n    <<: *common\n    image: example/shop:1.4\n";
    expect(await mended("init", compose)).toBe(`${compose}    init: true\n`);
  });
});

test("a list of options that is there is added to", async () => {
  expect(await mended("no-new-privileges", shop("security_opt:\n  - apparmor=x\nhostname: x"))).toBe(
    shop("security_opt:\n  - apparmor=x\n  - no-new-privileges:true\nhostname: x"),
  );
  expect(await mended("no-new-privileges", shop("security_opt: [apparmor=x]"))).toBeUndefined();
});

test("all of them together give a file that keeps what can be kept", async () => {
  const before = shop(
    "# The shop.\nuser: root # for now\nports:\n  - 8100:5000\nvolumes:\n  - ./data:/app/data\n  - ./logs:/app/logs\n  - ./conf:/app/conf\nrestart: always",
  );
  let text = before;
  // What one edit touches waits for the next round, as it does in `check --fix`.
  for (let round = 0; round < 3; round += 1) {
    const { report } = await checkExample({ "compose.yaml": text });
    text = planFixes(report.findings, report.sources).files[0]?.after ?? text;
  }
  const again = await checkExample({ "compose.yaml": text });
  const rules = new Set(again.report.findings.map(({ rule }) => rule));
  for (const rule of ["user", "root-group", "ports", "mounts-read-only", "restart", "init", "no-new-privileges"])
    expect(rules).not.toContain(rule);
  // A number is a decision.
  for (const rule of ["memory-limit", "cpu-limit", "pids-limit"]) expect(rules).toContain(rule);
  expect(text).not.toContain("pids_limit");
  expect(text).toContain('# The shop.\n    user: "${RUNTIME_UID:-1001}:${RUNTIME_GID:-1001}" # for now\n');
});
