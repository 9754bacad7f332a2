import { NovaError } from "../../model/errors.ts";
import type { EngineEvent } from "../engine.ts";
import { eventNames, readEvent } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { carries, labelFilter } from "./containers.ts";
import { jsonLines } from "./lines.ts";
import type { Liveness } from "./liveness.ts";

/** See `Engine.events`. The request goes out at once, not at the first `next()`. */
export function containerEvents(
  connection: Connection,
  alive: Liveness,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncIterable<EngineEvent> {
  const filters = JSON.stringify({ type: ["container"], event: eventNames, label: labelFilter(labels) });
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const opening = connection.open({ method: "GET", path: "/events", query: { filters }, signal: stop, what: "tell of events" });
  opening.catch(() => {});

  return (async function* () {
    let lost: NovaError | undefined;
    const unwatch = alive.watch((error) => {
      lost = error;
      ended.abort(error);
    });
    try {
      const response = await opening;
      const close = (): void => void response.destroy();
      if (stop.aborted) close();
      stop.addEventListener("abort", close, { once: true });
      for await (const value of jsonLines(response, "events")) {
        const event = readEvent(value);
        if (event && carries(event.labels, labels)) yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (lost) throw lost;
      if (error instanceof NovaError) throw error;
      throw broken(connection, error);
    } finally {
      unwatch();
      ended.abort();
    }
    if (signal.aborted) return;
    throw lost ?? broken(connection);
  })();
}

function broken(connection: Connection, cause?: unknown): NovaError {
  return new NovaError("ENGINE_LOST", `The engine at ${connection.socket} ended its stream of events.`, {
    place: connection.socket,
    ...(cause === undefined ? {} : { cause }),
  });
}
