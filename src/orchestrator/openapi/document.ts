import * as z from "zod";
import { apiAnswerSchemas, namedSchemas } from "../../model/api/answers.ts";
import type { APICallName } from "../../model/api/calls.ts";
import { apiParamsSchemas } from "../../model/api/params.ts";
import { problemSchema } from "../../model/api/problem.ts";
import { pathParameters, type Route, routes } from "../../model/api/routes.ts";
import { otherDoors } from "./other-doors.ts";

type JSONSchema = z.core.JSONSchema.BaseSchema;
export type OpenAPIDocument = Readonly<Record<string, unknown>> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenAPIOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly [more: string]: object };
};

export interface OpenAPIOperation {
  readonly operationId: string;
  readonly parameters?: readonly OpenAPIParameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: { readonly "application/json": { readonly schema: object } };
  };
  readonly responses: Readonly<Record<string, object>>;
  readonly [more: string]: unknown;
}

export interface OpenAPIParameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly schema: object;
}

const refersTo = (id: string): string => `#/components/schemas/${id}`;

/** The OpenAPI 3.1 document of the REST door, made from the table of routes and the schemas that the door itself uses. */
export function openAPIDocument(version: string): OpenAPIDocument {
  const paths: Record<string, Record<string, OpenAPIOperation>> = {};
  for (const [name, route] of Object.entries(routes) as [APICallName, Route][]) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(name, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "NovaBot",
      version,
      description:
        "Everything that an installation of NovaBot knows and does. Times are milliseconds since 1970. Errors are problem details (RFC 9457) " +
        "with NovaBot's code and next step. `x-novabot-role` is the least role that a token needs. A browser that logged in at `/` may use its session " +
        "in place of a token.",
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    paths: { ...paths, ...otherDoors },
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
      },
      responses: {
        Problem: {
          description: "What went wrong",
          content: { "application/problem+json": { schema: { $ref: refersTo("Problem") } } },
        },
      },
      schemas: answerSchemas(),
    },
  };
}

function operationOf(name: APICallName, route: Route): OpenAPIOperation {
  const { properties = {}, required = [] } = inputSchema(apiParamsSchemas[name]);
  const inPath = pathParameters(route);
  const inBody = Object.keys(properties).filter(
    (parameter) => route.body === true && !inPath.includes(parameter) && !(route.query ?? []).includes(parameter),
  );
  const elsewhere = Object.entries(properties).filter(([parameter]) => !inBody.includes(parameter));
  const parameters: OpenAPIParameter[] = elsewhere.map(([parameter, schema]) => ({
    name: parameter,
    in: inPath.includes(parameter) ? "path" : "query",
    required: inPath.includes(parameter) || required.includes(parameter),
    schema: schema as object,
  }));
  if (route.follows)
    parameters.push({
      name: "follow",
      in: "query",
      required: false,
      schema: { type: "boolean", description: "Go on with what comes, as NDJSON or server-sent events." },
    });
  const bodyRequired = required.filter((parameter) => inBody.includes(parameter));
  const bodySchema = {
    type: "object",
    properties: Object.fromEntries(inBody.map((parameter) => [parameter, properties[parameter]])),
    ...(bodyRequired.length > 0 ? { required: bodyRequired } : {}),
    additionalProperties: false,
  };
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.tag],
    "x-novabot-role": route.role,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(inBody.length > 0
      ? { requestBody: { required: bodyRequired.length > 0, content: { "application/json": { schema: bodySchema } } } }
      : {}),
    responses: {
      "200": { description: "The answer", content: answerContent(name, route) },
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

function answerContent(name: APICallName, route: Route): Readonly<Record<string, object>> {
  const whole = { "application/json": { schema: { $ref: refersTo(answerID(name)) } } };
  if (!route.follows) return whole;
  const text = (description: string): object => ({ schema: { type: "string", description } });
  return {
    ...whole,
    "application/x-ndjson": text("One entry in each line; when followed also lines of the kinds `live`, `gap` and `failure`."),
    "text/event-stream": text(
      "Events `entry`, `live`, `gap` and `failure`; their ids are positions, and `Last-Event-ID` goes on from one.",
    ),
  };
}

const namedOf = new Map<z.ZodType, string>(Object.entries(namedSchemas).map(([id, schema]) => [schema, id]));

function answerID(name: APICallName): string {
  return namedOf.get(apiAnswerSchemas[name]) ?? `${name}.answer`;
}

function answerSchemas(): Readonly<Record<string, object>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(namedSchemas)) registry.add(schema, { id });
  registry.add(problemSchema, { id: "Problem" });
  // Some answers are one schema, under one name.
  for (const [name, schema] of Object.entries(apiAnswerSchemas) as [APICallName, z.ZodType][])
    if (!registry.has(schema)) registry.add(schema, { id: answerID(name) });
  const { schemas } = z.toJSONSchema(registry, { uri: refersTo, override: plain });
  const shared = Object.entries(apiAnswerSchemas) as [APICallName, z.ZodType][];
  const aliases = shared
    .filter(([name]) => !Object.hasOwn(schemas, answerID(name)))
    .map(([name, schema]) => [answerID(name), { $ref: refersTo(registry.get(schema)?.id ?? "") }]);
  const bare = Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema]);
  return Object.fromEntries([...bare, ...aliases]) as Readonly<Record<string, object>>;
}

function inputSchema(schema: z.ZodType): JSONSchema {
  return z.toJSONSchema(schema, { io: "input", override: plain });
}

/** Leaves out formats that only zod knows; the patterns beside them say the same. */
function plain({ jsonSchema }: { readonly jsonSchema: JSONSchema }): void {
  if (jsonSchema.format === "starts_with") delete jsonSchema.format;
}
