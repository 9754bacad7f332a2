import type { Denial, Usage } from "../../model/run.ts";

/** One name that an `egress` network lets through. */
export interface EgressRule {
  /** A name in lower case, `*.` and a name for everything below it, or an address. */
  readonly host: string;
  readonly port: number;
  /** It may lead to a private address; only the owner's own list can say so. */
  readonly private: boolean;
  /** Where the rule stands, for `explain`. */
  readonly source: string;
}

/** Where model requests go, and which kind of credential is added to them there. The credential itself is not in here. */
export interface BrokerPlan {
  /** The API's address, `https://api.anthropic.com` unless `ANTHROPIC_BASE_URL` says otherwise. */
  readonly upstream: string;
  /** The name in the home's `.env` whose value is added outside the container. */
  readonly credential: "ANTHROPIC_API_KEY" | "CLAUDE_CODE_OAUTH_TOKEN";
}

/** What leads out of a group's container; null when nothing does. */
export interface GatewayPlan {
  /** Null when the home has no credential, or the owner allowed it by name into the env file. */
  readonly broker: BrokerPlan | null;
  /** What the proxy lets through; null when the container has a network of its own to go out by. */
  readonly egress: readonly EgressRule[] | null;
}

/** What went through a door during one run. */
export interface Traffic {
  /** Null when the door has no broker. */
  readonly usage: Usage | null;
  readonly denied: readonly Denial[];
}

/** A run that goes in and out by a door. */
export interface Visit {
  /** What the agent needs in its environment: a token in the place of the key. The runner adds the addresses. */
  readonly variables: Readonly<Record<string, string>>;
  /** The token is worth nothing from now on, and what still flows is cut. */
  end(): Traffic;
}

/** The gateway's side of one container: a socket that only this container has. */
export interface Door {
  /** The directory of the host that is mounted, read-only, at `/workspace/gateway`. */
  readonly directory: string;
  /** Lets a run in. One at a time; between runs the door lets nothing through. */
  admit(run: { readonly id: string; readonly plan: GatewayPlan; readonly secrets: ReadonlyMap<string, string> }): Visit;
  /** Ends whatever flows and takes the socket away. */
  close(): Promise<void>;
}

/** Makes doors. One for each host process. */
export interface Doors {
  open(door: { readonly folder: string; readonly container: string }): Promise<Door>;
  close(): Promise<void>;
}
