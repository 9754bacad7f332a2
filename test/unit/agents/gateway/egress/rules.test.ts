import { expect, test } from "vitest";
import { parseEgressList } from "../../../../../src/agents/gateway/egress/list.ts";
import { findRule, formatRule, parseRule } from "../../../../../src/agents/gateway/egress/rules.ts";
import { parseTarget } from "../../../../../src/agents/gateway/egress/target.ts";

const rules = ["registry.npmjs.org", "*.debian.org:80", "1.2.3.4:8080", "[2A00::1]"].map((text) => parseRule(text, "test"));

function isAllowed(text: string): boolean {
  const target = parseTarget(text);
  return target !== undefined && findRule(rules, target) !== undefined;
}

test("a rule is of one name, or of everything below it, and of one port", () => {
  for (const text of [
    "registry.npmjs.org:443",
    "REGISTRY.npmjs.ORG.:443",
    "deb.debian.org:80",
    "a.b.debian.org:80",
    "1.2.3.4:8080",
    "0x1020304:8080",
    "[2a00:0::1]:443",
  ])
    expect(isAllowed(text), text).toBe(true);
  for (const text of [
    "registry.npmjs.org:80",
    "registry.npmjs.org:8443",
    "evil-registry.npmjs.org:443",
    "x.registry.npmjs.org:443",
    "registry.npmjs.org.evil.example:443",
    "npmjs.org:443",
    "debian.org:80",
    ".debian.org:80",
    "evildebian.org:80",
    "deb.debian.org:443",
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
    '{ "allow": ["registry.npmjs.org", "*.debian.org:80", { "host": "NAS.lan", "port": 5000, "private": true }] }',
    "/l.json",
  );
  expect(list).toEqual([
    { host: "registry.npmjs.org", port: 443, private: false, source: "/l.json, allow.0" },
    { host: "*.debian.org", port: 80, private: false, source: "/l.json, allow.1" },
    { host: "nas.lan", port: 5000, private: true, source: "/l.json, allow.2" },
  ]);
  expect(list.map(formatRule)).toEqual(["registry.npmjs.org", "*.debian.org:80", "nas.lan:5000"]);
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
