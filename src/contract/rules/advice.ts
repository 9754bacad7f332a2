import { adding, appending, replacing } from "./mend.ts";
import type { PaperRule, ServiceSubject } from "./paper-rule.ts";
import { entryOf, isOff, isOn, itemsOf, textOf, under } from "./values.ts";

export const memoryLimitRule: PaperRule = {
  id: "memory-limit",
  scope: "service",
  check({ service }, tell) {
    if (
      isLimit(textOf(under(service.node, "mem_limit"))) ||
      isLimit(textOf(under(service.node, "deploy", "resources", "limits", "memory")))
    )
      return;
    tell({
      message: `${service.name} may use all memory of the host`,
      fix: "Write `mem_limit`, twice of what it uses when it works.",
      at: entryOf(service.node, "mem_limit")?.value.at ?? service.at,
    });
  },
};

export const cpuLimitRule: PaperRule = {
  id: "cpu-limit",
  scope: "service",
  check({ service: { node, name, at } }, tell) {
    const limits = [
      under(node, "cpus"),
      under(node, "deploy", "resources", "limits", "cpus"),
      under(node, "cpu_quota"),
      under(node, "cpuset"),
    ];
    if (limits.some((limit) => isLimit(textOf(limit)))) return;
    tell({
      message: `${name} may use every processor of the host`,
      fix: "Write `cpus`.",
      at: entryOf(node, "cpus")?.value.at ?? at,
    });
  },
};

export const pidsLimitRule: PaperRule = {
  id: "pids-limit",
  scope: "service",
  check({ service: { node, name, at } }, tell) {
    const written = under(node, "pids_limit");
    if (isLimit(textOf(written)) || isLimit(textOf(under(node, "deploy", "resources", "limits", "pids")))) return;
    // How many it needs nobody can read from the file: a program stops in the middle of its work when they are too few.
    tell({
      message: `${name} may start processes without end`,
      fix: "Write `pids_limit`, twice of the processes and threads that it has when it works; 256 is enough for most.",
      at: written?.at ?? at,
    });
  },
};

export const readOnlyRootRule: PaperRule = {
  id: "read-only-root",
  scope: "service",
  check({ service: { node, name, at } }, tell) {
    const written = under(node, "read_only");
    if (isOn(written)) return;
    tell({
      message: `${name} may write everywhere in its container`,
      fix: "Write `read_only: true`, and `tmpfs` for what it must write meanwhile.",
      at: written?.at ?? at,
    });
  },
};

export const noNewPrivilegesRule: PaperRule = {
  id: "no-new-privileges",
  scope: "service",
  check(subject, tell) {
    const { node, name, at } = subject.service;
    const options = itemsOf(under(node, "security_opt"));
    const said = options.filter((option) => /^no-new-privileges(?:[:=]|$)/.test(textOf(option) ?? ""));
    if (said.some((option) => /^no-new-privileges(?:[:=](?:true|1|t))?$/i.test(textOf(option) ?? ""))) return;
    // Switched off in so many words is an error, of the rule that looks for that.
    if (said.length > 0) return;
    const last = options.at(-1);
    tell({
      message: `processes of ${name} may gain privileges by setuid programs`,
      fix: "Write `security_opt: [ no-new-privileges:true ]`.",
      at: entryOf(node, "security_opt")?.key ?? at,
      edits: last === undefined ? newOption(subject) : appending(subject, last.at, "no-new-privileges:true"),
    });
  },
};

function newOption(subject: ServiceSubject): ReturnType<typeof adding> {
  // An empty list that is written would stand twice.
  return subject.service.node.entries.has("security_opt") ? [] : adding(subject, ["security_opt:", "  - no-new-privileges:true"]);
}

export const initRule: PaperRule = {
  id: "init",
  scope: "service",
  check(subject, tell) {
    const { node, name, at } = subject.service;
    const written = under(node, "init");
    if (isOn(written)) return;
    tell({
      message: `process 1 of ${name} is its program itself`,
      fix: "Write `init: true`.",
      at: written?.at ?? at,
      edits:
        written === undefined ? adding(subject, ["init: true"]) : isOff(written) ? replacing(subject, written.at, "true") : [],
    });
  },
};

/** A limit of 0 or −1 is none. */
function isLimit(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== "" && !text.trim().startsWith("-") && !/^0+(?:\.0+)?\s*[a-z]*$/i.test(text.trim());
}
