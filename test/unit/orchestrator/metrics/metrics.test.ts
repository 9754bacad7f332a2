import { expect, test } from "vitest";
import { expositionOf } from "../../../../src/orchestrator/metrics/exposition.ts";
import { openRestHouse } from "../../../fixtures/rest-house.ts";

test("labels and helps are escaped as the format wants it", () => {
  const samples = [
    { labels: { worker: 'a"b\\c\nd', door: "x" }, value: 1.5 },
    { labels: {}, value: 0 },
  ];
  expect(expositionOf([{ name: "novabot_x", help: "One \\ two\nthree", type: "gauge", samples }])).toBe(
    '# HELP novabot_x One \\\\ two\\nthree\n# TYPE novabot_x gauge\nnovabot_x{worker="a\\"b\\\\c\\nd",door="x"} 1.5\nnovabot_x 0\n',
  );
  expect(expositionOf([{ name: "novabot_x", help: "", type: "counter", samples: [] }])).toBe("");
});

test("/metrics tells of workers, processes, groups, the store and what was asked", async () => {
  const house = await openRestHouse({ workers: ["shop"] });
  const body = { spec: { argv: ["sleep", "1000"], directory: "/" }, wait: "running" };
  await house.told("/api/monitoring/process/app/start", { method: "POST", body });
  await house.ask("/api/monitoring/process/none/status");
  await house.store.putGroups([{ folder: "main", name: "M", jid: "local:m", isMain: true, agent: "demo", network: "none" }], 1);
  await house.store.putModules([{ module: "waha", state: "healthy", why: "", sinceMs: 1, containers: [] }]);
  await house.store.putCheck({ atMs: 1, outcome: "broken", broken: 3, unknown: 0, report: null });
  const answer = await house.ask("/metrics", { role: "viewer" });
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  for (const line of [
    'novabot_info{version="0.0.0-test"} 1',
    'novabot_workers{state="linked"} 1',
    'novabot_worker_linked{worker="shop"} 1',
    'novabot_processes{worker="shop",state="running"} 1',
    'novabot_process_restarts{worker="shop",container="shop-box",instance="app"} 0',
    'novabot_group_runs_total{group="main"} 0',
    'novabot_modules{state="healthy"} 1',
    "novabot_contract_broken 3",
    "novabot_store_healthy 1",
    'novabot_requests_total{method="POST",route="process.start",status="200"} 1',
    'novabot_requests_total{method="GET",route="process.status",status="404"} 1',
  ])
    expect(text.split("\n")).toContain(line);
  for (const line of text.trimEnd().split("\n"))
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) novabot_[a-z_]+ .+|novabot_[a-z_]+(?:\{.+\})? -?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/);
});
