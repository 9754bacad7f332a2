import { Composer, Lexer, Parser } from "yaml";
import type { Document, LineCounter } from "yaml";

/** What the package's lexer keeps to itself. */
interface LexerInside {
  indentNext: number;
  parseFlowCollection: () => Generator<string, unknown>;
  parseQuotedScalar: () => Generator<string, unknown>;
}

interface ParserInside {
  lexer: Lexer;
}

/**
 * Documents by the `yaml` package's own parts, with the one freedom that yaml.v3 takes and YAML does not give: inside brackets and quotes a line may begin
 * anywhere, and people write `]` or a quoted text's second line so.
 */
export function parseLenient(text: string, lines: LineCounter): Document.Parsed[] {
  const parser = new Parser(lines.addNewLine);
  (parser as unknown as ParserInside).lexer = lenientLexer();
  // The failsafe schema leaves every scalar a text: what it means is decided elsewhere.
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  return [...composer.compose(parser.parse(text))];
}

function lenientLexer(): Lexer {
  const lexer = new Lexer();
  const inside = lexer as unknown as LexerInside;
  for (const name of ["parseFlowCollection", "parseQuotedScalar"] as const) {
    const strict = inside[name].bind(lexer);
    inside[name] = function* lenient(): Generator<string, unknown> {
      const indent = inside.indentNext;
      inside.indentNext = 0;
      const next = yield* strict();
      inside.indentNext = indent;
      return next;
    };
  }
  return lexer;
}
