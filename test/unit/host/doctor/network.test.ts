import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EngineInfo } from "../../../../src/engine/engine.ts";
import type { RunPlan } from "../../../../src/agents/run/plan.ts";
import { checkEgressList, checkKernel, keysInside } from "../../../../src/host/doctor/network.ts";
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
