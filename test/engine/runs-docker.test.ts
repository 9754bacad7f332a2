import { withDocker } from "../fixtures/engines/engines.ts";
import { describeRuns } from "./suite/hostile-runs.ts";

describeRuns("Docker", withDocker);
