import { withDocker } from "../fixtures/engines/engines.ts";
import { describeMail } from "./suite/mail.ts";

describeMail("Docker", withDocker);
