import { withPodman } from "../fixtures/engines/engines.ts";
import { describeFleet } from "./suite/fleet.ts";

describeFleet("Podman", withPodman);
