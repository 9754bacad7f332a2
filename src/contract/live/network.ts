import { isIP } from "node:net";
import { count } from "./identity.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** Whether the contract's network is there and joined. */
export function judgeNetwork({ expected, network, container, service, kernel }: LiveSubject, verdicts: Verdicts): void {
  const name = expected.network;
  const at = service?.networks[0]?.at ?? service?.at;
  if (name === undefined) {
    verdicts.notApplicable("network");
    return;
  }
  if (name === "none") {
    const joined = Object.entries(container.networks).filter(
      ([joinedName, { address }]) => joinedName !== "none" && address !== "",
    );
    if (joined.length > 0)
      verdicts.broken("network", {
        message: `The container is in the network ${joined.map(([one]) => one).join(", ")}; it must have none.`,
        fix: "Remove the container; NovaBot makes another.",
      });
    else if (kernel.known) verdicts.kept("network", "none");
    else verdicts.unknown("network", kernel.reason);
    return;
  }
  if (!network.known) {
    verdicts.unknown("network", network.reason);
    return;
  }
  if (network.value === undefined) {
    verdicts.broken("network", {
      message: `The network ${name} is not there.`,
      fix: "Make it with `novabot modules up`, which does so before it starts the modules.",
      at,
    });
    return;
  }
  const joined = Object.keys(container.networks);
  if (!joined.includes(name))
    verdicts.broken("network", {
      message: `The container is not in the network ${name}${joined.length > 0 ? `, but in ${joined.join(", ")}` : ""}.`,
      fix: "Set the network's variable to one value for all modules, then make the container anew.",
      at,
    });
  else verdicts.kept("network", `${name}, ${container.networks[name]?.address || "no address"}`);
}

/** Whether ports are bound where they were declared, by the engine's word and by the kernel's table of listeners. */
export function judgePorts({ module, container, service, listeners, project }: LiveSubject, verdicts: Verdicts): void {
  const at = service?.ports[0]?.at ?? module?.at;
  const declared = module?.port;
  const fix = "Publish it as `127.0.0.1:HOST:CONTAINER` with the contract's numbers, then make the container anew.";
  if (declared) {
    const right = container.ports.some(
      (port) =>
        port.protocol === "tcp" &&
        port.container === declared.container &&
        port.host === declared.host &&
        port.hostAddress === declared.address,
    );
    if (!right)
      verdicts.broken("ports", {
        message: `Port ${declared.container} is not bound to ${declared.address}:${declared.host}${bound(container.ports)}.`,
        fix,
        at,
      });
  }
  for (const port of container.ports) {
    if (declared && port.host === declared.host && port.hostAddress === declared.address && port.container === declared.container)
      continue;
    const address = port.hostAddress === "" ? "every address" : port.hostAddress;
    if (!isLoopback(port.hostAddress) || (module && !declared))
      verdicts.broken("ports", {
        message: `Port ${port.container} is bound to ${address}, port ${port.host}${isLoopback(port.hostAddress) ? ", which the contract does not declare" : ""}.`,
        fix,
        at,
      });
    else if (module)
      verdicts.broken("ports", {
        message: `Port ${port.container} is also bound to ${address}:${port.host}, which the contract does not declare.`,
        fix: "Remove it from `ports`.",
        at,
      });
  }
  if (container.ports.length === 0 && !declared) {
    verdicts.notApplicable("ports", project ? "none is published" : undefined);
    return;
  }
  if (!listeners.known) {
    verdicts.unknown("ports", listeners.reason);
    return;
  }
  for (const port of container.ports.filter(({ protocol }) => protocol === "tcp")) {
    const there = listeners.value.filter((listener) => listener.port === port.host);
    const open = there.find(({ address }) => !isLoopback(address));
    // Engines that forward by rules of the kernel's firewall need no listener; one that is there must not be open.
    if (open && isLoopback(port.hostAddress))
      verdicts.broken("ports", {
        message: `Port ${port.host} of the host also listens on ${open.address}, while the engine says ${port.hostAddress}.`,
        fix: "Find out what listens there, and stop it.",
        at,
      });
  }
  verdicts.kept(
    "ports",
    container.ports.length === 0
      ? "none is published"
      : `${count(container.ports.length, "port", "ports")}${bound(container.ports)}`,
  );
}

function bound(ports: LiveSubject["container"]["ports"]): string {
  if (ports.length === 0) return "";
  return `: ${ports.map((port) => `${port.hostAddress || "*"}:${port.host} → ${port.container}`).join(", ")}`;
}

function isLoopback(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith("127.") : address === "::1";
}
