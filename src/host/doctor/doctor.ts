import type { Engine, EngineInfo } from "../../engine/engine.ts";
import { formatSize } from "../../model/size.ts";
import { probeEngines } from "../engines/find.ts";
import type { Environment } from "../state.ts";
import { failure, type Check } from "./check.ts";
import { checkHome } from "./home.ts";
import { checkImage, checkWorkerImage } from "./image.ts";
import { checkKernel } from "./network.ts";

const leastNode = 24;

/** Looks at everything that a run needs, changes nothing, and goes on after what it finds broken. */
export async function examine(homePath: string, env: Environment): Promise<Check[]> {
  const checks: Check[] = [checkNode()];
  const { engine, info, found } = await checkEngines(env);
  checks.push(...found);
  if (info) checks.push(checkKernel(info));
  if (engine) checks.push(await checkImage(engine, env), await checkWorkerImage(engine, env));
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
