import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ruleDescriptions } from "../../../../src/contract/rules/catalogue.ts";
import { checkExample, type ExampleOptions } from "./example.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

const verdicts = async (files: Record<string, string>, options: ExampleOptions = {}): Promise<Record<string, string>> => {
  const { report } = await checkExample(files, options);
  return Object.fromEntries(report.checked.map(({ rule, verdict }) => [rule, verdict]));
};
const compose = "services:\n  shop:\n    image: example/shop:1.4\n    restart: unless-stopped\n";

test("every rule on paper says how it went", async () => {
  const paper = ruleDescriptions.filter(({ id, ways }) => ways.includes("paper") && id !== "ignore-reason").map(({ id }) => id);
  expect(Object.keys(await verdicts({ "compose.yaml": compose })).toSorted()).toEqual(paper.toSorted());
});

test("an exception takes a rule out, with its reason", async () => {
  const contract =
    "version: 1\nmodules:\n  shop:\n    folder: modules/shop\n    exceptions: [{ rule: restart, reason: it is a job }]\n";
  const { report } = await checkExample({ "compose.yaml": compose.replace("unless-stopped", "always") }, { contract });
  expect(report.findings.filter(({ rule }) => rule === "restart")).toEqual([]);
  expect(report.checked.find(({ rule }) => rule === "restart")).toMatchObject({
    verdict: "not applicable",
    note: expect.stringContaining("it is a job") as string,
  });
});

test("what is not declared is not demanded", async () => {
  const contract = "version: 1\nmodules: { shop: { folder: modules/shop } }\n";
  expect(await verdicts({ "compose.yaml": compose }, { contract })).toMatchObject({
    mounts: "kept",
    "mounts-read-only": "not applicable",
    health: "not applicable",
    "log-file": "not applicable",
    image: "not applicable",
    restart: "kept",
  });
});

test("nothing is proven of a file that Compose refuses, and of one that is not there", async () => {
  expect(await verdicts({ "compose.yaml": "services: [" })).toMatchObject({
    "compose-valid": "broken",
    user: "unknown",
    ports: "unknown",
    "secret-values": "unknown",
  });
  expect(await verdicts({})).toMatchObject({ "module-present": "broken", "compose-valid": "unknown", user: "unknown" });
  expect(await verdicts({ "compose.yaml": compose.replace("shop:", "shop2:") })).toMatchObject({
    "module-present": "broken",
    ports: "unknown",
    restart: "unknown",
  });
});

test("what several services share is told once", async () => {
  const shared =
    "x-c: &c\n  privileged: true\nservices:\n  shop:\n    <<: *c\n    image: example/shop:1.4\n  b:\n    <<: *c\n    image: example/b:1\n";
  const { report } = await checkExample({ "compose.yaml": shared });
  expect(report.findings.filter(({ rule }) => rule === "privileged").map(({ at }) => at?.line)).toEqual([2]);
});

describe("a module that is not whole", () => {
  const found = async (before: (folder: string) => Promise<void>): Promise<string[]> => {
    const { report } = await checkExample({ "compose.yaml": compose }, { before });
    return report.findings.filter(({ rule }) => rule === "module-present").map(({ message }) => message);
  };
  test("misses its folder, its Compose file, or a directory", async () => {
    expect(await found((folder) => rm(folder, { recursive: true }))).toEqual([
      'The module\'s folder "modules/shop" is not there.',
    ]);
    expect(await found((folder) => rm(join(folder, "compose.yaml")))).toEqual([
      'The module\'s Compose file "modules/shop/compose.yaml" is not there.',
    ]);
    expect(await found((folder) => rm(join(folder, "conf"), { recursive: true }))).toHaveLength(1);
    expect(
      await found(async (folder) => {
        await rm(join(folder, "conf"), { recursive: true });
        await symlink("gone", join(folder, "conf"));
      }),
    ).toHaveLength(1);
    expect(await found(() => Promise.resolve())).toEqual([]);
  });
});

test("a file of many services does not take long", async () => {
  const services = Array.from(
    { length: 3_000 },
    (_, index) =>
      `  s${String(index)}:\n    image: example/x:latest\n    ports: ['80']\n    volumes: [./a:/b]\n    environment: { A_TOKEN: 'v${String(index)}alue' }\n`,
  );
  const took = processorTime();
  const { report } = await checkExample({ "compose.yaml": `services:\n${services.join("")}` });
  expect(report.findings.length).toBeGreaterThan(20_000);
  expect(took()).toBeLessThan(15_000);
});

test("a service keeps its name's letters at the beginning of a message; what is no name begins with a capital", async () => {
  const named = "services:\n  it:\n    image: example/it:1\n    user: '1001:1001'\n";
  const { report } = await checkExample({ "compose.yaml": named });
  expect(report.findings.find(({ rule }) => rule === "restart")?.message).toMatch(/^it has no restart policy/);
  const waiting = "services:\n  shop: { image: a/b:1, depends_on: [b] }\n  b: { image: a/b:1, depends_on: [shop] }\n";
  const { report: refused } = await checkExample({ "compose.yaml": waiting });
  expect(refused.findings.find(({ rule }) => rule === "compose-valid")?.message).toMatch(/^These services wait for each other/);
});
