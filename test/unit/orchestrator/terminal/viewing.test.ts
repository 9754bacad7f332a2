import { expect, test } from "vitest";
import { encodeTerminalOutput } from "../../../../src/model/terminal-frames.ts";
import type { TerminalSession } from "../../../../src/model/kept.ts";
import type { TerminalSocket } from "../../../../src/orchestrator/ports.ts";
import { Viewing } from "../../../../src/orchestrator/terminal/viewing.ts";

type Listener = Parameters<TerminalSocket["listen"]>[0];

function end(): { readonly socket: TerminalSocket; listener(): Listener } {
  let listening: Listener | null = null;
  return {
    socket: {
      bufferedBytes: 0,
      send: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
      listen: (listener) => (listening = listener),
    },
    listener() {
      if (!listening) throw new Error("nobody listens");
      return listening;
    },
  };
}

const session: TerminalSession = {
  id: "11111111-1111-4111-8111-111111111111",
  worker: "factory",
  container: "factory-box",
  session: null,
  instance: null,
  who: "laptop",
  readonly: false,
  openedAtMs: 0,
  endedAtMs: null,
  why: null,
  bytesIn: 0,
  bytesOut: 0,
  recorded: false,
};

interface Viewed {
  readonly worker: ReturnType<typeof end>;
  readonly viewer: ReturnType<typeof end>;
  readonly rows: TerminalSession[];
  readonly ended: Promise<void>;
}

function view(): Viewed {
  const [viewer, worker] = [end(), end()];
  const rows: TerminalSession[] = [];
  const viewing = new Viewing({
    socket: worker.socket,
    session,
    recording: null,
    isFramed: true,
    store: { putTerminal: async (row) => void rows.push(row), append: async () => [] },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    now: () => 0,
  });
  viewing.serve(viewer.socket, new AbortController().signal);
  return { worker, viewer, rows, ended: viewing.ended };
}

test("a worker that says again and again what a connection is attached to writes one row with it", async () => {
  const { worker, viewer, rows, ended } = view();
  const facts = { offset: 0, how: "new", readonly: false, owner: true, columns: 80, rows: 24 } as const;
  for (let time = 0; time < 1000; time += 1)
    worker.listener().message(encodeTerminalOutput({ kind: "attached", attached: { ...facts, session: `s${time}` } }));
  viewer.listener().closed(1000, "");
  await ended;
  expect(rows.map((row) => row.session)).toEqual(["s0", "s0"]);
});

test("what a worker says in farewell is quoted, and nothing of it is taken for more", async () => {
  const { worker, rows, ended } = view();
  worker.listener().closed(4000, "\u001b[2J\nforged");
  await ended;
  expect(rows.at(-1)?.why).toBe(String.raw`the worker hung up (4000: "\u001b[2J\nforged")`);
});
