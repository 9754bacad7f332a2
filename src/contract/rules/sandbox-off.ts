import { resolve } from "node:path";
import { quote } from "../../model/errors.ts";
import type { PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import type { MapNode, Node } from "../compose/node.ts";
import { entryOf, isOn, itemsOf, textOf, under } from "./values.ts";

export const sandboxOffRule: PaperRule = {
  id: "sandbox-off",
  scope: "service",
  check(subject, tell) {
    const { node } = subject.service;
    for (const item of itemsOf(under(node, "security_opt"))) tellOption(subject, textOf(item) ?? "", item, tell);
    tellAnnotations(node, tell);
    tellKeys(node, tell);
    const provider = entryOf(node, "provider");
    if (provider !== undefined) {
      const type = textOf(under(provider.value, "type")) ?? "";
      tell({
        message: `the provider ${quote(type)} is a program of the host that Compose runs, outside of every container`,
        fix: "Take it out.",
        at: provider.key,
      });
    }
  },
};

function tellOption(subject: ServiceSubject, option: string, { at }: Node, tell: Tell): void {
  const [name = "", value = ""] = option.split(/[:=](.*)/s);
  const off = (message: string): void => tell({ message, fix: `Take \`${option}\` out.`, at });
  switch (name.toLowerCase()) {
    case "seccomp":
      if (value === "unconfined") off("the filter of system calls is switched off");
      else if (allowsAll(subject, value)) off(`the filter of system calls ${quote(value)} lets every call pass`);
      else if (value !== "builtin") {
        tell({
          severity: "warning",
          message: `the filter of system calls is a file of its own: ${quote(value)}`,
          fix: "Use the engine's own filter.",
          at,
        });
      }
      return;
    case "apparmor":
      if (value === "unconfined") off("AppArmor is switched off");
      else if (!/^(?:docker-default|containers-default.*|runtime\/default|)$/.test(value)) {
        tell({
          severity: "warning",
          message: `the AppArmor profile ${quote(value)} is one of the host's own, which no file shows`,
          fix: "Use the engine's own profile.",
          at,
        });
      }
      return;
    case "label":
      if (/^disable$|^type:(?:spc_t|unconfined_t|container_runtime_t)$/i.test(value)) off("SELinux is switched off");
      return;
    case "systempaths":
      if (value === "unconfined") off("the masks over /proc and /sys are taken off");
      return;
    case "unmask":
      off("masks over /proc and /sys are taken off");
      return;
    case "writable-cgroups":
      if (!/^(?:false|0|f|no)$/i.test(value))
        off("the container may write its control groups: its limits are its own to take off");
      return;
    case "no-new-privileges":
      if (/^(?:false|0|f|no)$/i.test(value)) off("processes may gain privileges by setuid programs");
      return;
    default:
  }
}

/** A profile is a file beside the project; some programs take its text as well. What cannot be read stays a filter of its own. */
function allowsAll({ project, facts }: ServiceSubject, value: string): boolean {
  const text = value.trimStart().startsWith("{") ? value : facts.read(resolve(project.directory, value))?.text;
  return /"defaultAction"\s*:\s*"SCMP_ACT_(?:ALLOW|LOG|TRACE)"/i.test(text ?? "");
}

/** Runtimes take settings from annotations that no other rule looks at: groups that are kept, other handlers, devices. */
function tellAnnotations(node: MapNode, tell: Tell): void {
  const written = under(node, "annotations");
  const keys =
    written?.kind === "map"
      ? [...written.entries].map(([name, { key }]) => ({ name, at: key }))
      : itemsOf(written).map((item) => ({ name: (textOf(item) ?? "").split("=")[0] ?? "", at: item.at }));
  for (const { name, at } of keys) {
    if (!/^(?:run\.oci\.|io\.podman\.annotations\.|io\.kubernetes\.cri-o\.)/.test(name)) continue;
    tell({ message: `the annotation ${quote(name)} is a setting of the engine's runtime`, fix: "Take it out.", at });
  }
}

function tellKeys(node: MapNode, tell: Tell): void {
  const settings: readonly (readonly [key: string, message: string, severity?: "warning"])[] = [
    ["cgroup_parent", "puts the container below a control group of somebody else's choice: its limits are not its own"],
    ["credential_spec", "gives the container an identity of the host's domain"],
    ["runtime", "replaces the engine's runtime by one that nobody looked at here"],
    ["sysctls", "changes settings of the kernel for the container", "warning"],
  ];
  for (const [key, message, severity] of settings) {
    const entry = entryOf(node, key);
    if (entry === undefined) continue;
    const text = textOf(entry.value);
    if (text === "" || (key === "runtime" && /^(?:runc|crun|runsc|kata(?:-runtime)?|io\.containerd\.runc\.v2)$/.test(text ?? "")))
      continue;
    tell({
      ...(severity === undefined ? {} : { severity }),
      message: `${key}${text === undefined ? "" : ` ${quote(text)}`} ${message}`,
      fix: `Take ${key} out.`,
      at: entry.key,
    });
  }
  const kill = under(node, "oom_kill_disable");
  if (kill !== undefined && isOn(kill)) {
    tell({
      message: "the container is never killed for want of memory: the host's other programs are",
      fix: "Take oom_kill_disable out.",
      at: kill.at,
    });
  }
  const score = under(node, "oom_score_adj");
  if (score !== undefined && Number(textOf(score)) < 0) {
    tell({
      message: "the kernel kills the host's other programs before this one when memory runs out",
      fix: "Take oom_score_adj out.",
      at: score.at,
    });
  }
  const ssh = entryOf(node, "build");
  const agent = ssh?.value.kind === "map" ? entryOf(ssh.value, "ssh") : undefined;
  if (agent !== undefined) {
    tell({
      severity: "warning",
      message: "the build may use the keys of the ssh agent of whoever builds",
      fix: "Take build.ssh out.",
      at: agent.key,
    });
  }
}
