import { expect, test } from "vitest";
import { KeptStream } from "../../../../src/agents/protocol/kept-stream.ts";
import type { Conversation } from "../../../../src/agents/run/conversation.ts";
import { Told } from "../../../../src/agents/run/told.ts";
import { settle } from "../../../../src/agents/run/settle.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import type { ContainerOutput } from "../../../../src/model/protocol.ts";

const plan = {
  limits: { memoryBytes: 2 ** 30, memorySwapBytes: 2 ** 30, cpus: 1, pids: 10 },
  timeoutMs: 5000,
  keepsProtocol: true,
};
const success = { status: "success", result: "hi" } as const;

type Changes = Partial<Conversation> & { readonly last?: ContainerOutput };

function conversation({ last, ...changes }: Changes): Conversation {
  const told = new Told();
  if (last) told.take(last);
  return {
    exitCode: 0,
    outOfMemory: false,
    interruption: null,
    lost: null,
    goesOn: false,
    told,
    frames: 0,
    suspicious: 0,
    broken: 0,
    brokenReason: null,
    stdout: new KeptStream(),
    stderr: new KeptStream(),
    ...changes,
  };
}

test.each<[string, Changes, string, RegExp | null]>([
  ["an answer", { last: success }, "success", null],
  [
    "an interim answer, then a crash",
    { last: success, exitCode: 137 },
    "agent error",
    /exit status 137 before its agent had finished/,
  ],
  ["an interim answer, then killed for memory", { last: success, exitCode: 137, outOfMemory: true }, "out of memory", /1 GiB/],
  ["an answer although a child was killed for memory", { last: success, outOfMemory: true }, "success", null],
  ["a final answer, whatever the exit status", { last: { ...success, final: true }, exitCode: 137 }, "success", null],
  [
    "a final answer of a container that goes on",
    { last: { ...success, final: true }, exitCode: null, goesOn: true },
    "success",
    null,
  ],
  ["an agent's error", { last: { status: "error", result: null, error: "no key" } }, "agent error", /no key/],
  ["an error without a word", { last: { status: "error", result: null } }, "agent error", /without a word/],
  ["killed for memory", { exitCode: 137, outOfMemory: true }, "out of memory", /1 GiB/],
  [
    "an error because a child was killed for memory",
    { last: { status: "error", result: null, error: "killed" }, outOfMemory: true },
    "out of memory",
    /1 GiB/,
  ],
  ["no frame", { exitCode: 3 }, "protocol error", /exit status 3/],
  ["only forged frames", { suspicious: 2 }, "protocol error", /2 frame\(s\) came without this run's nonce/],
  ["only broken frames", { broken: 1, brokenReason: "half" }, "protocol error", /the last: half/],
  ["stopped for time", { interruption: "timeout", exitCode: 137 }, "timeout", /5000 ms/],
  ["stopped for time after an answer", { interruption: "timeout", last: success }, "timeout", /5000 ms/],
  ["stopped for all that it said", { interruption: "flood", last: success }, "agent error", /more than one run may/],
  ["cancelled", { interruption: "cancelled" }, "cancelled", /cancelled/],
  ["the engine went away", { lost: new NovaError("ENGINE_LOST", "gone"), last: success }, "engine lost", /gone/],
])("%s settles as told", (_, changes, outcome, error) => {
  const settled = settle(conversation(changes), plan);
  expect(settled.outcome).toBe(outcome);
  if (error) expect(settled.error).toMatch(error);
  else expect(settled).toEqual({ outcome: "success", error: null, code: null });
});

test("an image without the protocol is taken at its last word, whatever its exit status", () => {
  expect(settle(conversation({ last: success, exitCode: 1 }), { ...plan, keepsProtocol: false }).outcome).toBe("success");
});

test("the last words on stderr are in the error of a run without an answer", () => {
  const stderr = new KeptStream();
  stderr.push(Buffer.from("module not found\n"));
  expect(settle(conversation({ stderr, exitCode: 1 }), plan).error).toMatch(/module not found$/);
});
