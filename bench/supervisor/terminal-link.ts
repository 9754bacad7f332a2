import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** How often what the link carries goes on. */
const STEP_MS = 5;
/** What is on its way in the link itself. */
const QUEUE = 65_536;

export interface SlowLink {
  readonly port: number;
  close(): Promise<void>;
}

/** A way to a port of 127.0.0.1 that brings back so many bytes a second; what goes there goes at once. */
export async function slowLink(to: number, bytesPerSecond: number): Promise<SlowLink> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    const queue: Buffer[] = [];
    let waiting = 0;
    let allowed = 0;
    let last = performance.now();
    near.setNoDelay(true);
    far.setNoDelay(true);
    near.pipe(far);
    far.on("data", (data: Buffer) => {
      queue.push(data);
      waiting += data.length;
      if (waiting > QUEUE) far.pause();
    });
    const step = setInterval(() => {
      const now = performance.now();
      allowed = Math.min(allowed + ((now - last) * bytesPerSecond) / 1000, (bytesPerSecond * 4 * STEP_MS) / 1000);
      last = now;
      while (allowed > 0) {
        const first = queue[0];
        if (first === undefined) break;
        const part = first.subarray(0, Math.ceil(allowed));
        if (part.length === first.length) queue.shift();
        else queue[0] = first.subarray(part.length);
        allowed -= part.length;
        waiting -= part.length;
        near.write(part);
      }
      if (waiting <= QUEUE) far.resume();
    }, STEP_MS);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        clearInterval(step);
        near.destroy();
        far.destroy();
        sockets.delete(socket);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
