import { WorkerEntrypoint } from "cloudflare:workers";
import type { Caller } from "../model/api/access.ts";
import type { ErrorView, ProcessView } from "../model/kept.ts";
import { messageOf } from "../model/errors.ts";
import { failureOf } from "../orchestrator/rpc/failure.ts";
import type {
  ErrorsOptions,
  LogsOptions,
  MonitoringOps,
  StartOptions,
  StopOptions,
  WhichOptions,
} from "../orchestrator/rpc/monitoring-ops.ts";
import type { BindingProps, Environment } from "./environment.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** What a Worker that is bound to it calls. Logs come as NDJSON, since Workers' RPC streams bytes alone. */
export class ContainerMonitoringOps
  extends WorkerEntrypoint<Environment, BindingProps>
  implements MonitoringOps<ReadableStream<Uint8Array>>
{
  async getProcessStatus(instanceId: string, options?: WhichOptions): Promise<ProcessView> {
    return await asked(this.#orchestrator().processStatus(this.#caller(), instanceId, options));
  }

  async getErrors(instanceId: string, options?: ErrorsOptions): Promise<readonly ErrorView[]> {
    return await asked(this.#orchestrator().errors(this.#caller(), instanceId, options));
  }

  async getLogs(instanceId: string, options?: LogsOptions): Promise<ReadableStream<Uint8Array>> {
    return await asked(this.#orchestrator().logs(this.#caller(), instanceId, options));
  }

  async startProcess(instanceId: string, options?: StartOptions): Promise<ProcessView> {
    return await asked(this.#orchestrator().startProcess(this.#caller(), instanceId, options));
  }

  async stopProcess(instanceId: string, options?: StopOptions): Promise<ProcessView> {
    return await asked(this.#orchestrator().stopProcess(this.#caller(), instanceId, options));
  }

  #orchestrator(): DurableObjectStub<Orchestrator> {
    return this.env.ORCHESTRATOR.getByName("orchestrator");
  }

  #caller(): Caller {
    const { name = "binding", role = "operator" } = this.ctx.props ?? {};
    return { name, role };
  }
}

/** What the platform says when it took the orchestrator down, or could not open it, has no code of NovaBot's. */
async function asked<Answer>(call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && "code" in error) throw error;
    console.error({ reason: messageOf(error), message: "the orchestrator does not answer" });
    throw failureOf(error);
  }
}
