import { withPodman } from "../fixtures/engines/engines.ts";
import { describeRuns } from "./suite/hostile-runs.ts";

describeRuns("Podman", withPodman);
