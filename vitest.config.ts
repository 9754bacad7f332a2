import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { readMigrations } from "./src/store/sqlite/migration-files.ts";

/** What runs in workerd instead of Node. */
const onWorkers = ["test/store/d1.test.ts", "test/cloudflare/**/*.test.ts"];

const timeouts = { testTimeout: 60_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    // Two cores: more workers would only make the engines' own work slower.
    maxWorkers: 2,
    reporters: ["default"],
    projects: [
      { test: { name: "node", include: ["test/**/*.test.ts"], exclude: onWorkers, ...timeouts } },
      {
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate: "2026-11-01",
              compatibilityFlags: ["nodejs_compat"],
              d1Databases: ["DB"],
              bindings: { MIGRATIONS: await readMigrations() },
            },
          }),
        ],
        test: { name: "workerd", include: onWorkers, ...timeouts },
      },
    ],
  },
});
