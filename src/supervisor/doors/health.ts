import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { WebSocket } from "ws";
import { HEALTH_LOOK_MS, MESSAGE_LIMIT, workerMessageSchema } from "../../model/link.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import { parseMessage } from "./messages.ts";
import type { DoorParts } from "./http-door.ts";

export interface HealthSettings {
  /** Where this supervisor's own door is. */
  readonly address: string;
  readonly port: () => number;
  readonly token: string;
  /** `HEALTH_LOOK_MS` by default. */
  readonly timeoutMs?: number;
  /** So long an answer is given again without looking. */
  readonly freshMs?: number;
}

const ALL_INTERFACES: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Looks through the door as somebody outside would: with a real connection, upgrade and token. */
export function createHealth({
  address,
  port,
  token,
  timeoutMs = HEALTH_LOOK_MS,
  freshMs = 1_000,
}: HealthSettings): DoorParts["health"] {
  const dial = (path: string): WebSocket => {
    const here = ALL_INTERFACES.has(address) ? "127.0.0.1" : isIP(address) === 6 ? `[${address}]` : address;
    return new WebSocket(`ws://${here}:${port()}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: timeoutMs,
      perMessageDeflate: false,
      maxPayload: MESSAGE_LIMIT,
    });
  };
  return {
    websocket: shared(freshMs, () =>
      talk(
        dial("/ws"),
        "the monitoring session",
        timeoutMs,
        "hello",
        (data) => parseMessage(data, workerMessageSchema).type === "hello",
      ),
    ),
    terminal: shared(freshMs, () => {
      const [first, second] = [randomBytes(8).toString("hex"), randomBytes(8).toString("hex")];
      const socket = dial("/terminal?purpose=health");
      // The halves are only together in what the shell answers, not in the line that the terminal shows as it is typed.
      socket.on("open", () => socket.send(`printf '%s%s\\n' ${first} ${second}\r`));
      let seen = "";
      return talk(socket, "the terminal", timeoutMs, "echo", (data) => {
        seen = (seen + data).slice(-65_536);
        return seen.includes(first + second);
      });
    }),
  };
}

/** One look at a time, whoever asks; and its outcome again while it is fresh. */
function shared(freshMs: number, look: () => Promise<void>): () => Promise<void> {
  let last: { readonly outcome: Promise<void>; endedAtMs: number } | null = null;
  return () => {
    if (last !== null && performance.now() - last.endedAtMs < freshMs) return last.outcome;
    const mine = { outcome: look(), endedAtMs: Number.POSITIVE_INFINITY };
    last = mine;
    const ended = (): void => {
      mine.endedAtMs = performance.now();
    };
    mine.outcome.then(ended, ended);
    return mine.outcome;
  };
}

/** Waits until `isIt` says that what was waited for came; hangs up then, or after the time. Rejects with TERMINAL_FAILED or LINK_PROTOCOL. */
async function talk(
  socket: WebSocket,
  what: string,
  timeoutMs: number,
  awaited: string,
  isIt: (data: string) => boolean,
): Promise<void> {
  const failed = (why: string): NovaError =>
    new NovaError(awaited === "echo" ? "TERMINAL_FAILED" : "LINK_PROTOCOL", `${what} is not healthy: ${why}`);
  const beganAtMs = performance.now();
  const tookMs = (): number => Math.round(performance.now() - beganAtMs);
  let openedMs: number | null = null;
  let heardMs: number | null = null;
  /** What is slow is told apart from what does nothing. */
  const soFar = (): string => {
    if (openedMs === null) return "it did not open";
    return `it opened after ${openedMs} ms and ${heardMs === null ? "said nothing" : `first said something after ${heardMs} ms`}`;
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(failed(`no ${awaited} came within ${timeoutMs} ms; ${soFar()}`)), timeoutMs);
      socket.on("open", () => (openedMs = tookMs()));
      socket.on("error", (error) => reject(failed(messageOf(error))));
      socket.on("close", () => reject(failed(`it hung up before the ${awaited}`)));
      socket.on("message", (data: Buffer) => {
        heardMs ??= tookMs();
        try {
          if (isIt(data.toString("utf8"))) resolve();
        } catch (error) {
          reject(failed(messageOf(error)));
        }
      });
    });
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}
