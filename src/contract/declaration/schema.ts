import { z } from "zod";
import { quote } from "../../model/errors.ts";
import { ruleDescriptions } from "../rules/catalogue.ts";
import type { ContractUser, EnvironmentName } from "./contract.ts";

type User = Omit<ContractUser, "variables"> & { readonly variables?: ContractUser["variables"] };
type Files = Readonly<Record<EnvironmentName, string>>;

/** `contract.yaml` as it was written, with the defaults of what was left out. */
export interface ContractDocument {
  readonly version: 1;
  readonly defaults: {
    readonly user: User;
    readonly restart: string;
    readonly network: { readonly variable: string; readonly default?: string | undefined };
    readonly compose: readonly string[];
    readonly address: string;
    readonly logs: string;
    readonly env: Files;
    readonly secrets: Files;
  };
  readonly modules: Readonly<Record<string, ModuleDocument>>;
}

interface ModuleDocument {
  readonly folder: string;
  readonly service?: string | undefined;
  readonly image?: string | undefined;
  readonly compose?: readonly string[] | undefined;
  readonly user?: User | undefined;
  readonly restart?: string | undefined;
  readonly port?: { readonly host: number; readonly container: number; readonly address?: string | undefined } | undefined;
  readonly health?: { readonly path: string; readonly port?: number | undefined; readonly body?: string | undefined } | undefined;
  readonly mounts: readonly { readonly target: string; readonly source: string; readonly mode: "rw" | "ro" }[];
  readonly log?: string | undefined;
  readonly secrets: readonly {
    readonly name: string;
    readonly optional: boolean;
    readonly generate?: "hex32" | undefined;
    readonly description?: string | undefined;
  }[];
  readonly exceptions: readonly { readonly rule: string; readonly reason: string }[];
}

const name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, "must be 1 to 63 lower-case letters, digits, dots, hyphens or underscores");
const reason = z.string().trim().min(1, "must say why");
const rule = z.enum(
  ruleDescriptions.map(({ id: one }) => one),
  { error: ({ input }) => `there is no rule ${quote(input)}` },
);
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable");
const port = z.int().min(1).max(65_535);
/** Root is what the contract forbids, so that it cannot be declared either; 2^31 − 1 is the greatest id that engines take. */
const id = z.int().min(1, "must not be root (0)").max(2_147_483_647);
const inContainer = z
  .string()
  .regex(/^\/(?!.*\/\/)(?!(?:.*\/)?\.\.?(?:\/|$)).*[^/]$/, "must be an absolute path in the container, without . and ..");
const relative = z.string().regex(/^(?!\/)(?!~)[^\0\\]+$/, "must be a relative path with slashes");
const relativeBelow = relative.regex(/^(?!(?:.*\/)?\.\.(?:\/|$))/, "must not leave the directory that it begins in");

const user = z
  .strictObject({
    uid: id.describe("The numeric user id of every process."),
    gid: id.describe("The numeric group id of every process."),
    variables: z
      .strictObject({ uid: variable.describe("Overrides the user id."), gid: variable.describe("Overrides the group id.") })
      .describe("Variables that may override the ids; any other numeric non-root id is then kept.")
      .optional(),
  })
  .describe("Who the processes of a container are: a numeric user and group, never root.");

const restart = z
  .enum(["unless-stopped", "always", "on-failure", "no"])
  .describe("The restart policy that every long-running service has.");

const network = z
  .strictObject({
    variable: variable.describe("The variable that Compose files take the shared network's name from."),
    default: z.string().min(1).describe("The name when nothing sets the variable.").optional(),
  })
  .describe("The network that modules reach each other on; it is made before they start.");

const composeFiles = z
  .array(relativeBelow)
  .min(1)
  .describe("The Compose files below the module's folder, in order: a later one overrides an earlier one.");

const address = z.union([z.ipv4(), z.ipv6()]).describe("The host's address that ports are bound on.");

const files = (what: string) =>
  z
    .strictObject({ local: relativeBelow.describe("When run locally."), prod: relativeBelow.describe("When deployed.") })
    .describe(what);

const mount = z
  .strictObject({
    target: inContainer.describe("Where it is in the container."),
    source: relative.describe(
      "The directory on the host, relative to the module's folder; it may lie in another module's folder.",
    ),
    mode: z.enum(["rw", "ro"]).describe("`ro` must be read-only in effect, whatever else is mounted.").default("rw"),
  })
  .describe("A directory of the host that the container must have.");

const secret = z
  .strictObject({
    name: variable.describe("The variable's name in the module's env file."),
    optional: z.boolean().describe("It may be missing.").default(false),
    generate: z
      .enum(["hex32"])
      .describe("How a new installation gets a value: `hex32` is 32 random bytes in hexadecimal.")
      .optional(),
    description: z.string().describe("What it is for, for whoever sets it.").optional(),
  })
  .describe("A value that the module's encrypted env file holds.");

const exception = z
  .strictObject({
    rule: rule.describe("The rule's id; see docs/rules/."),
    reason: reason.describe("Why the module may break it."),
  })
  .describe("A rule that does not count for this module.");

const contractModule = z
  .strictObject({
    folder: relativeBelow.describe("The module's folder, relative to contract.yaml."),
    service: name
      .describe("The service of the Compose file that the module is; the module's own name unless it is written.")
      .optional(),
    image: z
      .string()
      .regex(/^[^\s:@]+(?::\d+\/[^\s:@]+)?$/, "must be an image's name without a tag or digest")
      .describe("The image that the service runs, without its tag; any image unless it is written.")
      .optional(),
    compose: composeFiles.optional(),
    user: user.optional(),
    restart: restart.optional(),
    port: z
      .strictObject({
        host: port.describe("The port on the host."),
        container: port.describe("The port in the container."),
        address: address.optional(),
      })
      .describe("The one port that is published; none unless it is written.")
      .optional(),
    health: z
      .strictObject({
        path: z
          .string()
          .regex(/^\/[^\s?#]*$/, "must be a path that begins with /")
          .describe("What GET asks for: `/healthz`."),
        port: port.describe("The port in the container; the published one unless it is written.").optional(),
        body: z.string().min(1).describe("Text that the answer must hold.").optional(),
      })
      .describe("The endpoint that tells whether the service works.")
      .optional(),
    mounts: z.array(mount).describe("The directories that the container must have.").default([]),
    log: relativeBelow.describe("The service's log file, below the directory of logs.").optional(),
    secrets: z.array(secret).describe("What the module's encrypted env files hold, and nothing else.").default([]),
    exceptions: z.array(exception).describe("Rules that do not count for this module, each with its reason.").default([]),
  })
  .describe("One module.");

/** What stands in `contract.yaml`. The published JSON Schema is made from this. */
export const contractSchema: z.ZodType<ContractDocument> = z
  .strictObject({
    version: z.literal(1).describe("The version of this format."),
    defaults: z
      .strictObject({
        user: user.default({ uid: 1001, gid: 1001 }),
        restart: restart.default("unless-stopped"),
        network: network.default({ variable: "PROJECT_INTERNAL_NETWORK" }),
        compose: composeFiles.default(["compose.yaml"]),
        address: address.default("127.0.0.1"),
        logs: inContainer.describe("The directory of logs in every container.").default("/app/logs"),
        env: files("The env file of each environment, below the module's folder.").default({
          local: ".env.local",
          prod: ".env.server",
        }),
        secrets: files(
          "The encrypted file of each environment, relative to contract.yaml; {module} is the module's name.",
        ).default({
          local: "secrets/local/{module}.env",
          prod: "secrets/prod/{module}.env",
        }),
      })
      .describe("What holds for every module that does not say otherwise.")
      .prefault({}),
    modules: z.record(name, contractModule).describe("The modules by name."),
  })
  .meta({ title: "contract.yaml", description: "What the containers of a project must keep; `novabot check` holds them to it." });

/** The JSON Schema that editors complete `contract.yaml` by, as `schema/contract.schema.json` has it. */
export function contractJSONSchema(): unknown {
  return z.toJSONSchema(contractSchema, { io: "input", target: "draft-2020-12" });
}
