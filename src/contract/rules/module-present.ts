import { relative } from "node:path";
import { quote } from "../../model/errors.ts";
import type { PaperRule } from "./paper-rule.ts";

export const modulePresentRule: PaperRule = {
  id: "module-present",
  scope: "subject",
  check({ project, problems, module, contract, facts }, tell) {
    if (module === undefined || contract === undefined) {
      tell.notApplicable();
      return;
    }
    const told = (path: string): string => quote(relative(contract.root, path));
    if (facts.kind(module.folder) !== "directory") {
      tell({
        message: `the module's folder ${told(module.folder)} is not there`,
        fix: "Make it (`novabot modules add` brings the modules that NovaBot ships), or take the module out of contract.yaml.",
        at: module.at,
      });
      return;
    }
    for (const path of module.composeFiles.filter((file) => facts.kind(file) !== "file")) {
      tell({
        message: `the module's Compose file ${told(path)} is not there`,
        fix: "Write it, or correct the name.",
        at: module.at,
      });
    }
    for (const mount of module.mounts) {
      // Another module's directories are that module's to have.
      if (!mount.source.startsWith(`${module.folder}/`) || facts.kind(mount.source) === "directory") continue;
      tell({
        message: `${told(mount.source)}, which the module mounts at ${quote(mount.target)}, is not a directory`,
        reason: "Engines make what is missing, owned by root: the service could not write it.",
        fix: "Make it, owned by the contract's user; a .gitkeep keeps it in version control.",
        at: mount.at,
      });
    }
    if (project === undefined || problems.some(({ unreadable }) => unreadable)) return;
    const inactive = project.inactive.get(module.service);
    if (inactive !== undefined) {
      tell({
        message: `the service ${quote(module.service)} starts with a profile only: ${inactive.profiles.map((name) => quote(name)).join(", ")}`,
        fix: "Take its profiles out.",
        at: inactive.at,
      });
    } else if (!project.services.has(module.service)) {
      const names = [...project.services.keys()].map((name) => quote(name)).join(", ");
      tell({
        message: `the Compose file has no service ${quote(module.service)}${names === "" ? "" : `, only ${names}`}`,
        fix: "Rename the service, or name it in contract.yaml.",
        at: module.at,
      });
    }
  },
};

export const composeValidRule: PaperRule = {
  id: "compose-valid",
  scope: "subject",
  check({ project, problems }, tell) {
    if (project === undefined && problems.length === 0) tell.unknown("there is no Compose file");
    for (const { unreadable, message, next, at } of problems) {
      tell({ severity: unreadable ? "error" : "warning", message, fix: next, at });
    }
  },
};
