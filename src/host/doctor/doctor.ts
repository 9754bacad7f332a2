import type { Engine, EngineInfo } from "../../engine/engine.ts";
import { hasAbility } from "../../agents/run/input.ts";
import { PROTOCOL_LABEL, PROTOCOL_VERSION } from "../../model/markers.ts";
import { formatSize } from "../../model/size.ts";
import { DEFAULT_IMAGE, agentImage } from "../../agents/run/plan.ts";
import { probeEngines } from "../engines/find.ts";
import type { Environment } from "../state.ts";
import { failure, type Check } from "./check.ts";
import { checkHome } from "./home.ts";
import { checkKernel } from "./network.ts";

const leastNode = 24;

/** Looks at everything that a run needs, changes nothing, and goes on after what it finds broken. */
export async function examine(homePath: string, env: Environment): Promise<Check[]> {
  const checks: Check[] = [checkNode()];
  const { engine, info, found } = await checkEngines(env);
  checks.push(...found);
  if (info) checks.push(checkKernel(info));
  if (engine) checks.push(await checkImage(engine, env));
  else checks.push({ name: "image", status: "warn", detail: "not looked at: no engine answers" });
  checks.push(...(await checkHome(homePath, env, engine && info ? { engine, info } : undefined)));
  return checks;
}

function checkNode(): Check {
  const detail = `${process.version} at ${process.execPath}`;
  if (Number(process.versions.node.split(".")[0]) >= leastNode) return { name: "node", status: "ok", detail };
  return { name: "node", status: "fail", detail, next: `Run NovaBot on Node ${leastNode} or newer.` };
}

async function checkEngines(env: Environment): Promise<{ engine?: Engine; info?: EngineInfo; found: Check[] }> {
  let reports: Awaited<ReturnType<typeof probeEngines>>;
  try {
    reports = await probeEngines(env);
  } catch (thrown) {
    return { found: [failure("engine", thrown)] };
  }
  const chosen = reports.find((report) => report.ok);
  const found: Check[] = reports.map((report) => {
    const name = `engine ${report.name}`;
    if (report.ok && report.info) {
      const { product, version, endpoint, cpus, memoryBytes, rootless } = report.info;
      const detail = `${product} ${version} at ${endpoint}, ${cpus} cpus, ${formatSize(memoryBytes)}${rootless ? ", rootless" : ""}${report === chosen ? ", in use" : ""}`;
      return { name, status: "ok", detail };
    }
    // One engine is enough: why the others do not serve is worth knowing, not worth mending.
    return { name, status: chosen ? "ok" : "warn", detail: `not in use: ${report.reason ?? "it does not answer"}` };
  });
  if (!chosen) {
    const wants = reports.find((report) => report.next !== undefined)?.next;
    found.push({
      name: "engine",
      status: "fail",
      detail: "none answers, and one is needed",
      ...(wants === undefined ? {} : { next: wants }),
    });
  }
  return { found, ...(chosen?.engine ? { engine: chosen.engine } : {}), ...(chosen?.info ? { info: chosen.info } : {}) };
}

async function checkImage(engine: Engine, env: Environment): Promise<Check> {
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
    if (protocol === PROTOCOL_VERSION) return { name, status: "ok", detail };
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
