import { quote } from "../../model/errors.ts";
import type { PublishedPort } from "../compose/project.ts";
import { ownText, replacing, besideTarget } from "./mend.ts";
import type { PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import { textOf, under } from "./values.ts";

export const portsRule: PaperRule = {
  id: "ports",
  scope: "service",
  check(subject, tell) {
    const { service, declared } = subject;
    // The host's network publishes everything; that is the rule of namespaces.
    if (service.networkMode?.value === "host") {
      tell.unknown("the host's own network is used");
      return;
    }
    tellOpenNetworks(subject, tell);
    const wanted = declared?.port;
    const address = wanted?.address ?? "127.0.0.1";
    let found = false;
    for (const port of service.ports) {
      const bound = port.hostAddress?.value;
      const isDeclared =
        wanted !== undefined &&
        port.target.value === wanted.container &&
        port.published?.value === String(wanted.host) &&
        port.protocol === "tcp";
      found ||= isDeclared;
      if (tellAddress(subject, port, address, tell)) continue;
      if (declared === undefined) {
        if (port.published === undefined || port.published.value === "") tellRandom(port, tell);
        continue;
      }
      if (isDeclared) {
        if (bound !== address) {
          tell({
            message: `the port is bound on ${quote(bound)}, not on ${address}`,
            fix: `Bind it on ${address}.`,
            at: port.hostAddress?.at ?? port.at,
          });
        }
        continue;
      }
      const at = wanted !== undefined && port.target.value === wanted.container ? (port.published?.at ?? port.at) : port.at;
      tell({
        message: `${shown(port)} is published, but the contract ${wanted === undefined ? "declares no port" : `declares ${address}:${String(wanted.host)} to ${String(wanted.container)}/tcp`}`,
        fix:
          wanted === undefined
            ? "Take the port out."
            : `Publish \`${address}:${String(wanted.host)}:${String(wanted.container)}\` and nothing else.`,
        at,
      });
      found ||= wanted !== undefined && port.target.value === wanted.container;
    }
    if (wanted !== undefined && !found) {
      tell({
        message: `${service.name} does not publish port ${String(wanted.container)}`,
        fix: `Add \`${address}:${String(wanted.host)}:${String(wanted.container)}\` to its ports.`,
        at: service.at,
      });
    }
  },
};

/** On these networks every port of the container is open to others than this host, published or not. */
function tellOpenNetworks({ service, project }: ServiceSubject, tell: Tell): void {
  for (const { name, at } of service.networks) {
    const network = project.networks.get(name);
    const declared = under(project.document, "networks", name);
    const driver = network?.driver?.value ?? "";
    const options = under(declared, "driver_opts");
    const mode = ["ipv4", "ipv6"]
      .map((family) => textOf(under(options, `com.docker.network.bridge.gateway_mode_${family}`)) ?? "")
      .find((one) => /^(?:routed|nat-unprotected)$/.test(one));
    const why = /^(?:macvlan|ipvlan)$/.test(driver) ? `its driver is ${driver}` : mode && `its gateway mode is ${mode}`;
    if (why === undefined || why === "") continue;
    tell({
      message: `every port of ${service.name} is open on the network ${quote(name)}: ${why}`,
      fix: "Join a network of the driver `bridge`, and publish the port.",
      at,
      related: [{ at: network?.at ?? at, message: "declared here" }],
    });
  }
}

function tellAddress(subject: ServiceSubject, port: PublishedPort, address: string, tell: Tell): boolean {
  const bound = port.hostAddress?.value ?? "";
  if (bound !== "" && isLoopback(bound)) return false;
  const every = bound === "" || /^(?:0+(?:\.0+){0,3}|\[?[0:]+\]?|\*)$/.test(bound);
  const text = ownText(subject, port.at);
  const isShort = text !== undefined && !/:\s|^\{/.test(text);
  const edits =
    port.hostAddress !== undefined && !isShort
      ? replacing(subject, port.hostAddress.at, address)
      : isShort
        ? shortEdit(subject, port, text, address)
        : besideTarget(subject, port.target.at, `host_ip: ${address}`);
  tell({
    message: every ? `${shown(port)} is open on every address of the host` : `${shown(port)} is open on ${quote(bound)}`,
    fix: `Bind it on ${address}.`,
    at: isShort ? port.at : (port.hostAddress?.at ?? port.at),
    edits: every ? edits : [],
  });
  return true;
}

function shortEdit(subject: ServiceSubject, port: PublishedPort, text: string, address: string): ReturnType<typeof replacing> {
  const bracketed = address.includes(":") ? `[${address}]` : address;
  const wanted = subject.declared?.port;
  if (port.published === undefined) {
    // `5000` alone takes a random port: what is meant is known from the declaration only.
    if (wanted === undefined || text !== String(wanted.container)) return [];
    return replacing(subject, port.at, `${bracketed}:${String(wanted.host)}:${text}`);
  }
  if (port.hostAddress === undefined) return replacing(subject, port.at, `${bracketed}:${text}`);
  const rest = /^(?:0\.0\.0\.0|\[[0:]+\]|\*):(.*)$/.exec(text)?.[1];
  return rest === undefined ? [] : replacing(subject, port.at, `${bracketed}:${rest}`);
}

function tellRandom(port: PublishedPort, tell: Tell): void {
  tell({
    severity: "warning",
    message: `port ${String(port.target.value)} is published on a random port of the host`,
    fix: "Write the host's port.",
    at: port.at,
  });
}

function shown(port: PublishedPort): string {
  const published = port.published?.value ?? "";
  return `${published === "" ? "a random port" : `port ${published}`} (to ${String(port.target.value)}/${port.protocol})`;
}

function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || /^\[?::1\]?$/.test(address) || address === "localhost";
}
