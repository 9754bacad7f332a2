import { formatRule } from "../agents/gateway/egress/rules.ts";
import type { RunPlan } from "../agents/run/plan.ts";
import { hasAbility } from "../agents/run/input.ts";
import type { ImageInfo } from "../engine/engine.ts";
import { GATEWAY_TARGET } from "../model/workspace.ts";
import { formatDuration, table } from "./output.ts";

const networkTexts = {
  none: "none: nothing goes in or out",
  egress: "egress: no network of its own, and one way out to what is allowed below",
  open: "open: the engine's default, which reaches what the host reaches",
} as const;

/** The lines that say how the container is come by and what it reaches. */
export function networkFacts(plan: RunPlan): (readonly [string, string])[] {
  const broker = plan.gateway?.broker;
  return [
    ["mode", modeText(plan)],
    ["network", networkTexts[plan.network]],
    ...(broker
      ? [
          [
            "model API",
            `${broker.upstream} through the gateway, which adds ${broker.credential}; the container has a token for its run`,
          ] as const,
        ]
      : []),
  ];
}

function modeText({ mode, persistent }: RunPlan): string {
  if (mode === "cold") return "cold: a container for each run";
  if (mode === "warm") return "warm: a container made ahead for each run, while `novabot serve` is at work";
  const { idleTimeout, maxAge, maxRuns } = persistent;
  return `persistent: one container for many runs, replaced after ${formatDuration(idleTimeout)} without one, ${formatDuration(maxAge)} or ${maxRuns} runs`;
}

/** What the gateway lets through, one line for each rule; empty when there is no proxy. */
export function egressTable(plan: RunPlan): string[] {
  const rules = plan.gateway?.egress;
  if (!rules) return [];
  if (!rules.length)
    return [
      "",
      ...table(
        ["ALLOWED OUT", "WHERE THE RULE STANDS"],
        [["nothing", plan.gateway?.broker ? "only the model's API, through the gateway" : ""]],
      ),
    ];
  const rows = rules.map((rule) => [formatRule(rule), rule.private ? "also private addresses" : "public addresses", rule.source]);
  return ["", ...table(["ALLOWED OUT", "TO", "WHERE THE RULE STANDS"], rows)];
}

/** The row of the socket's mount. Its directory is made with the container. */
export function gatewayMount(plan: RunPlan): string[][] {
  return plan.gateway
    ? [["ro", GATEWAY_TARGET, "a directory of this container's own", "the socket that leads to the gateway"]]
    : [];
}

/** What this image's runner cannot do of what the plan has, as sentences. */
export function imageGaps(plan: RunPlan, image: ImageInfo | null): string[] {
  if (!image) return [];
  const gaps: string[] = [];
  if (plan.gateway && !hasAbility(image, "gateway"))
    gaps.push(
      `The image's runner does not lead its agent to the gateway: a program in it must use ${GATEWAY_TARGET}/gateway.sock itself.`,
    );
  if (plan.mode === "persistent" && !hasAbility(image, "persistent"))
    gaps.push("The image's runner takes one run only: the group runs warm instead of persistent.");
  return gaps;
}
