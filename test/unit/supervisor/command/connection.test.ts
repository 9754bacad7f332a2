import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { MESSAGE_LIMIT } from "../../../../src/model/link.ts";
import { type Connection, openConnection } from "../../../../src/supervisor/command/connection.ts";

/** A connection to somebody who answers each line that comes with `answer`. */
async function connectTo(answer: (line: string, socket: Socket) => void): Promise<Connection> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-connection-"));
  const path = join(directory, "s.sock");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => answer(chunk.toString(), socket));
  });
  server.listen(path);
  await once(server, "listening");
  const connection = await openConnection(path);
  onTestFinished(async () => {
    connection.close();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return connection;
}

const info = {
  version: "1",
  pid: 1,
  worker: "w",
  container: "c",
  bootID: "0".repeat(32),
  startedAtMs: 0,
  linked: false,
  rssBytes: 1,
};
const answered = (id: number, result: unknown): string => `${JSON.stringify({ type: "result", id, result })}\n`;
const record = (seq: number) => ({ kind: "log", seq, atMs: 1, instance: "a", stream: "stdout", level: null, text: "x" });
const more = (id: number, ...seqs: number[]): string =>
  `${JSON.stringify({ type: "more", id, part: { bootID: info.bootID, records: seqs.map(record) } })}\n`;

describe("an answer", () => {
  test("may come in pieces, and many at once, in any order", async () => {
    const text = answered(2, { ...info, worker: "é" }) + answered(1, info);
    const connection = await connectTo((_line, socket) => {
      if (socket.bytesRead < 100) return;
      const bytes = Buffer.from(text);
      let at = 0;
      const next = (): void => {
        if (at < bytes.length) socket.write(bytes.subarray(at, (at += 7)), () => setImmediate(next));
      };
      next();
    });
    const both = await Promise.all([connection.call("supervisor.info", {}), connection.call("supervisor.info", {})]);
    expect(both.map(({ worker }) => worker)).toEqual(["w", "é"]);
  });

  test("that is an error keeps its code and what to do next; a code that nobody knows is no trap", async () => {
    const codes = ["INSTANCE_RUNNING", "constructor"];
    const connection = await connectTo((line, socket) => {
      for (const one of line.trim().split("\n")) {
        const { id } = JSON.parse(one) as { id: number };
        socket.write(`${JSON.stringify({ type: "failure", id, error: { code: codes[id - 1], message: "no", next: "do" } })}\n`);
      }
    });
    await expect(connection.call("process.list", {})).rejects.toMatchObject({
      code: "INSTANCE_RUNNING",
      message: "no",
      next: "do",
    });
    await expect(connection.call("process.list", {})).rejects.toMatchObject({ code: "INTERNAL" });
  });

  test.each([
    ["no JSON", "nonsense\n"],
    ["not a message", '{"type":"hello"}\n'],
    ["of another kind", '{"type":"bye","reason":"stopping","message":""}\n'],
    ["to a call that was not made", answered(7, info)],
    ["not what was asked", answered(1, { ...info, pid: "1" })],
    ["a part where there is none", more(1, 1)],
    ["without an end", "x".repeat(MESSAGE_LIMIT + 1)],
  ])("that is %s ends the call with LINK_PROTOCOL", async (_name, text) => {
    const connection = await connectTo((_line, socket) => socket.write(text));
    await expect(connection.call("supervisor.info", {})).rejects.toMatchObject({ code: "LINK_PROTOCOL" });
  });

  test("that never comes, because the other side hangs up, is LINK_LOST", async () => {
    const connection = await connectTo((_line, socket) => socket.end('{"type":"res'));
    await expect(connection.call("supervisor.info", {})).rejects.toMatchObject({ code: "LINK_LOST" });
    await expect(connection.call("supervisor.info", {})).rejects.toMatchObject({ code: "LINK_LOST" });
  });

  test("to the connection itself ends everything on it", async () => {
    const refusal = { type: "failure", id: 0, error: { code: "LINK_PROTOCOL", message: "too long", next: "" } };
    const connection = await connectTo((_line, socket) => socket.write(`${JSON.stringify(refusal)}\n`));
    await expect(connection.call("supervisor.info", {})).rejects.toMatchObject({ code: "LINK_PROTOCOL", message: "too long" });
  });
});

describe("what follows", () => {
  test("comes part by part; nothing more is read before a part was dealt with", async () => {
    let sent = 0;
    const connection = await connectTo((_line, socket) => {
      const flood = (): void => {
        while (sent < 200_000 && socket.write(more(1, ++sent)));
        if (sent < 200_000) socket.once("drain", flood);
      };
      flood();
    });
    const seen: number[] = [];
    const following = connection.follow({}, async ({ records }) => {
      seen.push(...records.map(({ seq }) => seq));
      await new Promise((resolve) => setTimeout(resolve, seen.length < 5 ? 100 : 0));
      if (seen.length === 5) {
        // Only what the kernel and one chunk hold has left the other side.
        expect(sent).toBeLessThan(20_000);
        throw new Error("enough");
      }
    });
    await expect(following).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

test("a socket on which nobody listens is SUPERVISOR_NOT_RUNNING, by its path", async () => {
  const path = join(tmpdir(), `novabot-no-such-${process.pid}.sock`);
  await expect(openConnection(path)).rejects.toMatchObject({ code: "SUPERVISOR_NOT_RUNNING", place: path });
});
