import type { Environment } from "./environment.ts";

export { ContainerMonitoringOps } from "./monitoring-ops.ts";
export { Orchestrator } from "./orchestrator.ts";

/** The doors over HTTP and WebSockets; other Workers come by `ContainerMonitoringOps`. */
const doors: ExportedHandler<Environment> = {
  fetch: async (request, { ORCHESTRATOR }) => await ORCHESTRATOR.getByName("orchestrator").fetch(request),
};

export default doors;
