import { getCompileCacheDir } from "node:module";
import { dirname, extname } from "node:path";
import { Worker } from "node:worker_threads";
import { NovaError } from "../../model/errors.ts";
import type { Answer, Failure, Opened, Reply, Request, ThreadData } from "./requests.ts";

export type Question = { readonly [Kind in Request["kind"]]: Omit<Extract<Request, { kind: Kind }>, "id"> }[Request["kind"]];

/** One thread of the database, from outside. */
export interface ThreadLink {
  /** Why it answers nothing any more; null while it does. */
  readonly end: NovaError | null;
  /** Resolves when the thread is gone, with all that it had open. */
  readonly gone: Promise<void>;
  ask(question: Question): Promise<readonly Answer[]>;
  close(): Promise<void>;
}

export type MakeThread = (data: ThreadData) => Worker;

const makeThread: MakeThread = (data) => {
  // Its own name tells whether this is the source or what the compiler made of it.
  const program = new URL(`./thread${extname(import.meta.filename)}`, import.meta.url);
  const compiled = getCompileCacheDir();
  // A thread finds what was compiled before by its environment alone. Without it each of a checkout's would hold the 12 MB that strip types.
  const env = compiled === undefined ? {} : { env: { ...process.env, NODE_COMPILE_CACHE: dirname(compiled) } };
  return new Worker(program, { workerData: data, ...env });
};

/** Resolves once the thread has the database open. */
export function startThread(data: ThreadData, make: MakeThread = makeThread): Promise<ThreadLink> {
  const thread = make(data);
  const waiting = new Map<number, PromiseWithResolvers<readonly Answer[]>>();
  const opened = Promise.withResolvers<ThreadLink>();
  const gone = Promise.withResolvers<void>();
  let next = 1;
  let end: NovaError | null = null;

  const errorOf = ({ code, message }: Failure): NovaError =>
    new NovaError(code, `the database said: ${message}`, { place: data.file });

  function fail(why: NovaError): void {
    end ??= why;
    opened.reject(end);
    for (const one of waiting.values()) one.reject(end);
    waiting.clear();
  }

  const link: ThreadLink = {
    get end() {
      return end;
    },
    gone: gone.promise,
    ask(question) {
      if (end !== null) return Promise.reject(end);
      const id = next;
      next += 1;
      const answer = Promise.withResolvers<readonly Answer[]>();
      waiting.set(id, answer);
      thread.postMessage({ id, ...question }, []);
      return answer.promise;
    },
    async close() {
      if (end === null) {
        const closing = link.ask({ kind: "close" });
        end = new NovaError("STORE_FAILED", "the database is closed", { place: data.file });
        await closing;
      }
      await gone.promise;
    },
  };

  thread.once("message", ({ failure }: Opened) => {
    if (failure !== null) return fail(errorOf(failure));
    thread.on("message", (reply: Reply) => {
      const one = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ("failure" in reply) one?.reject(errorOf(reply.failure));
      else one?.resolve(reply.answers);
    });
    opened.resolve(link);
  });
  thread.once("error", (thrown) =>
    fail(new NovaError("STORE_FAILED", `a thread of the database broke: ${thrown.message}`, { place: data.file, cause: thrown })),
  );
  thread.once("exit", () => {
    fail(new NovaError("STORE_FAILED", "a thread of the database ended", { place: data.file }));
    gone.resolve();
  });
  return opened.promise;
}
