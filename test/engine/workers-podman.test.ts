import { withPodman } from "../fixtures/engines/engines.ts";
import { describeWorkers } from "./suite/workers/workers.ts";

describeWorkers("Podman", withPodman);
