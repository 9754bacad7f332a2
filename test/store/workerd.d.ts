// What a test in workerd finds: the bindings that vitest.config.ts gives, and the two modules. Their own types would bring Workers' globals to all tests.

declare module "cloudflare:workers" {
  import type { D1Database, DurableObjectNamespace, Fetcher } from "@cloudflare/workers-types";

  export const env: {
    readonly DB: D1Database;
    readonly MIGRATIONS: readonly { readonly name: string; readonly sql: string }[];
    /** Another Worker, which is bound to this one. */
    readonly FACTORY: Fetcher;
    readonly ORCHESTRATOR: DurableObjectNamespace;
    readonly NOVABOT_TOKEN: string;
  };
  /** What the Worker under test exports. */
  export const exports: { readonly default: Fetcher };
}

declare module "cloudflare:test" {
  import type { DurableObjectStub } from "@cloudflare/workers-types";

  /** Ends them where they are, with all that they have in memory. */
  export function abortAllDurableObjects(): Promise<void>;
  /** Whether there was one. */
  export function runDurableObjectAlarm(stub: DurableObjectStub): Promise<boolean>;
  /** Empties all bindings. */
  export function reset(): Promise<void>;
}
