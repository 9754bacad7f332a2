import { withDocker } from "../fixtures/engines/engines.ts";
import { describePool } from "./suite/pool.ts";

describePool("Docker", withDocker);
