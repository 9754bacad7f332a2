import { describe, expect, test } from "vitest";
import { createHostCheck } from "../../../../src/orchestrator/access/hosts.ts";

const check = createHostCheck({ names: ["192.0.2.1", "Nova.Example", "2001:DB8::1"], anyAddress: false });
const ask = (host: string, origin?: string, scheme = "http"): Request =>
  new Request(`${scheme}://127.0.0.1/`, { headers: { host, ...(origin === undefined ? {} : { origin }) } });

describe("a request's Host", () => {
  test.each([
    "localhost",
    "localhost:7780",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1:7780",
    "[::1]:7780",
    "[0:0:0:0:0:0:0:1]",
    "192.0.2.1",
    "nova.example:443",
    "[2001:db8::1]:7780",
  ])("may be %s", (host) => expect(() => check(ask(host))).not.toThrow());

  test.each([
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.0.2.2",
    "nova.example@evil.example",
    "evil.example#localhost",
    "localhost:7780:1",
    "[::2]",
    "[::1",
    "local host",
    "localhost:abc",
    "nova.example, evil.example",
  ])("may not be %j", (host) =>
    expect(() => check(ask(host))).toThrow(expect.objectContaining({ code: "ACCESS_FORBIDDEN", place: "Host" })),
  );

  test("may be any address where it listens on all of them, and no other name", () => {
    const anywhere = createHostCheck({ names: [], anyAddress: true });
    expect(() => anywhere(ask("198.51.100.7:7780"))).not.toThrow();
    expect(() => anywhere(ask("[2001:db8::9]"))).not.toThrow();
    expect(() => anywhere(ask("evil.example"))).toThrow(expect.objectContaining({ code: "ACCESS_FORBIDDEN" }));
  });
});

describe("a request's Origin", () => {
  test.each([
    ["nova.example", "http://nova.example", "http"],
    ["nova.example", "https://nova.example", "http"],
    ["nova.example", "https://nova.example", "https"],
    ["localhost:7780", "http://localhost:7780", "http"],
  ])("at %s may be %s over %s", (host, origin, scheme) => expect(() => check(ask(host, origin, scheme))).not.toThrow());

  test.each([
    ["nova.example", "http://nova.example", "https"],
    ["localhost:7780", "http://localhost:8080", "http"],
    ["localhost:7780", "http://127.0.0.1:7780", "http"],
    ["localhost:7780", "null", "http"],
    ["localhost:7780", "", "http"],
    ["localhost:7780", "http://localhost:7780, http://localhost:7780", "http"],
    ["localhost:7780", "http://evil.example", "http"],
    ["localhost:7780", "http://localhost:7780.evil.example", "http"],
  ])("at %s may not be %j over %s", (host, origin, scheme) =>
    expect(() => check(ask(host, origin, scheme))).toThrow(
      expect.objectContaining({ code: "ACCESS_FORBIDDEN", place: "Origin" }),
    ),
  );
});
