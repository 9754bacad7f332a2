import { NovaError } from "../../model/errors.ts";
import type { EngineEvent } from "../engine.ts";
import { eventNames, readEvent } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { carries, labelFilter } from "./containers.ts";
import { brokenAnswer } from "./errors.ts";
import { jsonLines } from "./lines.ts";

/** See `Engine.events`. The request goes out at once, not at the first `next()`. */
export function containerEvents(
  connection: Connection,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncIterable<EngineEvent> {
  const filters = JSON.stringify({ type: ["container"], event: eventNames, label: labelFilter(labels) });
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const what = "tell of events";
  const opening = connection.open({ method: "GET", path: "/events", query: { filters }, signal: stop, what });
  opening.catch(() => {});

  return (async function* () {
    try {
      for await (const value of jsonLines(await opening, "events")) {
        const event = readEvent(value);
        if (event && carries(event.labels, labels)) yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof NovaError ? error : brokenAnswer(connection.socket, what, error);
    } finally {
      ended.abort();
    }
    if (!signal.aborted) throw brokenAnswer(connection.socket, what);
  })();
}
