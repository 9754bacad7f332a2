// What a test in workerd finds: the bindings that vitest.config.ts gives, and the two modules. Their own types would bring Workers' globals to all tests.

declare module "cloudflare:workers" {
  import type { D1Database } from "@cloudflare/workers-types";

  export const env: {
    readonly DB: D1Database;
    readonly MIGRATIONS: readonly { readonly name: string; readonly sql: string }[];
  };
}

declare module "cloudflare:test" {
  /** Empties all bindings. */
  export function reset(): Promise<void>;
}
