import { messageOf } from "../model/errors.ts";
import { problemResponse } from "../orchestrator/rest/problem.ts";
import type { Environment } from "./environment.ts";

export { ContainerMonitoringOps } from "./monitoring-ops.ts";
export { Orchestrator } from "./orchestrator.ts";

/** The doors over HTTP and WebSockets; other Workers come by `ContainerMonitoringOps`. */
const doors: ExportedHandler<Environment> = {
  async fetch(request, { ORCHESTRATOR }) {
    try {
      return await ORCHESTRATOR.getByName("orchestrator").fetch(request);
    } catch (error) {
      // It did not come to be open, or the platform took it down: why is for whoever deployed it.
      console.error({ reason: messageOf(error), message: "the orchestrator does not answer" });
      return problemResponse(error);
    }
  },
};

export default doors;
