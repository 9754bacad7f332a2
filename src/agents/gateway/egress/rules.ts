import { NovaError, quote } from "../../../model/errors.ts";
import type { EgressRule } from "../door.ts";
import { canonicalHost, formatTarget, parseTarget, type Target } from "./target.ts";

const defaultPort = 443;

/** A rule as it is written: `name`, `*.name`, an address, each with `:port` when it is not 443. Throws `EGRESS_INVALID`. */
export function parseRule(text: string, source: string): EgressRule {
  const isWildcard = text.startsWith("*.");
  const target = parseTarget(isWildcard ? text.slice(2) : text, defaultPort);
  if (!target || (isWildcard && target.isAddress)) throw invalidRule(text, source);
  return { host: isWildcard ? `*.${target.host}` : target.host, port: target.port, private: false, source };
}

/** A rule in parts, as the owner's list may have it. Throws `EGRESS_INVALID`. */
export function ruleOf(
  entry: { host: string; port?: number | undefined; private?: boolean | undefined },
  source: string,
): EgressRule {
  const isWildcard = entry.host.startsWith("*.");
  const host = canonicalHost(isWildcard ? entry.host.slice(2) : entry.host);
  if (!host || (isWildcard && host.isAddress)) throw invalidRule(entry.host, source);
  return {
    host: isWildcard ? `*.${host.host}` : host.host,
    port: entry.port ?? defaultPort,
    private: entry.private ?? false,
    source,
  };
}

/** The first rule that lets `target` through; one that may lead to private addresses is preferred. */
export function findRule(rules: readonly EgressRule[], target: Target): EgressRule | undefined {
  const fitting = rules.filter((rule) => fits(rule, target));
  return fitting.find((rule) => rule.private) ?? fitting[0];
}

function fits(rule: EgressRule, { host, port, isAddress }: Target): boolean {
  if (rule.port !== port) return false;
  if (!rule.host.startsWith("*.")) return rule.host === host;
  return !isAddress && host.endsWith(rule.host.slice(1)) && host.length >= rule.host.length;
}

/** As it would stand in the list. */
export function formatRule(rule: EgressRule): string {
  return rule.port === defaultPort ? rule.host : formatTarget(rule);
}

function invalidRule(text: string, source: string): NovaError {
  return new NovaError("EGRESS_INVALID", `${quote(text)} is no way out that can be allowed.`, {
    place: source,
    next: "Write a name (api.github.com), everything below a name (*.wikipedia.org) or an address, with :port when it is not 443.",
  });
}
