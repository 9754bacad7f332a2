import { expect, test } from "vitest";
import { canonicalHost, parseTarget } from "../../../../../src/agents/gateway/egress/target.ts";

test.each([
  ["Api.ExAMPle.org", "api.example.org"],
  ["example.com.", "example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["BÜCHER.example", "xn--bcher-kva.example"],
  ["1.2.3.4", "1.2.3.4"],
  ["1.2.3.4.", "1.2.3.4"],
  ["16909060", "1.2.3.4"],
  ["0x01020304", "1.2.3.4"],
  ["0X1.0x2.0x3.0x4", "1.2.3.4"],
  ["01.02.03.04", "1.2.3.4"],
  ["127.1", "127.0.0.1"],
  ["0", "0.0.0.0"],
  ["[::1]", "::1"],
  ["::1", "::1"],
  ["[0:0:0:0:0:0:0:1]", "::1"],
  ["[2A00:0001::7]", "2a00:1::7"],
  ["[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe"],
])("%s is %s", (spelling, host) => expect(canonicalHost(spelling)?.host).toBe(host));

test.each([
  "",
  " ",
  "a b",
  "a/b",
  "a?b",
  "a#b",
  "u@h",
  "a\\b",
  "%31.2.3.4",
  "h:1",
  "[::1%25lo]",
  "fe80::1%lo",
  "a..b",
  ".",
  "-a.b",
  "1.2.3.4.5",
  "256.1.1.1",
  "a.1",
  "x".repeat(64),
  `${"x.".repeat(140)}y`,
  "*",
  "*.a",
  "a,b",
])("%j is no host", (text) => expect(canonicalHost(text)).toBeUndefined());

test("ports", () => {
  expect(parseTarget("a.example:8443")).toEqual({ host: "a.example", port: 8443, isAddress: false });
  expect(parseTarget("a.example")).toBeUndefined();
  expect(parseTarget("a.example", 80)?.port).toBe(80);
  expect(parseTarget("[2a00::1]:443")).toEqual({ host: "2a00::1", port: 443, isAddress: true });
  expect(parseTarget("2a00::1", 443)).toEqual({ host: "2a00::1", port: 443, isAddress: true });
  for (const text of [
    "a.example:0",
    "a.example:65536",
    "a.example:-1",
    "a.example:",
    "a.example:1:2",
    "[::1]x:1",
    ":1",
    "a.example:443/x",
    "a.example:0x1bb",
  ])
    expect(parseTarget(text, 443), text).toBeUndefined();
});
