import type { Orchestrator } from "./orchestrator.ts";

/** What the Worker is bound to: see wrangler.jsonc beside this. */
export interface Environment {
  /** All that is kept. */
  readonly DB: D1Database;
  readonly ORCHESTRATOR: DurableObjectNamespace<Orchestrator>;
  /** A secret of 32 characters or more: the token named `local`, with the role admin, by which the first others are made. */
  readonly NOVABOT_TOKEN: string;
  /** Of what is deployed. */
  readonly VERSION?: WorkerVersionMetadata;
  /** Under which names this may be asked, with spaces in between. */
  readonly HOSTS: string;
  /** The workers, whose containers answer behind a binding each. */
  readonly WORKERS: readonly BoundWorker[];
}

export interface BoundWorker {
  /** As the orchestrator names it. */
  readonly name: string;
  readonly container: string;
  /** Name of the binding: a service, or anything else with `fetch`, that leads to port 8080 of the container. */
  readonly binding: string;
  /** Name of the secret that holds the worker's token. */
  readonly tokenSecret: string;
}

/** What may be said in `props` of a service binding to `ContainerMonitoringOps`; whoever deploys says it, and nobody else can. */
export interface BindingProps {
  /** Who it is in the audit; `binding` when left out. */
  readonly name?: string;
  /** `operator` when left out. */
  readonly role?: "viewer" | "operator" | "admin";
}
