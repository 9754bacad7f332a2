import { withPodman } from "../fixtures/engines/engines.ts";
import { describeRuns } from "../fixtures/hostile-runs.ts";

describeRuns("Podman", withPodman);
