import { quote } from "../../model/errors.ts";
import type { Place } from "../source/place.ts";
import { imageUser } from "./built.ts";
import { hooksOf } from "./hooks.ts";
import { adding, isPlain, replacing, userText } from "./mend.ts";
import type { PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import { idOf, isRoot, readUser } from "./users.ts";
import { itemsOf, textOf, under } from "./values.ts";
import { withNothingSet } from "./written.ts";

/** Groups that are root by another way: their members reach the engine, the disks or the passwords of every user. */
const mightyGroups: ReadonlySet<string> = new Set([
  ...[
    "root",
    "wheel",
    "sudo",
    "docker",
    "podman",
    "containerd",
    "lxd",
    "incus",
    "libvirt",
    "kvm",
    "disk",
    "shadow",
    "kmem",
    "adm",
    "systemd-journal",
  ],
]);

export const userRule: PaperRule = {
  id: "user",
  scope: "service",
  check(subject, tell) {
    const { service } = subject;
    tellHooks(subject, tell);
    tellRisers(subject, tell);
    const written = textOf(service.user) ?? "";
    if (service.user === undefined || written === "") {
      tellImage(subject, tell);
      return;
    }
    const { at } = service.user;
    const wanted = userText(subject.user);
    const told = wrong(subject, written, new Set(service.user.variables.filter(({ unset }) => !unset).map(({ name }) => name)));
    const edits = subject.declared === undefined ? [] : replacing(subject, at, wanted);
    if (told !== undefined) {
      tell({ message: `the container's user is ${quote(written)}: ${told}`, fix: fix(subject), at, edits });
      return;
    }
    const unset = withNothingSet(service.user.written);
    const alone = unset === undefined || unset === written ? undefined : wrong(subject, unset, new Set());
    if (alone !== undefined) {
      const message = `${quote(service.user.written)} becomes ${quote(unset)} wherever the variables are not set: ${alone}`;
      tell({ message, fix: fix(subject), at, edits });
      return;
    }
    // YAML 1.1, which older Composes read, takes these for numbers to the base of 60 or 8.
    const plain = service.user.written;
    if (isPlain(subject, at) && (/^[0-9]+(?::[0-5]?[0-9])+$/.test(plain) || /^0[0-7]+$/.test(plain))) {
      tell({
        severity: "warning",
        message: `${plain} without quotes is another number to a Compose that reads YAML 1.1`,
        fix: "Put it into quotes.",
        at,
        edits: replacing(subject, at, plain).map((edit) => Object.assign({}, edit, { text: `"${plain}"` })),
      });
    }
  },
};

function fix(subject: ServiceSubject): string {
  return `Write \`user: "${userText(subject.user)}"\`.`;
}

/** Why the contract does not take it. Root's group is the other rule's. */
function wrong({ user, declared }: ServiceSubject, text: string, set: ReadonlySet<string>): string | undefined {
  const { uid, gid } = readUser(text);
  if (isRoot(uid)) return text === "root" || uid === "root" ? "it is root" : "the engine reads root (0) out of it";
  if (typeof uid === "string") return "a name is whatever the image's own /etc/passwd says; only numbers can be held to";
  if (typeof gid === "string" && !isRoot(gid)) return "the group is a name, which is whatever the image's own /etc/group says";
  if (declared === undefined && user.variables === undefined) return undefined;
  const mayDiffer = (variable: string | undefined): boolean => variable !== undefined && set.has(variable);
  if (uid !== user.uid && declared !== undefined && !mayDiffer(user.variables?.uid))
    return `the contract's user is ${String(user.uid)}`;
  if (typeof gid === "number" && gid !== 0 && gid !== user.gid && declared !== undefined && !mayDiffer(user.variables?.gid)) {
    return `the contract's group is ${String(user.gid)}`;
  }
  return undefined;
}

function tellImage(subject: ServiceSubject, tell: Tell): void {
  const { service } = subject;
  const edits = subject.declared === undefined ? [] : adding(subject, [`user: "${userText(subject.user)}"`]);
  const found = imageUser(subject, service);
  if ("unknown" in found) {
    tell.unknown(found.unknown);
    tell({
      message: `nothing says that ${service.name} is not root: it has no user, and ${found.unknown}`,
      reason: "An image without a USER runs as root.",
      fix: fix(subject),
      at: service.at,
      edits,
    });
    return;
  }
  const told = wrong(subject, found.value, new Set());
  if (told === undefined) return;
  tell({
    message: `the user is left to ${found.from}, which is ${found.value === "" ? "root, since it names none" : `${quote(found.value)}: ${told}`}`,
    fix: fix(subject),
    at: service.at,
    edits,
    ...(found.at === undefined ? {} : { related: [{ at: found.at, message: "this decides the user" }] }),
  });
}

function tellHooks({ service }: ServiceSubject, tell: Tell): void {
  for (const { what, hook } of hooksOf(service.node)) {
    const user = under(hook, "user");
    const text = textOf(user) ?? "";
    if (user === undefined || text === "") continue;
    const { uid } = readUser(text);
    if (typeof uid === "number" && uid !== 0) continue;
    tell({
      message: `a ${what} command runs as ${quote(text)}${isRoot(uid) ? ", which is root" : ", a name that the image gives its meaning"}`,
      fix: "Take its user out: it then runs as the service does.",
      at: user.at,
    });
  }
}

/** Programs that change the user before they start another. */
function tellRisers({ service: { node, command, entrypoint } }: ServiceSubject, tell: Tell): void {
  const hooks = hooksOf(node).flatMap(({ hook }) => {
    const written = under(hook, "command");
    return written === undefined
      ? []
      : [{ value: textOf(written) ?? itemsOf(written).map((item) => textOf(item) ?? ""), at: written.at }];
  });
  for (const one of [entrypoint, command, ...hooks]) {
    const first = typeof one?.value === "string" ? one.value.trim().split(/\s+/)[0] : one?.value[0];
    const program = first?.slice(first.lastIndexOf("/") + 1) ?? "";
    if (one === undefined || !/^(?:sudo|doas|su|pkexec)$/.test(program)) continue;
    tell({
      message: `${quote(program)} is started, which becomes root first`,
      fix: "Start the program itself.",
      at: one.at,
    });
  }
}

export const rootGroupRule: PaperRule = {
  id: "root-group",
  scope: "service",
  check(subject, tell) {
    const { service } = subject;
    tellMain(subject, tell);
    for (const { what, hook } of hooksOf(service.node)) {
      const user = under(hook, "user");
      const { uid, gid } = readUser(textOf(user) ?? "");
      if (user === undefined || typeof uid !== "number" || uid === 0 || (gid !== undefined && !isRoot(gid))) continue;
      tell({
        message: `a ${what} command runs as ${quote(textOf(user) ?? "")}, whose group is root's`,
        fix: "Take its user out: it then runs as the service does.",
        at: user.at,
      });
    }
    for (const item of itemsOf(under(service.node, "group_add"))) {
      const text = textOf(item) ?? "";
      const group = idOf(text);
      const name =
        item.kind === "scalar" ? item.variables.find((variable) => /docker|podman|root/i.test(variable.name))?.name : undefined;
      if (isRoot(group) || mightyGroups.has(String(group).toLowerCase())) {
        tell({
          message: `the container is added to the group ${quote(text)}, which is ${isRoot(group) ? "root's" : "as good as root's"}`,
          fix: "Take the group out; give the contract's group what the service must read.",
          at: item.at,
        });
      } else if (name !== undefined) {
        tell({
          severity: "warning",
          message: `the container is added to the group that ${name} names: whoever may use an engine is root`,
          fix: "Take the group out.",
          at: item.at,
        });
      }
    }
  },
};

function tellMain(subject: ServiceSubject, tell: Tell): void {
  const { service } = subject;
  const written = textOf(service.user) ?? "";
  const edits =
    subject.declared === undefined || service.user === undefined
      ? []
      : replacing(subject, service.user.at, userText(subject.user));
  let text = written;
  let at: Place = service.user?.at ?? service.at;
  let related: Place | undefined;
  if (written === "") {
    const found = imageUser(subject, service);
    if ("unknown" in found) return;
    text = found.value;
    at = service.at;
    related = found.at;
  }
  const { uid, gid } = readUser(text);
  // Root itself is the other rule's.
  if (typeof uid !== "number" || uid === 0) return;
  if (gid !== undefined && !isRoot(gid)) {
    const unset = service.user === undefined || written === "" ? undefined : withNothingSet(service.user.written);
    const alone = readUser(unset ?? "");
    if (unset === undefined || isRoot(alone.uid) || !isRoot(alone.gid)) return;
    tell({
      message: `${quote(service.user?.written ?? "")} becomes ${quote(unset)} wherever the variables are not set: the group is root's`,
      fix: fix(subject),
      at,
      edits,
    });
    return;
  }
  tell({
    message: `the group of ${quote(text)} is root's${gid === undefined ? ": where none is written, engines take 0" : ""}`,
    fix: fix(subject),
    at,
    edits,
    ...(related === undefined ? {} : { related: [{ at: related, message: "this decides the group" }] }),
  });
}
