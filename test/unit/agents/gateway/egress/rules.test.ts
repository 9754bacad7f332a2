import { expect, test } from "vitest";
import { parseEgressList } from "../../../../../src/agents/gateway/egress/list.ts";
import { findRule, formatRule, parseRule } from "../../../../../src/agents/gateway/egress/rules.ts";
import { parseTarget } from "../../../../../src/agents/gateway/egress/target.ts";

const rules = ["api.example.org", "*.wide.example:80", "1.2.3.4:8080", "[2A00::1]"].map((text) => parseRule(text, "test"));

function isAllowed(text: string): boolean {
  const target = parseTarget(text);
  return target !== undefined && findRule(rules, target) !== undefined;
}

test("a rule is of one name, or of everything below it, and of one port", () => {
  for (const text of [
    "api.example.org:443",
    "API.example.ORG.:443",
    "deb.wide.example:80",
    "a.b.wide.example:80",
    "1.2.3.4:8080",
    "0x1020304:8080",
    "[2a00:0::1]:443",
  ])
    expect(isAllowed(text), text).toBe(true);
  for (const text of [
    "api.example.org:80",
    "api.example.org:8443",
    "evil-api.example.org:443",
    "x.api.example.org:443",
    "api.example.org.evil.example:443",
    "example.org:443",
    "wide.example:80",
    ".wide.example:80",
    "evilwide.example:80",
    "deb.wide.example:443",
    "1.2.3.4:443",
    "[::ffff:1.2.3.4]:8080",
    "[2a00::2]:443",
  ])
    expect(isAllowed(text), text).toBe(false);
});

test("a wildcard is no address's", () => {
  expect(() => parseRule("*.1", "test")).toThrow("no way out");
  expect(() => parseRule("*.0.0.1", "test")).toThrow("no way out");
});

test.each([
  "*",
  "*.",
  "**.a",
  "a.*",
  "*a.example",
  "http://a.example",
  "a.example/x",
  "a.example:",
  "a.example:99999",
  "",
  "a b",
])("%j is no rule", (text) =>
  expect(() => parseRule(text, "group g, containerConfig.egress.0")).toThrow(
    expect.objectContaining({ code: "EGRESS_INVALID", place: "group g, containerConfig.egress.0" }),
  ),
);

test("the owner's list, and where its rules stand", () => {
  const list = parseEgressList(
    '{ "allow": ["api.example.org", "*.wide.example:80", { "host": "NAS.lan", "port": 5000, "private": true }] }',
    "/l.json",
  );
  expect(list).toEqual([
    { host: "api.example.org", port: 443, private: false, source: "/l.json, allow.0" },
    { host: "*.wide.example", port: 80, private: false, source: "/l.json, allow.1" },
    { host: "nas.lan", port: 5000, private: true, source: "/l.json, allow.2" },
  ]);
  expect(list.map(formatRule)).toEqual(["api.example.org", "*.wide.example:80", "nas.lan:5000"]);
});

test.each([
  ["[]", "/l.json"],
  ["{", "/l.json"],
  ['{"allow":[],"deny":[]}', "/l.json"],
  ['{"allow":["ok.example",{"host":"a.example","ports":[1]}]}', "/l.json, allow.1"],
  ['{"allow":["ok.example","https://a.example"]}', "/l.json, allow.1"],
  ['{"allow":[{"host":"a.example","port":0}]}', "/l.json, allow.0"],
  ['{"allow":[{"host":"a.example","private":"yes"}]}', "/l.json, allow.0"],
  ['{"allow":[7]}', "/l.json, allow.0"],
])("a list that is not one is refused with its place: %s", (text, place) => {
  expect(() => parseEgressList(text, "/l.json")).toThrow(
    expect.objectContaining({ code: "EGRESS_INVALID", place: expect.stringContaining(place), next: expect.any(String) }),
  );
});
