import { expect, test } from "vitest";
import { checkTimezone, parseTime } from "../../../../src/agents/tasks/local-time.ts";
import { checkSchedule, latestTime, nextTime } from "../../../../src/agents/tasks/schedule.ts";
import type { Schedule } from "../../../../src/model/task.ts";

const cron = (value: string, timezone = "Europe/Berlin"): Schedule => ({ type: "cron", value, timezone });
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString().replace(".000Z", "Z"));

/** The next `count` times of `schedule` after `from`, each of which is also the latest when it has come. */
function times(schedule: Schedule, from: string, count: number, anchor = from): (string | null)[] {
  const found: (string | null)[] = [];
  let at = Date.parse(from);
  for (let index = 0; index < count; index += 1) {
    const next = nextTime(schedule, Date.parse(anchor), at);
    found.push(iso(next));
    if (next === null) break;
    expect(iso(latestTime(schedule, Date.parse(anchor), next))).toBe(iso(next));
    at = next;
  }
  return found;
}

test("a fixed time that the clocks skip comes right after the gap, and one that they show twice comes once", () => {
  expect(times(cron("30 2 * * *"), "2026-03-28T00:00:00Z", 3)).toEqual([
    "2026-03-28T01:30:00Z",
    "2026-03-29T01:00:00Z",
    "2026-03-30T00:30:00Z",
  ]);
  expect(times(cron("30 2 * * *"), "2026-10-24T00:00:00Z", 3)).toEqual([
    "2026-10-24T00:30:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-26T01:30:00Z",
  ]);
  // Half an hour is all that Lord Howe Island moves.
  expect(times(cron("15 2 * * *", "Australia/Lord_Howe"), "2026-10-02T16:00:00Z", 3)).toEqual([
    "2026-10-03T15:30:00Z",
    "2026-10-04T15:15:00Z",
    "2026-10-05T15:15:00Z",
  ]);
});

test("what runs all the time goes on through both changes without a gap and without a double", () => {
  for (const from of ["2026-03-28T23:40:00Z", "2026-10-24T23:40:00Z"]) {
    const found = times(cron("*/30 * * * *"), from, 8);
    expect(found).toEqual(found.map((_, index) => iso(Date.parse(from) + (20 + 30 * index) * 60_000)));
  }
});

test("zones with half hours, leap days, month ends, weekdays and seconds", () => {
  expect(times(cron("0 9 * * *", "Asia/Kolkata"), "2026-01-01T00:00:00Z", 2)).toEqual([
    "2026-01-01T03:30:00Z",
    "2026-01-02T03:30:00Z",
  ]);
  expect(times(cron("0 12 29 2 *", "UTC"), "2026-01-01T00:00:00Z", 2)).toEqual(["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]);
  expect(times(cron("0 0 31 * *", "UTC"), "2026-03-30T00:00:00Z", 3)).toEqual([
    "2026-03-31T00:00:00Z",
    "2026-05-31T00:00:00Z",
    "2026-07-31T00:00:00Z",
  ]);
  expect(times(cron("0 18 L * *", "UTC"), "2026-01-31T19:00:00Z", 2)).toEqual(["2026-02-28T18:00:00Z", "2026-03-31T18:00:00Z"]);
  expect(times(cron("0 9 * * 1-5", "UTC"), "2026-11-20T10:00:00Z", 2)).toEqual(["2026-11-23T09:00:00Z", "2026-11-24T09:00:00Z"]);
  expect(times(cron("15,45 0 0 1 1 *", "UTC"), "2026-06-01T00:00:00Z", 3)).toEqual([
    "2027-01-01T00:00:15Z",
    "2027-01-01T00:00:45Z",
    "2028-01-01T00:00:15Z",
  ]);
});

test("an interval counts from its anchor, whenever it is asked", () => {
  const every: Schedule = { type: "interval", value: 600_000 };
  const anchor = "2026-01-01T00:03:00Z";
  expect(times(every, "2026-01-01T00:03:00Z", 2, anchor)).toEqual(["2026-01-01T00:13:00Z", "2026-01-01T00:23:00Z"]);
  expect(times(every, "2026-02-01T00:00:00Z", 1, anchor)).toEqual(["2026-02-01T00:03:00Z"]);
  expect(times(every, "2025-01-01T00:00:00Z", 1, anchor)).toEqual(["2026-01-01T00:13:00Z"]);
  expect(latestTime(every, Date.parse(anchor), Date.parse(anchor))).toBeNull();
});

test("a single time without an offset is one of its zone's clocks", () => {
  const at = (text: string, zone: string): string | null => iso(parseTime(text, zone, "value"));
  expect(at("2026-12-24T18:00", "Europe/Berlin")).toBe("2026-12-24T17:00:00Z");
  expect(at("2026-12-24T18:00:30+05:30", "Europe/Berlin")).toBe("2026-12-24T12:30:30Z");
  expect(at("2026-12-24T18:00:30-0330", "Europe/Berlin")).toBe("2026-12-24T21:30:30Z");
  expect(at("2026-12-24T18:00Z", "Europe/Berlin")).toBe("2026-12-24T18:00:00Z");
  // Skipped: as much after the gap as it would have been after its beginning. Doubled: the first.
  expect(at("2026-03-29T02:30", "Europe/Berlin")).toBe("2026-03-29T01:30:00Z");
  expect(at("2026-10-25T02:30", "Europe/Berlin")).toBe("2026-10-25T00:30:00Z");
  expect(at("2026-10-04T02:15", "Australia/Lord_Howe")).toBe("2026-10-03T15:45:00Z");
  expect(at("2028-02-29T00:00", "America/New_York")).toBe("2028-02-29T05:00:00Z");
  for (const text of [
    "2026-02-30T00:00",
    "2026-13-01T00:00",
    "2026-01-01T24:00",
    "2026-01-01",
    "tomorrow",
    "2026-01-01 10:00",
    "",
  ]) {
    expect(() => parseTime(text, "UTC", "value"), text).toThrow(/is not a time/);
  }
  expect(() => checkTimezone("Mars/Olympus", "timezone")).toThrow(/"Mars\/Olympus" is not a time zone/);
});

test("a schedule is kept with its zone, and what makes no sense is refused by name", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  const check = (schedule: Schedule): Schedule => checkSchedule(schedule, now, "Asia/Kolkata");
  expect(check({ type: "cron", value: " 0 9 * * * " })).toEqual({ type: "cron", value: "0 9 * * *", timezone: "Asia/Kolkata" });
  expect(check({ type: "once", value: "2026-11-22T09:00" })).toEqual({
    type: "once",
    value: "2026-11-22T09:00",
    timezone: "Asia/Kolkata",
  });
  expect(check({ type: "once", value: "2026-11-21T11:59:30Z" }).type).toBe("once");
  expect(check({ type: "cron", value: "@daily" }).type).toBe("cron");
  for (const [schedule, reason] of [
    [{ type: "once", value: "2026-11-21T11:58:00Z" }, /has passed/],
    [{ type: "interval", value: 9999 }, /9999 ms/],
    [{ type: "interval", value: 1e15 }, /ms/],
    [{ type: "cron", value: "* * * *" }, /has 4 fields/],
    [{ type: "cron", value: "* * * * * * *" }, /has 7 fields/],
    [{ type: "cron", value: "61 * * * *" }, /cannot be read/],
    [{ type: "cron", value: "2026-11-22T09:00:00" }, /has 1 fields/],
    [{ type: "cron", value: "* * * * * *" }, /less than ten seconds apart/],
    [{ type: "cron", value: "0,55 * * * * *" }, /less than ten seconds apart/],
    [{ type: "cron", value: "0 0 30 2 *" }, /no time that ever comes/],
    [{ type: "cron", value: "0 9 * * *", timezone: "Nowhere/Land" }, /not a time zone/],
  ] as const satisfies readonly (readonly [Schedule, RegExp])[]) {
    expect(() => check(schedule), JSON.stringify(schedule)).toThrow(reason);
    expect(() => check(schedule)).toThrow(expect.objectContaining({ code: "TASK_INVALID" }));
  }
  expect(check({ type: "cron", value: "*/10 * * * * *" }).type).toBe("cron");
});
