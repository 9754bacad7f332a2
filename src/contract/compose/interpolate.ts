import { mapItems, mapValues } from "./build.ts";
import type { Node, ScalarNode } from "./node.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import type { ComposeProblem } from "./project.ts";
import { refuse } from "./problem.ts";
import { substitute, TemplateError } from "./template.ts";
import type { Lookup } from "./template.ts";

type Cast = (text: string) => number | boolean | undefined;

const CASTS: Patterns<Cast> = patterns<Cast>({
  ...services(whole, [
    "configs.*.mode",
    "cpu_count",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "deploy.replicas",
    "deploy.update_config.parallelism",
    "deploy.rollback_config.parallelism",
    "deploy.restart_policy.max_attempts",
    "deploy.placement.max_replicas_per_node",
    "healthcheck.retries",
    "oom_score_adj",
    "pids_limit",
    "ports.*.target",
    "scale",
    "secrets.*.mode",
    "ulimits.*",
    "ulimits.*.hard",
    "ulimits.*.soft",
  ]),
  ...services(fraction, [
    "cpu_percent",
    "cpus",
    "deploy.update_config.max_failure_ratio",
    "deploy.rollback_config.max_failure_ratio",
  ]),
  ...services(truth, [
    "init",
    "healthcheck.disable",
    "oom_kill_disable",
    "privileged",
    "read_only",
    "stdin_open",
    "tty",
    "volumes.*.read_only",
    "volumes.*.volume.nocopy",
  ]),
  "networks.*.external": truth,
  "networks.*.internal": truth,
  "networks.*.attachable": truth,
  "networks.*.enable_ipv4": truth,
  "networks.*.enable_ipv6": truth,
  "volumes.*.external": truth,
  "secrets.*.external": truth,
  "configs.*.external": truth,
});

function services(cast: Cast, paths: readonly string[]): Record<string, Cast> {
  return Object.fromEntries(paths.map((path) => [`services.*.${path}`, cast]));
}

function whole(value: string): number | undefined {
  return /^[-+]?\d+$/.test(value) ? Number(value) : undefined;
}

function fraction(value: string): number | undefined {
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value) ? Number(value) : undefined;
}

/** Also used where Compose takes a text for a truth value without having put variables in. */
export function truth(value: string): boolean | undefined {
  const word = value.toLowerCase();
  if (["true", "y", "yes", "on"].includes(word)) return true;
  return ["false", "n", "no", "off"].includes(word) ? false : undefined;
}

/** A file of nothing but variables is told of once, not a million times. */
const MOST_PROBLEMS = 1000;

/** Puts variables into every text of a document; keys stay as they are. What is not set is told once for each place. */
export function interpolate(root: Node, lookup: Lookup, problems: ComposeProblem[]): Node {
  return visit(root, CASTS, [], lookup, problems);
}

function visit(
  node: Node,
  casts: Patterns<Cast> | undefined,
  path: readonly string[],
  lookup: Lookup,
  problems: ComposeProblem[],
): Node {
  if (node.kind === "map")
    return mapValues(node, (value, key) => visit(value, below(casts, key), [...path, key], lookup, problems));
  if (node.kind === "list") return mapItems(node, (value) => visit(value, below(casts, "*"), [...path, "[]"], lookup, problems));
  return typeof node.value === "string" ? text(node, node.value, casts?.rule, path, lookup, problems) : node;
}

function text(
  node: ScalarNode,
  value: string,
  cast: Cast | undefined,
  path: readonly string[],
  lookup: Lookup,
  problems: ComposeProblem[],
): ScalarNode {
  if (cast === undefined && !value.includes("$")) return node;
  const { text: substituted, variables, blanks } = substituteAt(node, value, path, lookup);
  for (const name of blanks) if (problems.length < MOST_PROBLEMS) problems.push(unset(node, name));
  if (cast === undefined) return { ...node, value: substituted, variables };
  const casted = cast(substituted);
  if (casted === undefined) {
    const kind = cast === truth ? "true or false" : "a number";
    refuse("value", node.at, `${path.join(".")} must be ${kind}, and is ${JSON.stringify(substituted)}`, `write ${kind}`);
  }
  return { ...node, value: casted, variables, ...(cast === fraction ? { form: "float" as const } : {}) };
}

function substituteAt(node: ScalarNode, value: string, path: readonly string[], lookup: Lookup): ReturnType<typeof substitute> {
  try {
    return substitute(value, lookup);
  } catch (error) {
    if (error instanceof TemplateError) refuse(error.kind, node.at, `${path.join(".")}: ${error.message}`, error.next);
    throw error;
  }
}

function unset(node: ScalarNode, name: string): ComposeProblem {
  return {
    unreadable: false,
    kind: "variable-unset",
    message: `the variable ${name} is not set, so nothing stands in its place`,
    next: `set ${name} in the environment or in .env, or give it a default: \${${name}:-…}`,
    at: node.at,
  };
}
