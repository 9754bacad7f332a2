import type { Capabilities, EngineInfo } from "../../engine/engine.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { Group, Network } from "../../model/group.ts";
import { defaultEnvNames, readEnvFile } from "../home/env-file.ts";
import type { Home } from "../home/home.ts";
import { isWithin } from "../mounts/additional.ts";
import { realPathOf } from "../mounts/real-path.ts";
import type { BrokerPlan, EgressRule, GatewayPlan } from "./door.ts";
import { egressListPath, readEgressList } from "./egress/list.ts";
import { parseRule } from "./egress/rules.ts";
import { canonicalHost } from "./egress/target.ts";

const anthropic = "https://api.anthropic.com";
/** In the order in which they are taken when both are there. */
const credentials = ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"] as const;

/** How a group's container reaches what it may, and where its keys are. */
export interface NetworkPlan {
  readonly network: Network;
  readonly gateway: GatewayPlan | null;
  /** Stay outside, with the gateway. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Go into the env file. */
  readonly variables: ReadonlyMap<string, string>;
  readonly missingVariables: readonly string[];
  readonly gaps: readonly string[];
}

/**
 * Decides it from the group, the home's `.env` and the owner's list. Rejects with `NOT_SUPPORTED` when the group asks for a
 * network that the engine cannot make, `EGRESS_INVALID` for a rule that cannot be read, `ENV_INVALID` for an upstream that is no address.
 */
export async function planNetwork(
  group: Group,
  context: {
    readonly home: Home;
    readonly capabilities: Capabilities;
    readonly engine: EngineInfo;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<NetworkPlan> {
  const { home, env, engine } = context;
  const config = group.containerConfig ?? {};
  const { network, gaps } = chooseNetwork(group, context.capabilities, engine);
  const listed = config.env ?? [];
  const found = await readEnvFile(home, [...new Set([...defaultEnvNames, ...listed, "ANTHROPIC_BASE_URL"])]);
  const raw = credentials.filter((name) => listed.includes(name) && found.has(name));
  const kept = credentials.find((name) => found.has(name));
  const hasSocket = network !== "none" && engine.sharesKernel;
  const variables = new Map<string, string>();
  for (const name of defaultEnvNames) {
    const value = found.get(name);
    // Without a socket there is no broker, and a key in the env file is all that is left; without a network it is of no use.
    const isRaw = raw.some((other) => other === name) || (network !== "none" && !engine.sharesKernel);
    if (value !== undefined && isRaw) variables.set(name, value);
  }
  for (const name of listed) {
    const value = found.get(name);
    if (value !== undefined) variables.set(name, value);
  }
  const upstream = upstreamOf(found.get("ANTHROPIC_BASE_URL"), home.envFile, env);
  const isBrokered = hasSocket && kept !== undefined && raw.length === 0;
  const broker: BrokerPlan | null = isBrokered ? { upstream: upstream.href, credential: kept } : null;
  const rules = network === "egress" ? await egressRules(group, home, env) : null;
  const egress = rules && raw.length ? [...rules, upstreamRule(upstream)] : rules;
  if (raw.length && network !== "none")
    gaps.push(
      `${raw.join(" and ")} goes into the container, because containerConfig.env names it: the agent can read it and send it away.`,
    );
  return {
    network,
    gateway: hasSocket && (broker || egress) ? { broker, egress } : null,
    secrets: broker && kept ? new Map([[kept, found.get(kept) ?? ""]]) : new Map<string, string>(),
    variables,
    missingVariables: [
      ...(kept === undefined && network !== "none" ? defaultEnvNames.filter((name) => !listed.includes(name)) : []),
      ...listed.filter((name) => !found.has(name)),
    ],
    gaps,
  };
}

function chooseNetwork(group: Group, capabilities: Capabilities, engine: EngineInfo): { network: Network; gaps: string[] } {
  const asked = group.containerConfig?.network;
  const place = `group ${group.folder}, containerConfig.network`;
  const gaps: string[] = [];
  if ((asked === "none" || (asked === "egress" && engine.sharesKernel)) && !capabilities.networkNone) {
    throw new NovaError(
      "NOT_SUPPORTED",
      `The group wants network ${asked}, and this engine cannot start a container without a network.`,
      {
        place,
        next: "Use another engine for it (NOVABOT_ENGINE), or remove the setting.",
      },
    );
  }
  if (asked === "none") return { network: asked, gaps };
  if (engine.sharesKernel && capabilities.networkNone) return { network: asked ?? "egress", gaps };
  if (asked === "egress") {
    throw new NovaError(
      "NOT_SUPPORTED",
      `The group wants network egress, and ${engine.product} runs in a virtual machine, where a socket of this machine does not work.`,
      {
        place,
        next: "Use an engine on this machine's own kernel (NOVABOT_ENGINE), or set network to none or open.",
      },
    );
  }
  if (asked === undefined) gaps.push("The network is open: this engine cannot keep a container to the allowed ways out.");
  if (!engine.sharesKernel)
    gaps.push("The keys for the model's API go into the container: this engine cannot take the socket that would keep them out.");
  return { network: "open", gaps };
}

/** The owner's rules and then the group's own, each with its place. */
async function egressRules(group: Group, home: Home, env: Readonly<Record<string, string | undefined>>): Promise<EgressRule[]> {
  const path = realPathOf(egressListPath(env));
  if (isWithin(path, home.root)) {
    throw new NovaError(
      "EGRESS_INVALID",
      `The list of allowed ways out ${quote(path, 400)} lies in the home, where main could change it.`,
      {
        place: path,
        next: "Move it out of the home; NOVABOT_EGRESS_ALLOWLIST names another place.",
      },
    );
  }
  const own = (group.containerConfig?.egress ?? []).map((text, index) =>
    parseRule(text, `group ${group.folder}, containerConfig.egress.${index}`),
  );
  return [...((await readEgressList(path)) ?? []), ...own];
}

function upstreamOf(written: string | undefined, envFile: string, env: Readonly<Record<string, string | undefined>>): URL {
  const text = written ?? (env["ANTHROPIC_BASE_URL"] || anthropic);
  const place = written === undefined ? "the environment, ANTHROPIC_BASE_URL" : `${envFile}, ANTHROPIC_BASE_URL`;
  const url = URL.parse(text);
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash;
  if (isPlain && (url.protocol === "https:" || url.protocol === "http:") && canonicalHost(url.hostname)) return url;
  throw new NovaError("ENV_INVALID", "ANTHROPIC_BASE_URL is not the address of an API.", {
    place,
    next: "Write https://host or https://host/path, without user, password and query.",
  });
}

/** With the key in the container, its requests go straight to the API. */
function upstreamRule(upstream: URL): EgressRule {
  const host = canonicalHost(upstream.hostname)?.host ?? upstream.hostname;
  const port = Number(upstream.port) || (upstream.protocol === "https:" ? 443 : 80);
  return { host, port, private: true, source: "the model's API, whose key is in the env file" };
}
