import { withDocker } from "../fixtures/engines/engines.ts";
import { describeOrchestrator } from "./suite/orchestrator.ts";

// Its addresses lead nowhere from here, which each connection to them would first have to find out.
describeOrchestrator("Docker", withDocker, "none");
