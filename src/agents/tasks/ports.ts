import type { JobEnd, TaskJob } from "../../model/task.ts";

/** Whoever carries jobs out; the queue of messages does, so that tasks and messages of a group keep their order. */
export interface JobQueue {
  /** Resolves when the job is kept on disk. A job whose id was enqueued before is not enqueued again. */
  enqueueJob(job: TaskJob): Promise<void>;
}

/** Whoever has jobs carried out. */
export interface JobOwner {
  /** The job as it stands when its turn has come; null when it is not wanted any more, and is then skipped. */
  readonly current: (job: TaskJob) => TaskJob | null;
  /** Told once for each job, after its end is kept on disk; told again after a crash in between. */
  readonly onJobEnd: (job: TaskJob, end: JobEnd) => Promise<void>;
}
