import type { Caller } from "../../model/api/access.ts";
import type { APIAnswer, APICallName, APIParams } from "../../model/api/calls.ts";
import type { AuditRow } from "../../model/kept.ts";
import type { Store } from "../../store/store.ts";
import type { Links } from "../links.ts";
import type { AgentsSide, HouseChecks, HouseFacts, Logger, Tickets, Tokens } from "../ports.ts";

/** What the calls are carried out with. */
export interface World {
  readonly store: Store;
  readonly links: Omit<Links, "close">;
  readonly tokens: Tokens;
  readonly tickets: Tickets;
  /** Null where the agents' side is not served here. */
  readonly agents: AgentsSide | null;
  /** Null where no engine can be asked. */
  readonly checks: HouseChecks | null;
  readonly logger: Logger;
  house(): HouseFacts;
  readonly now: () => number;
}

/** What an audit row says beside who asked for what. */
export type About = Partial<Pick<AuditRow, "worker" | "container" | "subject" | "facts">>;

/** One call that is going on. */
export interface Asked {
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
  /** Says what the call is about as soon as it is known, so that the audit row of one that fails says it, too. */
  about(facts: About): void;
}

/** How calls are carried out: with parameters that were checked, for a caller who may. */
export type Carried<Name extends APICallName> = {
  readonly [Each in Name]: (params: APIParams<Each>, asked: Asked) => Promise<APIAnswer<Each>>;
};
