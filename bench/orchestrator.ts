import { parseArgs } from "node:util";
import { measureCrowd } from "./orchestrator/crowd.ts";
import { measureEcho } from "./orchestrator/echo.ts";
import { measureFlood } from "./orchestrator/flood.ts";
import { measureIngest } from "./orchestrator/ingest.ts";
import { measureQueries } from "./orchestrator/queries.ts";

// The orchestrator: what its database takes in, how fast it finds it again, how soon those who follow get it, and what a terminal through it costs.

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    rounds: { type: "string", default: "5" },
    /** Of the ingest. */
    lines: { type: "string", default: "400000" },
    /** Of the database that is asked. */
    rows: { type: "string", default: "5000000" },
    /** Of the flood: lines that its worker may have. */
    bound: { type: "string", default: "500000" },
    /** Of the crowd: simulated workers, lines of each in a second, subscribers, and for how long. */
    workers: { type: "string", default: "200" },
    rate: { type: "string", default: "500" },
    subscribers: { type: "string", default: "20" },
    seconds: { type: "string", default: "20" },
    /** `share`: the subscribers follow all workers together; `all`: each of them does. */
    follow: { type: "string", default: "share" },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const parts: Readonly<Record<string, () => Promise<void>>> = {
  ingest: () => measureIngest(Number(options.lines), Number(options.rounds), say),
  queries: () => measureQueries(Number(options.rows), say),
  flood: () => measureFlood(Number(options.seconds), Number(options.bound), say),
  crowd: () =>
    measureCrowd(
      {
        workers: Number(options.workers),
        linesPerSecond: Number(options.rate),
        subscribers: Number(options.subscribers),
        seconds: Number(options.seconds),
        follow: options.follow === "all" ? "all" : "share",
      },
      say,
    ),
  echo: () => measureEcho(say),
};
for (const name of options.only ?? Object.keys(parts)) {
  const part = parts[name];
  if (part === undefined) throw new Error(`--only takes ${Object.keys(parts).join(", ")}, not ${name}`);
  await part();
}
