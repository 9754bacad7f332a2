import { dirname, join, relative } from "node:path";
import { quote } from "../../model/errors.ts";
import type { MapEntry, MapNode, Node } from "../compose/node.ts";
import type { PaperRule } from "./paper-rule.ts";
import { textOf, under } from "./values.ts";

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
        fix: facts.ships(relative(contract.root, module.folder))
          ? `Run \`novabot modules add ${module.name}\`, or take the module out of contract.yaml.`
          : "Make it, with compose.yaml and conf/ (docs/modules.md tells what belongs into it), or take the module out of contract.yaml.",
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
    // By hand, in the module's folder, Compose would read these too: what then runs is another project than the one that is held to the contract.
    for (const path of beside(module.composeFiles).filter((file) => facts.kind(file) === "file")) {
      tell({
        message: `Compose reads ${told(path)} too when it is started by hand, but contract.yaml does not name it`,
        fix: "Name it under `compose:` in contract.yaml, or give the file another name.",
        at: module.at,
      });
    }
    const dotenv = join(module.folder, ".env");
    if (facts.envNames(dotenv).has("COMPOSE_FILE")) {
      tell({
        message: `${told(dotenv)} sets COMPOSE_FILE: started by hand, Compose reads other files than those that contract.yaml names`,
        fix: "Take COMPOSE_FILE out of it.",
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
    const scale = project.services.get(module.service);
    const entry = scale === undefined ? undefined : scaleOf(scale.node);
    if (entry !== undefined && Number(textOf(entry.value)) === 0) {
      tell({
        message: `Compose starts no container of ${quote(module.service)}: its number is 0`,
        fix: "Take the number out.",
        at: entry.value.at,
      });
    }
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

/** The overrides that Compose looks for beside the one file that it finds by its name; none where several are named. */
function beside(files: readonly string[]): readonly string[] {
  const [file = ""] = files;
  if (files.length !== 1 || !/(?:^|\/)(?:docker-)?compose\.ya?ml$/.test(file)) return [];
  return ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"].map(
    (name) => join(dirname(file), name),
  );
}

/** The number of containers that Compose starts; undefined where nothing usual is written. */
function scaleOf(node: MapNode): MapEntry | undefined {
  return node.entries.get("scale") ?? replicasOf(under(node, "deploy"));
}

function replicasOf(deploy: Node | undefined): MapEntry | undefined {
  return deploy?.kind === "map" ? deploy.entries.get("replicas") : undefined;
}

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
