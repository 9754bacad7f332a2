import type { OpenAPIDocument, OpenAPIOperation } from "./document.ts";

// Doors of REST that are no calls.

const problem = { $ref: "#/components/responses/Problem" };

function text(description: string, type: string): object {
  return { description, content: { [type]: { schema: { type: "string" } } } };
}

function health(door: "terminal" | "websocket"): { readonly get: OpenAPIOperation } {
  const schema = {
    type: "object",
    properties: {
      status: { type: "string", enum: ["healthy", "unhealthy"] },
      workers: { type: "object", additionalProperties: { $ref: "#/components/schemas/DoorState" } },
    },
    required: ["status", "workers"],
  };
  const content = { "application/json": { schema } };
  return {
    get: {
      operationId: `health.${door}`,
      summary: `Whether the ${door} doors of the workers that run answer; with \`worker\` it is asked now`,
      tags: ["workers"],
      "x-novabot-role": "viewer",
      parameters: [{ name: "worker", in: "query", required: false, schema: { type: "string", minLength: 1, maxLength: 256 } }],
      responses: { "200": { description: "Healthy", content }, "503": { description: "Unhealthy", content }, default: problem },
    },
  };
}

export const otherDoors: OpenAPIDocument["paths"] = {
  "/healthz": {
    get: {
      operationId: "healthz",
      summary: "Whether the orchestrator answers; needs no token",
      tags: ["house"],
      security: [],
      responses: { "200": text("It does", "text/plain") },
    },
  },
  "/health/terminal": health("terminal"),
  "/health/websocket": health("websocket"),
  "/metrics": {
    get: {
      operationId: "metrics",
      summary: "Figures in the Prometheus text format",
      tags: ["house"],
      "x-novabot-role": "viewer",
      responses: { "200": text("Figures", "text/plain"), default: problem },
    },
  },
  "/api/openapi.json": {
    get: {
      operationId: "openapi",
      summary: "This document",
      tags: ["house"],
      "x-novabot-role": "viewer",
      responses: {
        "200": { description: "OpenAPI 3.1", content: { "application/json": { schema: { type: "object" } } } },
        default: problem,
      },
    },
  },
  "/api/terminals/{id}/recording": {
    get: {
      operationId: "terminals.recording",
      summary: "What was shown in a terminal that was recorded, as an asciicast",
      tags: ["terminals"],
      "x-novabot-role": "operator",
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string", minLength: 1, maxLength: 256 } }],
      responses: { "200": text("An asciicast", "application/x-asciicast"), default: problem },
    },
  },
};
