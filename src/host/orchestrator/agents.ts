import { randomUUID } from "node:crypto";
import type { Home } from "../../agents/home/home.ts";
import type { QueueEvent } from "../../agents/queue/events.ts";
import { requestCancel } from "../../agents/run/live-runs.ts";
import type { Engine, EngineInfo } from "../../engine/engine.ts";
import { messageOf } from "../../model/errors.ts";
import { agentKind, type Group } from "../../model/group.ts";
import type { GroupView } from "../../model/kept.ts";
import type { VisibleTask } from "../../model/mail.ts";
import type { ScheduledTask } from "../../model/task.ts";
import type { AgentsSide, Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";
import { registryOf } from "../serve/registry.ts";
import type { Serve } from "../serve/serve.ts";
import { QueueReport } from "./queue-report.ts";
import { takeRunRecords } from "./run-records.ts";
import { ToldToStore } from "./told-to-store.ts";

/** How often what tells of no change is looked at: the registry's file, the pool. */
const LOOK_EVERY_MS = 1000;

export interface AgentsReportOptions {
  readonly home: Home;
  readonly store: Store;
  readonly logger: Logger;
  /** Null where none answers. */
  readonly engine: { readonly engine: Engine; readonly info: EngineInfo } | null;
}

/** Brings into the store what the agents' side of the home does: groups, runs, messages, tasks, containers that wait. */
export class AgentsReport {
  readonly #options: AgentsReportOptions;
  readonly #into: ToldToStore;
  readonly #queue: QueueReport;
  readonly #undo: (() => Promise<void> | void)[] = [];

  private constructor(options: AgentsReportOptions) {
    this.#options = options;
    this.#into = new ToldToStore(options.store, options.logger);
    this.#queue = new QueueReport(this.#into);
  }

  /** Takes over what is there, and from now on what comes. What the queue tells goes to `take`, from before `serve` is there. */
  static async open(options: AgentsReportOptions): Promise<AgentsReport> {
    const report = new AgentsReport(options);
    await report.#queue.resume(options.store);
    const { home, store, logger } = options;
    const end = await takeRunRecords({
      ...{ home, store, logger },
      into: report.#into,
      onNew: ({ outcome, jid, messages, id }) => {
        if (outcome === "success") report.#queue.answered(jid, messages, id);
      },
    });
    report.#undo.push(end);
    await report.#watchGroups();
    return report;
  }

  readonly take = (event: QueueEvent): void => this.#queue.take(event);

  /** Reports what goes on in `serve` until `close`, and gives what can be asked of it. */
  attach(serve: Serve): AgentsSide {
    const putTasks = (): void => this.#into.put(async (store) => await store.putTasks(serve.tasks.list("owner").map(taskOf)));
    putTasks();
    this.#undo.push(serve.tasks.onChange(putTasks));
    let pool = new Map<string, string>();
    const look = (): void => {
      const now = new Map(
        serve.status().pool.flatMap(({ container, group }) => (container === null ? [] : [[container, group] as const])),
      );
      for (const [name, group] of now)
        if (!pool.has(name)) this.#into.tell({ group, event: { type: "pool", what: "made", name } });
      for (const [name, group] of pool)
        if (!now.has(name)) this.#into.tell({ group, event: { type: "pool", what: "gone", name } });
      pool = now;
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    this.#undo.push(() => clearInterval(timer));
    return agentsSide(this.#options.home, serve);
  }

  /** When `serve` has ended. Every step is done; rejects with what the first that failed told. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of [...this.#undo.toReversed(), async () => await this.#into.close()]) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #watchGroups(): Promise<void> {
    const { home, engine, logger } = this.#options;
    const groups = registryOf(home);
    let known: readonly Group[] | undefined;
    let looking = false;
    const look = async (): Promise<void> => {
      if (looking) return;
      looking = true;
      try {
        const now = await groups();
        if (now === known) return;
        known = now;
        const hasEgress = engine === null || (engine.info.sharesKernel && engine.engine.capabilities.networkNone);
        const rows = now.map((group) => rowOf(group, hasEgress));
        this.#into.put(async (store) => await store.putGroups(rows, Date.now()));
      } catch (error) {
        logger.warn({ reason: messageOf(error) }, "the registry of groups cannot be read");
      } finally {
        looking = false;
      }
    };
    await look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    this.#undo.push(() => clearInterval(timer));
  }
}

function rowOf(group: Group, hasEgress: boolean): Pick<GroupView, "folder" | "name" | "jid" | "isMain" | "agent" | "network"> {
  const { folder, name, jid, isMain, agent, containerConfig } = group;
  const network = containerConfig?.network ?? (hasEgress ? "egress" : "open");
  return { folder, name, jid, isMain, agent: agentKind(agent ?? "claude"), network };
}

/** The session of a task is the agent's own, and nothing that a door tells. */
function taskOf({ reason: _reason, ...task }: VisibleTask): ScheduledTask {
  return { ...task, sessionId: null };
}

function agentsSide(home: Home, serve: Serve): AgentsSide {
  return {
    live() {
      const { groups, pool } = serve.status();
      const live = new Map<string, NonNullable<GroupView["live"]>>();
      const at = (group: string): NonNullable<GroupView["live"]> => live.get(group) ?? { run: null, waiting: 0, containers: 0 };
      for (const { group, waiting, live: now } of groups) live.set(group, { run: now?.run ?? null, waiting, containers: 0 });
      for (const { group } of pool) live.set(group, { ...at(group), containers: at(group).containers + 1 });
      return live;
    },
    async sendMessage({ id: given, chatJid, text, sender }) {
      const id = given ?? `api-${randomUUID()}`;
      const timestamp = new Date().toISOString();
      const { accepted } = await serve.queue.deliver({ id, chatJid, text, sender, timestamp });
      return { id, isNew: accepted };
    },
    async cancelRun(run) {
      // One that this process carries is over when it says so; another's host is asked. The queue would take a group's folder as well.
      if (serve.status().groups.some(({ live }) => live?.run === run)) await serve.queue.cancel(run);
      else await requestCancel(home, run);
    },
    async changeTask(task, to) {
      const changed = await serve.tasks.apply({ type: to, task }, "owner");
      return taskOf(changed ?? serve.tasks.get(task, "owner"));
    },
  };
}
