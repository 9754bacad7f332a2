import { withPodman } from "../fixtures/engines/engines.ts";
import { describeLive } from "./suite/live.ts";

describeLive("Podman", withPodman);
