import { DockerfileParser, ModifiableInstruction, PropertyInstruction, type Instruction as Parsed } from "dockerfile-ast";
import type { Place, SourceFile } from "../source/place.ts";
import { substitute } from "./substitute.ts";

export interface Instruction {
  /** Upper case. */
  readonly keyword: string;
  /** What stands behind the keyword and its flags, continued lines joined. */
  readonly text: string;
  readonly flags: readonly string[];
  readonly arguments: readonly { readonly value: string; readonly at: Place }[];
  /** `NAME=value` of `ENV`, `ARG` and `LABEL`, the old form `ENV NAME value` too, without quotes; undefined for a name alone. */
  readonly pairs: readonly { readonly name: string; readonly value: string | undefined; readonly at: Place }[];
  readonly at: Place;
}

export interface Stage {
  /** Lower case; its number when it has none. */
  readonly name: string;
  /** What `FROM` names, with build arguments put in, or what a context of that name puts in its place; empty when that is no image. */
  readonly base: string;
  readonly at: Place;
  /** The earlier stage that it is built on. */
  readonly parent: Stage | undefined;
  readonly instructions: readonly Instruction[];
  /** Build arguments and variables as they are at its end. */
  readonly variables: ReadonlyMap<string, string>;
  /** The last `USER` of it alone, with variables put in; `written` is the text before that. */
  readonly user: { readonly value: string; readonly written: string; readonly at: Place } | undefined;
  readonly healthcheck: Instruction | undefined;
}

export interface Dockerfile {
  readonly source: SourceFile;
  readonly stages: readonly Stage[];
  /** The builder that its first lines ask for; undefined for the usual one. */
  readonly syntax: string | undefined;
  /** Every instruction, those before the first stage too. */
  readonly instructions: readonly Instruction[];
}

/**
 * Reads a Dockerfile as a builder does: stages, `ARG` and `ENV`, continued lines, the escape directive, here-documents. `args` are the build arguments
 * that are given, `contexts` the additional ones by their names; a Dockerfile that no builder takes gives what can be made out.
 */
export function readDockerfile(
  source: SourceFile,
  args: ReadonlyMap<string, string> = new Map(),
  contexts: ReadonlyMap<string, string> = new Map(),
  placed: (line: number, column: number, endLine: number, endColumn: number) => Place = (line, column, endLine, endColumn) => ({
    file: source.path,
    line,
    column,
    endLine,
    endColumn,
  }),
): Dockerfile {
  const parsed = DockerfileParser.parse(source.text);
  const instructions: Instruction[] = [];
  const stages: Stage[] = [];
  const globals = new Map<string, string>();
  const replaced = new Map([...contexts].map(([name, context]) => [plainName(name), context]));
  let stage: Open | undefined;
  for (const one of parsed.getInstructions()) {
    const instruction = read(one, placed);
    instructions.push(instruction);
    if (instruction.keyword === "FROM") {
      const name = /\s+as\s+(\S+)/i.exec(instruction.text)?.[1]?.toLowerCase() ?? String(stages.length);
      const named = substitute(instruction.text.split(/\s+/)[0] ?? "", globals);
      const whole = replaced.get(plainName(name));
      const context = whole ?? replaced.get(plainName(named));
      const parent = context === undefined ? stages.findLast((other) => other.name === named.toLowerCase()) : undefined;
      const base = context === undefined ? named : (/^docker-image:\/\/(.+)$/.exec(context)?.[1] ?? "");
      const variables = new Map<string, string>(environmentOf(parent));
      stage = {
        name,
        base,
        at: instruction.arguments[0]?.at ?? instruction.at,
        parent,
        instructions: [],
        variables,
        environment: new Map(variables),
        user: undefined,
        healthcheck: undefined,
      };
      triggered(stage, parent);
      stages.push(stage);
      environments.set(stage, stage.environment);
      // A builder leaves a stage unread that a context of its name replaces.
      if (whole !== undefined) stage = { ...stage, instructions: [], variables: new Map(), environment: new Map() };
      continue;
    }
    if (stage === undefined) {
      if (instruction.keyword === "ARG") {
        for (const { name, value } of instruction.pairs) globals.set(name, args.get(name) ?? substitute(value ?? "", globals));
      }
      continue;
    }
    stage.instructions.push(instruction);
    if (instruction.keyword === "ARG") {
      for (const { name, value } of instruction.pairs) {
        // A variable of the environment wins over a build argument of its name.
        if (stage.environment.has(name)) continue;
        const given = args.get(name) ?? (value === undefined ? globals.get(name) : substitute(value, stage.variables));
        if (given !== undefined) stage.variables.set(name, given);
      }
    } else if (instruction.keyword === "ENV") {
      for (const { name, value } of instruction.pairs) {
        const text = substitute(value ?? "", stage.variables);
        stage.variables.set(name, text);
        stage.environment.set(name, text);
      }
    } else if (instruction.keyword === "USER") {
      stage.user = {
        value: substitute(instruction.text.trim(), stage.variables),
        written: instruction.text.trim(),
        at: instruction.arguments[0]?.at ?? instruction.at,
      };
    } else if (instruction.keyword === "HEALTHCHECK") stage.healthcheck = instruction;
  }
  return { source, syntax: args.get("BUILDKIT_SYNTAX") ?? syntaxOf(source.text), stages, instructions };
}

/** A context takes the place of an image under each of its names. */
function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, "")
    .replace(/:latest$/, "");
}

/** A directive stands above everything else, in a comment. */
function syntaxOf(text: string): string | undefined {
  return /^(?:[ \t]*(?:#|\/\/)[^\n]*\n)*?[ \t]*(?:#|\/\/)[ \t]*syntax[ \t]*=[ \t]*(\S+)/i.exec(text.replace(/^\uFEFF/, ""))?.[1];
}

/** The stage that is built: the named one, or the last. */
export function builtStage(dockerfile: Dockerfile, target: string | undefined): Stage | undefined {
  if (target === undefined || target === "") return dockerfile.stages.at(-1);
  return dockerfile.stages.findLast(({ name }) => name === target.toLowerCase()) ?? dockerfile.stages[Number(target)];
}

/** What the stage below left for whoever builds on it, run as if it stood behind `FROM`. */
function triggered(stage: Open, parent: Stage | undefined): void {
  for (const instruction of parent?.instructions ?? []) {
    if (instruction.keyword !== "ONBUILD") continue;
    const [, keyword = "", text = ""] = /^(\w+)\s+([^]*)$/.exec(instruction.text) ?? [];
    if (/^user$/i.test(keyword)) {
      stage.user = { value: substitute(text.trim(), stage.variables), written: text.trim(), at: instruction.at };
    } else if (/^healthcheck$/i.test(keyword)) {
      stage.healthcheck = { ...instruction, keyword: "HEALTHCHECK", text: text.replace(/^(?:--\S+\s+)*/, "") };
    }
  }
}

interface Open extends Stage {
  readonly instructions: Instruction[];
  readonly variables: Map<string, string>;
  /** `ENV` alone, which stages that are built on this one inherit. */
  readonly environment: Map<string, string>;
  user: Stage["user"];
  healthcheck: Stage["healthcheck"];
}

const environments = new WeakMap<Stage, ReadonlyMap<string, string>>();

function environmentOf(stage: Stage | undefined): ReadonlyMap<string, string> {
  return (stage === undefined ? undefined : environments.get(stage)) ?? new Map();
}

function read(one: Parsed, placed: (line: number, column: number, endLine: number, endColumn: number) => Place): Instruction {
  const at = (range: ReturnType<Parsed["getRange"]>): Place =>
    placed(range.start.line + 1, range.start.character + 1, range.end.line + 1, range.end.character + 1);
  return {
    keyword: one.getKeyword(),
    text: (one.getArgumentsContent() ?? "").trim(),
    flags: one instanceof ModifiableInstruction ? one.getFlags().map(String) : [],
    arguments: one.getArguments().map((argument) => ({ value: argument.getValue(), at: at(argument.getRange()) })),
    pairs: (one instanceof PropertyInstruction ? one.getProperties() : []).map((property) => ({
      name: property.getName(),
      value: property.getValue() ?? undefined,
      at: at(property.getValueRange() ?? property.getRange()),
    })),
    at: at(one.getRange()),
  };
}
