import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readContract } from "../../../../src/contract/declaration/read.ts";
import type { ContractModule } from "../../../../src/contract/declaration/contract.ts";
import { materializeModule } from "../../../../src/host/secrets/materialize.ts";
import { createFile } from "../../../../src/secrets/file/secrets-file.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { identitiesIn, testKey, testRecipient } from "../../../fixtures/sops.ts";

const keys = await identitiesIn(testKey);
const isRoot = process.getuid?.() === 0;

/** A module `shop` with one secret and these `env_file` entries, one service for each. */
async function shop(...envFiles: readonly string[]): Promise<ContractModule> {
  const root = await temporaryDirectory();
  await writeFile(
    join(root, "contract.yaml"),
    `version: 1
defaults:
  user: { uid: 1001, gid: 1002, variables: { uid: RUNTIME_UID, gid: RUNTIME_GID } }
modules:
  shop: { folder: shop, secrets: [{ name: KEY, description: x }] }
`,
  );
  await mkdir(join(root, "shop"));
  const services = envFiles.map((entry, index) => `  s${index}: { image: x, env_file: [${entry}] }\n`);
  await writeFile(join(root, "shop/compose.yaml"), `services:\n${services.join("")}`);
  const sealing = { recipients: [testRecipient], selection: { unencryptedSuffix: "_x" }, macOnlyEncrypted: false };
  for (const environment of ["local", "prod"]) {
    await createFile(
      join(root, `secrets/${environment}/shop.env`),
      [{ kind: "value", name: "KEY", value: `a "$b"` }],
      sealing,
      new Date(),
    );
  }
  const [module] = (await readContract(join(root, "contract.yaml"))).modules;
  if (!module) throw new Error("no module");
  return module;
}

const form = { flavour: "compose-v2" } as const;

test("the env file has the format that the Compose file gives it in that environment", async () => {
  const module = await shop('{ path: "${RUNTIME_ENV_FILE:-.env.local}", format: raw }', ".env.server");
  await materializeModule(module, "local", form, keys, {});
  expect(await readFile(module.envFiles.local, "utf8")).toBe('KEY=a "$b"\n');
  await expect(materializeModule(module, "prod", form, keys, {})).rejects.toMatchObject({
    code: "SECRETS_UNREPRESENTABLE",
    message: expect.stringContaining("different formats") as string,
  });
  const other = await shop(".env.server");
  await materializeModule(other, "prod", form, keys, {});
  expect(await readFile(other.envFiles.prod, "utf8")).toBe('KEY="a \\"$$b\\""\n');
});

// Only root can give files away.
test.runIf(isRoot)("it belongs to the contract's user, or to another that its variables name and that is not root", async () => {
  const module = await shop(".env.local");
  const ownerWith = async (env: Readonly<Record<string, string>>): Promise<readonly number[]> => {
    await materializeModule(module, "local", form, keys, env);
    const { uid, gid } = await stat(module.envFiles.local);
    return [uid, gid];
  };
  expect(await ownerWith({ RUNTIME_UID: "2002", RUNTIME_GID: "2003" })).toEqual([2002, 2003]);
  // The greatest number means "leave it" to the kernel, and the file would stay root's.
  for (const id of ["0", "00", "-1", "4294967295", "9999999999", "root", ""]) {
    expect(await ownerWith({ RUNTIME_UID: id, RUNTIME_GID: id })).toEqual([1001, 1002]);
  }
});
