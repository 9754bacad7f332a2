import { randomBytes } from "node:crypto";
import type { ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { ABILITIES_LABEL, PROTOCOL_LABEL, PROTOCOL_VERSION, type Ability } from "../../model/markers.ts";
import type { ContainerInput } from "../../model/protocol.ts";
import type { Visit } from "../gateway/door.ts";
import type { Ready } from "./container.ts";
import type { RunPlan } from "./plan.ts";
import type { RunRequest } from "./request.ts";

/** A host that lives stops a container long before this much after its time; one that does not, cannot. */
const hostLateMs = 30_000;

/** Whether the image's runner echoes the nonce. */
export function keepsProtocol(image: ImageInfo): boolean {
  return image.labels[PROTOCOL_LABEL] === PROTOCOL_VERSION;
}

export function hasAbility(image: ImageInfo, ability: Ability): boolean {
  return keepsProtocol(image) && (image.labels[ABILITIES_LABEL] ?? "").split(" ").includes(ability);
}

/** Whether messages can be given to the agent of this plan while it works. */
export function takesFollowUps({ plan, image }: Ready): boolean {
  return plan.agent === "claude" && hasAbility(image, "follow-ups");
}

/** What leads a container's agent out, in the runner's words; undefined when nothing does. */
function gatewayOf(plan: RunPlan): ContainerInput["gateway"] {
  if (!plan.gateway) return undefined;
  return { broker: plan.gateway.broker !== null, proxy: plan.gateway.egress !== null };
}

/** Throws `NOT_SUPPORTED` for a guard that the image would not run. */
export function checkGuard(request: RunRequest, { plan, image }: Ready): void {
  if (request.guard === undefined || keepsProtocol(image)) return;
  throw new NovaError("NOT_SUPPORTED", `The image ${plan.image} does not keep NovaBot's protocol, so it runs no guard.`, {
    place: plan.image,
    next: "Use an image built on NovaBot's, or a task without a guard.",
  });
}

/** What a container is told of a run. An image without NovaBot's protocol gets what the requirement has and nothing more. */
export function containerInput(request: RunRequest, ready: Ready, run: string, visit: Visit | null): ContainerInput {
  const { plan, image } = ready;
  const input: ContainerInput = {
    prompt: request.prompt,
    ...(request.sessionId === undefined ? {} : { sessionId: request.sessionId }),
    groupFolder: plan.group.folder,
    chatJid: plan.group.jid,
    isMain: plan.group.isMain,
    isScheduledTask: request.isScheduledTask ?? false,
  };
  if (!keepsProtocol(image)) return input;
  const gateway = visit ? gatewayOf(plan) : undefined;
  return {
    ...input,
    nonce: randomBytes(24).toString("base64url"),
    run,
    agent: plan.agent,
    deadlineMs: plan.timeoutMs + plan.graceMs + hostLateMs,
    ...(visit && Object.keys(visit.variables).length ? { variables: visit.variables } : {}),
    ...(gateway ? { gateway } : {}),
    ...(request.guard === undefined ? {} : { guard: request.guard }),
    ...(takesFollowUps(ready) ? { followUps: true } : {}),
  };
}
