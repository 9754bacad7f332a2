import { withDocker } from "../fixtures/engines/engines.ts";
import { describeWorkers } from "./suite/workers/workers.ts";

describeWorkers("Docker", withDocker);
