import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { creationRule } from "../../../../src/secrets/rules/creation-rules.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { testRecipient as one } from "../../../fixtures/sops.ts";

const two = "age1je6kjhzuhdjy3fqptpttxjh5k8q46vygzlgtpuq3030c947pc5tqz9dqvr";

/** What the rules in `yaml` say of a file two directories below them. */
async function ruleFor(yaml: string, path = "secrets/local/waha.env"): ReturnType<typeof creationRule> {
  const root = await temporaryDirectory();
  await writeFile(join(root, ".sops.yaml"), yaml);
  return await creationRule(join(root, path));
}

const byDefault = { selection: { unencryptedSuffix: "_unencrypted" }, macOnlyEncrypted: false };

test.each([
  ["a list in one text", `creation_rules: [{ age: "${one}, ${two}," }]`, { recipients: [one, two], ...byDefault }],
  [
    "a list",
    `creation_rules:\n  - age:\n      - ${one}\n      - ${two}\n      - ${one}`,
    { recipients: [one, two], ...byDefault },
  ],
  ["one group of keys", `creation_rules: [{ key_groups: [{ age: ["${one}"] }] }]`, { recipients: [one], ...byDefault }],
  ["an anchor", `keys: &k ["${two}"]\ncreation_rules: [{ age: *k }]`, { recipients: [two], ...byDefault }],
  [
    "the first rule that fits",
    `creation_rules: [{ path_regex: "^secrets/prod/", age: "${one}" }, { path_regex: '\\.env$', age: "${two}" }, { age: "${one}" }]`,
    { recipients: [two], ...byDefault },
  ],
  [
    "what is encrypted",
    `creation_rules: [{ age: "${one}", encrypted_regex: "^(A|B)" }]`,
    { recipients: [one], selection: { encryptedRegex: "^(A|B)" }, macOnlyEncrypted: false },
  ],
  [
    "the MAC's reach",
    `creation_rules: [{ age: "${one}", mac_only_encrypted: true }]`,
    { recipients: [one], ...byDefault, macOnlyEncrypted: true },
  ],
])("%s is followed", async (_, yaml, expected) => {
  expect(await ruleFor(yaml)).toEqual(expected);
});

test.each([
  [
    "no rule that fits",
    `creation_rules: [{ path_regex: "^prod/", age: "${one}" }]`,
    "SECRETS_INVALID",
    /No creation rule fits "secrets\/local\/waha.env"/,
  ],
  ["no rules", "stores: {}", "SECRETS_INVALID", /No creation rule fits/],
  [
    "two selections",
    `creation_rules: [{ age: "${one}", encrypted_regex: a, encrypted_suffix: b }]`,
    "SECRETS_INVALID",
    /both set/,
  ],
  [
    "a selection by comments",
    `creation_rules: [{ age: "${one}", encrypted_comment_regex: a }]`,
    "SECRETS_INVALID",
    /encrypted_comment_regex/,
  ],
  [
    "a pattern of Go's own",
    `creation_rules: [{ path_regex: '\\.env\\z', age: "${one}" }]`,
    "SECRETS_INVALID",
    /read differently/,
  ],
  [
    "a pattern of JavaScript's own",
    `creation_rules: [{ path_regex: '(?=a)', age: "${one}" }]`,
    "SECRETS_INVALID",
    /read differently/,
  ],
  ["a POSIX class", `creation_rules: [{ path_regex: '[[:alpha:]]', age: "${one}" }]`, "SECRETS_INVALID", /read differently/],
  ["a pattern that neither reads", `creation_rules: [{ path_regex: '(a', age: "${one}" }]`, "SECRETS_INVALID", /cannot be read/],
  ["several groups", `creation_rules: [{ key_groups: [{ age: ["${one}"] }, { age: ["${two}"] }] }]`, "SECRETS_KEY", /Shamir/],
  ["PGP keys", `creation_rules: [{ age: "${one}", pgp: AAAA }]`, "SECRETS_KEY", /encrypts for pgp too/],
  [
    "cloud keys in a group",
    `creation_rules: [{ key_groups: [{ age: ["${one}"], kms: [{ arn: x }] }] }]`,
    "SECRETS_KEY",
    /encrypts for kms too/,
  ],
  ["no recipient", "creation_rules: [{ path_regex: '' }]", "SECRETS_KEY", /no age recipient/],
  ["an SSH key", "creation_rules: [{ age: 'ssh-ed25519 AAAA' }]", "SECRETS_KEY", /SSH key/],
  ["a wrong recipient", "creation_rules: [{ age: age1xyz }]", "SECRETS_KEY", /no age recipient/],
  ["broken YAML", "creation_rules: [", "SECRETS_INVALID", /no YAML/],
  ["an alias of nothing", "creation_rules: *x", "SECRETS_INVALID", /no YAML/],
  [
    "aliases that explode",
    `${Array.from({ length: 9 }, (_, index) => `a${index}: &a${index} [${index ? `*a${index - 1},`.repeat(9) : "1"}]\n`).join("")}creation_rules: *a8`,
    "SECRETS_INVALID",
    /no YAML/,
  ],
  ["brackets without end", `creation_rules: ${"[".repeat(100_000)}`, "SECRETS_INVALID", /no YAML/],
  ["another form", "creation_rules: 7", "SECRETS_INVALID", /cannot be used/],
])("%s is refused", async (_, yaml, code, message) => {
  await expect(ruleFor(yaml)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
});

test("a private key that stands for a recipient is not repeated", async () => {
  const thrown: unknown = await ruleFor("creation_rules: [{ age: AGE-SECRET-KEY-1CANARY }]").catch((error: unknown) => error);
  expect(String(thrown)).not.toContain("CANARY");
});

test("the nearest rules upward count, for the real directory", async () => {
  const root = await temporaryDirectory();
  await mkdir(join(root, "a/b"), { recursive: true });
  await symlink(join(root, "a"), join(root, "link"));
  await writeFile(join(root, ".sops.yaml"), `creation_rules: [{ age: "${one}" }]`);
  await writeFile(join(root, "a/.sops.yaml"), `creation_rules: [{ path_regex: "^b/x", age: "${two}" }]`);
  expect((await creationRule(join(root, "link/b/x.env"))).recipients).toEqual([two]);
  expect((await creationRule(join(root, "c/x.env"))).recipients).toEqual([one]);
});
