import type { CheckedRule, Finding } from "../findings/finding.ts";
import { ruleDescriptions } from "../rules/catalogue.ts";
import { judgeHealth, judgeLog } from "./answers.ts";
import { judgeDrift } from "./drift.ts";
import { judgeEnvironment } from "./environment.ts";
import { judgeIdentity } from "./identity.ts";
import { judgeMounts } from "./mounts.ts";
import { judgeNamespaces } from "./namespaces.ts";
import { judgeNetwork, judgePorts } from "./network.ts";
import { judgePrivileges } from "./privileges.ts";
import { judgeSecrets } from "./secrets.ts";
import { judgeRunning, judgeSettings } from "./running.ts";
import type { LiveSubject } from "./subject.ts";
import { verdicts } from "./verdicts.ts";

/** What one container, or one rule of it, comes to. */
export interface Judgement {
  readonly findings: readonly Finding[];
  readonly checked: readonly CheckedRule[];
}

const liveRules = ruleDescriptions.filter(({ ways }) => ways.includes("live")).map(({ id }) => id);

/** Holds one container to every rule of what runs. Pure: what it knows is in the subject. */
export function judgeContainer(subject: LiveSubject, now: number): Judgement {
  const told = verdicts(subject);
  const runs = judgeRunning(subject, now, told);
  judgeSettings(subject, told);
  judgeDrift(subject, told);
  if (runs) {
    for (const judge of [
      judgeIdentity,
      judgePrivileges,
      judgeNamespaces,
      judgeMounts,
      judgeEnvironment,
      judgeSecrets,
      judgeNetwork,
      judgePorts,
      judgeHealth,
      judgeLog,
    ])
      judge(subject, told);
  }
  const { findings, checked } = told.result();
  return { findings: once(findings, subject), checked: inOrder([...checked, ...others(checked, subject.name, runs)]) };
}

/** A module that has no container: only that can be said of it, and whether there is anything that could be started. */
export function judgeMissing(name: string, service: string | undefined, at: Finding["at"], hasFile: boolean): Judgement {
  const finding: Finding = {
    rule: "running",
    severity: "error",
    module: name,
    service,
    message: `There is no container of ${name}${hasFile ? "" : ", nor a Compose file that it could be made from"}.`,
    fix: hasFile
      ? "Start it with `novabot modules up`."
      : "Bring or write the module (`novabot check` says what is missing), or take it out of contract.yaml.",
    at,
  };
  const checked: CheckedRule[] = [{ rule: "running", module: name, verdict: "broken" }];
  return { findings: [finding], checked: [...checked, ...others(checked, name, false)] };
}

/** A container that could not be looked at in peace: it came and went each time. */
export function judgeFleeting(name: string, reason: string): Judgement {
  return { findings: [], checked: liveRules.map((rule) => ({ rule, module: name, verdict: "unknown", note: reason })) };
}

/** As the catalogue has them. */
function inOrder(checked: readonly CheckedRule[]): CheckedRule[] {
  return checked.toSorted((a, b) => liveRules.indexOf(a.rule) - liveRules.indexOf(b.rule));
}

function others(checked: readonly CheckedRule[], module: string, runs: boolean): CheckedRule[] {
  return liveRules
    .filter((rule) => !checked.some((one) => one.rule === rule))
    .map((rule) =>
      runs
        ? { rule, module, verdict: "not applicable" as const }
        : { rule, module, verdict: "unknown" as const, note: "nothing of it runs" },
    );
}

/** Two rules may come upon the same thing: it is told once. */
function once(findings: readonly Finding[], { service }: LiveSubject): Finding[] {
  const seen = new Set<string>();
  return findings.filter((finding) => {
    const key = JSON.stringify([finding.rule, finding.message, finding.at, finding.subject, service?.name]);
    return seen.has(key) ? false : Boolean(seen.add(key));
  });
}
