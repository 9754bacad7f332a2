import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { defaultKeyFile, findIdentities } from "../../../../src/secrets/age/identities.ts";
import { ensureKey, generateKeyFile } from "../../../../src/secrets/age/key-file.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { testKey, testRecipient, vectorKeys } from "../../../fixtures/sops.ts";

async function keyFile(path: string, text: string, mode = 0o600): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode });
  return path;
}

test.each([
  [{ HOME: "/h" }, "linux", "/h/.config/sops/age/keys.txt"],
  [{ HOME: "/h", XDG_CONFIG_HOME: "/x" }, "linux", "/x/sops/age/keys.txt"],
  [{ HOME: "/h" }, "darwin", "/h/Library/Application Support/sops/age/keys.txt"],
  [{ HOME: "/h", XDG_CONFIG_HOME: "/x" }, "darwin", "/x/sops/age/keys.txt"],
] as const)("of %j on %s the key file is sops's own", (env, platform, path) => {
  expect(defaultKeyFile(env, platform)).toBe(path);
});

test("keys come from every place at once", async () => {
  const home = await temporaryDirectory();
  const own = join(home, "own");
  const recipient = await generateKeyFile(own);
  await keyFile(defaultKeyFile({ HOME: home }), vectorKeys);
  const { found, warnings } = await findIdentities({ HOME: home, SOPS_AGE_KEY: testKey, SOPS_AGE_KEY_FILE: own });
  expect(found.map((one) => one.recipient)).toEqual([
    testRecipient,
    recipient,
    expect.stringMatching(/^age1je6/),
    expect.stringMatching(/^age1g3l/),
  ]);
  expect(warnings).toEqual([]);
});

test("a key file that others can read is warned of", async () => {
  const home = await temporaryDirectory();
  const path = await keyFile(join(home, "open"), testKey, 0o644);
  expect((await findIdentities({ HOME: home, SOPS_AGE_KEY_FILE: path })).warnings).toEqual([
    expect.stringContaining(`chmod 600 ${path}`),
  ]);
});

test.each([
  ["ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n", /SSH key/],
  ["encrypted", "-----BEGIN AGE ENCRYPTED FILE-----\nCANARY\n", /passphrase/],
  ["a plugin's", "AGE-PLUGIN-YUBIKEY-1CANARY\n", /plugin's key/],
  ["post-quantum", "AGE-SECRET-KEY-PQ-1CANARY\n", /post-quantum/],
  ["damaged", "AGE-SECRET-KEY-1CANARY\n", /damaged/],
  ["other text", "CANARY\n", /no age key/],
])("a key of another kind is named and not shown: %s", async (_, text, expected) => {
  const { found, looked } = await findIdentities({ HOME: "/nowhere", SOPS_AGE_KEY: text });
  expect(found).toEqual([]);
  expect(looked.join("\n")).toMatch(expected);
  expect(looked.join("\n")).not.toContain("CANARY");
});

test("what is set and not used is told", async () => {
  const { looked } = await findIdentities({ HOME: "/nowhere", SOPS_AGE_KEY_CMD: "x", SOPS_AGE_SSH_PRIVATE_KEY_FILE: "y" });
  expect(looked.filter((line) => line.includes("does not use"))).toHaveLength(2);
});

test("a key file that is named and missing is an error", async () => {
  await expect(findIdentities({ SOPS_AGE_KEY_FILE: "/nowhere/key" })).rejects.toMatchObject({ code: "SECRETS_KEY" });
});

test("a new key is in a file of its owner's alone, and never in the place of another", async () => {
  const path = join(await temporaryDirectory(), "deep/key");
  const recipient = await generateKeyFile(path);
  const text = await readFile(path, "utf8");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
  expect(text).toContain(`# public key: ${recipient}\n`);
  await expect(generateKeyFile(path)).rejects.toMatchObject({ code: "SECRETS_KEY" });
  expect(await readFile(path, "utf8")).toBe(text);
});

test("a key is made where there is none, and used again", async () => {
  const env = { HOME: await temporaryDirectory() };
  const first = await ensureKey(env, "linux");
  expect(first).toMatchObject({ from: defaultKeyFile(env, "linux"), made: true });
  expect(await ensureKey(env, "linux")).toEqual({ ...first, made: false });
});
