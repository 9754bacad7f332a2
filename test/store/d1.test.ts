import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { onTestFinished } from "vitest";
import { openD1 } from "../../src/store/d1/database.ts";
import { describeStore } from "./suite/all.ts";

// Runs in workerd: see the project `workerd` in vitest.config.ts.

describeStore({
  migrations: env.MIGRATIONS,
  async open() {
    onTestFinished(reset);
    return openD1(env.DB);
  },
});
