import { quote } from "../../model/errors.ts";
import type { NetworkDeclaration } from "../compose/project.ts";
import { replacingAnywhere } from "./mend.ts";
import type { DeclaredSubject, PaperRule } from "./paper-rule.ts";
import { withNothingSet } from "./written.ts";

export const networkRule: PaperRule = {
  id: "network",
  scope: "declared",
  check(subject, tell) {
    const { service, project, declared } = subject;
    const { variable } = declared.network;
    const fix = `Join a network that is declared with \`external: true\` and \`name: \${${variable}}\`.`;
    if (service.networkMode !== undefined) {
      tell({
        message: `network_mode ${quote(service.networkMode.value)} keeps the service off the shared network`,
        fix,
        at: service.networkMode.at,
      });
      return;
    }
    const joined = service.networks.map((one) => ({ one, network: project.networks.get(one.name) }));
    const shared = joined.find(({ network }) => network !== undefined && isNamedByVariable(network, variable));
    if (shared?.network === undefined) {
      const literal = joined.find(({ network }) => network?.name !== undefined && isMeant(network, subject));
      const at = literal?.network?.name?.at ?? joined.find(({ network }) => network?.external?.value === true)?.network?.name?.at;
      tell({
        message:
          literal?.network?.name === undefined
            ? `${service.name} does not join the network that ${variable} names`
            : `the shared network's name is written out as ${quote(literal.network.name.written)} instead of taken from ${variable}`,
        fix,
        at: at ?? service.at,
        edits: literal?.network?.name === undefined ? [] : replacingAnywhere(subject, literal.network.name.at, `\${${variable}}`),
      });
      return;
    }
    const { network } = shared;
    if (network.external?.value !== true) {
      tell({
        message: `the network ${quote(network.key)} is not external: Compose would make it, and remove it for every other module`,
        fix: "Write `external: true`.",
        at: network.external?.at ?? network.at,
      });
    }
    const alone = network.name === undefined ? undefined : withNothingSet(network.name.written);
    if (
      network.name !== undefined &&
      alone !== undefined &&
      alone !== "" &&
      declared.network.default !== undefined &&
      alone !== declared.network.default
    ) {
      tell({
        message: `without ${variable} the network is ${quote(alone)}, not the contract's ${quote(declared.network.default)}`,
        fix: `Write \`\${${variable}}\`, or the contract's default.`,
        at: network.name.at,
      });
    }
    for (const { one, network: other } of joined) {
      if (other === network) continue;
      tell({
        severity: "warning",
        message: `${service.name} joins ${quote(one.name)} besides, which the contract does not declare`,
        fix: "Leave the network out, unless it is needed to reach something else.",
        at: one.at,
      });
    }
  },
};

/** The name is the variable and nothing else; `:+` would put something else in its place. */
function isNamedByVariable({ name }: NetworkDeclaration, variable: string): boolean {
  if (name === undefined) return false;
  const written = /^\$(?:\{([A-Za-z_]\w*)(?:(?::?[-?]).*)?\}|([A-Za-z_]\w*))$/s.exec(name.written);
  return (written?.[1] ?? written?.[2]) === variable;
}

function isMeant(network: NetworkDeclaration, { declared }: DeclaredSubject): boolean {
  return network.external?.value === true && network.engineName === declared.network.default;
}
