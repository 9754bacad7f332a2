import { withPodman } from "../fixtures/engines/engines.ts";
import { describeMail } from "./suite/mail.ts";

describeMail("Podman", withPodman);
