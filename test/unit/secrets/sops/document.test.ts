import * as fc from "fast-check";
import { decryptSops } from "sops-age";
import { describe, expect, test } from "vitest";
import { valuesOf, setRow } from "../../../../src/secrets/file/secrets-file.ts";
import {
  addRecipient,
  openDocument,
  rekeyDocument,
  resealDocument,
  sealNew,
  type PlainRow,
  type Sealing,
} from "../../../../src/secrets/sops/document.ts";
import { generateKeyFile } from "../../../../src/secrets/age/key-file.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { identitiesIn, readIndependently, testKey, testRecipient, vector, vectorKeys } from "../../../fixtures/sops.ts";

const ours = await identitiesIn(testKey);
const theirs = await identitiesIn(vectorKeys);
const now = new Date("2026-11-21T06:00:00Z");
const sealing: Sealing = {
  recipients: [testRecipient],
  selection: { unencryptedSuffix: "_unencrypted" },
  macOnlyEncrypted: false,
};

const value = (name: string, text: string): PlainRow => ({ kind: "value", name, value: text });
const comment = (text: string): PlainRow => ({ kind: "comment", text });
const plain = (rows: readonly PlainRow[]): PlainRow[] =>
  rows.map((row) => (row.kind === "value" ? value(row.name, row.value) : comment(row.text)));

describe("files of the original sops", () => {
  test.each([
    ["sops-age-one.env", { secret: '"this is a secret"' }],
    ["sops-age-two.env", { secret: "this is a secret", another_secret: "7" }],
    ["doco-cd-one.env", { THIS_IS_ENCRYPTED: "yes" }],
    ["doco-cd-two.env", { THIS_IS_ENCRYPTED: "yes" }],
  ])("%s is read and verified", async (name, expected) => {
    const document = await openDocument(vector(name), theirs, name);
    expect(Object.fromEntries(valuesOf(document.rows, name))).toEqual(expected);
  });

  test("our tests' own reader finds them whole, too", () => {
    const keys = theirs.found.map(({ secret, recipient }) => `# public key: ${recipient}\n${secret}\n`);
    for (const [name, key] of [
      ["sops-age-two.env", keys[0]],
      ["doco-cd-two.env", keys[1]],
    ] as const) {
      const { mac } = readIndependently(vector(name), key ?? "");
      expect(mac[0]).toBe(mac[1]);
    }
  });

  test("is written back as it was but for the time and the MAC", async () => {
    const text = vector("sops-age-two.env");
    const document = await openDocument(text, theirs, "x");
    const again = resealDocument(document, document.rows, now, "x");
    const changed = again.split("\n").filter((line, index) => line !== text.split("\n")[index]);
    expect(changed.map((line) => line.split("=", 1)[0])).toEqual(["sops_lastmodified", "sops_mac"]);
    expect((await openDocument(again, theirs, "x")).rows).toEqual(document.rows);
  });

  test("keeps what was not changed, and the entries of recipients whose keys are elsewhere", async () => {
    const text = vector("sops-age-two.env");
    const document = await openDocument(text, theirs, "x");
    const again = resealDocument(document, setRow(document.rows, "another_secret", "8"), now, "x");
    const lines = again.split("\n");
    expect(lines[0]).toBe(text.split("\n")[0]);
    expect(lines[1]).not.toBe(text.split("\n")[1]);
    expect(lines.filter((line) => line.startsWith("sops_age__"))).toEqual(
      text.split("\n").filter((line) => line.startsWith("sops_age__")),
    );
    expect(lines).toContain("sops_version=3.8.1");
    expect(valuesOf((await openDocument(again, theirs, "x")).rows, "x").get("another_secret")).toBe("8");
  });
});

describe("files of ours", () => {
  const rows = [
    comment(" first"),
    value("A", "a"),
    value("EMPTY", ""),
    value("MANY", "one\ntwo\n"),
    value("QUOTED", `"it's" $HOME #no \\ é漢😀 `),
    value("SLASHED", "a\\nb"),
    value("plain_unencrypted", "seen"),
    comment(""),
  ];

  test("are read by other programs: values, comments and MAC", async () => {
    const text = await sealNew(rows, sealing, now, "x");
    const read = readIndependently(text, testKey);
    expect(read.rows).toEqual(rows.flatMap((row) => (row.kind === "value" ? [[row.name, row.value]] : [])));
    expect(read.comments).toEqual([" first", ""]);
    expect(read.mac[0]).toBe(read.mac[1]);
    expect(text).toContain("\nEMPTY=\n");
    expect(text).toContain("\nplain_unencrypted=seen\n");
    expect(text).not.toContain("first");
    const secretKey = /AGE-SECRET-KEY-\w+/.exec(testKey)?.[0] ?? "";
    const other = (await decryptSops(text, { secretKey, fileType: "env" })) as Record<string, string>;
    expect(other).toMatchObject({ A: "a", MANY: "one\ntwo\n", plain_unencrypted: "seen", QUOTED: `"it's" $HOME #no \\ é漢😀 ` });
  });

  test("have the rows of sops in its order", async () => {
    const names = (await sealNew(rows, sealing, now, "x")).split("\n").flatMap((line) => /^(sops_\w+)=/.exec(line)?.[1] ?? []);
    expect(names).toEqual([
      "sops_age__list_0__map_enc",
      "sops_age__list_0__map_recipient",
      "sops_lastmodified",
      "sops_mac",
      "sops_unencrypted_suffix",
      "sops_version",
    ]);
  });

  test("give back any rows", async () => {
    // Keys that begin with sops_ are metadata, and a line break stands for itself alone.
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,12}$/).filter((text) => !text.startsWith("sops_"));
    const anything = fc
      .string({ unit: "grapheme", maxLength: 40 })
      .filter((text) => !/[\ud800-\udfff](?![\udc00-\udfff])/u.test(text));
    const row = fc.oneof(
      fc.record({ kind: fc.constant("value" as const), name, value: anything }),
      fc.record({ kind: fc.constant("comment" as const), text: anything.filter((text) => !text.includes("\n")) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 6 }), async (any) => {
        fc.pre(any.every((one) => one.kind === "comment" || !one.name.endsWith("_unencrypted")));
        const text = await sealNew(any, sealing, now, "x");
        expect(plain((await openDocument(text, ours, "x")).rows)).toEqual(any);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    [{ encryptedSuffix: "_secret" }, ["A_secret"]],
    [{ unencryptedRegex: "^B" }, ["A_secret", "C"]],
    [{ encryptedRegex: "(?i)^a_|^c$" }, ["A_secret", "C"]],
  ])("encrypt what %j selects", async (selection, encrypted) => {
    for (const macOnlyEncrypted of [false, true]) {
      const some = [value("A_secret", "1"), value("B", "2"), value("C", "3"), comment(" c")];
      const text = await sealNew(some, { ...sealing, selection, macOnlyEncrypted }, now, "x");
      expect(
        text
          .split("\n")
          .flatMap((line) => /^(\w+)=ENC/.exec(line)?.[1] ?? [])
          .filter((name) => name !== "sops_mac"),
      ).toEqual(encrypted);
      const document = await openDocument(text, ours, "x");
      expect(plain(document.rows)).toEqual(some);
      expect(document.unencrypted).toEqual(["A_secret", "B", "C"].filter((name) => !encrypted.includes(name)));
      const { mac } = readIndependently(text, testKey);
      expect(mac[0]).toBe(mac[1]);
    }
  });

  test("do not take a value that an unencrypted row could not hold", async () => {
    await expect(sealNew([value("a_unencrypted", "\\n")], sealing, now, "x")).rejects.toMatchObject({
      code: "SECRETS_UNREPRESENTABLE",
    });
  });
});

describe("a changed file is refused", async () => {
  const rows = [value("A", "canary1"), value("B", "canary2"), value("C_unencrypted", "canary3"), comment(" c")];
  const text = await sealNew(rows, sealing, now, "x");
  const lines = text.split("\n");
  const other = await sealNew(rows, sealing, now, "x");
  const swap = (from: number, to: number): string =>
    lines.map((line, index) => (index === from ? lines[to] : index === to ? lines[from] : line)).join("\n");
  const cases: Readonly<Record<string, readonly [text: string, code: string]>> = {
    "a value of another file": [text.replace(/^A=.*$/m, /^A=.*$/m.exec(other)?.[0] ?? ""), "SECRETS_TAMPERED"],
    "a value under another name": [text.replace(/^B=.*$/m, (lines[0] ?? "").replace("A=", "B=")), "SECRETS_TAMPERED"],
    "a row that is gone": [lines.slice(1).join("\n"), "SECRETS_TAMPERED"],
    "an encrypted row in plain text": [text.replace(/^A=.*$/m, "A=canary5"), "SECRETS_TAMPERED"],
    "an emptied row": [text.replace(/^A=.*$/m, "A="), "SECRETS_TAMPERED"],
    "another value that is not encrypted": [text.replace("=canary3", "=canary4"), "SECRETS_TAMPERED"],
    "an added plain row": [`D_unencrypted=x\n${text}`, "SECRETS_TAMPERED"],
    "rows in another order": [swap(0, 1), "SECRETS_TAMPERED"],
    "a row twice": [`${lines[0]}\n${text}`, "SECRETS_TAMPERED"],
    "no MAC": [text.replace(/^sops_mac=.*\n/m, ""), "SECRETS_TAMPERED"],
    "an empty MAC": [text.replace(/^sops_mac=.*$/m, "sops_mac="), "SECRETS_TAMPERED"],
    "the MAC of another file": [text.replace(/^sops_mac=.*$/m, /^sops_mac=.*$/m.exec(other)?.[0] ?? ""), "SECRETS_TAMPERED"],
    "another time": [text.replace("sops_lastmodified=2026", "sops_lastmodified=2027"), "SECRETS_TAMPERED"],
    "another selection": [text.replace("suffix=_unencrypted", "suffix=A"), "SECRETS_TAMPERED"],
    "a MAC over what is encrypted alone": [
      text.replace("sops_version", "sops_mac_only_encrypted=true\nsops_version"),
      "SECRETS_TAMPERED",
    ],
    // Types are under no MAC either: as a truth value it would lose its capitals.
    "a text as a truth value": [text.replace("type:str]", "type:bool]"), "SECRETS_TAMPERED"],
    "a value as a comment": [text.replace("type:str]", "type:comment]"), "SECRETS_INVALID"],
    "an IV beyond what OpenSSL takes": [text.replace(/iv:[^,]+/, `iv:${"A".repeat(2000)}`), "SECRETS_TAMPERED"],
    "a MAC with such an IV": [text.replace(/(sops_mac=.*iv:)[^,]+/, `$1${"A".repeat(2000)}`), "SECRETS_TAMPERED"],
    "a pattern of four million letters": [
      text.replace("unencrypted_suffix=_unencrypted", `encrypted_regex=${"a".repeat(4_000_000)}`),
      "SECRETS_INVALID",
    ],
    "a pattern that takes for ever": [
      `${"a".repeat(40)}=x\n${text.replace("unencrypted_suffix=_unencrypted", "encrypted_regex=^((a)a*)*$|^!")}`.replace(
        /^a+/,
        "$&!",
      ),
      "SECRETS_INVALID",
    ],
    "Windows line ends": [text.replaceAll("\n", "\r\n"), "SECRETS_INVALID"],
    "half a file": [text.slice(0, text.length / 2), "SECRETS_INVALID"],
    "text after a value": [text.replace(/^(A=.*)$/m, "$1x"), "SECRETS_TAMPERED"],
    "a short tag": [text.replace(/^(A=.*tag:)[^,]+/m, "$1AAAA"), "SECRETS_TAMPERED"],
    "a damaged data key": [text.replace(/(map_enc=-----BEGIN AGE ENCRYPTED FILE-----\\n.{20})./, "$1!"), "SECRETS_TAMPERED"],
    "no time": [text.replace(/^sops_lastmodified=.*\n/m, ""), "SECRETS_INVALID"],
    "metadata twice": [`${text}sops_mac=x\n`, "SECRETS_INVALID"],
    "a line without an equals sign": [`canary6\n${text}`, "SECRETS_INVALID"],
    "half a recipient": [text.replace(/^sops_age__list_0__map_enc=.*\n/m, ""), "SECRETS_INVALID"],
    "two selections": [`${text}sops_encrypted_suffix=x\n`, "SECRETS_INVALID"],
    "rules by comments": [`${text}sops_encrypted_comment_regex=x\n`, "SECRETS_INVALID"],
    "a plain file": ["A=canary1\n", "SECRETS_INVALID"],
    "several key groups": [`${text}sops_shamir_threshold=2\n`, "SECRETS_KEY"],
    "nobody's file": [text.replace(/^sops_age__.*\n/gm, ""), "SECRETS_KEY"],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, code]) => {
    const thrown: unknown = await openDocument(changed, ours, "the file").catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code });
    expect(String(thrown)).not.toMatch(/canary/);
  });

  test("but an added empty row fits the MAC, which is why names are compared with what is declared", async () => {
    const document = await openDocument(`EXTRA=\n${text}`, ours, "x");
    expect([...valuesOf(document.rows, "x").keys()]).toEqual(["EXTRA", "A", "B", "C_unencrypted"]);
  });

  test("of one whose key is not here, it tells for whom it is and where keys were looked for", async () => {
    await expect(openDocument(text, await identitiesIn("# none"), "x")).rejects.toMatchObject({
      code: "SECRETS_KEY",
      message: expect.stringContaining(testRecipient) as string,
    });
    const withPGP = `${text.replace(/^sops_age__.*\n/gm, "")}sops_pgp__list_0__map_fp=AAAA\n`;
    await expect(openDocument(withPGP, ours, "x")).rejects.toMatchObject({
      message: expect.stringContaining("not with pgp") as string,
    });
  });

  test("a name that stands twice is refused where values are asked for", () => {
    expect(() => valuesOf([value("A", "1"), value("A", "1")], "x")).toThrow(/"A" stands twice/);
  });
});

describe("keys", () => {
  const rows = [value("A", "one"), value("E", ""), comment(" c")];

  test("rotating changes every ciphertext and the data key", async () => {
    const text = await sealNew(rows, sealing, now, "x");
    const document = await openDocument(text, ours, "x");
    const again = await rekeyDocument(document, [testRecipient], now, "x");
    const fresh = await openDocument(again, ours, "x");
    expect(plain(fresh.rows)).toEqual(rows);
    expect(Buffer.from(fresh.dataKey).equals(Buffer.from(document.dataKey))).toBe(false);
    expect(again.split("\n")[0]).not.toBe(text.split("\n")[0]);
    expect(readIndependently(again, testKey).mac[0]).toBe(readIndependently(again, testKey).mac[1]);
  });

  test("an added recipient opens the file, a removed one does not open the next version", async () => {
    const path = join(await temporaryDirectory(), "key");
    const recipient = await generateKeyFile(path);
    const key = await readFile(path, "utf8");
    const document = await openDocument(await sealNew(rows, sealing, now, "x"), ours, "x");
    const both = await addRecipient(document, recipient, now, "x");
    expect(plain((await openDocument(both, await identitiesIn(key), "x")).rows)).toEqual(rows);
    expect(readIndependently(both, key).rows).toEqual([
      ["A", "one"],
      ["E", ""],
    ]);
    const without = await rekeyDocument(await openDocument(both, ours, "x"), [testRecipient], now, "x");
    await expect(openDocument(without, await identitiesIn(key), "x")).rejects.toMatchObject({ code: "SECRETS_KEY" });
  });

  test("another service's key is kept through a change, and stops a rotation", async () => {
    const text = `${await sealNew(rows, sealing, now, "x")}sops_pgp__list_0__map_fp=AAAA\nsops_future=1\n`;
    const document = await openDocument(text, ours, "x");
    const again = resealDocument(document, rows, now, "x");
    expect(again).toContain("sops_pgp__list_0__map_fp=AAAA\n");
    expect(again).toContain("sops_future=1\n");
    await expect(rekeyDocument(document, [testRecipient], now, "x")).rejects.toMatchObject({
      code: "SECRETS_KEY",
      message: expect.stringContaining("pgp") as string,
    });
  });
});
