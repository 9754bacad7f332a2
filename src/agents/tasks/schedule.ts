import { Cron } from "croner";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { Schedule } from "../../model/task.ts";
import { checkTimezone, parseTime } from "./local-time.ts";

/** Times of one task that are closer than this are refused: a container alone takes longer than a second. */
export const MINIMUM_INTERVAL_MS = 10_000;
const maximumIntervalMs = 10 * 366 * 86_400_000;
/** A single time may lie this far in the past when it is asked for: it took that long to say it. */
const latenessMs = 60_000;

/**
 * `schedule` as it is kept, with the time zone that it is meant in, so that it means the same when the host's changes. Throws
 * `TASK_INVALID`, naming the field.
 */
export function checkSchedule(schedule: Schedule, now: number, timezone: string): Schedule {
  if (schedule.type === "interval") {
    if (Number.isSafeInteger(schedule.value) && schedule.value >= MINIMUM_INTERVAL_MS && schedule.value <= maximumIntervalMs) {
      return schedule;
    }
    throw invalid(
      "schedule.value",
      `The interval is ${schedule.value} ms.`,
      `Give milliseconds from ${MINIMUM_INTERVAL_MS} (ten seconds) to ${maximumIntervalMs} (ten years).`,
    );
  }
  const zone = checkTimezone(schedule.timezone ?? timezone, "schedule.timezone");
  if (schedule.type === "once") {
    const time = parseTime(schedule.value, zone, "schedule.value");
    if (time < now - latenessMs) {
      throw invalid(
        "schedule.value",
        `The time ${quote(schedule.value)} (${zone}) has passed.`,
        `It is ${new Date(now).toISOString()}; name a time after that.`,
      );
    }
    return { ...schedule, timezone: zone };
  }
  const pattern = schedule.value.trim();
  checkPattern(pattern, zone);
  if (!cronOf(pattern, zone).nextRun(new Date(now))) {
    throw invalid("schedule.value", `The pattern ${quote(pattern)} names no time that ever comes.`);
  }
  return { type: "cron", value: pattern, timezone: zone };
}

function checkPattern(pattern: string, zone: string): void {
  const fields = pattern.split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6 && !/^@[a-z]+$/i.test(pattern)) {
    throw invalid("schedule.value", `The cron pattern ${quote(pattern)} has ${fields.length} fields.`);
  }
  try {
    cronOf(pattern, zone);
  } catch (thrown) {
    const reason = messageOf(thrown).replace(/^Cron\w+: /, "");
    throw invalid("schedule.value", `The cron pattern ${quote(pattern)} cannot be read: ${reason}`, undefined, thrown);
  }
  const [seconds] = fields;
  if (fields.length !== 6 || seconds === undefined) return;
  // The seconds are the same in every minute, so one minute of them and the first of the next show every distance.
  const times = cronOf(`${seconds} * * * * *`, "UTC").nextRuns(61, new Date(-1));
  for (const [index, time] of times.entries()) {
    const next = times[index + 1];
    if (next && next.getTime() - time.getTime() < MINIMUM_INTERVAL_MS) {
      throw invalid(
        "schedule.value",
        `The cron pattern ${quote(pattern)} has times that are less than ten seconds apart.`,
        "Leave at least ten seconds between two times.",
      );
    }
  }
}

/** The first time of `schedule` after `after`; null when there is none. `anchor` is where intervals count from; all are milliseconds. */
export function nextTime(schedule: Schedule, anchor: number, after: number): number | null {
  if (schedule.type === "interval") {
    const count = Math.max(1, Math.floor((after - anchor) / schedule.value) + 1);
    return anchor + count * schedule.value;
  }
  const zone = schedule.timezone ?? "UTC";
  if (schedule.type === "once") {
    const time = parseTime(schedule.value, zone, "schedule.value");
    return time > after ? time : null;
  }
  return cronOf(schedule.value, zone).nextRun(new Date(after))?.getTime() ?? null;
}

/** The last time of `schedule` that is not after `at`; null when there is none. */
export function latestTime(schedule: Schedule, anchor: number, at: number): number | null {
  if (schedule.type === "interval") {
    const count = Math.floor((at - anchor) / schedule.value);
    return count < 1 ? null : anchor + count * schedule.value;
  }
  const zone = schedule.timezone ?? "UTC";
  if (schedule.type === "once") {
    const time = parseTime(schedule.value, zone, "schedule.value");
    return time <= at ? time : null;
  }
  // What is asked for is what came before, and a time that is right now has come.
  return (
    cronOf(schedule.value, zone)
      .previousRuns(1, new Date(Math.floor(at / 1000) * 1000 + 1000))[0]
      ?.getTime() ?? null
  );
}

const keptPatterns = 500;
const patterns = new Map<string, Cron>();

/** Reading a pattern takes half a millisecond, and the same ones come again and again. */
function cronOf(pattern: string, timezone: string): Cron {
  const key = `${timezone}\0${pattern}`;
  const known = patterns.get(key);
  if (known) return known;
  // A fixed time that the clocks skip comes right after the gap, and one that they show twice comes once; lists of hours too.
  const cron = new Cron(pattern, { timezone, paused: true, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
  for (const oldest of patterns.keys()) {
    if (patterns.size < keptPatterns) break;
    patterns.delete(oldest);
  }
  patterns.set(key, cron);
  return cron;
}

function invalid(place: string, message: string, next?: string, cause?: unknown): NovaError {
  return new NovaError("TASK_INVALID", message, {
    place,
    next: next ?? 'Use five fields (minute hour day month weekday), or six with seconds first, for example "0 9 * * 1-5".',
    cause,
  });
}
