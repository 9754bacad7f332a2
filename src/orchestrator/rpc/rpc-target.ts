import { RpcTarget } from "capnweb";
import type { ErrorView, ProcessView } from "../../model/kept.ts";
import type { MonitoringCalls } from "./calls.ts";
import type {
  ErrorsOptions,
  LogItem,
  LogsOptions,
  MonitoringOps,
  StartOptions,
  StopOptions,
  WhichOptions,
} from "./monitoring-ops.ts";
import { itemStream } from "./streams.ts";

/** What a session of Cap'n Web begins with. Only these methods can be called: what a caller shall not reach is private to JavaScript. */
export class ContainerMonitoringOps extends RpcTarget implements MonitoringOps<ReadableStream<LogItem>> {
  readonly #calls: MonitoringCalls;

  constructor(calls: MonitoringCalls) {
    super();
    this.#calls = calls;
  }

  async getProcessStatus(instanceId: string, options?: WhichOptions): Promise<ProcessView> {
    return await this.#calls.processStatus(instanceId, options);
  }

  async getErrors(instanceId: string, options?: ErrorsOptions): Promise<readonly ErrorView[]> {
    return await this.#calls.errors(instanceId, options);
  }

  async getLogs(instanceId: string, options?: LogsOptions): Promise<ReadableStream<LogItem>> {
    return itemStream(await this.#calls.logs(instanceId, options));
  }

  async startProcess(instanceId: string, options?: StartOptions): Promise<ProcessView> {
    return await this.#calls.startProcess(instanceId, options);
  }

  async stopProcess(instanceId: string, options?: StopOptions): Promise<ProcessView> {
    return await this.#calls.stopProcess(instanceId, options);
  }
}
