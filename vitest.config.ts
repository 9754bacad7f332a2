import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { WORKER_TOKEN } from "./test/cloudflare/setup.ts";
import { readMigrations } from "./src/store/sqlite/migration-files.ts";

/** What runs in workerd instead of Node. */
const onWorkers = ["test/store/d1.test.ts", "test/cloudflare/**/*.test.ts"];

const migrations = await readMigrations();

/** By this name the plugin runs the Worker that is tested, so that another can be bound to it. */
const runner = "vitest-plugin-runner-workerd";

// What is awaited comes when the machine gets to it, and that is busy.
const timeouts = { testTimeout: 60_000, hookTimeout: 180_000, expect: { poll: { timeout: 20_000 } } };

export default defineConfig({
  test: {
    // Two cores: more workers would only make the engines' own work slower.
    maxWorkers: 2,
    reporters: ["default"],
    projects: [
      { test: { name: "node", include: ["test/**/*.test.ts"], exclude: onWorkers, ...timeouts } },
      {
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler: { configPath: "./src/cloudflare/wrangler.jsonc" },
            miniflare: {
              bindings: {
                MIGRATIONS: migrations,
                NOVABOT_TOKEN: "a-token-of-the-tests-alone-0123456789",
                API_TOKEN: WORKER_TOKEN,
                WORKERS: [
                  { name: "api", container: "api-box", binding: "API_CONTAINER", tokenSecret: "API_TOKEN" },
                  { name: "unbound", container: "unbound-box", binding: "NOWHERE", tokenSecret: "API_TOKEN" },
                ],
              },
              serviceBindings: {
                API_CONTAINER: { external: { address: `127.0.0.1:${inject("workerPort")}`, http: {} } },
                FACTORY: "factory",
              },
              workers: [
                {
                  name: "factory",
                  modules: true,
                  scriptPath: "./test/cloudflare/factory.mjs",
                  compatibilityDate: "2026-11-01",
                  serviceBindings: {
                    NOVABOT_SERVICE: { name: runner, entrypoint: "ContainerMonitoringOps" },
                    NOVABOT_EYES: {
                      name: runner,
                      entrypoint: "ContainerMonitoringOps",
                      props: { name: "eyes", role: "viewer" },
                    },
                  },
                },
              ],
            },
          })),
        ],
        test: { name: "workerd", include: onWorkers, globalSetup: "./test/cloudflare/setup.ts", ...timeouts },
      },
    ],
  },
});
