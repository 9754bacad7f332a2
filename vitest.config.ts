import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Two cores: more workers would only make the engines' own work slower.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
