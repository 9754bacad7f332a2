import { withDocker } from "../fixtures/engines/engines.ts";
import { describePool } from "./suite/pool/pool.ts";

describePool("Docker", withDocker);
