import { once } from "node:events";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { readOpening } from "../../../../../src/agents/gateway/egress/client-hello.ts";

/** The first message of Node's own TLS client. */
async function helloOf(servername: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(part: Buffer, _encoding, done) {
      parts.push(part);
      done();
      this.emit("sent");
    },
  });
  const client = connect({ socket: wire, servername });
  client.on("error", () => undefined);
  if (!parts.length) await once(wire, "sent");
  client.destroy();
  return Buffer.concat(parts);
}

test("the name in a real client's first message, however it is cut", async () => {
  const hello = await helloOf("Api.ExAMPle.org");
  expect(readOpening(hello)).toEqual({ is: "tls", name: "api.example.org" });
  expect(readOpening(Buffer.concat([hello, Buffer.from("more")]))).toEqual({ is: "tls", name: "api.example.org" });
  for (let length = 0; length < hello.length; length += 1) expect(readOpening(hello.subarray(0, length)).is).toBe("unfinished");
  // The same message in records of seven bytes each.
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += 7) {
    const part = message.subarray(at, at + 7);
    records.push(Buffer.from([22, 3, 1, 0, part.length]), part);
  }
  expect(readOpening(Buffer.concat(records))).toEqual({ is: "tls", name: "api.example.org" });
});

test("a message without a name, one that is none, and no TLS at all", async () => {
  expect(readOpening(await helloOf(""))).toEqual({ is: "tls", name: null });
  expect(readOpening(Buffer.from("SSH-2.0-x"))).toEqual({ is: "other" });
  expect(readOpening(Buffer.alloc(70_000, 22))).toEqual({ is: "tls", name: null });
});

test("damage anywhere is read without harm, and never makes up another end", async () => {
  const hello = await helloOf("a.example");
  for (let at = 5; at < hello.length; at += 1) {
    const damaged = Buffer.from(hello);
    damaged[at] = 255;
    expect(["tls", "unfinished"]).toContain(readOpening(damaged).is);
  }
});
