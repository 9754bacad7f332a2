import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFile } from "../../../../src/secrets/file/secrets-file.ts";
import { materialize, type Materialization } from "../../../../src/secrets/materialize/materialize.ts";
import { verifySecrets, type DeclaredSecrets } from "../../../../src/secrets/verify.ts";
import type { PlainRow } from "../../../../src/secrets/sops/document.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { identitiesIn, testKey, testRecipient } from "../../../fixtures/sops.ts";

const keys = await identitiesIn(testKey);
const isRoot = process.getuid?.() === 0;

interface Scene {
  readonly declared: DeclaredSecrets;
  readonly request: Materialization;
}

/** A module's encrypted file with these values, of which the contract declares A, and B as optional. */
async function scene(values: Readonly<Record<string, string>>, macOnlyEncrypted = false): Promise<Scene> {
  const root = await temporaryDirectory();
  const file = join(root, "secrets/local/waha.env");
  const rows = Object.entries(values).map(([name, value]): PlainRow => ({ kind: "value", name, value }));
  await createFile(
    file,
    rows,
    { recipients: [testRecipient], selection: { unencryptedSuffix: "_x" }, macOnlyEncrypted },
    new Date(),
  );
  await mkdir(join(root, "waha"));
  const secrets = [
    { name: "A", optional: false },
    { name: "B", optional: true },
  ];
  const declared = { module: "waha", environment: "local", file, secrets };
  const target = join(root, "waha/.env.local");
  return { declared, request: { declared, target, owner: { uid: 1001, gid: 1001 }, form: { flavour: "compose-v2" } } };
}

test("a module's values are in its env file, for its user alone", async () => {
  const { request } = await scene({ A: "can'ary\n$", B: "x" });
  const done = await materialize(request, keys);
  expect(await readFile(request.target, "utf8")).toBe(`A="can'ary\n$$"\nB=x\n`);
  const found = await stat(request.target);
  expect(found.mode & 0o777).toBe(0o600);
  expect(done.names).toEqual(["A", "B"]);
  expect(done.owner).toEqual({ uid: found.uid, gid: found.gid });
  if (isRoot) expect(done).toMatchObject({ owner: { uid: 1001, gid: 1001 }, warnings: [] });
  expect(JSON.stringify(done)).not.toContain("canary");
});

test.each([
  [{ B: "x" }, /"A" is missing/],
  [{ A: "x", C: "y" }, /"C" is not declared/],
])("names other than the declared ones leave the old file: %j", async (values, message) => {
  const { request } = await scene(values);
  await writeFile(request.target, "old");
  await expect(materialize(request, keys)).rejects.toMatchObject({
    code: "SECRETS_MISMATCH",
    message: expect.stringMatching(message) as string,
  });
  expect(await readFile(request.target, "utf8")).toBe("old");
  expect(await readdir(join(request.target, ".."))).toEqual([".env.local"]);
});

test("an added empty row, which fits the MAC, is noticed", async () => {
  const { declared, request } = await scene({ A: "x" });
  await writeFile(declared.file, `EXTRA=\n${await readFile(declared.file, "utf8")}`);
  await expect(materialize(request, keys)).rejects.toMatchObject({ code: "SECRETS_MISMATCH" });
  await writeFile(declared.file, (await readFile(declared.file, "utf8")).replace("EXTRA=", "B="));
  await expect(materialize(request, keys)).rejects.toMatchObject({ code: "SECRETS_MISMATCH" });
  expect((await verifySecrets([declared], keys))[0]?.problems.map(({ message }) => message)).toEqual(['"B" is empty']);
});

test("a value that this Compose cannot hand on leaves the old file", async () => {
  const { request } = await scene({ A: "can\nary" });
  await writeFile(request.target, "old");
  const thrown: unknown = await materialize({ ...request, form: { flavour: "podman-compose", version: "1.0.3" } }, keys).catch(
    (error: unknown) => error,
  );
  expect(thrown).toMatchObject({ code: "SECRETS_UNREPRESENTABLE" });
  expect(await readFile(request.target, "utf8")).toBe("old");
});

test("a module without secrets needs no file, and gets an empty env file", async () => {
  const { request } = await scene({ A: "x" });
  const declared = { ...request.declared, file: join(request.target, "../none.env"), secrets: [] };
  await materialize({ ...request, declared }, keys);
  expect(await readFile(request.target, "utf8")).toBe("");
  expect((await verifySecrets([declared], keys))[0]?.problems).toEqual([]);
  await expect(
    materialize({ ...request, declared: { ...declared, secrets: request.declared.secrets } }, keys),
  ).rejects.toMatchObject({ code: "SECRETS_NOT_FOUND" });
});

test("verification tells every file's problems, and throws for none", async () => {
  const good = await scene({ A: "x" });
  const bad = await scene({ C: "" });
  const changed = await scene({ A: "x" });
  await writeFile(changed.declared.file, (await readFile(changed.declared.file, "utf8")).replace("A=ENC", "B=ENC"));
  const missing = { ...good.declared, file: "/nowhere/x.env" };
  const all = await verifySecrets([good.declared, bad.declared, changed.declared, missing], keys);
  expect(all.map(({ problems }) => problems.map(({ kind, message, error }) => error?.code ?? `${kind}: ${message}`))).toEqual([
    [],
    ['mismatch: "A" is missing', 'mismatch: "C" is not declared', 'mismatch: "C" is empty'],
    ["SECRETS_TAMPERED"],
    ["SECRETS_NOT_FOUND"],
  ]);
  expect(all[0]).toMatchObject({ names: ["A"], recipients: [testRecipient] });
});

test("hundreds of thousands of added rows are told in short, and soon", { timeout: 20_000 }, async () => {
  const { declared, request } = await scene({ A: "x" });
  const added = Array.from({ length: 300_000 }, (_, index) => `K${index}=\n`).join("");
  await writeFile(declared.file, `${added}${await readFile(declared.file, "utf8")}`);
  expect((await verifySecrets([declared], keys))[0]?.problems.at(-1)?.message).toBe("and 599980 more");
  await expect(materialize(request, keys)).rejects.toMatchObject({ code: "SECRETS_MISMATCH" });
});

test("who else can open a file, and what everybody can read, is held against .sops.yaml", async () => {
  const { declared, request } = await scene({ A: "x", B: "plain" });
  const problems = async (): Promise<readonly string[]> => {
    return (await verifySecrets([declared], keys)).flatMap((one) => one.problems.map(({ message }) => message));
  };
  const text = await readFile(declared.file, "utf8");
  const stranger = "age1ygw9qs3kczzqaxwp9jsmsz0afsh5f72wzerl5kgl8kpw7c3x5qcqfqct2z";
  // Neither needs the key: recipients are under no MAC, and of a value that is known the ciphertext can give way to it.
  const planted = `${text}sops_age__list_1__map_recipient=${stranger}\nsops_age__list_1__map_enc=x\n`;
  await writeFile(declared.file, planted.replace("unencrypted_suffix=_x", "unencrypted_suffix=B").replace(/^B=.*$/m, "B=plain"));
  expect(await problems()).toEqual([expect.stringContaining('"B" is not encrypted')]);
  const rules = join(declared.file, "../.sops.yaml");
  await writeFile(rules, `creation_rules: [{ age: ${testRecipient}, unencrypted_suffix: _x }]`);
  expect(await problems()).toEqual([expect.stringContaining(stranger), expect.stringContaining('"B" is not encrypted')]);
  expect((await materialize(request, keys)).warnings.at(-1)).toContain('"B" is not encrypted');
  await writeFile(rules, `creation_rules: [{ age: "${testRecipient},${stranger}", unencrypted_suffix: B }]`);
  expect(await problems()).toEqual([]);
});

test("what the MAC does not cover is told", async () => {
  const root = await scene({ A: "x" });
  const file = join(root.declared.file, "../open.env");
  const sealing = { recipients: [testRecipient], selection: { encryptedSuffix: "B" }, macOnlyEncrypted: true };
  await createFile(file, [{ kind: "value", name: "A", value: "x" }], sealing, new Date());
  const declared = { ...root.declared, file };
  expect((await verifySecrets([declared], keys))[0]?.problems[0]?.message).toContain("not under the MAC");
  expect((await materialize({ ...root.request, declared }, keys)).warnings.at(-1)).toContain("is not encrypted");
});
