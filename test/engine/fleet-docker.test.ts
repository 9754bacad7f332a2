import { withDocker } from "../fixtures/engines/engines.ts";
import { describeFleet } from "./suite/fleet.ts";

describeFleet("Docker", withDocker);
