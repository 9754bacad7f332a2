import { once } from "node:events";
import { request, Agent, type IncomingMessage, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { dockerCreateRequest } from "../../src/engine/docker/request.ts";
import type { ContainerSpec } from "../../src/engine/spec.ts";
import { checkAnswer } from "./answer.ts";

/** The Engine API with nothing around it: five requests, no checks, no limits, no log. What is faster than this is not there. */
export class RawAPI {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async run(spec: ContainerSpec, input: string): Promise<void> {
    const created = JSON.parse(await this.#ask("POST", `/containers/create?name=${spec.name}`, dockerCreateRequest(spec))) as {
      Id: string;
    };
    const { stream, stdout } = await this.#attach(created.Id);
    const waiting = this.#ask("POST", `/containers/${created.Id}/wait?condition=removed`);
    await this.#ask("POST", `/containers/${created.Id}/start`);
    stream.end(input);
    const { StatusCode } = JSON.parse(await waiting) as { StatusCode: number };
    if (StatusCode !== 0) throw new Error(`exit status ${StatusCode}`);
    checkAnswer(await stdout);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #attach(id: string): Promise<{ stream: Duplex; stdout: Promise<string> }> {
    const path = `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
    const call = request({
      socketPath: this.#socketPath,
      path,
      method: "POST",
      headers: { Connection: "Upgrade", Upgrade: "tcp" },
    });
    call.end();
    const [, stream, head] = (await once(call, "upgrade")) as [IncomingMessage, Duplex, Buffer];
    const parts = [head];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", () => undefined);
    return { stream, stdout: once(stream, "end").then(() => plain(Buffer.concat(parts))) };
  }

  async #ask(method: string, path: string, body?: unknown): Promise<string> {
    const options: RequestOptions = {
      socketPath: this.#socketPath,
      agent: this.#agent,
      method,
      path,
      headers: { "Content-Type": "application/json" },
    };
    const call = request(options);
    call.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(call, "response")) as [IncomingMessage];
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    await once(response, "end");
    const text = Buffer.concat(parts).toString();
    if ((response.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${text}`);
    return text;
  }
}

/** Standard output without the headers of 8 bytes that tell it from standard error. */
function plain(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    if (bytes[at] === 1) text += bytes.toString("utf8", at + 8, at + 8 + length);
    at += 8 + length;
  }
  return text;
}
