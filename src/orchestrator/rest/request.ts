import * as z from "zod";
import type { APICallName } from "../../model/api/calls.ts";
import { apiParamsSchemas } from "../../model/api/params.ts";
import { pathParameters, type Route, routes } from "../../model/api/routes.ts";
import { NovaError, quote } from "../../model/errors.ts";

type Kind = "text" | "number" | "boolean" | "list";

/** What the texts of a query mean, by call and parameter. */
const kinds: ReadonlyMap<string, Kind> = new Map(
  Object.entries(apiParamsSchemas).flatMap(([name, schema]) => {
    const { properties = {} } = z.toJSONSchema(schema, { io: "input" });
    return Object.entries(properties).map(([parameter, property]) => [`${name} ${parameter}`, kindOf(property)] as const);
  }),
);

function kindOf(property: z.core.JSONSchema._JSONSchema): Kind {
  if (typeof property === "boolean") return "text";
  if (property.type === "array") return "list";
  if (property.type === "integer" || property.type === "number") return "number";
  return property.type === "boolean" ? "boolean" : "text";
}

/** The parameters of a call out of its path, query and body, not looked at yet. Rejects with REQUEST_INVALID. */
export async function paramsOf(
  name: APICallName,
  request: Request,
  inPath: Readonly<Record<string, string>>,
  query: URLSearchParams,
): Promise<Readonly<Record<string, unknown>>> {
  const route: Route = routes[name];
  const params = new Map<string, unknown>();
  for (const parameter of new Set(query.keys())) {
    if (route.body === true && !(route.query ?? []).includes(parameter))
      throw invalid(`the query of ${name} does not take ${quote(parameter)}`, parameter);
    params.set(parameter, fromTexts(kinds.get(`${name} ${parameter}`) ?? "text", query.getAll(parameter), parameter));
  }
  const body = route.body === true ? await jsonBody(request) : {};
  for (const [parameter, value] of Object.entries(body)) {
    if (pathParameters(route).includes(parameter) || (route.query ?? []).includes(parameter))
      throw invalid(`${quote(parameter)} of ${name} does not belong into the body`, parameter);
    params.set(parameter, value);
  }
  for (const parameter of pathParameters(route)) params.set(parameter, inPath[parameter]);
  return Object.fromEntries(params);
}

function fromTexts(kind: Kind, texts: readonly string[], parameter: string): unknown {
  if (kind === "list") return texts;
  const [text = "", ...others] = texts;
  if (others.length > 0) throw invalid(`${quote(parameter)} is given ${texts.length} times`, parameter);
  if (kind === "boolean" && (text === "true" || text === "false")) return text === "true";
  // What is no number stays a text, and the schema then says what it must be.
  return kind === "number" && /^-?\d{1,20}(?:\.\d{1,20})?$/.test(text) ? Number(text) : text;
}

async function jsonBody(request: Request): Promise<Readonly<Record<string, unknown>>> {
  // How large it may be is access's to say, before this.
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length === 0) return {};
  const type = request.headers.get("content-type") ?? "";
  // A form of another page cannot send this type without asking first.
  if (!/^application\/json\s*(?:;|$)/i.test(type))
    throw invalid(`the body's type is ${quote(type)}, not application/json`, "content-type");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid("the body is not JSON in UTF-8", "body");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("the body is not a JSON object", "body");
  return value as Readonly<Record<string, unknown>>;
}

export function invalid(message: string, place: string): NovaError {
  return new NovaError("REQUEST_INVALID", message.slice(0, 2000), { place: place.slice(0, 200) });
}
