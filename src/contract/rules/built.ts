import { builtStage, readDockerfile, type Dockerfile, type Stage } from "../dockerfile/dockerfile.ts";
import { substitute } from "../dockerfile/substitute.ts";
import type { Service } from "../compose/project.ts";
import type { Place } from "../source/place.ts";
import { quote } from "../../model/errors.ts";
import type { PaperFacts, PaperSubject } from "./subject.ts";
import { textOf, under } from "./values.ts";

/** What a service is built from, when its Dockerfile can be read. */
export interface Built {
  readonly dockerfile: Dockerfile;
  /** Undefined when the target does not exist. */
  readonly stage: Stage | undefined;
}

/** A Dockerfile is read once by everything that asks with the same facts. */
const cache = new WeakMap<PaperFacts, Map<Service, Built>>();

export function builtFrom({ facts }: PaperSubject, service: Service): Built | undefined {
  const known = cache.get(facts) ?? new Map<Service, Built>();
  cache.set(facts, known);
  const before = known.get(service);
  if (before !== undefined) return before;
  const { build } = service;
  if (build === undefined) return undefined;
  const inline = build.dockerfileInline;
  const source =
    inline === undefined
      ? build.dockerfile && facts.read(build.dockerfile.value)
      : { path: inline.at.file, text: typeof inline.value === "string" ? inline.value : "" };
  if (source === undefined) return undefined;
  const args = new Map([...build.args].flatMap(([name, { value }]) => (value === null ? [] : [[name, value] as const])));
  // Inside the Compose file the text has been unfolded: its lines are no longer the file's.
  const placed = inline === undefined ? undefined : (): Place => inline.at;
  const dockerfile = readDockerfile(source, args, contextsOf(service), placed);
  const built = { dockerfile, stage: builtStage(dockerfile, build.target?.value) };
  known.set(service, built);
  return built;
}

function contextsOf({ node }: Service): ReadonlyMap<string, string> {
  const written = under(node, "build", "additional_contexts");
  return new Map(written?.kind === "map" ? [...written.entries].map(([name, { value }]) => [name, textOf(value) ?? ""]) : []);
}

/** What an image says that has no `user:`, or whatever else, in the Compose file; the nearest one of a chain of stages decides. */
export type Source<T> =
  | { readonly value: T; readonly at: Place | undefined; readonly from: string }
  | { readonly unknown: string };

/** The user that the image gives, its own or what it is built from. */
export function imageUser(subject: PaperSubject, service: Service): Source<string> {
  const { build, image } = service;
  if (build !== undefined) {
    const built = builtFrom(subject, service);
    if (built === undefined) return { unknown: "its Dockerfile cannot be read" };
    const { syntax } = built.dockerfile;
    // Another builder may make anything of it.
    if (syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/.test(syntax))
      return { unknown: `its Dockerfile asks for a builder of its own, ${quote(syntax)}` };
    if (built.stage === undefined) return { unknown: `its Dockerfile has no stage ${quote(build.target?.value ?? "")}` };
    return stageUser(subject, service, built.stage);
  }
  if (image === undefined) return { unknown: "it has neither an image nor a build" };
  const described = subject.facts.image(image.value);
  if (described === undefined) return { unknown: `what the image ${quote(image.value)} says is not known` };
  return { value: described.user, at: image.at, from: `the image ${quote(image.value)}` };
}

function stageUser({ facts }: PaperSubject, { image }: Service, built: Stage): Source<string> {
  let { base } = built;
  let user: Stage["user"];
  for (let stage: Stage | undefined = built; stage !== undefined; stage = stage.parent) {
    user ??= stage.user;
    ({ base } = stage);
  }
  const described = facts.image(base);
  if (user !== undefined) {
    const { written, at } = user;
    let { value } = user;
    // What the Dockerfile itself does not set may be a variable of its base.
    if (written.includes("$") && /^(?::|$)|:$/.test(value)) {
      if (described === undefined && base !== "scratch")
        return { unknown: `USER of its Dockerfile is a variable that only the image ${quote(base)} can set` };
      value = substitute(written, new Map([...variablesOf(described?.env ?? []), ...built.variables]));
    }
    return { value, at, from: "USER of the Dockerfile" };
  }
  if (base === "") return { unknown: "what its Dockerfile begins with is no image by name" };
  if (base === "scratch") return { value: "", at: built.at, from: "the empty image that the Dockerfile begins with" };
  if (described?.history.some((line) => /\bONBUILD\s+USER\b/i.test(line)) === true)
    return { unknown: `the image ${quote(base)} may set another user in whatever is built on it (ONBUILD)` };
  const known = described ?? (image === undefined ? undefined : facts.image(image.value));
  if (known !== undefined) return { value: known.user, at: built.at, from: `the image ${quote(base)}` };
  return { unknown: `the Dockerfile has no USER, and what the image ${quote(base)} says is not known` };
}

function variablesOf(env: readonly string[]): readonly (readonly [string, string])[] {
  return env.map((entry) => {
    const equals = entry.indexOf("=");
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  });
}
