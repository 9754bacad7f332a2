import type { Report, Severity } from "../findings/finding.ts";
import { ruleDescriptions } from "../rules/catalogue.ts";
import type { RuleDescription } from "../rules/rule.ts";

export interface FormatOptions {
  /** Paths are told from here; absolute. Default: the report's root. */
  readonly base?: string;
  /** The lightest severity that breaks: it decides the exit status that a format may tell. Default `error`. */
  readonly bar?: Severity;
  /** Whether text may be coloured. Default: no. */
  readonly colour?: boolean;
  /** NovaBot's own version, for the formats that name the tool. */
  readonly version?: string;
  readonly rules?: readonly RuleDescription[];
}

export interface Format {
  readonly base: string;
  readonly bar: Severity;
  readonly colour: boolean;
  readonly version: string | undefined;
  readonly rules: ReadonlyMap<string, RuleDescription>;
}

export function resolved(report: Report, options: FormatOptions): Format {
  return {
    base: options.base ?? report.root,
    bar: options.bar ?? "error",
    colour: options.colour ?? false,
    version: options.version,
    rules: new Map((options.rules ?? ruleDescriptions).map((rule) => [rule.id, rule])),
  };
}
