import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { OpenAPIDocument, OpenAPIOperation } from "../../../../src/orchestrator/openapi/document.ts";
import { BOOT, FINGERPRINT, fillStore } from "../../../fixtures/filled-store.ts";
import { openRestHouse, type RestHouse } from "../../../fixtures/rest-house.ts";
import { strangeValues, valuesOf } from "../../../fixtures/schema-values.ts";

/** Of each operation; a failing run prints its seed and its smallest request. */
const REQUESTS = 40;

/** What exists, beside what does not; commands that do no harm; and no long waits. */
const instead = {
  instanceId: fc.constantFrom("web", "app", "web-2", "none"),
  worker: fc.constantFrom("kept", "shop", "none"),
  workerName: fc.constantFrom("kept", "shop", "none"),
  container: fc.constantFrom("kept-box", "shop-box", "none"),
  fingerprint: fc.constantFrom(FINGERPRINT, "f".repeat(16)),
  folder: fc.constantFrom("main", "none"),
  runId: fc.constantFrom("run-1", "run", "none"),
  taskId: fc.constantFrom("task-1", "none"),
  id: fc.constantFrom("viewer-1", "none"),
  bootID: fc.constantFrom(BOOT, "f".repeat(32)),
  name: fc.constantFrom("phone", "tablet"),
  argv: mostly(["sleep", "100"], ["true"], ["false"], ["/does/not/exist"], []),
  directory: mostly("/", "/does/not/exist", "relative"),
  env: mostly({}, { A: "b" }, { "not a name": "x" }),
  after: mostly([], ["none"]),
  // Ready they are never, and a minute is long.
  wait: fc.constant("running"),
  timeoutMs: fc.integer({ min: 0, max: 50 }),
  graceMs: fc.integer({ min: 0, max: 50 }),
  // What is followed does not end by itself; tests of its own read it.
  follow: fc.constantFrom(false, "perhaps"),
};

function mostly<Value>(usual: Value, ...others: readonly Value[]): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 10, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) });
}

interface Asked {
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly body: string | null;
}

test("no request that can be made from the OpenAPI document, or nearly, is answered with a failure of the house", async () => {
  const house = await openRestHouse({ workers: ["shop"] });
  await fillStore(house.store);
  const document = (await house.told("/api/openapi.json")) as OpenAPIDocument;
  const check = answerChecks(document);
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const seen = new Set<number>();
      await fc.assert(
        fc.asyncProperty(requestsOf(path, operation), async (asked) => {
          const response = await ask(house, method.toUpperCase(), asked);
          seen.add(response.status);
          expect([200, 400, 401, 403, 404, 409, 413, 501, 502, 503, 504]).toContain(response.status);
          const type = response.headers.get("content-type") ?? "";
          const text = await response.text();
          if (type.includes("json")) check(operation, response.status, type, JSON.parse(text));
        }),
        { numRuns: REQUESTS, seed: 20_261_121, endOnFailure: false },
      );
      // Where nothing ever succeeds nothing is shown.
      if (!unserved.has(operation.operationId)) expect([operation.operationId, ...seen]).toContain(200);
    }
  expect(house.failures).toEqual([]);
}, 300_000);

/** What this house cannot do: it has neither agents, nor an engine, nor recordings, and its worker has no terminal. */
const unserved = new Set([
  "runs.cancel",
  "messages.send",
  "tasks.change",
  "contract.check",
  "terminals.recording",
  "health.terminal",
]);

function requestsOf(path: string, operation: OpenAPIOperation): fc.Arbitrary<Asked> {
  const { parameters = [], requestBody } = operation;
  const bodySchema = requestBody?.content["application/json"].schema;
  const given = fc.tuple(
    ...parameters.map((parameter) => {
      const values = (instead as Record<string, fc.Arbitrary<unknown>>)[parameter.name] ?? valuesOf(parameter.schema, instead);
      const strange = parameter.name === "follow" ? values : strangeValues;
      const some = fc.oneof({ weight: 20, arbitrary: values }, { weight: 1, arbitrary: strange });
      return fc.tuple(fc.constant(parameter), parameter.required ? some : fc.option(some, { freq: 2, nil: undefined }));
    }),
  );
  const strangeQuery = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 1 });
  const body = bodySchema
    ? fc.oneof(
        { weight: 10, arbitrary: valuesOf(bodySchema, instead).map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: strangeValues.map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: fc.string() },
      )
    : fc.constant(null);
  return fc
    .tuple(given, fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: strangeQuery }), body)
    .map(([values, strange, text]) => ({
      path: values.reduce(
        (whole, [parameter, value]) =>
          parameter.in === "path" ? whole.replace(`{${parameter.name}}`, () => segment(value)) : whole,
        path,
      ),
      query: [
        ...values.flatMap(([parameter, value]) =>
          parameter.in === "path" || value === undefined
            ? []
            : (Array.isArray(value) ? value : [value]).map((one) => [parameter.name, asText(one)] as const),
        ),
        ...strange,
      ],
      body: text,
    }));
}

function segment(value: unknown): string {
  // What URLs take as part of the way, or cannot hold, names another place.
  const text = asText(value).toWellFormed();
  return text === "" || text === "." || text === ".." ? "x" : encodeURIComponent(text);
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function ask(house: RestHouse, method: string, { path, query, body }: Asked): Promise<Response> {
  const text = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString();
  const asked = { method, role: "admin", ...(body === null || body === "" ? {} : { body }) } as const;
  return await house.ask(text === "" ? path : `${path}?${text}`, asked);
}

type AnswerCheck = (operation: OpenAPIOperation, status: number, type: string, answer: unknown) => void;

/** Holds every answer against what the document says of it. */
function answerChecks(document: OpenAPIDocument): AnswerCheck {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "house:/document", ...document });
  return (operation, status, type, answer) => {
    const isProblem = type === "application/problem+json";
    expect(isProblem).toBe(status !== 200 && !(status === 503 && operation.operationId.startsWith("health.")));
    const path = isProblem
      ? "#/components/schemas/Problem"
      : `#${pointer(document, operation)}/responses/${status}/content/application~1json/schema`;
    const validate = ajv.getSchema(`house:/document${path}`);
    if (validate?.(answer) !== true)
      throw new Error(`${operation.operationId}: ${ajv.errorsText(validate?.errors)} in ${JSON.stringify(answer)}`);
  };
}

function pointer(document: OpenAPIDocument, operation: OpenAPIOperation): string {
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, one] of Object.entries(methods))
      if (one === operation) return `/paths/${encodeURIComponent(path.replaceAll("~", "~0").replaceAll("/", "~1"))}/${method}`;
  throw new Error(operation.operationId);
}
