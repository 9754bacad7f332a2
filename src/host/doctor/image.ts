import { hasAbility } from "../../agents/run/input.ts";
import { DEFAULT_IMAGE, agentImage } from "../../agents/run/plan.ts";
import type { Engine } from "../../engine/engine.ts";
import { PROTOCOL_LABEL, PROTOCOL_VERSION } from "../../model/markers.ts";
import { formatSize } from "../../model/size.ts";
import { listImages, type ListedImage } from "../images/images.ts";
import { WORKER_TAG } from "../images/versions.ts";
import type { Environment } from "../state.ts";
import { failure, type Check } from "./check.ts";

/** The agents' image: that it is there, keeps the protocol, leads to the gateway, and is of this version of NovaBot. */
export async function checkImage(engine: Engine, env: Environment): Promise<Check> {
  const reference = agentImage(env);
  const name = `image ${reference}`;
  try {
    const image = await engine.findImage(reference);
    const next = reference === DEFAULT_IMAGE ? "novabot image build" : "Build or pull it, or unset NOVABOT_AGENT_IMAGE.";
    if (!image) return { name, status: "fail", detail: "missing", next };
    const protocol = image.labels[PROTOCOL_LABEL];
    const detail = `${image.id.slice(0, 19)}, ${formatSize(image.sizeBytes)}, protocol ${protocol ?? "unlabelled"}`;
    if (protocol === PROTOCOL_VERSION && !hasAbility(image, "gateway")) {
      return {
        name,
        status: "warn",
        detail: `${detail}: its runner does not lead agents to the gateway, so they reach nothing`,
        next,
      };
    }
    if (protocol === PROTOCOL_VERSION) {
      const isOutdated =
        reference === DEFAULT_IMAGE &&
        isOfAnotherVersion((await listImages(engine, env)).filter(({ name: which }) => which !== "worker"));
      if (!isOutdated) return { name, status: "ok", detail };
      return { name, status: "warn", detail: `${detail}: it was built by another version of NovaBot`, next };
    }
    return {
      name,
      status: "warn",
      detail: `${detail}: its answers carry no nonce, so anything in the container can forge them`,
      next,
    };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

/** The workers' image. That it is missing is no fault: whoever runs no workers needs none. */
export async function checkWorkerImage(engine: Engine, env: Environment): Promise<Check> {
  const name = `image ${WORKER_TAG}`;
  const next = "novabot image build worker";
  try {
    const image = await engine.findImage(WORKER_TAG);
    if (!image) return { name, status: "ok", detail: `not built; workers need it (${next})` };
    const detail = `${image.id.slice(0, 19)}, ${formatSize(image.sizeBytes)}`;
    const listed = (await listImages(engine, env)).find(({ name: which }) => which === "worker");
    if (listed?.state !== "outdated") return { name, status: "ok", detail };
    return { name, status: "warn", detail: `${detail}: it was built by another version of NovaBot`, next };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

/** Without the base image nothing can be said of the one that was built on it. */
export function isOfAnotherVersion(listed: readonly Pick<ListedImage, "state">[]): boolean {
  return listed.some(({ state }) => state === "outdated") && !listed.some(({ state }) => state === "missing");
}
