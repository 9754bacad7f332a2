import { relative } from "node:path";
import { quote } from "../../model/errors.ts";
import type { ContractMount } from "../declaration/contract.ts";
import type { Service } from "../compose/project.ts";
import { mountingReadOnly } from "./mend.ts";
import { cleaned, contains, mountedIn, overlap, type Mounted } from "./mounted.ts";
import type { DeclaredSubject, PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import { itemsOf, textOf, under } from "./values.ts";

export const mountsRule: PaperRule = {
  id: "mounts",
  scope: "declared",
  check(subject, tell) {
    const { declared, service, project, facts } = subject;
    const all = mountedIn(project, service, facts);
    for (const item of itemsOf(under(service.node, "volumes_from"))) {
      tell({
        message: `volumes_from takes over every mount of ${quote(textOf(item) ?? "")}, none of which the file shows here`,
        fix: "Mount by name what is needed.",
        at: item.at,
      });
    }
    for (const wanted of declared.mounts) tellMount(subject, wanted, all, tell);
  },
};

function tellMount(subject: DeclaredSubject, wanted: ContractMount, all: readonly Mounted[], tell: Tell): void {
  const { service, facts, project } = subject;
  const there = `${pathFrom(project.directory, wanted.source)}:${wanted.target}${wanted.readonly ? ":ro" : ""}`;
  const declaredAt = { at: wanted.at, message: "declared here" };
  const found = all.find(({ target, hiddenBy }) => target === wanted.target && hiddenBy === undefined);
  if (found === undefined) {
    tell({
      message: `${service.name} does not mount ${quote(wanted.target)}`,
      fix: `Add \`${there}\` to its volumes.`,
      at: service.at,
      related: [declaredAt],
    });
    return;
  }
  if (found.source === undefined || (found.mount.kind !== "bind" && found.mount.kind !== "volume")) {
    const kind = found.mount.kind === "bind" ? "no directory" : `a ${found.mount.kind}`;
    tell({
      message: `${quote(wanted.target)} is ${kind}, not the declared directory`,
      fix: `Mount \`${there}\`.`,
      at: found.at,
      related: [declaredAt],
    });
    return;
  }
  if (found.source !== facts.real(wanted.source)) {
    tell({
      message: `${quote(wanted.target)} comes from ${quote(pathFrom(project.directory, found.named ?? found.source))}, not from the declared directory`,
      fix: `Mount \`${there}\`.`,
      at: found.mount.source?.at ?? found.at,
      related: [declaredAt],
    });
    return;
  }
  if (!wanted.readonly && found.readonly) {
    tell({
      message: `${quote(wanted.target)} is mounted read-only, but the service must write it`,
      fix: "Take its read-only mode out.",
      at: found.mount.mode?.at ?? found.at,
      related: [declaredAt],
    });
  }
  if (!wanted.readonly) return;
  for (const one of all) {
    if (one.target === wanted.target || !contains(wanted.target, one.target) || isWritable(one) || one.hiddenBy !== undefined)
      continue;
    tell({
      severity: "warning",
      message: `the ${one.mount.kind} at ${quote(one.target)} replaces a part of ${quote(wanted.target)}`,
      fix: "Put the file into the declared directory.",
      at: one.at,
    });
  }
}

export const mountsReadOnlyRule: PaperRule = {
  id: "mounts-read-only",
  scope: "service",
  check(subject, tell) {
    const { declared, service, project, facts } = subject;
    const wanted = declared?.mounts.filter(({ readonly }) => readonly) ?? [];
    const isTold = tellLookalikes(subject, wanted, tell);
    if (declared === undefined || wanted.length === 0) {
      if (!isTold) tell.notApplicable();
      return;
    }
    const all = mountedIn(project, service, facts);
    for (const one of wanted) {
      tellMode({ ...subject, declared }, one, all, tell);
      tellElsewhere({ ...subject, declared }, one, tell);
    }
  },
};

/** A mode that was meant to be read-only and is not: nobody has to declare anything for that to be wrong. */
function tellLookalikes(subject: ServiceSubject, wanted: readonly ContractMount[], tell: Tell): boolean {
  let isTold = false;
  for (const mount of subject.service.mounts) {
    const { mode, readonly, kind, target, syntax } = mount;
    if (readonly || mode === undefined || syntax !== "short" || (kind !== "bind" && kind !== "volume")) continue;
    const word = mode.value.split(",").find((one) => /^\s*(?:ro|r|read[-_]?only)\s*$/i.test(one));
    if (word === undefined || wanted.some((one) => one.target === cleaned(target.value))) continue;
    isTold = true;
    tell({
      severity: "warning",
      message: `${quote(target.value)} is mounted read-write: engines know no mode ${quote(word)}, and say nothing`,
      fix: "Write `:ro` if it was meant to be read-only, else take the mode out.",
      at: mode.at,
      edits: mountingReadOnly(subject, mount),
    });
  }
  return isTold;
}

function tellMode(subject: DeclaredSubject, wanted: ContractMount, all: readonly Mounted[], tell: Tell): void {
  const { facts } = subject;
  const source = facts.real(wanted.source);
  for (const one of all) {
    if (one.hiddenBy !== undefined || !isWritable(one)) continue;
    if (one.target === wanted.target) {
      const hidden = all.find(({ hiddenBy, target }) => hiddenBy !== undefined && target === one.target);
      const { mode } = one.mount;
      tell({
        message:
          hidden?.readonly === true
            ? `${quote(wanted.target)} is mounted twice, and the last mount, which wins, is read-write`
            : mode === undefined || mode.value === "rw" || mode.value === "false"
              ? `${quote(wanted.target)} is mounted read-write`
              : `${quote(wanted.target)} is mounted read-write: engines know no mode ${quote(mode.value)}, and say nothing`,
        fix: "Mount it with `:ro`.",
        at: mode?.at ?? one.at,
        ...(hidden === undefined ? {} : { related: [{ at: hidden.at, message: "this mount is hidden" }] }),
        edits: one.at === one.mount.at ? mountingReadOnly(subject, one.mount) : [],
      });
    } else if (contains(wanted.target, one.target)) {
      tell({
        message: `${quote(one.target)} is writable inside ${quote(wanted.target)}, which must be read-only`,
        fix: "Mount it outside of the read-only directory, or read-only.",
        at: one.at,
      });
    } else if (one.source !== undefined && overlap(one.source, source)) {
      tell({
        message: `the directory of ${quote(wanted.target)} is mounted once more, read-write, at ${quote(one.target)}`,
        fix: "Take this mount out, or mount it with `:ro`.",
        at: one.at,
        related: [{ at: wanted.at, message: "must be read-only" }],
        edits: one.source === source && one.at === one.mount.at ? mountingReadOnly(subject, one.mount) : [],
      });
    }
  }
}

/** Other services, of this module and of others: what they may write by declaration they may write. */
function tellElsewhere(subject: DeclaredSubject, wanted: ContractMount, tell: Tell): void {
  const { facts, project, service, module, others, contract } = subject;
  const source = facts.real(wanted.source);
  const mayWrite = (name: string, target: string): boolean =>
    contract?.modules.some(
      (other) =>
        other.service === name &&
        other.mounts.some((mount) => !mount.readonly && mount.target === target && facts.real(mount.source) === source),
    ) === true;
  const projects = [project, ...others.filter((other) => other.module.name !== module?.name).map((other) => other.project)];
  for (const one of projects) {
    const services: Service[] = [...one.services.values(), ...one.inactive.values()];
    for (const other of services) {
      if (other === service) continue;
      for (const mounted of mountedIn(one, other, facts)) {
        if (mounted.hiddenBy !== undefined || !isWritable(mounted) || mounted.source === undefined) continue;
        if (!overlap(mounted.source, source) || mayWrite(other.name, mounted.target)) continue;
        tell({
          service: other.name,
          message: `${other.name} mounts the directory of ${service.name}'s ${quote(wanted.target)} read-write at ${quote(mounted.target)}`,
          fix: "Mount it with `:ro`, or not at all.",
          at: mounted.at,
          related: [{ at: wanted.at, message: "must be read-only" }],
        });
      }
    }
  }
}

function isWritable({ readonly, mount }: Mounted): boolean {
  // Engines mount both read-only, whatever their mode.
  return !readonly && mount.kind !== "secret" && mount.kind !== "config" && mount.kind !== "image";
}

function pathFrom(directory: string, path: string): string {
  const way = relative(directory, path);
  return way.startsWith("..") ? way : `./${way}`;
}
