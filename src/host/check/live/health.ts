import { request } from "node:http";
import { known, unknown, type Known } from "../../../contract/live/kernel-facts.ts";
import type { HealthAnswer } from "../../../contract/live/subject.ts";
import type { ContractModule } from "../../../contract/declaration/contract.ts";
import type { ContainerDescription } from "../../../engine/observation.ts";
import { messageOf } from "../../../model/errors.ts";

const WITHIN_MS = 5000;
const BODY_LIMIT_BYTES = 65_536;

/**
 * Asks the contract's endpoint as a caller on the host does: on the published port, or where none is published on the container's own
 * address. `reachable` is why neither can be reached from here, when that is so.
 */
export async function askHealth(
  module: ContractModule,
  container: ContainerDescription,
  reachable: Known<true>,
): Promise<Known<HealthAnswer>> {
  const { health } = module;
  if (!health) return unknown("the contract declares no health endpoint");
  const published = container.ports.find((port) => port.container === health.port && port.protocol === "tcp");
  const address = Object.values(container.networks).find((network) => network.address !== "")?.address;
  if (!reachable.known) return reachable;
  if (published) return known(await ask(loopbackOf(published.hostAddress), published.host, health.path, health.body));
  if (container.namespaces.network === "host") return known(await ask("127.0.0.1", health.port, health.path, health.body));
  if (address === undefined) return unknown("no port is published, and the container has no address");
  return known(await ask(address, health.port, health.path, health.body));
}

function loopbackOf(address: string): string {
  if (address === "" || address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

async function ask(host: string, port: number, path: string, body: string | undefined): Promise<HealthAnswer> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
  const begun = performance.now();
  const answer = (status: number | null, bodyMatches: boolean, problem?: string): HealthAnswer => ({
    url,
    status,
    problem,
    bodyMatches,
    tookMs: performance.now() - begun,
  });
  return await new Promise<HealthAnswer>((resolve) => {
    const settle = (result: HealthAnswer): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve(result);
    };
    // Its own connection, no proxy, and no redirect followed: what answers must be the service itself.
    const asked = request({ host, port, path, agent: false, headers: { accept: "*/*", connection: "close" } }, (response) => {
      const status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let size = 0;
      const text = (): string => Buffer.concat(chunks).toString("utf8");
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > BODY_LIMIT_BYTES)
          settle(
            answer(status, body === undefined || text().includes(body), `its answer is longer than ${BODY_LIMIT_BYTES} bytes`),
          );
      });
      response.on("end", () => settle(answer(status, body === undefined || text().includes(body))));
      response.on("error", (error) => settle(answer(status, false, messageOf(error))));
    });
    const timer = setTimeout(() => settle(answer(null, false, `there was no whole answer within ${WITHIN_MS} ms`)), WITHIN_MS);
    asked.on("error", (error) => settle(answer(null, false, messageOf(error))));
    asked.end();
  });
}
