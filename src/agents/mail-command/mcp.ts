import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { identityFrom } from "./identity.ts";
import { MailSlots } from "./mail-slots.ts";
import { mailServer } from "./tools.ts";

await mailServer({ identity: identityFrom(process.env), slots: new MailSlots() }).connect(new StdioServerTransport());
