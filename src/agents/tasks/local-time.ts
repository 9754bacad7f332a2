import { NovaError, quote } from "../../model/errors.ts";

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** `zone` when the machine knows it as a time zone; `TASK_INVALID` otherwise. */
export function checkTimezone(zone: string, place: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions();
    return zone;
  } catch (cause) {
    throw new NovaError("TASK_INVALID", `${quote(zone)} is not a time zone.`, {
      place,
      next: "Use a name like Europe/Berlin or UTC.",
      cause,
    });
  }
}

/**
 * The instant that an ISO 8601 text names, in milliseconds since 1970. Without an offset it is a time of the clocks in `zone`:
 * one that they skip counts from before the gap, so that it comes as much later; one that they show twice is the first.
 */
export function parseTime(text: string, zone: string, place: string): number {
  const match = form.exec(text);
  const [year, month, day, hour, minute, second = 0] = (match ?? []).slice(1, 7).map((part) => (part ? Number(part) : 0));
  const asUTC = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second, Number((match?.[7] ?? "0").padEnd(3, "0")));
  // Date rolls 30 February over into March; such a text names no time.
  const rolled = new Date(asUTC);
  if (!match || rolled.getUTCMonth() + 1 !== month || rolled.getUTCDate() !== day || rolled.getUTCHours() !== hour) {
    throw new NovaError("TASK_INVALID", `${quote(text)} is not a time.`, {
      place,
      next: "Write it as ISO 8601, for example 2026-12-24T18:00 or 2026-12-24T17:00:00Z.",
    });
  }
  const offset = match[8];
  if (offset === undefined) return fromLocal(asUTC, zone);
  if (offset === "Z") return asUTC;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2));
  return asUTC - (offset.startsWith("-") ? -minutes : minutes) * 60_000;
}

const dayMs = 86_400_000;

function fromLocal(asUTC: number, zone: string): number {
  // Whatever the clocks do around that time, a day before and a day after they have done it not yet, or already.
  const before = offsetAt(asUTC - dayMs, zone);
  const after = offsetAt(asUTC + dayMs, zone);
  const candidates = [asUTC - before, asUTC - after].toSorted((a, b) => a - b);
  return candidates.find((instant) => offsetAt(instant, zone) === asUTC - instant) ?? asUTC - before;
}

/** How far the clocks of `zone` are ahead of UTC at `instant`, in milliseconds. */
function offsetAt(instant: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(instant);
  const at = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(at("year"), at("month") - 1, at("day"), at("hour"), at("minute"), at("second"));
  return shown - Math.floor(instant / 1000) * 1000;
}
