import type { Boot, Gap } from "./boot.ts";

/** All boots of which something is still here or has to be told, the present one last. */
export class Boots {
  readonly list: Boot[];
  readonly present: Boot;
  /** Since this boot began: what nobody had acknowledged. */
  lostRecords = 0;
  lostBytes = 0;
  /** All of the boots up to this one's number was cleared. */
  clearedTo: number;

  /** `earlier` oldest first. */
  constructor(earlier: readonly Boot[], present: Boot, clearedTo: number) {
    this.list = [...earlier, present];
    this.present = present;
    this.clearedTo = clearedTo;
  }

  find(id: string): Boot | undefined {
    return this.list.find((boot) => boot.id === id);
  }

  gone(boot: Boot, gap: Gap): void {
    boot.addGap(gap);
    const unacknowledged = Math.min(gap.to - gap.from + 1, Math.max(0, gap.to - boot.acknowledged));
    this.lostRecords += unacknowledged;
    this.lostBytes += Math.round((gap.bytes * unacknowledged) / (gap.to - gap.from + 1));
  }

  /** Forgets boots of which nothing is left to show or to tell. */
  forget(): void {
    for (let index = this.list.length - 2; index >= 0; index--) {
      const boot = this.list[index];
      if (boot !== undefined && boot.segments.length === 0 && boot.acknowledged >= boot.lastSeq) this.list.splice(index, 1);
    }
  }

  /** Some boot after the last that was cleared is forgotten. */
  get areIncomplete(): boolean {
    return this.list.filter((boot) => boot.number > this.clearedTo).length < this.present.number - this.clearedTo;
  }
}
