import type { Place } from "../source/place.ts";
import { hooksOf } from "./hooks.ts";
import type { PaperRule } from "./paper-rule.ts";
import { localVolumes } from "./local-volumes.ts";
import { mountedIn } from "./mounted.ts";
import { entryOf, isOn, itemsOf, textOf, under } from "./values.ts";
import { quote } from "../../model/errors.ts";

export const privilegedRule: PaperRule = {
  id: "privileged",
  scope: "service",
  check({ service: { node } }, tell) {
    const found = (what: string, at: Place): void =>
      tell({ message: `${what} privileged: it has every capability and device of the host`, fix: "Take it out.", at });
    const own = under(node, "privileged");
    if (own !== undefined && isOn(own)) found("the container is", own.at);
    for (const { what, hook } of hooksOf(node)) {
      const one = under(hook, "privileged");
      if (one !== undefined && isOn(one)) found(`a ${what} command is`, one.at);
    }
    const build = under(node, "build", "privileged");
    if (build !== undefined && isOn(build)) found("the build is", build.at);
    for (const item of itemsOf(under(node, "build", "entitlements"))) {
      if (textOf(item)?.startsWith("security.insecure") === true) found("the build is", item.at);
    }
  },
};

export const capabilitiesRule: PaperRule = {
  id: "capabilities",
  scope: "service",
  check({ service: { node } }, tell) {
    for (const item of itemsOf(under(node, "cap_add"))) {
      const name = (textOf(item) ?? "").toUpperCase().replace(/^CAP_/, "");
      tell({
        message: name === "ALL" ? "every capability is added" : `the capability ${quote(name)} is added`,
        ...(name === "NET_BIND_SERVICE" ? { reason: "A port above 1023 inside the container needs none." } : {}),
        fix: "Take it out; change what needs it instead.",
        at: item.at,
      });
    }
  },
};

const devicePaths = /^\/dev(?:\/|$)/;
/** What is no way to hardware. */
const harmlessDevices = /^\/dev\/(?:shm|null|zero|full|random|urandom|log)$/;

export const devicesRule: PaperRule = {
  id: "devices",
  scope: "service",
  check({ service, project, facts }, tell) {
    const { node } = service;
    for (const key of ["devices", "device_cgroup_rules"]) {
      for (const item of itemsOf(under(node, key))) {
        const text = textOf(item) ?? textOf(under(item, "source")) ?? "";
        tell({ message: `${key} gives the container ${quote(text)}`, fix: "Take it out.", at: item.at });
      }
    }
    const gpus = entryOf(node, "gpus");
    if (gpus !== undefined)
      tell({ message: "gpus gives the container the host's graphics devices", fix: "Take it out.", at: gpus.key });
    for (const item of itemsOf(under(node, "deploy", "resources", "reservations", "devices"))) {
      tell({ message: "deploy reserves devices of the host for the container", fix: "Take the reservation out.", at: item.at });
    }
    for (const { volume, device, at } of localVolumes(project, service)) {
      if (!devicePaths.test(device)) continue;
      tell({
        message: `the volume ${quote(volume)} mounts ${quote(device)} of the host`,
        fix: "Take the volume's device out.",
        at,
      });
    }
    for (const { named, source, at, mount } of mountedIn(project, service, facts)) {
      // A volume's device was looked at above.
      if (mount.kind === "volume") continue;
      const path = [named, source].find((one) => one !== undefined && devicePaths.test(one) && !harmlessDevices.test(one));
      if (path !== undefined) tell({ message: `the host's ${quote(path)} is mounted`, fix: "Take the mount out.", at });
    }
  },
};
