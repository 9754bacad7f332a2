import { withPodman } from "../fixtures/engines/engines.ts";
import { describeDoors } from "./suite/doors.ts";

describeDoors("Podman", withPodman);
