// Starts a process of the worker that is named, follows its log until it has said so many lines, and stops it.
import { newWebSocketRpcSession } from "capnweb";

const { NOVABOT_URL = "http://127.0.0.1:7780", NOVABOT_TOKEN } = process.env;
const [worker, ...argv] = process.argv.slice(2);
const socket = new WebSocket(`${NOVABOT_URL.replace(/^http/, "ws")}/rpc`, {
  headers: { authorization: `Bearer ${NOVABOT_TOKEN}` },
});
const ops = newWebSocketRpcSession(socket);

try {
  const { status } = await ops.startProcess("example", { worker, spec: { argv, directory: "/tmp" }, wait: "running" });
  console.log(`it is ${status.state}`);
  let lines = 0;
  for await (const item of await ops.getLogs("example", { worker, follow: true })) {
    if (item.kind === "log") console.log(item.text);
    if (item.kind === "gap") console.log(`(too slow for ${item.entries ?? "some"} lines)`);
    if (item.kind === "failure") throw new Error(item.problem.detail);
    if (item.kind === "log" && ++lines === 3) break;
  }
  for (const error of await ops.getErrors("example", { worker })) console.log(`${error.count} times: ${error.message}`);
  await ops.stopProcess("example", { worker });
} catch (error) {
  console.error(`${error.message} ${error.next ?? ""}`);
  process.exitCode = 1;
} finally {
  ops[Symbol.dispose]();
}
