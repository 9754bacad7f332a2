import { describe, expect, test } from "vitest";
import { redactor } from "../../../../src/agents/protocol/redact.ts";

const key = 'sk-ant-Zz09/+=? "quoted"\\\nüber';

function redact(text: string, secrets: Record<string, string> = { KEY: key }): string {
  return redactor(new Map(Object.entries(secrets)))(text);
}

describe("a secret goes", () => {
  const forms: readonly (readonly [string, string])[] = [
    ["as it is", key],
    ["in JSON", JSON.stringify(key).slice(1, -1)],
    ["in JSON within JSON", JSON.stringify(JSON.stringify(key)).slice(3, -3)],
    ["in JSON with escaped slashes", JSON.stringify(key).slice(1, -1).replaceAll("/", "\\/")],
    ["percent-encoded", encodeURIComponent(key)],
    ["percent-encoded in lower case", encodeURIComponent(key).replace(/%../g, (code) => code.toLowerCase())],
    ["as a form's field", new URLSearchParams({ key }).toString().slice(4)],
    ["in base64", Buffer.from(key).toString("base64")],
    ["in base64 for URLs", Buffer.from(key).toString("base64url")],
  ];
  test.each(forms)("%s", (_name, form) => {
    expect(redact(`a ${form} b ${form}`)).toBe("a [secret KEY] b [secret KEY]");
  });

  test.each(["u", "us", "use", "user"])("within the base64 of a longer text (%s:)", (user) => {
    const out = redact(Buffer.from(`${user}:${key}:more`).toString("base64"));
    expect(out).toContain("[secret KEY]");
    // What is left holds at most the characters that mix the secret's first or last byte with a neighbour's.
    const rest = out.replace("[secret KEY]", "");
    expect(rest.length).toBeLessThan(Buffer.from(`${user}::more`).toString("base64").length + 5);
  });

  test("cut at the end of the text, however it is written", () => {
    const plain = "sk-ant-api03-abcdefghij";
    for (let length = 6; length < plain.length; length += 1)
      expect(redact(`x=${plain.slice(0, length)}`, { KEY: plain })).toBe("x=[secret KEY]");
    expect(redact(`x=${plain.slice(0, 5)}`, { KEY: plain })).toBe("x=sk-an");
    expect(redact(`x=${plain.slice(0, 8)} `, { KEY: plain })).toBe("x=sk-ant-a ");
    const encoded = Buffer.from(plain).toString("base64");
    expect(redact(`x ${encoded.slice(0, 12)}`, { KEY: plain })).toBe("x [secret KEY]");
  });

  test("cut at the beginning of the text", () => {
    expect(redact("abcdefghij end", { KEY: "sk-ant-api03-abcdefghij" })).toBe("[secret KEY] end");
  });

  test("whole where secrets overlap, touch or hold one another", () => {
    expect(redact("x-abcdefgh-y", { SHORT: "abcdef", LONG: "abcdefgh" })).toBe("x-[secret LONG]-y");
    expect(redact("x-abcdefgh-y", { INNER: "bcdefg", OUTER: "abcdefgh" })).toBe("x-[secret OUTER]-y");
    expect(redact("x-abcdefghijkl-y", { LEFT: "abcdefgh", RIGHT: "efghijkl" })).toBe("x-[secret LEFT]-y");
    expect(redact("hunter2hunter2", { A: "hunter2" })).toBe("[secret A][secret A]");
    expect(redact("aaaaaaaaaa!", { A: "aaaaaa" })).toBe("[secret A]!");
    expect(redact("-abcabcabcabca-", { A: "abcabca" })).toBe("-[secret A]-");
    expect(redact("-abcabcabcabcab-", { A: "abcabca" })).toBe("-[secret A]b-");
    expect(redact("-abaabaabaaba-abaabaaba-", { A: "abaaba" })).toBe("-[secret A]-[secret A]-");
  });
});

describe("other text stays", () => {
  test("when there is no secret, or only short ones", () => {
    expect(redact("all of it", {})).toBe("all of it");
    expect(redact("true is 12345", { A: "true", B: "12345", C: "" })).toBe("true is 12345");
  });

  test("when it looks like a pattern", () => {
    expect(redact("a.b*c+d", { A: "a.b*c+d" })).toBe("[secret A]");
    expect(redact("axbbccd $& $1", { A: "a.b*c+d" })).toBe("axbbccd $& $1");
    expect(redact("a.b*c+d", { "$&": "a.b*c+d" })).toBe("[secret $&]");
  });
});

test("5 MiB with long and hostile secrets takes linear time", () => {
  const secrets = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`K${index}`, `sk-${index}-${"abc123".repeat(30)}`]),
  );
  const text = `sk-1-abc123abc123abc12 some log text ${secrets["K3"]}\n`.repeat(25_000);
  const run = redactor(new Map(Object.entries({ ...secrets, REPEATED: "a".repeat(5000), PEM: "x".repeat(20_000) })));
  const began = performance.now();
  const out = run(text);
  expect(out.split("[secret K3]")).toHaveLength(25_001);
  run("a".repeat(5 * 1024 * 1024));
  expect(performance.now() - began).toBeLessThan(10_000);
});
