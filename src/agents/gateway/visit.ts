import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Denial, Usage } from "../../model/run.ts";
import { Meter } from "./broker/meter.ts";
import type { Prices } from "./broker/prices.ts";
import type { BrokerPlan, EgressRule, GatewayPlan, Traffic } from "./door.ts";
import { Denials } from "./egress/denials.ts";

/** What an agent is told by its credential's first letters; clients tell keys and tokens apart by them. */
const tokenBeginnings = { ANTHROPIC_API_KEY: "sk-ant-api03-novabot-", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-novabot-" } as const;

/** The broker's part of a run that is under way. */
export interface BrokerVisit {
  readonly plan: BrokerPlan;
  readonly credential: string;
  readonly meter: Meter;
  /** Compares without telling by its time how far a guess was right. */
  isToken(given: string): boolean;
}

/** A run that is under way, as the gateway's parts see it. */
export class OpenVisit {
  readonly variables: Readonly<Record<string, string>>;
  readonly broker: BrokerVisit | null;
  readonly rules: readonly EgressRule[] | null;
  readonly folder: string;
  readonly #denials = new Denials();

  constructor(run: {
    readonly folder: string;
    readonly plan: GatewayPlan;
    readonly secrets: ReadonlyMap<string, string>;
    readonly prices: Prices;
  }) {
    const { plan, secrets, prices } = run;
    this.folder = run.folder;
    this.rules = plan.egress;
    const credential = plan.broker && secrets.get(plan.broker.credential);
    if (plan.broker && credential) {
      const token = `${tokenBeginnings[plan.broker.credential]}${randomBytes(32).toString("hex")}`;
      const digest = sha256(token);
      this.variables = { [plan.broker.credential]: token };
      this.broker = {
        plan: plan.broker,
        credential,
        meter: new Meter(prices),
        isToken: (given) => timingSafeEqual(sha256(given), digest),
      };
    } else {
      this.variables = {};
      this.broker = null;
    }
  }

  deny(target: string, reason: string): void {
    this.#denials.add(target, reason);
  }

  traffic(): Traffic {
    const usage: Usage | null = this.broker?.meter.total() ?? null;
    const denied: readonly Denial[] = this.#denials.list();
    return { usage, denied };
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
