import { quote } from "../../model/errors.ts";
import type { ComposeProject } from "../compose/project.ts";
import { adding, replacing } from "./mend.ts";
import type { PaperRule, ServiceSubject } from "./paper-rule.ts";
import { textOf, under } from "./values.ts";

export const restartRule: PaperRule = {
  id: "restart",
  scope: "service",
  check(subject, tell) {
    const { service, restart } = subject;
    if (isJob(subject)) {
      tell.notApplicable();
      return;
    }
    // Compose lets this one win, whatever `restart` says.
    const policy = under(service.node, "deploy", "restart_policy");
    if (policy !== undefined) {
      const condition = textOf(under(policy, "condition")) ?? "";
      const effective = { none: "no", any: "always" }[condition] ?? condition;
      if (effective === restart) return;
      tell({
        message: `deploy.restart_policy wins over restart, and makes it ${quote(effective === "" ? "no" : effective)}`,
        fix: `Take deploy.restart_policy out, and write \`restart: ${restart}\`.`,
        at: under(policy, "condition")?.at ?? policy.at,
      });
      return;
    }
    const { restart: written } = service;
    if (written === undefined) {
      tell({
        message: `${service.name} has no restart policy: it stays down after a crash or a reboot`,
        fix: `Write \`restart: ${restart}\`.`,
        at: service.at,
        edits: adding(subject, [`restart: ${restart}`]),
      });
    } else if (written.value !== restart) {
      tell({
        message: `the restart policy is ${quote(written.value)}, not ${quote(restart)}`,
        fix: `Write \`restart: ${restart}\`.`,
        at: written.at,
        edits: replacing(subject, written.at, restart),
      });
    }
  },
};

/** Another service waits until it is done: it does not run for long. */
function isJob({ project, service, declared }: ServiceSubject): boolean {
  return declared === undefined && jobsOf(project).has(service.name);
}

const known = new WeakMap<ComposeProject, ReadonlySet<string>>();

/** The names of the services that others wait for, found once for a project. */
function jobsOf(project: ComposeProject): ReadonlySet<string> {
  const before = known.get(project);
  if (before !== undefined) return before;
  const jobs = new Set<string>();
  for (const { node } of [...project.services.values(), ...project.inactive.values()]) {
    const dependencies = under(node, "depends_on");
    if (dependencies?.kind !== "map") continue;
    for (const [name, { value }] of dependencies.entries) {
      if (textOf(under(value, "condition")) === "service_completed_successfully") jobs.add(name);
    }
  }
  known.set(project, jobs);
  return jobs;
}
