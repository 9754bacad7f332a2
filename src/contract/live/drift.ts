import type { ContainerDescription } from "../../engine/observation.ts";
import { quote } from "../../model/errors.ts";

import type { Place, Placed } from "../source/place.ts";
import { isOn, textOf, under } from "../rules/values.ts";
import { readUser } from "../rules/users.ts";
import type { PublishedPort, Service } from "../compose/project.ts";
import type { LiveSubject } from "./subject.ts";
import type { LiveFinding, Verdicts } from "./verdicts.ts";

type Tell = (message: string, at: Place | undefined, changes?: Partial<LiveFinding>) => void;

/** Every difference between the file and the container, at the file's place. Values of variables may be secret and are not told. */
export function judgeDrift(subject: LiveSubject, verdicts: Verdicts): void {
  const { service } = subject;
  if (!service) {
    verdicts.notApplicable("drift");
    return;
  }
  const tell: Tell = (message, at, changes) =>
    verdicts.broken("drift", {
      message,
      fix: "Make the container anew (`novabot modules up`), or mend the file.",
      at: at ?? service.at,
      ...changes,
    });
  images(subject, service, tell, verdicts);
  settings(subject, service, tell);
  mounts(subject, service, tell);
  ports(subject, service, tell);
  networks(subject, service, tell);
  variables(subject, service, tell);
  programs(subject, service, tell);
  limits(subject, service, tell);
  verdicts.kept("drift", `service ${service.name}`);
}

function images({ container, image, module }: LiveSubject, service: Service, tell: Tell, verdicts: Verdicts): void {
  const declared = service.image;
  if (module?.image !== undefined) {
    if (nameOfImage(container.image) === nameOfImage(module.image)) verdicts.kept("image", container.image);
    else if (/^(sha256:)?[0-9a-f]{12,64}$/.test(container.image))
      verdicts.unknown("image", "the container was made from an image's id");
    else
      verdicts.broken("image", {
        message: `The container was made from ${quote(container.image, 200)}, and the contract declares ${module.image}.`,
        fix: "Name the declared image, then make the container anew.",
        at: declared?.at,
      });
  }
  if (!declared) return;
  if (fullName(container.image) !== fullName(declared.value) && container.imageID !== declared.value)
    tell(`The container was made from ${quote(container.image, 200)}; the file says ${quote(declared.value, 200)}.`, declared.at);
  else if (!image.known) verdicts.unknown("drift", image.reason);
  else if (image.value.id !== container.imageID)
    tell(
      `${quote(declared.value, 200)} is another image now (${short(image.value.id)}) than the one that runs (${short(container.imageID)}).`,
      declared.at,
    );
}

function settings({ container }: LiveSubject, service: Service, tell: Tell): void {
  const user = service.user?.value;
  if (user !== undefined && user !== null && container.user !== String(user) && !sameUser(container.user, String(user)))
    tell(`The container's user is ${quote(container.user)}; the file says ${quote(String(user))}.`, service.user?.at);
  const restart = service.restart?.value ?? "no";
  const policy = restart.split(":")[0] ?? restart;
  // A policy of the swarm's own says nothing to a single engine.
  if (container.restartPolicy !== policy && under(service.node, "deploy", "restart_policy") === undefined)
    tell(`The engine restarts the container ${container.restartPolicy}; the file says ${restart}.`, service.restart?.at);
  for (const [key, value] of [
    ["privileged", container.privileged],
    ["read_only", container.readonlyRoot],
    ["init", container.init],
  ] as const) {
    const node = under(service.node, key);
    if (isOn(node) !== value) tell(`The container has ${key} ${value ? "on" : "off"}; the file says otherwise.`, node?.at);
  }
  const added = namesIn(under(service.node, "cap_add"));
  const extra = capabilities(container.capabilitiesAdded).filter((name) => !added.includes(name) && !added.includes("ALL"));
  if (extra.length > 0)
    tell(`The container was given ${extra.join(", ")}, which the file does not add.`, under(service.node, "cap_add")?.at);
  const checked = service.healthcheck;
  if (checked?.test && !checked.disabled && !isSameCheck(container, checked.test.value))
    tell("The container's health check is not the file's.", checked.test.at);
  if (checked?.disabled && (container.healthcheck ?? ["NONE"])[0] !== "NONE")
    tell("The container has a health check, which the file takes away.", checked.at);
  for (const [name, { value, at }] of service.labels)
    if (container.labels[name] !== value) tell(`The container's label ${quote(name, 100)} is not the file's.`, at);
}

function mounts({ container, project, paths }: LiveSubject, service: Service, tell: Tell): void {
  const declared = new Set<string>();
  // A directory that is reached through a link has more names than one.
  const real = (path: string): string => paths.real.get(path) ?? trimmed(path);
  for (const mount of service.mounts) {
    const target = trimmed(mount.target.value);
    declared.add(target);
    if (mount.kind === "secret" || mount.kind === "config") continue;
    const found = container.mounts.find((one) => trimmed(one.target) === target);
    if (!found) {
      tell(`The file mounts ${target}, and the container does not have it.`, mount.at);
      continue;
    }
    const volume = mount.source && project?.volumes.get(mount.source.value);
    const source = mount.kind === "volume" && volume ? volume.engineName : mount.source?.value;
    if (source !== undefined && mount.kind !== "tmpfs" && real(found.source) !== real(source))
      tell(
        `${target} comes from ${quote(found.source, 300)}; the file says ${quote(source, 300)}.`,
        mount.source?.at ?? mount.at,
      );
    if (found.readonly !== mount.readonly)
      tell(
        `${target} is ${found.readonly ? "read-only" : "writable"} in the container; the file says otherwise.`,
        mount.mode?.at ?? mount.at,
      );
  }
  for (const mount of container.mounts) {
    // Volumes that the image asks for have a name that nobody gave them.
    if (declared.has(trimmed(mount.target)) || mount.kind === "tmpfs" || /^[0-9a-f]{64}$/.test(mount.source)) continue;
    if (/^\/(run\/secrets|run\/configs)\b/.test(mount.target)) continue;
    tell(`The container has ${quote(mount.source, 300)} at ${mount.target}, which the file does not mount.`, undefined);
  }
}

function ports({ container }: LiveSubject, service: Service, tell: Tell): void {
  const isThat = (port: PublishedPort, bound: LiveSubject["container"]["ports"][number]): boolean =>
    bound.container === port.target.value &&
    bound.protocol === port.protocol &&
    (!port.published?.value || port.published.value.includes("-") || String(bound.host) === port.published.value) &&
    (port.hostAddress ? bound.hostAddress === port.hostAddress.value : isEvery(bound.hostAddress));
  for (const port of service.ports) {
    if (container.ports.some((bound) => isThat(port, bound))) continue;
    const wanted = `${port.hostAddress?.value ?? "*"}:${port.published?.value || "any"} → ${port.target.value}`;
    tell(`The file publishes ${wanted}, and the container does not.`, port.at);
  }
  for (const bound of container.ports) {
    if (service.ports.some((port) => isThat(port, bound))) continue;
    tell(
      `The container publishes ${bound.hostAddress || "*"}:${bound.host} → ${bound.container}, and the file does not.`,
      undefined,
    );
  }
}

function networks({ container, project }: LiveSubject, service: Service, tell: Tell): void {
  if (!project || service.networkMode) return;
  const wanted = service.networks.flatMap(({ name, at }) => {
    const declared = project.networks.get(name);
    return declared ? [{ name: declared.engineName, at }] : [];
  });
  for (const { name, at } of wanted) if (!(name in container.networks)) tell(`The container is not in the network ${name}.`, at);
  if (wanted.length === 0) return;
  for (const name of Object.keys(container.networks))
    if (!wanted.some((one) => one.name === name))
      tell(`The container is in the network ${name}, which the file does not join.`, undefined);
}

function variables({ container }: LiveSubject, service: Service, tell: Tell): void {
  const has = new Map(container.env.map((one) => [one.slice(0, Math.max(0, one.indexOf("="))), one.slice(one.indexOf("=") + 1)]));
  for (const [name, { value, key }] of service.environment) {
    if (value === null || has.get(name) === value) continue;
    tell(
      `The container ${has.has(name) ? "has another value of" : "does not have"} the variable ${name} that the file sets.`,
      key,
    );
  }
}

function programs({ container, image }: LiveSubject, service: Service, tell: Tell): void {
  for (const [what, written, runs] of [
    ["entrypoint", service.entrypoint, container.entrypoint],
    ["command", service.command, container.command],
  ] as const) {
    const wanted = wordsOf(written);
    if (written && wanted && !same(wanted, runs)) tell(`The container's ${what} is not the file's.`, written.at);
    if (!written && what === "entrypoint" && image.known && !same(image.value.entrypoint, runs))
      tell("The container's entrypoint is not its image's, and the file sets none.", undefined);
  }
}

/** Undefined for a line that only a shell's rules could take apart. */
function wordsOf(written: Placed<readonly string[] | string> | undefined): readonly string[] | undefined {
  if (!written || typeof written.value !== "string") return written?.value as readonly string[] | undefined;
  return /["'\\]/.test(written.value) ? undefined : written.value.split(/\s+/).filter(Boolean);
}

function limits({ container }: LiveSubject, service: Service, tell: Tell): void {
  const inDeploy = (key: string): ReturnType<typeof under> => under(service.node, "deploy", "resources", "limits", key);
  const memory = under(service.node, "mem_limit") ?? inDeploy("memory");
  const bytes = bytesOf(textOf(memory));
  if (bytes !== undefined && bytes !== null && bytes !== container.memoryBytes)
    tell(
      `The container may use ${container.memoryBytes ?? "any number of"} bytes of memory; the file says ${bytes}.`,
      memory?.at,
    );
  const cpus = under(service.node, "cpus") ?? inDeploy("cpus");
  const number = Number(textOf(cpus) ?? "0");
  if (number > 0 && Math.abs((container.cpus ?? 0) - number) > 0.001)
    tell(`The container may use ${container.cpus ?? "all"} CPUs; the file says ${number}.`, cpus?.at);
  const pids = under(service.node, "pids_limit") ?? inDeploy("pids");
  const most = Number(textOf(pids) ?? "0");
  if (most > 0 && container.pidsLimit !== most)
    tell(
      `The container may have ${container.pidsLimit ?? "any number of"} processes; the file says ${most}.`,
      pids?.at,
      madeByPodmanCompose(container)
        ? {
            severity: "warning",
            reason: "podman-compose 1.0 does not pass this limit on.",
            fix: "Use another Compose, or take the default for this limit.",
          }
        : {},
    );
}

/** Compose's own sizes: binary units, a bare number is bytes. */
function bytesOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])?i?b?$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = { b: 0, k: 1, m: 2, g: 3, t: 4 }[(match[2] ?? "b").toLowerCase()] ?? 0;
  return Math.floor(Number(match[1]) * 1024 ** unit);
}

/** podman-compose makes one line of a check's words, for a shell. */
function isSameCheck(container: ContainerDescription, wanted: readonly string[]): boolean {
  const has = container.healthcheck ?? [];
  if (same(has, wanted)) return true;
  const line = (words: readonly string[]): string =>
    words
      .slice(1)
      .join(" ")
      .replace(/^\/bin\/sh -c /, "")
      .replaceAll(/["'\\]/g, "");
  return madeByPodmanCompose(container) && line(has) === line(wanted);
}

function madeByPodmanCompose(container: ContainerDescription): boolean {
  return container.labels["io.podman.compose.project"] !== undefined;
}

function sameUser(one: string, other: string): boolean {
  const [a, b] = [readUser(one), readUser(other)];
  return a.uid === b.uid && a.gid === b.gid;
}

function namesIn(node: ReturnType<typeof under>): string[] {
  return node?.kind === "list" ? capabilities(node.items.flatMap((item) => textOf(item) ?? [])) : [];
}

function capabilities(list: readonly string[]): string[] {
  return list.map((name) => name.toUpperCase().replace(/^CAP_/, ""));
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

function isEvery(address: string): boolean {
  return address === "" || address === "0.0.0.0" || address === "::";
}

/** Without a tag or digest, and without what engines put before a short name. */
function nameOfImage(reference: string): string {
  return fullName(reference)
    .replace(/@.*$/, "")
    .replace(/:[^/:]*$/, "");
}

function fullName(reference: string): string {
  const bare = reference.replace(/^(docker\.io|localhost|index\.docker\.io)\//, "").replace(/^library\//, "");
  return bare.includes("@") || /:[^/]+$/.test(bare) ? bare : `${bare}:latest`;
}

function short(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
