import { withPodman } from "../fixtures/engines/engines.ts";
import { describeOrchestrator } from "./suite/orchestrator.ts";

describeOrchestrator("Podman", withPodman, "open");
