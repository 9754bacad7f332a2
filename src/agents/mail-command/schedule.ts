import { NovaError, quote } from "../../model/errors.ts";
import type { Schedule } from "../../model/task.ts";

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of a text like `90s`, `10m`, `1h30m`, `2d` or `1w`. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+)([smhdw])/g)];
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
  if (parts.map(([part]) => part).join("") !== text || ms <= 0 || !Number.isSafeInteger(ms)) {
    throw new NovaError("USAGE", `${quote(text)} is no duration.`, { next: "Write one like 90s, 10m, 1h30m, 2d or 1w." });
  }
  return ms;
}

/** `ms` as `parseDuration` reads it; parts of a second are left out. */
export function durationText(ms: number): string {
  let rest = ms;
  const parts = Object.entries(units)
    .toReversed()
    .map(([unit, length]) => {
      const count = Math.floor(rest / length);
      rest -= count * length;
      return count === 0 ? "" : `${count}${unit}`;
    });
  return parts.join("") || "0s";
}

/** How a schedule is asked for; one of the three ways at a time. */
export interface ScheduleWish {
  /** A cron expression of five or six fields. */
  readonly cron?: string | undefined;
  /** A duration. */
  readonly every?: string | undefined;
  /** A time, ISO 8601. */
  readonly at?: string | undefined;
  readonly timezone?: string | undefined;
}

/** The schedule that is wished for; undefined when none is. What only the host can judge, such as a time zone's name, it judges. */
export function parseSchedule(wish: ScheduleWish): Schedule | undefined {
  const { cron, every, at, timezone } = wish;
  const given = [cron, every, at].filter((value) => value !== undefined);
  const zone = timezone === undefined ? {} : { timezone };
  if (given.length > 1) {
    throw new NovaError("USAGE", "A task has one schedule.", { next: "Give one of --cron, --every and --at." });
  }
  if (cron !== undefined) return { type: "cron", value: cron.trim(), ...zone };
  if (at !== undefined) return { type: "once", value: checkTime(at.trim()), ...zone };
  if (timezone !== undefined) {
    throw new NovaError("USAGE", "A time zone needs a schedule that it is the zone of.", {
      next: "Give it with --cron or --at; an interval has none.",
    });
  }
  return every === undefined ? undefined : { type: "interval", value: parseDuration(every.trim()) };
}

function checkTime(text: string): string {
  const pattern = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?$/;
  const time = text.replace(" ", "T");
  if (pattern.test(text) && !Number.isNaN(Date.parse(time))) return time;
  throw new NovaError("USAGE", `${quote(text)} is no time.`, {
    next: "Write one like 2027-01-31T09:00, or with an offset: 2027-01-31T09:00:00+01:00.",
  });
}
