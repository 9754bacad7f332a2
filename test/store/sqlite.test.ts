import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openDatabase } from "../../src/store/sqlite/database.ts";
import { readMigrations } from "../../src/store/sqlite/migration-files.ts";
import { describeStore } from "./suite/all.ts";

describeStore({
  migrations: await readMigrations(),
  async open() {
    const directory = await mkdtemp(join(tmpdir(), "novabot-store-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    return openDatabase({ file: join(directory, "orchestrator.db") });
  },
});
