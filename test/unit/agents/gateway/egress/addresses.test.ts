import { expect, test } from "vitest";
import { addressTrouble, ownAddresses } from "../../../../../src/agents/gateway/egress/addresses.ts";

const own = new Set(["9.9.9.9", "2a00::9"]);
const judge = (address: string, isPrivate = false): string | undefined => addressTrouble(address, { private: isPrivate, own });

test.each(["1.1.1.1", "104.16.0.35", "2a00::1", "2606:4700::6810:23"])("%s is public", (address) => {
  expect(judge(address)).toBeUndefined();
});

const privateOnes = [
  "10.0.0.1",
  "172.17.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "127.0.0.1",
  "127.8.8.8",
  "198.18.0.1",
  "203.0.113.7",
  "192.0.2.1",
  "240.0.0.1",
  "::1",
  "fd00::1",
];
test.each(privateOnes)("%s is private", (address) => {
  expect(judge(address)).toContain("is not public");
  expect(judge(address, true)).toBeUndefined();
});

test.each([
  "0.0.0.0",
  "0.1.2.3",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "fe80::1",
  "ff02::1",
  "fec0::1",
  "::ffff:1.1.1.1",
  "::ffff:127.0.0.1",
  "::1.1.1.1",
  "64:ff9b::7f00:1",
  "64:ff9b:1::1",
  "2002:7f00:1::1",
  "2001:0:7f00:1::",
  "2001:db8::1",
  "3fff::1",
  "4000::1",
  "100::1",
  "5f00::1",
])("%s is never connected to", (address) => {
  expect(judge(address)).toBeDefined();
  expect(judge(address, true)).toBeDefined();
});

test("this machine's own public addresses are not let through", () => {
  expect(judge("9.9.9.9")).toContain("own");
  expect(judge("2a00:0:0::9")).toContain("own");
  expect(judge("not an address")).toBeDefined();
  expect(ownAddresses()).toContain("127.0.0.1");
});
