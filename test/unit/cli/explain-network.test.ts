import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { GatewayPlan } from "../../../src/agents/gateway/door.ts";
import { egressTable, gatewayMount, imageGaps, networkFacts } from "../../../src/cli/explain-network.ts";
import { persistentDefaults, type RunPlan } from "../../../src/agents/run/plan.ts";
import type { ImageInfo } from "../../../src/engine/engine.ts";

const broker = { upstream: "https://api.anthropic.com/", credential: "ANTHROPIC_API_KEY" } as const;
const rule = { host: "nas.lan", port: 5000, private: true, source: "/l.json, allow.2" };

function planned(changes: { network: RunPlan["network"]; gateway: GatewayPlan | null; mode?: RunPlan["mode"] }): RunPlan {
  return { mode: "warm", persistent: persistentDefaults, ...changes } as RunPlan;
}

function image(labels: Record<string, string>): ImageInfo {
  return { id: "sha256:1", tags: [], labels, sizeBytes: 1, user: "" };
}

const text = (lines: readonly (string | readonly string[])[]): string => stripVTControlCharacters(lines.flat().join("\n"));

test("an egress network: the broker without its key, each rule with its place, the socket's mount", () => {
  const plan = planned({ network: "egress", gateway: { broker, egress: [rule] } });
  expect(text(networkFacts(plan))).toMatch(/warm.*one way out.*api\.anthropic\.com.*adds ANTHROPIC_API_KEY/s);
  expect(text(egressTable(plan))).toMatch(/nas\.lan:5000 +also private addresses +\/l\.json, allow\.2/);
  expect(gatewayMount(plan)).toHaveLength(1);
  expect(text(egressTable(planned({ network: "egress", gateway: { broker, egress: [] } })))).toContain("only the model's API");
});

test("networks without a proxy list no rules", () => {
  for (const plan of [
    planned({ network: "none", gateway: null }),
    planned({ network: "open", gateway: { broker, egress: null } }),
  ])
    expect(egressTable(plan)).toEqual([]);
  expect(gatewayMount(planned({ network: "none", gateway: null }))).toEqual([]);
});

test("what the image's runner cannot do is said", () => {
  const plan = planned({ network: "egress", gateway: { broker, egress: [] }, mode: "persistent" });
  expect(text(networkFacts(plan))).toContain("replaced after 30 min without one, 24 h or 200 runs");
  expect(imageGaps(plan, null)).toEqual([]);
  expect(imageGaps(plan, image({ "novabot.protocol": "2", "novabot.abilities": "gateway persistent" }))).toEqual([]);
  expect(imageGaps(plan, image({ "novabot.protocol": "2" }))).toHaveLength(2);
});
