import { basename, join, posix, relative } from "node:path";
import { quote } from "../../model/errors.ts";
import type { Service } from "../compose/project.ts";
import type { Dockerfile, Instruction } from "../dockerfile/dockerfile.ts";
import { isExcluded } from "../dockerfile/ignored.ts";
import { builtFrom } from "./built.ts";
import type { ProjectSubject } from "./paper-rule.ts";
import { assignmentsIn, nameOfSecret, secretUnder, tokensIn, wordsOf } from "./secret-text.ts";
import type { Seen } from "./secret-values.ts";

/** Files that hold secrets whatever they are called besides. */
const secretFiles =
  /(?:^|\/)(?:\.env(?:\.(?!example$|sample$|template$|dist$|defaults?$)[\w-]+)*|[\w.-]+\.env|id_(?:rsa|dsa|ecdsa|ed25519)|[\w.-]*\.(?:key|p12|pfx|jks|keystore)|\.npmrc|\.netrc|\.pypirc|\.git-credentials|\.htpasswd|\.ssh|\.aws|\.gnupg|\.docker\/config\.json|credentials(?:\.json)?|service-account[\w-]*\.json|keys\.txt)\/?$/i;

export function tellDockerfile(subject: ProjectSubject, service: Service, seen: Seen): void {
  const built = builtFrom(subject, service);
  if (built === undefined) return;
  const { dockerfile } = built;
  for (const instruction of dockerfile.instructions) tellInstruction(instruction, service.name, seen);
  for (const token of tokensInLines(dockerfile)) seen.secret(token.token, "the Dockerfile holds", token.at, service.name);
  tellContext(subject, service, dockerfile, seen);
}

function tellInstruction(instruction: Instruction, service: string, seen: Seen): void {
  const { keyword } = instruction;
  if (keyword === "ENV" || keyword === "ARG" || keyword === "LABEL") {
    for (const { name, value, at } of instruction.pairs) {
      const literal = value === undefined || value.startsWith("$") ? "" : value;
      const secret = secretUnder(name, literal);
      if (secret !== undefined) seen.secret(secret, `${keyword} ${quote(name)} holds`, at, service);
      else if (keyword === "ARG" && nameOfSecret(name) === "sure") {
        seen.other({
          service,
          severity: "warning",
          message: `the build argument ${quote(name)} stays in the image's history`,
          fix: "Give it as a build secret (`RUN --mount=type=secret`).",
          at,
        });
      } else if (keyword === "ENV" && nameOfSecret(name) === "sure" && value?.startsWith("$") === true) {
        seen.other({
          service,
          message: `ENV ${quote(name)} keeps a build argument in the image`,
          fix: "Give it to the container when it runs.",
          at,
          ...(/^\$(\w+|\{\w+\})$/.test(value) ? { quotable: true as const } : {}),
        });
      }
    }
  } else if (
    keyword === "RUN" ||
    keyword === "CMD" ||
    keyword === "ENTRYPOINT" ||
    keyword === "HEALTHCHECK" ||
    keyword === "ONBUILD"
  ) {
    for (const { name, value } of assignmentsIn(wordsOf(instruction.text))) {
      const secret = /[$]/.test(value) ? undefined : secretUnder(name, value);
      const word = instruction.arguments.find((argument) => argument.value.includes(value));
      if (secret !== undefined) seen.secret(secret, `${keyword} gives ${quote(name)}`, word?.at ?? instruction.at, service);
    }
  } else if (keyword === "COPY" || keyword === "ADD") {
    if (instruction.flags.some((flag) => flag.startsWith("--from="))) return;
    for (const { value, at } of instruction.arguments.slice(0, -1)) {
      if (!secretFiles.test(value) || value.endsWith(".pub")) continue;
      seen.other({
        service,
        message: `${keyword} puts ${quote(value)} into the image, which holds secrets`,
        fix: "Take it out; the container gets its env file when it runs, a build its secrets by `RUN --mount=type=secret`.",
        at,
        quotable: true,
      });
    }
  }
}

/** `COPY . .` takes the env file along that was written beside the Dockerfile. */
function tellContext({ facts, module }: ProjectSubject, service: Service, dockerfile: Dockerfile, seen: Seen): void {
  const { build } = service;
  if (build === undefined || !build.context.value.startsWith("/")) return;
  const context = build.context.value;
  const file = build.dockerfile?.value;
  const ignore =
    (file === undefined ? undefined : facts.read(`${file}.dockerignore`)) ?? facts.read(join(context, ".dockerignore"));
  const names = module === undefined ? [".env"] : Object.values(module.envFiles).map((path) => relative(context, path));
  for (const instruction of dockerfile.instructions) {
    if (
      (instruction.keyword !== "COPY" && instruction.keyword !== "ADD") ||
      instruction.flags.some((flag) => flag.startsWith("--from="))
    )
      continue;
    for (const { value, at } of instruction.arguments.slice(0, -1)) {
      const from = posix.normalize(value).replace(/^\/+|\/+$/g, "");
      const isAll = from === "" || from === ".";
      const taken = names.find(
        (name) =>
          !name.startsWith("..") &&
          (isAll || name.startsWith(`${from}/`)) &&
          !isExcluded(ignore?.text ?? "", name) &&
          // Without a declaration only what is there can be meant.
          (module !== undefined || facts.kind(join(context, name)) === "file"),
      );
      if (taken === undefined) continue;
      seen.other({
        service: service.name,
        message: `${instruction.keyword} ${quote(value)} takes ${quote(basename(taken))} along into the image when it is there`,
        fix: `Exclude it in ${quote(".dockerignore")}: \`**/.env*\`.`,
        at,
        quotable: true,
      });
    }
  }
}

function tokensInLines({
  instructions,
}: Dockerfile): { readonly token: ReturnType<typeof tokensIn>[number]; readonly at: Instruction["at"] }[] {
  return instructions.flatMap((instruction) => {
    const words = instruction.arguments.flatMap(({ value, at }) => tokensIn(value).map((token) => ({ token, at })));
    return words.length > 0 ? words : tokensIn(instruction.text).map((token) => ({ token, at: instruction.at }));
  });
}
