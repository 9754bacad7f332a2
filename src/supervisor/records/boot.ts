import type { LostRecord } from "../../model/record.ts";
import type { Segment } from "./segment.ts";

/** Numbers of a boot that are gone, both included. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly reason: "bound" | "disk" | "damaged";
}

/** Of older ones than so many, only the numbers are known. */
const GAPS = 64;

/** What is known of one run of a supervisor, the present one or an earlier one. */
export class Boot {
  readonly id: string;
  /** Boots are in the order of these. */
  readonly number: number;
  lastSeq = 0;
  lastAtMs = 0;
  /** Up to here somebody else keeps it. */
  acknowledged = 0;
  /** Somebody acknowledged something. */
  isCollected = false;
  isClean = false;
  /** Oldest first. */
  readonly segments: Segment[] = [];
  gaps: readonly Gap[] = [];
  /** Lines up to these are shown no more: those of all instances, and those of some. */
  clearedAll = 0;
  readonly cleared: Map<string, number> = new Map();

  constructor(id: string, number: number) {
    this.id = id;
    this.number = number;
  }

  shows(instance: string | null, seq: number): boolean {
    return seq > this.clearedAll && (instance === null || seq > (this.cleared.get(instance) ?? 0));
  }

  /** Shows nothing of these instances any more that is here now; of none, when it is not said of which. */
  clear(instances: readonly string[] | undefined): void {
    if (instances === undefined) {
      this.clearedAll = this.lastSeq;
      this.cleared.clear();
      for (const { tallies } of this.segments) tallies.clear();
    }
    for (const instance of instances ?? []) {
      this.cleared.set(instance, this.lastSeq);
      for (const { tallies } of this.segments) tallies.delete(instance);
    }
  }

  addGap(gap: Gap): void {
    const last = this.gaps.findIndex((other) => other.to === gap.from - 1 && other.reason === gap.reason);
    const before = this.gaps[last];
    const joined = before === undefined ? gap : { ...gap, from: before.from, bytes: before.bytes + gap.bytes };
    const others = this.gaps.filter((_, index) => index !== last);
    this.gaps = [...others, joined].sort((a, b) => a.from - b.from).slice(-GAPS);
  }

  /** The record that stands for numbers which are gone. It has the last of those numbers, so that numbers stay without gaps for who reads. */
  lost(from: number, to: number, atMs: number): LostRecord {
    let bytes = 0;
    let reason: Gap["reason"] | undefined;
    for (const gap of this.gaps) {
      const common = Math.min(to, gap.to) - Math.max(from, gap.from) + 1;
      if (common <= 0) continue;
      reason ??= gap.reason;
      bytes += Math.round((gap.bytes * common) / (gap.to - gap.from + 1));
    }
    // A gap that nobody wrote down was found in the files.
    return { kind: "lost", seq: to, atMs, instance: null, reason: reason ?? "damaged", from, to, lines: to - from + 1, bytes };
  }
}
