import { quote } from "../../model/errors.ts";
import type { PaperRule, Tell } from "./paper-rule.ts";
import type { MapNode, Node } from "../compose/node.ts";
import { entryOf, isOn, itemsOf, textOf, under } from "./values.ts";

export const sandboxOffRule: PaperRule = {
  id: "sandbox-off",
  scope: "service",
  check({ service: { node } }, tell) {
    for (const item of itemsOf(under(node, "security_opt"))) tellOption(textOf(item) ?? "", item, tell);
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

function tellOption(option: string, { at }: Node, tell: Tell): void {
  const [name = "", value = ""] = option.split(/[:=](.*)/s);
  const off = (message: string): void => tell({ message, fix: `Take \`${option}\` out.`, at });
  switch (name.toLowerCase()) {
    case "seccomp":
      if (value === "unconfined") off("the filter of system calls is switched off");
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
    case "no-new-privileges":
      if (/^(?:false|0|f|no)$/i.test(value)) off("processes may gain privileges by setuid programs");
      return;
    default:
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
