import { parseArgs } from "node:util";
import { measureBroker } from "./groups/broker.ts";
import { measureCrowd } from "./groups/crowd.ts";
import { measureStarts } from "./groups/start.ts";
import { findSocket } from "./socket.ts";
import { median, percentile, table } from "./table.ts";

// Live groups: how soon a message is answered, how a crowd of groups fares, and what the credential broker costs.

const { values: options } = parseArgs({
  options: {
    socket: { type: "string" },
    rounds: { type: "string", default: "40" },
    groups: { type: "string", default: "50" },
    messages: { type: "string", default: "500" },
    requests: { type: "string", default: "1000" },
    only: { type: "string", multiple: true },
  },
});
const parts = options.only ?? ["start", "crowd", "broker"];

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const met = (isMet: boolean): string => (isMet ? "met" : "missed");

async function start(socket: string): Promise<void> {
  const rounds = Number(options.rounds);
  const times = await measureStarts(socket, rounds);
  const answered = (name: keyof typeof times): number[] => times[name].map(({ answeredMs }) => answeredMs);
  const handed = (name: keyof typeof times): number[] => times[name].map(({ handedMs }) => handedMs);
  const cold = median(answered("docker run"));
  say(`From a message's delivery until the agent has it, and until its answer is in the chat, ${rounds} rounds by turns.`);
  say("Of docker run: from its start until it has printed the answer.\n");
  const rows = (["cold", "warm", "persistent", "docker run"] as const).map((name) => [
    name,
    ...(name === "docker run" ? ["", ""] : [ms(median(handed(name))), ms(percentile(handed(name), 0.99))]),
    ms(median(answered(name))),
    ms(percentile(answered(name), 0.99)),
    (cold / median(answered(name))).toFixed(1),
  ]);
  say(table(["container", "handed over ms", "99th", "answered ms", "99th", "docker run takes ×"], rows));
  const isFast = (["warm", "persistent"] as const).every(
    (name) => median(handed(name)) < 10 && cold / median(handed(name)) >= 20,
  );
  say(`Aim: warm and persistent handed over in less than 10 ms, 20 times faster than docker run: ${met(isFast)}.\n`);
}

async function crowd(socket: string): Promise<void> {
  const found = await measureCrowd(socket, Number(options.groups), Number(options.messages));
  say(
    `${found.messages} messages for ${found.groups} groups, half of them at once, through 5 slots: ${found.seconds.toFixed(1)} s, ${found.runs} runs.\n`,
  );
  say(
    table(
      ["", "figure"],
      [
        ["messages lost", String(found.lost)],
        ["messages doubled", String(found.doubled)],
        ["answers out of order", String(found.outOfOrder)],
        ["most groups at work at once", String(found.mostAtOnce)],
        ["acknowledged after, median ms", ms(median(found.acknowledgedMs))],
        ["acknowledged after, 99th percentile ms", ms(percentile(found.acknowledgedMs, 0.99))],
        ["host memory, growth at most MiB", found.memoryMiB.toFixed(1)],
        ["event loop delay, median ms", ms(found.loopDelayP50Ms)],
        ["event loop delay, 99th percentile ms", ms(found.loopDelayP99Ms)],
      ],
    ),
  );
  say(`Aim: none lost, none doubled, order kept: ${met(found.lost + found.doubled + found.outOfOrder === 0)}.\n`);
}

async function broker(): Promise<void> {
  const found = await measureBroker(Number(options.requests));
  const first = (all: readonly { readonly firstByteMs: number }[]): number[] => all.map(({ firstByteMs }) => firstByteMs);
  say(
    `The broker against the same requests sent straight to the same stand-in of the API, ${options.requests} rounds by turns.\n`,
  );
  const row = (name: string, times: number[], events: readonly number[], throughput: number): string[] => [
    name,
    ms(median(times)),
    ms(percentile(times, 0.99)),
    ms(median(events)),
    ms(percentile(events, 0.99)),
    (throughput / 1e6).toFixed(0),
  ];
  say(
    table(
      ["way", "first byte ms", "99th percentile", "event ms", "99th percentile", "MB/s"],
      [
        row("straight", first(found.direct), found.directEvents, found.directThroughput),
        row("through the broker", first(found.brokered), found.brokeredEvents, found.brokeredThroughput),
      ],
    ),
  );
  const added = median(first(found.brokered)) - median(first(found.direct));
  say(`Added to the first byte: ${added.toFixed(2)} ms. Aim: under 2 ms: ${met(added < 2)}.`);
}

if (parts.includes("start")) await start(findSocket(options.socket));
if (parts.includes("crowd")) await crowd(findSocket(options.socket));
if (parts.includes("broker")) await broker();
