// What one would write by hand: node-pty behind a WebSocket server, as the examples of both have it. Prints its port.
import { spawn } from "@lydell/node-pty";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("listening", () => process.stdout.write(`${server.address().port}\n`));
server.on("connection", (socket) => {
  const terminal = spawn("/bin/sh", [], { name: "xterm-256color", cols: 80, rows: 24, encoding: null });
  terminal.onData((data) => socket.send(data));
  terminal.onExit(() => socket.close());
  socket.on("message", (data) => terminal.write(data));
  socket.on("close", () => terminal.kill());
  socket.on("error", () => undefined);
});
process.on("SIGTERM", () => process.exit(0));
