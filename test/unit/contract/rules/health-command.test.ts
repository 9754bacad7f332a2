import { describe, expect, test } from "vitest";
import { judge, type Judged } from "../../../../src/contract/rules/health-command.ts";
import { checkExample } from "./example.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

const url = "http://127.0.0.1:5000/healthz";
const asked = { path: "/healthz", port: 5000, hosts: ["shop"], environment: new Map([["PORT", "5000"]]) };
const verdict = (...test_: string[]): Judged["verdict"] => judge(test_, asked).verdict;

describe("a shell's text", () => {
  test.each([
    `curl -fsS ${url}`,
    `curl -sf ${url} || exit 1`,
    `curl --fail --silent http://localhost:5000/healthz > /dev/null 2>&1 || exit 1`,
    `curl -f http://shop:5000/healthz?verbose=1`,
    `wget -q --spider ${url}`,
    `wget -qO- ${url} | grep -q ok`,
    `curl -s ${url} | grep -q pong || exit 1`,
    `curl -s ${url} | jq -e .ok`,
    `exec timeout 5 curl -f "http://localhost:$PORT/healthz"`,
    "curl -f http://localhost:${PORT:-80}/healthz",
    `[ "$(curl -s -o /dev/null -w '%{http_code}' ${url})" = "200" ]`,
    `test -f /tmp/ready && curl -f ${url}`,
    `curl -f ${url} || (echo down && exit 1)`,
    `curl -f ${url} || { echo down; exit 1; }`,
    `sh -c 'curl -f ${url}'`,
    `curl -f ${url} && echo fine`,
    `node -e 'fetch("${url}").then(r => process.exit(r.ok ? 0 : 1))'`,
    `python3 -c "import urllib.request; urllib.request.urlopen('${url}')"`,
    `curl -f ${url}; [ $? -eq 0 ]`,
    `set -e; curl -f ${url}`,
    `curl -fsSL -m 5 -o /dev/null --retry 2 -H 'Accept: text/plain' -A health ${url}`,
    `wget -nv --tries=1 -T 5 -O /dev/null ${url}`,
    `wget --no-verbose --tries 1 --output-document=/dev/null ${url}`,
    `curl -f ${url} || exit 7`,
    `[ "$(curl -s ${url} | head -c 4)" = pong ]`,
    `[ 0 -eq $? ] && curl -f ${url}`,
    `curl -s ${url} | grep -qi -e pong`,
  ])("%s asks", (script) => expect(judge(["CMD-SHELL", script], asked)).toEqual({ verdict: "asks" }));

  test.each([
    "true",
    "exit 0",
    ":",
    "echo ok",
    `echo ${url}`,
    `# curl -f ${url}\ntrue`,
    `true # ${url}`,
    `curl -f ${url} || true`,
    `curl -f ${url} || exit 0`,
    `curl -f ${url}; true`,
    `curl -f ${url}; exit 0`,
    `curl -f ${url} || echo down`,
    `curl -f ${url} | cat`,
    `curl -f ${url} &`,
    `curl -f ${url} || (exit 0)`,
    `(curl -f ${url}; true)`,
    `! curl -f ${url}`,
    `sh -c 'curl -f ${url} || true'`,
    `curl -s ${url}`,
    `curl -so f ${url}`,
    `curl -f ${url}x`,
    `curl -f ${url}/deep`,
    "curl -f http://127.0.0.1:5000/",
    "curl -f http://127.0.0.1:5000/health",
    "curl -f http://127.0.0.1:5000/healthz/../other",
    "curl -f http://127.0.0.1/healthz",
    "curl -f http://127.0.0.1:8100/healthz",
    "curl -f http://example.org:5000/healthz",
    "curl -f http://127.0.0.1:5000@example.org:5000/healthz",
    "curl -f http://example.org/?x=http://127.0.0.1:5000/healthz",
    "pgrep node",
    "nc -z localhost 5000",
    "test -f /tmp/healthz",
    `node -e '// ${url}\nprocess.exit(0)'`,
    `true || curl -f ${url}`,
    `exec true; curl -f ${url}`,
    `curl -f -x http://proxy ${url}`,
    `exit 0; curl -f ${url}`,
    `curl -f --no-fail ${url}`,
    `curl -fV ${url}`,
    `curl -f --help ${url}`,
    `wget --version ${url}`,
    `wget -qb ${url}`,
    `wget --background ${url}`,
    `curl -f -o ${url} evil.example`,
    `curl -f -A ${url} evil.example:5000/healthz`,
    `curl -f -H ${url} evil.example`,
    `wget -O ${url} evil.example`,
    `curl -f evil.example ${url}`,
    `curl -f --url evil.example ${url}`,
    `curl -f file:///etc/hostname ${url}`,
    `curl -fxhttp://proxy ${url}`,
    `curl -f ${url}; [ $? -ne 99 ]`,
    `curl -f ${url} || [ $? = 7 ]`,
    `curl -f ${url} || exit 256`,
    `curl -s ${url} | grep -q .`,
    `curl -s ${url} | grep -q ''`,
    `curl -s ${url} | grep -qv gone`,
    `curl -f ${url} | grep -q root /etc/passwd`,
    `curl -f ${url} | jq .`,
    `curl -s ${url} | jq -e .`,
  ])("%s does not", (script) => expect(verdict("CMD-SHELL", script)).toBe("breaks"));

  test.each([
    "/app/healthcheck.sh",
    "node /app/healthcheck.mjs",
    "sh /app/check.sh",
    `for i in 1 2 3; do curl -f ${url} && exit 0; done; exit 1`,
    `if curl -f ${url}; then exit 0; else exit 1; fi`,
    `node -e 'fetch("${url}")'`,
    `http ${url}`,
    'curl -f "$HEALTH_URL"',
    `alias curl=true; curl -f ${url}`,
    `trap 'exit 0' EXIT; curl -f ${url}`,
    `curl() { true; }; curl -f ${url}`,
    `PATH=/x curl -f ${url}`,
    ". /app/health",
    `curl -f --connect-to ::example.org: ${url}`,
    `curl -f -X DELETE ${url}`,
    `curl -sfX DELETE ${url}`,
    `curl -f ${url} || exit $STATUS`,
    `http_proxy=http://proxy curl -f ${url}`,
    `CURL_HOME=/tmp curl -f ${url}`,
    `[ "$(curl -s -o /dev/null -w '%{http_code}' ${url})" != 500 ]`,
    `[ "$(curl -s -w 200 ${url})" = 200 ]`,
    `[ "$(curl -s ${url})" = pong -o 1 = 1 ]`,
    `[ "$(echo 200 '${url}')" = 200 ]`,
    `node -e 'fetch("${url}").then((r) => { r.status; process.exit(0) })'`,
    `python3 -c 'try: urlopen("${url}")\nexcept: pass'`,
  ])("%s cannot be told", (script) => expect(verdict("CMD-SHELL", script)).toBe("unclear"));
});

describe("words", () => {
  test.each([
    ["CMD", "curl", "-f", url],
    ["CMD", "wget", "--spider", "-q", url],
    ["CMD", "sh", "-c", `curl -f ${url} || exit 1`],
    ["CMD", "node", "-e", `fetch("${url}").then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`],
    [
      "CMD",
      "node",
      "-e",
      "require('http').get({ port: 5000, path: '/healthz' }, r => process.exit(r.statusCode === 200 ? 0 : 1))",
    ],
  ])("%s %s %s asks", (...words) => expect(verdict(...words)).toBe("asks"));

  test.each([
    ["NONE"],
    ["CMD"],
    ["CMD", "true"],
    ["CMD", `curl -f ${url}`],
    ["CMD", "curl", "-f", "http://127.0.0.1:5000/ping"],
    ["CMD", "sh", "-c", `curl -f ${url} || true`],
    ["CMD", "echo", url],
    ["curl", "-f", url],
    ["CMD", "node", "-e", "process.exit(0)"],
  ])("%s %s %s does not", (...words) => expect(verdict(...words)).toBe("breaks"));
});

test("names and variables of the service may lead elsewhere", () => {
  const named = ["CMD", "curl", "-f", "http://localhost:5000/healthz"];
  expect(judge(named, asked).verdict).toBe("asks");
  expect(judge(named, { ...asked, elsewhere: new Set(["localhost"]) }).verdict).toBe("breaks");
  expect(judge(named, { ...asked, environment: new Map([["http_proxy", "http://proxy"]]) }).verdict).toBe("unclear");
  const exempt = new Map([
    ["http_proxy", "http://proxy"],
    ["no_proxy", "localhost"],
  ]);
  expect(judge(named, { ...asked, environment: exempt }).verdict).toBe("asks");
});

test("no script takes long to judge", () => {
  const took = processorTime();
  for (const script of [
    "(".repeat(50_000),
    "a|".repeat(50_000),
    "$(".repeat(20_000),
    '"'.repeat(50_001),
    `${"x;".repeat(50_000)}curl ${url}`,
    "{ ".repeat(30_000),
  ]) {
    judge(["CMD-SHELL", script], asked);
  }
  expect(took()).toBeLessThan(2_000);
});

describe("where it comes from", () => {
  const shop = (lines: string): string => `services:\n  shop:\n    build: .\n${lines}`;
  const found = async (compose: string, dockerfile: string): Promise<string[]> => {
    const { report } = await checkExample({ "compose.yaml": compose, Dockerfile: dockerfile });
    return report.findings
      .filter(({ rule }) => rule === "health")
      .map(
        ({ severity, at }) =>
          `${severity} ${at?.file.endsWith("Dockerfile") === true ? "Dockerfile" : "compose"}:${String(at?.line)}`,
      );
  };

  test("the Compose file, over the Dockerfile's", async () => {
    expect(await found(shop(`    healthcheck: { test: curl -f ${url} }\n`), "FROM a:1\nHEALTHCHECK CMD true\n")).toEqual([]);
    expect(await found(shop("    healthcheck: { disable: true }\n"), `FROM a:1\nHEALTHCHECK CMD curl -f ${url}\n`)).toEqual([
      "error compose:4",
    ]);
    expect(await found(shop("    healthcheck: { test: [NONE] }\n"), "FROM a:1\n")).toEqual(["error compose:4"]);
  });

  test("the Dockerfile, also when the Compose file sets times only", async () => {
    expect(await found(shop(""), `FROM a:1\nHEALTHCHECK --interval=5s CMD ["curl", "-f", "${url}"]\n`)).toEqual([]);
    expect(
      await found(shop("    healthcheck: { interval: 5s }\n"), `FROM a:1 AS b\nHEALTHCHECK CMD curl -f ${url}\nFROM b\n`),
    ).toEqual([]);
    expect(await found(shop(""), `FROM a:1\nHEALTHCHECK CMD curl -f ${url} || true\n`)).toEqual(["error Dockerfile:2"]);
    expect(await found(shop(""), `FROM a:1\nHEALTHCHECK CMD curl -f ${url}\nHEALTHCHECK NONE\n`)).toEqual(["error Dockerfile:3"]);
    expect(await found(shop(""), "FROM a:1\n")).toEqual(["error compose:2"]);
  });

  test("and how often it is asked", async () => {
    const check = (more: string): string => shop(`    healthcheck: { test: curl -f ${url}, ${more} }\n`);
    expect(await found(check("interval: 15s, start_period: 5m"), "FROM a:1\n")).toEqual([]);
    expect(await found(check("interval: 24h"), "FROM a:1\n")).toEqual(["warning compose:4"]);
    expect(await found(check("start_period: 1h30m"), "FROM a:1\n")).toEqual(["warning compose:4"]);
  });

  test("the image, as the engine says", async () => {
    const compose = "services:\n  shop:\n    image: example/shop:1.4\n";
    const images = (healthcheck: string[]): Parameters<typeof checkExample>[1] => ({
      images: { "example/shop:1.4": { healthcheck } },
    });
    const rules = async (test_: string[]): Promise<number> =>
      (await checkExample({ "compose.yaml": compose }, images(test_))).report.findings.filter(({ rule }) => rule === "health")
        .length;
    expect(await rules(["CMD", "curl", "-f", url])).toBe(0);
    expect(await rules(["CMD", "true"])).toBe(1);
  });
});
