import { withDocker } from "../fixtures/engines/engines.ts";
import { describeDoors } from "./suite/doors.ts";

describeDoors("Docker", withDocker);
