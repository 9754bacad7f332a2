import { z } from "zod";
import { taskHandlers } from "../../agents/tasks/handlers.ts";
import { NovaError } from "../../model/errors.ts";
import { checkJID } from "../../model/names.ts";
import type { ControlRoutes } from "./control-server.ts";
import type { Serve } from "./serve.ts";

const cancelSchema = z.strictObject({ name: z.string().min(1).max(256) });
/** A watcher that hears nothing for long cannot tell a quiet chat from a lost one. */
const aliveMs = 15_000;

/** What can be asked of a running `novabot serve`. */
export function routesOf(serve: Serve): ControlRoutes {
  return {
    answers: {
      "/v1/deliver": async (body) => await serve.queue.deliver(body),
      "/v1/status": async () => serve.status(),
      "/v1/cancel": async (body) => {
        const parsed = cancelSchema.safeParse(body);
        if (!parsed.success) throw new NovaError("USAGE", "A cancel names a group's folder or a run.", { place: "name" });
        return { stopped: await serve.queue.cancel(parsed.data.name) };
      },
      ...Object.fromEntries(Object.entries(taskHandlers(serve.tasks)).map(([verb, answer]) => [`/v1/tasks/${verb}`, answer])),
    },
    streams: {
      // /v1/chats/<jid>/messages?after=<seq>
      "/v1/chats/": async ({ path, query, signal }, send) => {
        const [jid = "", what] = path.split("/");
        if (what !== "messages") throw new NovaError("USAGE", "Of a chat there are messages.", { place: path });
        checkJID(jid, "chat");
        const after = Number(query.get("after") ?? "0");
        if (!Number.isInteger(after)) throw new NovaError("USAGE", "`after` is a message's number.", { place: "after" });
        await watchChat(serve, { jid, after, signal }, send);
      },
    },
  };
}

async function watchChat(
  serve: Serve,
  { jid, after, signal }: { readonly jid: string; readonly after: number; readonly signal: AbortSignal },
  send: (event: string, data: unknown, id?: string) => void,
): Promise<void> {
  let sent = after;
  const early: Parameters<Parameters<typeof serve.feed.watch>[1]>[0][] = [];
  let tell = (event: (typeof early)[number]): void => void early.push(event);
  const stop = serve.feed.watch(jid, (event) => tell(event));
  try {
    for (const added of await serve.localChats.messages(jid, after)) {
      send("message", added, String(added.seq));
      sent = added.seq;
    }
    tell = (event) => {
      if (event.event !== "message") send(event.event, event.data);
      else if (event.data.seq > sent) send("message", event.data, String((sent = event.data.seq)));
    };
    send("ready", { after: Math.max(0, sent) });
    for (const event of early) tell(event);
    const alive = setInterval(() => send("alive", {}), aliveMs);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    clearInterval(alive);
  } finally {
    stop();
  }
}
