import { withPodman } from "../fixtures/engines/engines.ts";
import { describeLive } from "./suite/live/live.ts";

describeLive("Podman", withPodman);
