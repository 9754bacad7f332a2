import type { LogLevel } from "../../model/record.ts";

/** What loggers call their levels; those of syslog, log4j, Python, Go, Rust, .NET, Java, npm and winston among them, also cut short. */
const names: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ...(["trace", "trc", "trac", "silly", "finest", "finer", "all"] as const).map((name) => [name, "trace"] as const),
  ...(["debug", "dbg", "debu", "verbose", "fine"] as const).map((name) => [name, "debug"] as const),
  ...(["info", "inf", "information", "informational", "notice", "log", "http", "data", "help", "prompt", "config"] as const).map(
    (name) => [name, "info"] as const,
  ),
  ...(["warn", "wrn", "warning"] as const).map((name) => [name, "warn"] as const),
  ...(["error", "err", "eror", "erro", "severe"] as const).map((name) => [name, "error"] as const),
  ...(["fatal", "ftl", "fata", "panic", "pani", "dpanic", "critical", "crit", "alert", "emerg", "emergency"] as const).map(
    (name) => [name, "fatal"] as const,
  ),
]);

export function levelNamed(name: string): LogLevel | null {
  return names.get(name) ?? names.get(name.toLowerCase()) ?? null;
}

const severities = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"] as const;

/** 0 to 7 are syslog's severities, from 10 on those of pino and bunyan, where a number between two counts as the lower one. */
export function numberedLevel(number: number): LogLevel | null {
  if (Number.isInteger(number) && number >= 0 && number <= 7) return severities[number] ?? null;
  if (number < 10 || number > 1000) return null;
  if (number < 20) return "trace";
  if (number < 30) return "debug";
  if (number < 40) return "info";
  if (number < 50) return "warn";
  return number < 60 ? "error" : "fatal";
}
