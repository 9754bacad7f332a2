import { parentPort, workerData } from "node:worker_threads";
import { openConnection } from "./connection.ts";
import { failureOf } from "./failures.ts";
import type { Opened, Reply, Request, ThreadData } from "./requests.ts";

// A thread of the database: the one that writes, or one that reads. SQLite's calls block, and here they block nobody.

const port = parentPort;
if (port === null) throw new Error("this is a thread of the database; it is not run by itself");

const say = (message: Opened | Reply): void => port.postMessage(message);
try {
  const connection = openConnection(workerData as ThreadData);
  port.on("message", (request: Request) => {
    try {
      const answers = request.kind === "run" ? connection.run(request.statements) : connection[request.kind]();
      say({ id: request.id, answers });
    } catch (thrown) {
      say({ id: request.id, failure: failureOf(thrown) });
    }
    if (request.kind === "close") port.close();
  });
  say({ failure: null });
} catch (thrown) {
  say({ failure: failureOf(thrown) });
  port.close();
}
