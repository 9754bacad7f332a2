import type { AccessShelf, KeptSession, KeptToken } from "../orchestrator/access/access.ts";

/** Tokens and sessions in the Durable Object's own storage, where only this code reads; by their hashes alone. */
export function storedShelf(storage: DurableObjectStorage): AccessShelf {
  return {
    installation: "workers",
    tokens: async () => (await storage.get<readonly KeptToken[]>("tokens")) ?? [],
    putTokens: async (tokens) => await storage.put("tokens", tokens),
    sessions: async () => (await storage.get<readonly KeptSession[]>("sessions")) ?? [],
    putSessions: async (sessions) => await storage.put("sessions", sessions),
  };
}
