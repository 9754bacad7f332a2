import { quote } from "../../model/errors.ts";
import type { Node, ScalarNode } from "../compose/node.ts";
import type { Place, SourceFile } from "../source/place.ts";
import { LineIndex } from "../source/line-index.ts";
import type { PaperRule, ProjectSubject, Tell } from "./paper-rule.ts";
import { tellDockerfile } from "./secret-dockerfile.ts";
import { tellImage } from "./secret-image.ts";
import { assignmentsIn, nameOfSecret, secretInside, secretUnder, tokensIn, wordsOf, type Secret } from "./secret-text.ts";
import { under } from "./values.ts";
import { withEveryWord, withNothingSet } from "./written.ts";

export const secretValuesRule: PaperRule = {
  id: "secret-values",
  scope: "subject",
  check(subject, tell) {
    const { project } = subject;
    const seen = new Seen(tell);
    if (project === undefined) {
      tell.unknown("there is no Compose project to look at");
      for (const source of subject.files) {
        tellTokens(source, seen);
        tellLines(source, seen);
      }
      return;
    }
    for (const source of project.files) tellTokens(source, seen);
    for (const [name, entry] of sections(project.document, "services")) tellService(name, entry, seen);
    for (const [name, entry] of sections(project.document, "configs")) tellContent(name, entry, seen);
    for (const kind of ["volumes", "networks"]) {
      for (const [name, entry] of sections(project.document, kind))
        tellDriver(`${kind}.${name}`, under(entry, "driver_opts"), seen);
    }
    // An extension that no service takes over is in the file all the same.
    for (const [name, { value }] of project.document.entries) if (name.startsWith("x-")) tellExtension(name, value, seen, 0);
    const services = [...project.services.values(), ...project.inactive.values()];
    for (const service of services) {
      tellDockerfile({ ...subject, project } satisfies ProjectSubject, service, seen);
      tellImage(subject, service, seen);
    }
  },
};

const nextStep = "Put it into the module's encrypted env file, and give it a new value: this one has been seen.";

/** A value is told once, also when several ways lead to it. */
export class Seen {
  readonly #tell: Tell;
  readonly #lines = new Set<string>();

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  secret(secret: Secret, where: string, at: Place, service?: string, subject?: string): void {
    const line = `${at.file}:${String(at.line)}`;
    if (this.#lines.has(line) && subject === undefined) return;
    this.#lines.add(line);
    this.#tell({
      ...(service === undefined ? {} : { service }),
      ...(subject === undefined ? {} : { subject, quotable: true as const }),
      severity: secret.weak ? "warning" : "error",
      message: `${where} ${secret.kind}`,
      ...(secret.weak ? { reason: "A password that everybody knows protects nothing, should it reach what runs." } : {}),
      fix: nextStep,
      at,
    });
  }

  /** What is no value, but leads to one. */
  other(found: Parameters<Tell>[0]): void {
    this.#tell(found);
  }
}

/** Well-known forms anywhere in a file, comments too. */
function tellTokens(source: SourceFile, seen: Seen): void {
  const tokens = tokensIn(source.text).filter(({ weak }) => !weak);
  if (tokens.length === 0) return;
  const index = new LineIndex(source.text);
  for (const token of tokens) {
    const start = index.position(token.start);
    const end = index.position(token.end);
    seen.secret(token, "the file holds", {
      file: source.path,
      line: start.line,
      column: start.column,
      endLine: end.line,
      endColumn: end.column,
    });
  }
}

/** What can be made out line by line of a file that Compose would refuse; reports quote such lines. */
function tellLines(source: SourceFile, seen: Seen): void {
  source.text.split("\n").forEach((line, index) => {
    const [, before = "", name = "", value = ""] =
      /^([\s-]*["']?([A-Za-z_][\w.-]{0,127})["']?\s*[:=]\s*)(\S.*)$/.exec(line.slice(0, 4096)) ?? [];
    const text = value.replace(/\r$/, "").replace(/^(["'])(.*)\1.*$/, "$2");
    const secret = secretUnder(name, withNothingSet(text) ?? "");
    if (secret === undefined) return;
    const at = { file: source.path, line: index + 1, column: before.length + 1, endLine: index + 1, endColumn: line.length + 1 };
    seen.secret(secret, `${quote(name)} holds`, at);
  });
}

function tellService(name: string, node: Node, seen: Seen): void {
  const named: readonly (readonly string[])[] = [
    ["environment"],
    ["labels"],
    ["annotations"],
    ["logging", "options"],
    ["provider", "options"],
    ["build", "args"],
    ["build", "labels"],
    ["deploy", "labels"],
  ];
  for (const path of named) {
    const values = under(node, ...path);
    if (values?.kind !== "map") continue;
    for (const [key, { value }] of values.entries) {
      if (value.kind !== "scalar") continue;
      const literal = literalOf(value);
      const secret = literal === undefined ? undefined : (secretUnder(key, literal) ?? secretInside(literal));
      if (secret !== undefined) seen.secret(secret, `${path.join(".")} ${quote(key)} holds`, value.at, name);
      else if (path.join(".") === "build.args" && nameOfSecret(key) === "sure" && value.variables.length > 0) {
        seen.other({
          service: name,
          severity: "warning",
          message: `the build argument ${quote(key)} stays in the image's history`,
          fix: "Give it as a build secret (`build.secrets`, `RUN --mount=type=secret`).",
          at: value.at,
        });
      }
    }
  }
  for (const key of ["command", "entrypoint"]) tellCommand(key, name, under(node, key), seen);
  tellCommand("healthcheck", name, under(node, "healthcheck", "test"), seen);
  for (const key of ["post_start", "pre_stop"]) {
    const hooks = under(node, key);
    for (const hook of hooks?.kind === "list" ? hooks.items : []) {
      tellCommand(key, name, under(hook, "command"), seen);
      const values = under(hook, "environment");
      for (const [variable, { value }] of values?.kind === "map" ? values.entries : []) {
        const literal = value.kind === "scalar" ? literalOf(value) : undefined;
        const secret = literal === undefined ? undefined : secretUnder(variable, literal);
        if (secret !== undefined) seen.secret(secret, `${key} ${quote(variable)} holds`, value.at, name);
      }
    }
  }
}

function tellCommand(key: string, service: string, node: Node | undefined, seen: Seen): void {
  const items = node?.kind === "list" ? node.items : node === undefined ? [] : [node];
  const scalars = items.filter((item) => item.kind === "scalar");
  // `--password` and its value may be two items.
  const words = scalars.flatMap((item) => {
    const literal = literalOf(item) ?? "";
    return (/\s/.test(literal) ? wordsOf(literal) : [literal]).map((word) => ({ word, item }));
  });
  words.forEach(({ item }, index) => {
    const two = words.slice(index, index + 2).map(({ word }) => word);
    for (const { name, value } of assignmentsIn(two).slice(0, 1)) {
      if (!two[0]?.includes(name)) continue;
      const secret = secretUnder(name, value);
      const holder = two[0].includes("=") ? item : (words[index + 1]?.item ?? item);
      if (secret !== undefined) seen.secret(secret, `${key} gives ${quote(name)}`, holder.at, service);
    }
    const [token] = tokensIn(two[0] ?? "");
    if (token !== undefined) seen.secret(token, `${key} holds`, item.at, service);
  });
}

function tellContent(name: string, node: Node, seen: Seen): void {
  const content = under(node, "content");
  if (content?.kind !== "scalar") return;
  const literal = literalOf(content) ?? "";
  for (const { name: key, value } of assignmentsIn(literal.split("\n").map((line) => line.trim().replace(/\s*[:=]\s*/, "=")))) {
    const secret = secretUnder(key, value);
    if (secret !== undefined) seen.secret(secret, `the config ${quote(name)} holds, under ${quote(key)},`, content.at);
  }
}

/** What a driver is told: `o` has the options of `mount`, a share's password among them. */
function tellDriver(name: string, options: Node | undefined, seen: Seen): void {
  for (const [key, { value }] of options?.kind === "map" ? options.entries : []) {
    const literal = value.kind === "scalar" ? literalOf(value) : undefined;
    const secret = literal === undefined ? undefined : (secretUnder(key, literal) ?? secretInside(literal));
    if (secret !== undefined) seen.secret(secret, `${name} gives its driver, in ${quote(key)},`, value.at);
  }
}

function tellExtension(name: string, node: Node, seen: Seen, depth: number): void {
  if (node.kind === "scalar" || depth > 20) return;
  if (node.kind === "list") {
    for (const item of node.items) tellExtension(name, item, seen, depth + 1);
    return;
  }
  for (const [key, { value }] of node.entries) {
    const literal = value.kind === "scalar" ? literalOf(value) : undefined;
    const secret = literal === undefined ? undefined : secretUnder(key, literal);
    if (secret !== undefined) seen.secret(secret, `${name} holds, under ${quote(key)},`, value.at);
    else tellExtension(name, value, seen, depth + 1);
  }
}

/** What stands in the file itself: the environment's values are not the file's. */
function literalOf(node: ScalarNode): string | undefined {
  return node.value === null && node.written === "" ? undefined : withEveryWord(node.written);
}

function sections(document: Node, key: string): readonly (readonly [string, Node])[] {
  const found = under(document, key);
  return found?.kind === "map" ? [...found.entries].map(([name, { value }]) => [name, value] as const) : [];
}
