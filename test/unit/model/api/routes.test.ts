import { expect, test } from "vitest";
import * as z from "zod";
import { apiAnswerSchemas } from "../../../../src/model/api/answers.ts";
import type { APICallName } from "../../../../src/model/api/calls.ts";
import { apiParamsSchemas } from "../../../../src/model/api/params.ts";
import { pathParameters, requestOf, type Route, routes } from "../../../../src/model/api/routes.ts";

const table = Object.entries(routes) as readonly [APICallName, Route][];

test("every call has its schemas, and every parameter of its path and query is one of them", () => {
  expect(Object.keys(apiParamsSchemas).sort()).toEqual(Object.keys(routes).sort());
  expect(Object.keys(apiAnswerSchemas).sort()).toEqual(Object.keys(routes).sort());
  for (const [name, route] of table) {
    const { properties = {} } = z.toJSONSchema(apiParamsSchemas[name], { io: "input" });
    for (const parameter of [...pathParameters(route), ...(route.query ?? [])])
      expect({ name, parameters: Object.keys(properties) }).toMatchObject({
        name,
        parameters: expect.arrayContaining([parameter]),
      });
    // What a call without a body takes beside its path is in the query.
    if (route.body === undefined && route.method !== "GET")
      expect({ name, parameters: Object.keys(properties) }).toEqual({ name, parameters: pathParameters(route) });
  }
});

test("no two calls are at one place, and reading alone changes nothing", () => {
  const places = table.map(([, { method, path }]) => `${method} ${path.replaceAll(/:\w+/g, ":")}`);
  expect(new Set(places).size).toBe(places.length);
  for (const [name, { method, changes, role }] of table) {
    expect([name, changes && method === "GET"]).toEqual([name, false]);
    expect([name, changes && role === "viewer"]).toEqual([name, false]);
  }
});

test("a call becomes a request with each parameter where REST has it", () => {
  expect(requestOf("logs.get", { instanceId: "a", levels: ["warn", "error"], contains: "x y&z", limit: 5 })).toEqual({
    method: "GET",
    path: "/api/monitoring/logs/a",
    query: [
      ["levels", "warn"],
      ["levels", "error"],
      ["contains", "x y&z"],
      ["limit", "5"],
    ],
    body: null,
  });
  const spec = { argv: ["true"] };
  expect(requestOf("process.start", { instanceId: "a", worker: "w", spec, wait: "ready" })).toEqual({
    method: "POST",
    path: "/api/monitoring/process/a/start",
    query: [["worker", "w"]],
    body: { spec, wait: "ready" },
  });
  expect(requestOf("workers.get", { workerName: "a/b c" }).path).toBe("/api/workers/a%2Fb%20c");
});
