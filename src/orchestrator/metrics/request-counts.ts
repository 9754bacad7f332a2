import type { Metric } from "./exposition.ts";

/** Counts what came through the REST door since it was opened. */
export class RequestCounts {
  readonly #counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  #seconds = 0;

  /** `route` is a call's name or a door's path, never what somebody sent: labels are few. */
  add(method: string, route: string, status: number, seconds: number): void {
    const labels = { method, route, status: String(status) };
    const key = JSON.stringify(labels);
    const counted = this.#counts.get(key) ?? { labels, value: 0 };
    counted.value += 1;
    this.#counts.set(key, counted);
    this.#seconds += seconds;
  }

  metrics(): readonly Metric[] {
    return [
      {
        name: "novabot_requests_total",
        help: "Requests of REST by call and status.",
        type: "counter",
        samples: [...this.#counts.values()],
      },
      {
        name: "novabot_request_seconds_total",
        help: "Time from requests to the beginnings of their answers.",
        type: "counter",
        samples: [{ labels: {}, value: this.#seconds }],
      },
    ];
  }
}
