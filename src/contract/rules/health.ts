import { quote } from "../../model/errors.ts";
import type { Node } from "../compose/node.ts";
import type { Instruction, Stage } from "../dockerfile/dockerfile.ts";
import type { Place } from "../source/place.ts";
import { builtFrom } from "./built.ts";
import { judge } from "./health-command.ts";
import { replacing } from "./mend.ts";
import type { DeclaredSubject, PaperRule } from "./paper-rule.ts";
import { itemsOf, textOf, under } from "./values.ts";

export const healthRule: PaperRule = {
  id: "health",
  scope: "declared",
  check(subject, tell) {
    const { service, declared } = subject;
    const { health } = declared;
    if (health === undefined) {
      tell.notApplicable();
      return;
    }
    const url = `http://127.0.0.1:${String(health.port)}${health.path}`;
    const fix = `Let the health check ask \`${url}\` and fail when the answer is not good.`;
    const { healthcheck } = service;
    if (healthcheck?.disabled === true) {
      const disable = under(healthcheck.node, "disable");
      tell({
        message: "the health check is switched off",
        fix,
        at: disable?.at ?? healthcheck.test?.at ?? healthcheck.at,
        edits: disable === undefined || healthcheck.test === undefined ? [] : replacing(subject, disable.at, "false"),
      });
      return;
    }
    for (const [key, most, what] of slowest) {
      const written = under(healthcheck?.node, key);
      const text = textOf(written) ?? "";
      if (written === undefined || secondsOf(text) <= most) continue;
      tell({
        // A day is no slow check, it is none.
        ...(secondsOf(text) > 86_400 ? {} : { severity: "warning" as const }),
        message: `${key} ${text}: ${what}`,
        fix: `Write ${String(most / 60)}m or less.`,
        at: written.at,
      });
    }
    const retries = under(healthcheck?.node, "retries");
    if (retries !== undefined && Number(textOf(retries)) > 100) {
      tell({
        message: `retries ${textOf(retries) ?? ""}: so many failures in a row do not come about`,
        fix: "Write 10 or less.",
        at: retries.at,
      });
    }
    const found =
      healthcheck?.test === undefined ? imageTest(subject) : { test: healthcheck.test.value, at: healthcheck.test.at };
    if (found === undefined) {
      tell.unknown("no health check is written, and what the image brings is not known");
      tell({ message: `${service.name} has no health check that asks ${health.path}`, fix, at: healthcheck?.at ?? service.at });
      return;
    }
    const environment = new Map(
      [...service.environment].flatMap(([name, { value }]) => (value === null ? [] : [[name, value] as const])),
    );
    const judged = judge(found.test, {
      ...health,
      hosts: [service.name, service.containerName?.value ?? service.name],
      elsewhere: new Set(namesOf(under(service.node, "extra_hosts"))),
      environment,
    });
    const shell = found.test[0] === "CMD-SHELL" ? ownShell(subject) : undefined;
    if (shell !== undefined) {
      tell.unknown("the Dockerfile's SHELL runs the health check");
      tell({
        severity: "warning",
        message: `the health check is run by ${quote(shell.text)}, which the Dockerfile says is the shell`,
        fix: "Write the test as `[CMD, sh, -c, …]`.",
        at: found.at,
        related: [{ at: shell.at, message: "this decides the shell" }],
      });
    }
    if (judged.verdict === "asks") return;
    if (judged.verdict === "unclear") tell.unknown(judged.why);
    tell({
      ...(judged.verdict === "unclear" ? { severity: "warning" as const } : {}),
      message:
        judged.verdict === "unclear"
          ? `whether the health check asks ${health.path} cannot be seen: ${judged.why}`
          : `the health check ${judged.why}`,
      fix,
      at: found.at,
    });
  },
};

/** A check that asks once a day, or whose failures do not count for hours, says nothing either. */
const slowest = [
  ["interval", 600, "a service that died is called healthy until then"],
  ["timeout", 600, "a service that hangs is called healthy until then"],
  ["start_period", 3600, "failures do not count until then"],
] as const;

/** The names that `extra_hosts` gives other addresses, as a list or as a map. */
function namesOf(node: Node | undefined): readonly string[] {
  if (node?.kind === "map") return [...node.entries.keys()].map((name) => name.toLowerCase());
  return itemsOf(node).map((item) => (textOf(item) ?? "").split(/[:=]/)[0]?.toLowerCase() ?? "");
}

/** A `SHELL` of the Dockerfile that is no shell as everybody knows it. */
function ownShell(subject: DeclaredSubject): Instruction | undefined {
  for (let stage: Stage | undefined = builtFrom(subject, subject.service)?.stage; stage !== undefined; stage = stage.parent) {
    const shell = stage.instructions.findLast(({ keyword }) => keyword === "SHELL");
    if (shell === undefined) continue;
    return /^\[\s*"(?:\/(?:usr\/)?bin\/)?(?:sh|bash|ash|dash|zsh)"\s*,(?:\s*"[^"]*"\s*,)*\s*"-\w*c"\s*\]$/.test(shell.text)
      ? undefined
      : shell;
  }
  return undefined;
}

/** Go's durations: `1h30m`, `15s`, `500ms`. */
function secondsOf(text: string): number {
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001, us: 0.000_001, ns: 0.000_000_001 };
  let seconds = 0;
  for (const [, number = "0", unit = "s"] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)/g))
    seconds += Number(number) * (units[unit] ?? 1);
  return seconds;
}

/** The image's own test, from its Dockerfile or from the engine. */
function imageTest(subject: DeclaredSubject): { readonly test: readonly string[]; readonly at: Place } | undefined {
  const { service, facts } = subject;
  if (service.build !== undefined) {
    let base: string | undefined;
    for (let stage: Stage | undefined = builtFrom(subject, service)?.stage; stage !== undefined; stage = stage.parent) {
      if (stage.healthcheck !== undefined) return { test: testOf(stage.healthcheck), at: stage.healthcheck.at };
      base = stage.base;
    }
    const described = base === undefined ? undefined : facts.image(base)?.healthcheck;
    return described === undefined || described === null ? undefined : { test: described, at: service.at };
  }
  const described = service.image === undefined ? undefined : facts.image(service.image.value)?.healthcheck;
  return described === undefined || described === null || service.image === undefined
    ? undefined
    : { test: described, at: service.image.at };
}

function testOf({ text }: Instruction): readonly string[] {
  if (/^none$/i.test(text)) return ["NONE"];
  const command = text.replace(/^cmd\s+/i, "");
  try {
    const parsed: unknown = JSON.parse(command);
    if (Array.isArray(parsed)) return ["CMD", ...parsed.map(String)];
  } catch {
    // The shell form.
  }
  return ["CMD-SHELL", command];
}
