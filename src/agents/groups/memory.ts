import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerConfig } from "../../model/group.ts";
import { formatSize, parseSize } from "../../model/size.ts";

export const DEFAULT_MEMORY_BYTES: number = 2 * 2 ** 30;
/** Below this no agent's runtime starts, and engines refuse much smaller values in words of their own. */
const leastMemoryBytes = 32 * 2 ** 20;

/** The memory that a group's container may have, and memory and swap together. Throws `GROUP_INVALID`, naming the setting. */
export function groupMemory(
  config: ContainerConfig,
  place: string,
): { readonly memoryBytes: number; readonly memorySwapBytes: number } {
  const memoryBytes = config.memory === undefined ? DEFAULT_MEMORY_BYTES : parseSize(config.memory, `${place}.memory`);
  if (memoryBytes < leastMemoryBytes) {
    throw tooLittle(
      config.memory,
      `${place}.memory`,
      `less than the ${formatSize(leastMemoryBytes)} that an agent needs to start`,
    );
  }
  const memorySwapBytes = config.memory_swap === undefined ? memoryBytes : parseSize(config.memory_swap, `${place}.memory_swap`);
  if (memorySwapBytes < memoryBytes) {
    const reason = `less than memory (${formatSize(memoryBytes)}), and it counts memory and swap together`;
    throw tooLittle(config.memory_swap, `${place}.memory_swap`, reason);
  }
  return { memoryBytes, memorySwapBytes };
}

function tooLittle(value: unknown, place: string, reason: string): NovaError {
  return new NovaError("GROUP_INVALID", `The size ${quote(value)} is ${reason}.`, {
    place,
    next: "Give it more, or leave it out for the default.",
  });
}
