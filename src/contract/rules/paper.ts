import type { Service } from "../compose/project.ts";
import type { CheckedRule, Finding, Verdict } from "../findings/finding.ts";
import { cpuLimitRule, initRule, memoryLimitRule, noNewPrivilegesRule, pidsLimitRule, readOnlyRootRule } from "./advice.ts";
import { ruleDescriptions } from "./catalogue.ts";
import { engineSocketRule } from "./engine-socket.ts";
import { envFileRule } from "./env-file.ts";
import { healthRule } from "./health.ts";
import { hostNamespacesRule } from "./host-namespaces.ts";
import { hostPathsRule } from "./host-paths.ts";
import { imagePinnedRule, imageRule } from "./image.ts";
import { logFileRule } from "./log-file.ts";
import { composeValidRule, modulePresentRule } from "./module-present.ts";
import { mountsReadOnlyRule, mountsRule } from "./mounts.ts";
import { networkRule } from "./network.ts";
import type { Found, PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import { portsRule } from "./ports.ts";
import { capabilitiesRule, devicesRule, privilegedRule } from "./privileged.ts";
import { restartRule } from "./restart.ts";
import { sandboxOffRule } from "./sandbox-off.ts";
import { secretValuesRule } from "./secret-values.ts";
import type { PaperSubject } from "./subject.ts";
import { rootGroupRule, userRule } from "./user.ts";

const rules: readonly PaperRule[] = [
  modulePresentRule,
  composeValidRule,
  userRule,
  rootGroupRule,
  restartRule,
  mountsRule,
  mountsReadOnlyRule,
  portsRule,
  networkRule,
  envFileRule,
  healthRule,
  logFileRule,
  privilegedRule,
  capabilitiesRule,
  hostNamespacesRule,
  engineSocketRule,
  hostPathsRule,
  devicesRule,
  sandboxOffRule,
  secretValuesRule,
  imageRule,
  imagePinnedRule,
  memoryLimitRule,
  cpuLimitRule,
  pidsLimitRule,
  readOnlyRootRule,
  noNewPrivilegesRule,
  initRule,
];

/** Root excluded, any numeric user is kept where no contract names one. */
const anyone = { uid: 1001, gid: 1001, variables: undefined } as const;

/**
 * Holds a project to every rule that can be checked on paper. Pure: what it knows is in the subject. `checked` has one entry for each paper rule
 * but `ignore-reason`, which is told by who reads the comments.
 */
export function checkProject(subject: PaperSubject): {
  readonly findings: readonly Finding[];
  readonly checked: readonly CheckedRule[];
} {
  const services = servicesOf(subject);
  const findings: Finding[] = [];
  const checked: CheckedRule[] = [];
  const module = subject.module?.name ?? subject.project?.name ?? "";
  for (const rule of rules) {
    const exception = subject.module?.exceptions.find((one) => one.rule === rule.id);
    if (exception !== undefined) {
      checked.push({
        rule: rule.id,
        module,
        verdict: "not applicable",
        note: `contract.yaml makes an exception: ${exception.reason}`,
      });
      continue;
    }
    const outcome = checkOne(rule, subject, services);
    // One by one: a large file has more of them than a call may have arguments.
    for (const finding of outcome.findings) findings.push(finding);
    checked.push({
      rule: rule.id,
      module,
      verdict: outcome.verdict,
      ...(outcome.note === undefined ? {} : { note: outcome.note }),
    });
  }
  return { findings, checked };
}

function servicesOf(subject: PaperSubject): readonly ServiceSubject[] {
  const { project, module } = subject;
  if (project === undefined) return [];
  // What a profile starts is held to the same: it is one option away.
  const services: Service[] = [...project.services.values(), ...project.inactive.values()];
  return services.map((service) => ({
    ...subject,
    project,
    service,
    declared: service.name === module?.service ? module : undefined,
    user: module?.user ?? anyone,
    restart: module?.restart ?? "unless-stopped",
  }));
}

interface Outcome {
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
  readonly note: string | undefined;
}

function checkOne(rule: PaperRule, subject: PaperSubject, services: readonly ServiceSubject[]): Outcome {
  const description = ruleDescriptions.find(({ id }) => id === rule.id);
  const found = new Map<string, Finding>();
  const unknown: string[] = [];
  const notes: string[] = [];
  let looked = false;
  const asked = (service: Service | undefined, check: (tell: Tell) => void): void => {
    let applies = true;
    const add = (one: Found): void => {
      const finding = {
        rule: rule.id,
        severity: description?.severity ?? "error",
        module: subject.module?.name,
        service: service?.name,
        ...one,
        message: sentence(one.message, one.service ?? service?.name),
        fix: sentence(one.fix),
      };
      // What several services share by an anchor stands in one place, and is told once.
      const { at, message } = finding;
      const key = at === undefined ? message : `${at.file}:${String(at.line)}:${String(at.column)} ${message}`;
      if (!found.has(key)) found.set(key, withoutEmpty(finding));
    };
    check(
      Object.assign(add, {
        unknown: (note: string) => void unknown.push(note),
        note: (note: string) => void notes.push(note),
        notApplicable: () => {
          applies = false;
        },
      }),
    );
    looked ||= applies;
  };
  if (rule.scope === "subject") asked(undefined, (tell) => rule.check(subject, tell));
  else {
    for (const one of services) {
      if (rule.scope === "service") asked(one.service, (tell) => rule.check(one, tell));
      else if (one.declared !== undefined) {
        const { declared } = one;
        asked(one.service, (tell) => rule.check({ ...one, declared }, tell));
      }
    }
  }
  const findings = [...found.values()];
  const isMissing =
    subject.project === undefined || (subject.module !== undefined && !services.some((one) => one.declared !== undefined));
  if (isMissing && rule.scope !== "subject")
    unknown.push(subject.project === undefined ? "there is no Compose project to look at" : "the service is not there");
  const verdict: Verdict = findings.some(({ severity }) => severity === description?.severity)
    ? "broken"
    : unknown.length > 0
      ? "unknown"
      : findings.length > 0
        ? "broken"
        : looked
          ? "kept"
          : "not applicable";
  return { findings, verdict, note: verdict === "unknown" ? unknown[0] : notes[0] };
}

function withoutEmpty(finding: Finding): Finding {
  if (finding.edits?.length !== 0) return finding;
  const { edits, ...rest } = finding;
  void edits;
  return rest;
}

/** Rules write what they found as it goes on; names of settings keep their letters, and so does that of a service, whatever word it is. */
function sentence(text: string, service?: string): string {
  const begun =
    (service === undefined || !text.startsWith(`${service} `)) &&
    /^(?:an?|the|these|this|its?|no|not|nothing|every|more|what|whether|aliases|files|masks|ports?|process(?:es)?|values|variables|without|set|mend|write|give|take|use|add|anchor|remove|check|begin|keep|make|put|name|declare|extend|include|merge|nest|publish|save|there)\b(?![.:])/.test(
      text,
    );
  return `${begun ? text.charAt(0).toUpperCase() + text.slice(1) : text}${/[.!?]$/.test(text) ? "" : "."}`;
}
