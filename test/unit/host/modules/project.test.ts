import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ContractModule } from "../../../../src/contract/declaration/contract.ts";
import { moduleVariables } from "../../../../src/host/modules/project.ts";

const root = { uid: 0, gid: 0 };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "novabot-project-"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const module = (): ContractModule =>
  ({
    folder,
    network: { variable: "NET", default: "shared" },
    user: { uid: 1001, gid: 1002, variables: { uid: "RUN_UID", gid: "RUN_GID" } },
    envFiles: { local: join(folder, ".env.local"), prod: join(folder, "env/prod") },
  }) as unknown as ContractModule;

test("a Compose file gets the contract's values where neither the caller nor the module's own `.env` has others", async () => {
  expect(await moduleVariables(module(), "local", {}, root)).toEqual({
    network: "shared",
    variables: { RUNTIME_ENV_FILE: ".env.local", NET: "shared", RUN_UID: "1001", RUN_GID: "1002" },
  });
  await writeFile(join(folder, ".env"), "NET=own # a remark\nexport RUN_UID='1500'\n");
  expect(await moduleVariables(module(), "prod", { RUN_GID: "1600" }, root)).toEqual({
    network: "own",
    variables: { RUNTIME_ENV_FILE: "env/prod", NET: "own", RUN_UID: "1500", RUN_GID: "1600" },
  });
});

test("whoever is not root runs modules as themselves", async () => {
  const { variables } = await moduleVariables(module(), "local", {}, { uid: 1000, gid: 1000 });
  expect(variables).toMatchObject({ RUN_UID: "1000", RUN_GID: "1000" });
});
