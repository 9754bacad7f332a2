import { withPodman } from "../fixtures/engines/engines.ts";
import { describePool } from "./suite/pool/pool.ts";

describePool("Podman", withPodman);
