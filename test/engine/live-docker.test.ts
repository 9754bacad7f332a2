import { withDocker } from "../fixtures/engines/engines.ts";
import { describeLive } from "./suite/live/live.ts";

describeLive("Docker", withDocker);
