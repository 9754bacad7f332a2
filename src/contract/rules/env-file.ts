import { basename, relative } from "node:path";
import { quote } from "../../model/errors.ts";
import { replacing } from "./mend.ts";
import type { PaperRule } from "./paper-rule.ts";
import { itemsOf, under } from "./values.ts";

export const envFileRule: PaperRule = {
  id: "env-file",
  scope: "declared",
  check(subject, tell) {
    const { service, declared, environmentName, facts, project } = subject;
    const path = declared.envFiles[environmentName];
    const name = quote(relative(project.directory, path));
    const files = service.envFiles.filter((file) => facts.real(file.path.value) === facts.real(path));
    const file = files.at(-1);
    if (file === undefined) {
      const other = service.envFiles.find(({ path: declaredPath }) =>
        Object.values(declared.envFiles).includes(declaredPath.value),
      );
      tell({
        message:
          other === undefined
            ? `${service.name} does not read ${name}, which its secrets are written to`
            : `${service.name} reads ${quote(basename(other.path.value))}, which is another environment's, not ${name}`,
        fix: `Write \`env_file: [ \${RUNTIME_ENV_FILE:-${basename(declared.envFiles.local)}} ]\`.`,
        at: other?.path.at ?? service.at,
      });
    } else {
      if (!file.required) {
        const required = itemsOf(under(service.node, "env_file"))
          .filter((item) => under(item, "path")?.at.line === file.path.at.line)
          .map((item) => under(item, "required"))
          .find((node) => node?.at.file === file.at.file);
        tell({
          message: `${name} is not required: without it the service starts without its secrets`,
          fix: "Write `required: true`.",
          at: required?.at ?? file.at,
          edits: required === undefined ? [] : replacing(subject, required.at, "true"),
        });
      }
      if (facts.kind(path) !== "file") {
        tell({
          message: `${name} is not there`,
          fix: `Run \`novabot secrets materialize ${declared.name} --env ${environmentName}\`.`,
          at: file.path.at,
        });
      }
    }
    const later = file === undefined ? [] : service.envFiles.slice(service.envFiles.indexOf(file) + 1);
    for (const other of later) {
      const names = facts.envNames(other.path.value);
      for (const secret of declared.secrets) {
        if (!names.has(secret.name)) continue;
        tell({
          message: `${quote(relative(project.directory, other.path.value))} comes after ${name} and gives ${secret.name} another value`,
          fix: `Take ${secret.name} out of it.`,
          at: other.path.at,
        });
      }
    }
    for (const secret of declared.secrets) {
      const over = service.environment.get(secret.name);
      if (over === undefined) continue;
      tell({
        message: `environment gives ${secret.name} a value of its own, which wins over the env file's`,
        reason: "The secret that runs is then not the one that is kept and rotated.",
        fix: `Take ${secret.name} out of environment.`,
        at: over.key,
      });
    }
  },
};
