import type { InstanceSpec } from "../../model/instance.ts";

/**
 * Where one process's output goes. The two descriptors are the writing ends of real pipes (not sockets, so that `/dev/stdout` opens), to be given to
 * the process and closed here once it has them.
 */
export interface Output {
  readonly stdout: number;
  readonly stderr: number;
  /** Closes the two descriptors; to be called right after the spawn. */
  handedOver(): void;
  /** Inodes of the two pipes: whoever holds one of them open belongs to the instance. */
  readonly inodes: readonly number[];
  /** Resolves when all writers have let go and the last line is in the journal. */
  readonly ended: Promise<void>;
  /** Lets go of the pipes although somebody still holds them; what is in them already is read first. */
  abandon(): void;
}

/** Opens the pipes of one start of an instance. */
export type OpenOutput = (spec: InstanceSpec) => Output;
