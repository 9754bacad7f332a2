import { spawn } from "node:child_process";
import { Duplex } from "node:stream";

/** Run in the container's network with the host's own files: nothing of the container is executed. */
const RELAY = `
const socket = require("node:net").connect(Number(process.argv[1]), "127.0.0.1");
socket.on("error", () => process.exit(1)).on("close", () => process.exit(0));
process.stdin.on("end", () => socket.end()).on("error", () => process.exit(1)).pipe(socket);
process.stdout.on("error", () => process.exit(1));
socket.pipe(process.stdout);
`;

/** A connection to `port` on the loopback of the network that the process `pid` has, for where no address leads there. Linux and root alone may enter it. */
export function connectInside(pid: number, port: number): Duplex {
  const argv = [`--net=/proc/${pid}/ns/net`, "--", process.execPath, "-e", RELAY, String(port)];
  const relay = spawn("nsenter", argv, { stdio: ["pipe", "pipe", "ignore"], env: {} });
  const connection = Duplex.from({ readable: relay.stdout, writable: relay.stdin });
  relay.once("error", (error) => connection.destroy(error));
  connection.once("close", () => relay.kill("SIGKILL"));
  return connection;
}
