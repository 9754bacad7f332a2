import type { ProcessView } from "../../model/kept.ts";
import type { Store } from "../../store/store.ts";

/** A store that takes nothing now must not keep an answer back for longer. */
const MOST_MS = 2_000;

/**
 * Waits until the store knows of a process what its worker answered, since the worker's own record of it comes a moment later: who changes something
 * and then asks finds it changed.
 */
export async function untilKept(
  store: Pick<Store, "processes" | "listen">,
  { worker, container, instance, status }: ProcessView,
): Promise<void> {
  const isKept = async (): Promise<boolean> => {
    const found = await store.processes({ instance, workers: [worker], containers: [container] });
    return found.some((process) => process.status.sinceMs >= status.sinceMs);
  };
  let wake = (): void => {};
  let isOver = false;
  const end = store.listen((entries) => {
    if (entries.some((entry) => entry.kind === "event" && entry.worker === worker && entry.instance === instance)) wake();
  });
  const timer = setTimeout(() => {
    isOver = true;
    wake();
  }, MOST_MS);
  try {
    for (;;) {
      const told = new Promise<void>((resolve) => (wake = resolve));
      if (isOver || (await isKept())) return;
      await told;
    }
  } finally {
    clearTimeout(timer);
    end();
  }
}
