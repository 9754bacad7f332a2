import { withDocker } from "../fixtures/engines/engines.ts";
import { describeRuns } from "../fixtures/hostile-runs.ts";

describeRuns("Docker", withDocker);
