import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { LINK_PROTOCOL, type Hello, type PeerMessage } from "../../../src/model/link.ts";
import { GATHER_MS } from "../../../src/supervisor/doors/feed.ts";

// Simulated workers, all in this process: each speaks the protocol of `/ws` as a supervisor does, keeps what nobody acknowledged, and gathers lines
// as long as one does. A line's `atMs` is when it was born; lines of one worker are born evenly.

/** What the process is told: how many, how fast; then `stop`. */
export type WorkersOrder =
  | { readonly type: "start"; readonly workers: number; readonly linesPerSecond: number }
  | { readonly type: "stop" };
/**
 * What it tells: its port, and in the end how many records each worker made, how many are not acknowledged, and how many were not made because too many
 * were not.
 */
export type WorkersReport =
  | { readonly type: "ready"; readonly port: number }
  | {
      readonly type: "stopped";
      readonly made: readonly number[];
      readonly unacknowledged: number;
      readonly heldBack: number;
      readonly processorMs: number;
      readonly peakMiB: number;
    };

const TICKS = 5;
/** Of one worker's lines; more are not made until some are acknowledged, as a program waits whose output nobody takes. */
const MOST_KEPT = 5_000;
const FILL = "GET /api/items/4711 200 in 3.2 ms, of 512 bytes, for 10.1.2.3 by a client with a name";

class SimulatedWorker {
  readonly name: string;
  readonly bootID = randomBytes(16).toString("hex");
  readonly bootedAtMs = Date.now();
  made = 0;
  acknowledged = 0;
  heldBack = 0;
  readonly #everyMs: number;
  /** Records that are not acknowledged, as JSON, the first being the one after `acknowledged`. */
  #kept: string[] = [];
  #sent = 0;
  #credit = 0;
  #nextAtMs = Date.now() + Math.random() * 100;
  #socket: WebSocket | null = null;

  constructor(name: string, linesPerSecond: number) {
    this.name = name;
    this.#everyMs = 1_000 / linesPerSecond;
  }

  accept(socket: WebSocket): void {
    socket.send(JSON.stringify(this.#hello()));
    socket.on("message", (data: Buffer) => this.#heard(socket, JSON.parse(data.toString()) as PeerMessage));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = null;
    });
  }

  /** Makes what was born until now, and sends it. */
  tick(nowMs: number): void {
    for (; this.#nextAtMs <= nowMs; this.#nextAtMs += this.#everyMs) {
      if (this.#kept.length >= MOST_KEPT) {
        this.heldBack++;
        continue;
      }
      const seq = ++this.made;
      this.#kept.push(
        `{"kind":"log","seq":${seq},"atMs":${Math.floor(this.#nextAtMs)},"instance":"app","stream":"stdout","level":"info","text":"${FILL} ${seq}"}`,
      );
    }
    this.flush();
  }

  flush(): void {
    const from = this.#sent - this.acknowledged;
    const many = Math.min(this.#credit, this.#kept.length - from);
    if (!this.#socket || many < 1) return;
    const records = this.#kept.slice(from, from + many).join(",");
    this.#socket.send(`{"type":"records","bootID":"${this.bootID}","records":[${records}]}`);
    this.#credit -= many;
    this.#sent += many;
  }

  #heard(socket: WebSocket, message: PeerMessage): void {
    if (message.type === "welcome") {
      this.#socket = socket;
      this.#credit = message.credit;
      this.#acknowledge(message.have.find(({ bootID }) => bootID === this.bootID)?.seq ?? 0);
      this.#sent = this.acknowledged;
    } else if (message.type === "credit") this.#credit += message.records;
    else if (message.type === "ack") this.#acknowledge(message.seq);
    else if (message.type === "call") socket.send(JSON.stringify({ type: "result", id: message.id, result: {} }));
  }

  #acknowledge(seq: number): void {
    this.#kept = this.#kept.slice(seq - this.acknowledged);
    this.acknowledged = seq;
  }

  #hello(): Hello {
    return {
      type: "hello",
      protocol: LINK_PROTOCOL,
      version: "0.0.0",
      worker: this.name,
      container: this.name,
      bootID: this.bootID,
      bootedAtMs: this.bootedAtMs,
      lastSeq: this.made,
      backlog: [{ bootID: this.bootID, firstSeq: this.acknowledged + 1, lastSeq: Math.max(this.made, this.acknowledged) }],
      instances: [],
    };
  }
}

const workers: SimulatedWorker[] = [];
const server = createServer();
const doors = new WebSocketServer({ server, perMessageDeflate: false });
doors.on("connection", (socket, request) => {
  const token = (request.headers.authorization ?? "").slice("Bearer ".length);
  const worker = workers.find(({ name }) => name === token);
  if (worker) worker.accept(socket);
  else socket.terminate();
});

const tell = (report: WorkersReport): void => void process.send?.(report);
let ticking: NodeJS.Timeout | null = null;

function start(many: number, linesPerSecond: number): void {
  for (let index = 0; index < many; index++) workers.push(new SimulatedWorker(`worker-${index}`, linesPerSecond));
  let tick = 0;
  ticking = setInterval(() => {
    const nowMs = Date.now();
    // Each worker has its own time within the gathering.
    for (let index = tick % TICKS; index < many; index += TICKS) workers[index]?.tick(nowMs);
    tick++;
  }, GATHER_MS / TICKS);
}

async function stop(): Promise<void> {
  if (ticking) clearInterval(ticking);
  const untilMs = Date.now() + 20_000;
  const missing = (): number => workers.reduce((sum, { made, acknowledged }) => sum + made - acknowledged, 0);
  while (missing() > 0 && Date.now() < untilMs) {
    for (const worker of workers) worker.flush();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { user, system } = process.cpuUsage();
  tell({
    type: "stopped",
    made: workers.map(({ made }) => made),
    unacknowledged: missing(),
    heldBack: workers.reduce((sum, { heldBack }) => sum + heldBack, 0),
    processorMs: (user + system) / 1_000,
    peakMiB: process.resourceUsage().maxRSS / 1_024,
  });
}

process.on("message", (order: WorkersOrder) => {
  if (order.type === "start") start(order.workers, order.linesPerSecond);
  else void stop();
});
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => tell({ type: "ready", port: (server.address() as AddressInfo).port }));
