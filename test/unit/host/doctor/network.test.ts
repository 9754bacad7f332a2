import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EngineInfo } from "../../../../src/engine/engine.ts";
import type { RunPlan } from "../../../../src/agents/run/plan.ts";
import { checkEgressList, checkKernel, keysInside, whyMute } from "../../../../src/host/doctor/network.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

test("the egress list: missing, good, writable by others, broken", async () => {
  const path = join(await temporaryDirectory(), "egress.json");
  const env = { NOVABOT_EGRESS_ALLOWLIST: path };
  expect(await checkEgressList(env)).toMatchObject({ status: "ok", detail: expect.stringContaining("not there") });
  await writeFile(path, '{"allow":["a.example"]}', { mode: 0o644 });
  expect(await checkEgressList(env)).toMatchObject({ status: "ok", detail: expect.stringContaining("1 rule") });
  await chmod(path, 0o666);
  expect(await checkEgressList(env)).toMatchObject({ status: "warn", next: `chmod go-w ${path}` });
  await writeFile(path, '{"allow":["https://a.example"]}');
  expect(await checkEgressList(env)).toMatchObject({ status: "fail", detail: expect.stringContaining("allow.0") });
});

test("an engine in a virtual machine, and keys in a container, are warned of", () => {
  const info = { product: "Docker Desktop", sharesKernel: false } as EngineInfo;
  expect(checkKernel(info)).toMatchObject({ status: "warn", detail: expect.stringContaining("keys go into them") });
  expect(checkKernel({ ...info, sharesKernel: true })).toMatchObject({ status: "ok" });
  const plan = {
    variables: new Map([["ANTHROPIC_API_KEY", "secret-value"]]),
    group: { containerConfig: { env: ["ANTHROPIC_API_KEY"] } },
  };
  const found = keysInside(plan as unknown as RunPlan);
  expect(found).toMatchObject({
    detail: expect.stringContaining("ANTHROPIC_API_KEY"),
    next: expect.stringContaining("containerConfig.env"),
  });
  expect(JSON.stringify(found)).not.toContain("secret-value");
  expect(keysInside({ ...plan, variables: new Map([["OTHER", "x"]]) } as unknown as RunPlan)).toBeUndefined();
});

test("a group whose Claude Code has no key or no way to the model's API is told of", () => {
  const plan = { agent: "claude", network: "egress", gateway: { broker: null, egress: [] }, variables: new Map() };
  const why = (changes: object): unknown => whyMute({ ...plan, ...changes } as unknown as RunPlan);
  expect(why({})).toMatchObject({
    detail: expect.stringContaining("no key"),
    next: expect.stringContaining("ANTHROPIC_API_KEY"),
  });
  expect(why({ network: "none" })).toMatchObject({ next: expect.stringContaining("network=egress") });
  expect(why({ gateway: { broker: {}, egress: [] } })).toBeUndefined();
  expect(why({ variables: new Map([["ANTHROPIC_API_KEY", "x"]]) })).toBeUndefined();
  expect(why({ agent: "demo", network: "none" })).toBeUndefined();
});
