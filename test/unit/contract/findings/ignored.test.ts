import { describe, expect, test } from "vitest";
import type { CheckedRule, Finding } from "../../../../src/contract/findings/finding.ts";
import { ignoreComments, type CommentedFile } from "../../../../src/contract/findings/ignore-comments.ts";
import { Ignores } from "../../../../src/contract/findings/ignored.ts";
import type { Place } from "../../../../src/contract/source/place.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

const rules = ["user", "ports", "image-pinned", "ignore-reason"];
const checked: CheckedRule[] = ["user", "ports", "image-pinned"].map((rule) => ({ rule, module: "m", verdict: "broken" }));

const yaml = (text: string, path = "/p/compose.yaml"): CommentedFile => ({ path, text, syntax: "yaml" });

function place(file: string, line: number): Place {
  return { file, line, column: 5, endLine: line, endColumn: 9 };
}

function finding(rule: string, line: number, service?: string, file = "/p/compose.yaml"): Finding {
  return { rule, severity: "error", module: "m", service, message: `${rule} at ${line}`, fix: "Mend it.", at: place(file, line) };
}

/** What is left of the findings, and what is said of the comments. */
function left(
  file: CommentedFile,
  findings: readonly Finding[],
  services: Readonly<Record<string, number>> = {},
): { left: string[]; ignored: string[]; said: string[] } {
  const ignores = new Ignores();
  const places = new Map(Object.entries(services).map(([name, line]) => [name, { at: place(file.path, line) }]));
  const result = ignores.setAside({ findings, checked }, [file], places, undefined);
  return {
    left: result.findings.map(({ message }) => message),
    ignored: result.ignored.map(({ finding: one, reason }) => `${one.message}: ${reason}`),
    said: ignores.complaints(rules).map(({ severity, at, message }) => `${severity} ${at?.line}: ${message}`),
  };
}

describe("a comment", () => {
  test("on the line is about the line", () => {
    const file = yaml("services:\n  web:\n    user: root # novabot-ignore user: it has to\n    image: x\n");
    expect(left(file, [finding("user", 3), finding("ports", 3), finding("user", 4)])).toEqual({
      left: ["ports at 3", "user at 4"],
      ignored: ["user at 3: it has to"],
      said: [],
    });
  });

  test("alone on a line is about the next one that says something", () => {
    const file = yaml(
      "services:\n  web:\n    # novabot-ignore user, ports: it has to\n\n    # more\n    user: root\n    image: x\n",
    );
    expect(left(file, [finding("user", 6), finding("ports", 6), finding("user", 7)])).toEqual({
      left: ["user at 7"],
      ignored: ["user at 6: it has to", "ports at 6: it has to"],
      said: [],
    });
  });

  test("before a service's key is about the service, wherever the finding is, and no other", () => {
    const file = yaml(
      "x-a: 1\nservices:\n  # novabot-ignore user: vendor's image\n  'we b':\n    user: root\n\n    image: x\n  other:\n    user: root\n",
    );
    const elsewhere = finding("user", 2, "we b", "/p/Dockerfile");
    const findings = [finding("user", 5), elsewhere, finding("user", 9), finding("user", 9, "other"), finding("ports", 5)];
    expect(left(file, findings, { "we b": 4, other: 8 })).toEqual({
      left: ["user at 9", "user at 9", "ports at 5"],
      ignored: ["user at 5: vendor's image", "user at 2: vendor's image"],
      said: [],
    });
  });

  test("before a key within a service is about that line alone", () => {
    const file = yaml("services:\n  web:\n    # novabot-ignore user: why not\n    build:\n      user: root\n");
    expect(left(file, [finding("user", 5)]).left).toEqual(["user at 5"]);
  });

  test("before a module in contract.yaml is about the module's lines", () => {
    const file = yaml("version: 1\nmodules:\n  # novabot-ignore user: comes later\n  api:\n    folder: a\n", "/p/contract.yaml");
    expect(left(file, [finding("user", 4, undefined, "/p/contract.yaml")]).left).toEqual([]);
  });

  test.each(["# novabot-ignore user", "# novabot-ignore user:", "# novabot-ignore user: -", "# novabot-ignore user: ..."])(
    "without a reason ignores nothing: %s",
    (comment) => {
      const file = yaml(`services:\n  web:\n    user: root ${comment}\n`);
      expect(left(file, [finding("user", 3)])).toEqual({
        left: ["user at 3"],
        ignored: [],
        said: ["error 3: The ignore comment gives no reason, so it ignores nothing."],
      });
    },
  );

  test("without a rule ignores nothing", () => {
    const { said } = left(yaml("a: 1 # novabot-ignore: everything\n"), []);
    expect(said).toEqual(["error 1: The ignore comment names no rule, so it ignores nothing."]);
  });

  test("that ignores nothing, or no rule of ours, is told", () => {
    const file = yaml("services:\n  web:\n    # novabot-ignore user, prts: because\n    image: x\n");
    expect(left(file, []).said).toEqual([
      'warning 3: The comment ignores "user", which finds nothing here.',
      'warning 3: There is no rule "prts" to ignore.',
    ]);
  });

  test("is told of for the rule's own reason only when it lacks one", () => {
    const ignores = new Ignores();
    const file = yaml("a: 1 # novabot-ignore user\nb: 2 # novabot-ignore user: because\n");
    ignores.setAside({ findings: [], checked }, [file], new Map(), undefined);
    expect(ignores.complaints(rules).map(({ reason }) => reason)).toEqual([
      undefined,
      expect.stringContaining("ignores nothing"),
    ]);
  });

  test("cannot ignore what is said of comments", () => {
    const file = yaml("a: 1 # novabot-ignore ignore-reason: because\n");
    expect(left(file, []).said).toEqual(['warning 1: "ignore-reason" cannot be ignored.']);
  });

  test("about a rule that nobody could decide is left alone", () => {
    const ignores = new Ignores();
    const file = yaml("a: 1 # novabot-ignore user: because\n");
    ignores.setAside(
      { findings: [], checked: [{ rule: "user", module: "m", verdict: "unknown" }] },
      [file],
      new Map(),
      undefined,
    );
    expect(ignores.complaints(rules)).toEqual([]);
  });

  test("that another project needs is not told of", () => {
    const ignores = new Ignores();
    const file = yaml("a: 1 # novabot-ignore user: because\n");
    ignores.setAside({ findings: [], checked }, [file], new Map(), undefined);
    ignores.setAside({ findings: [finding("user", 1)], checked }, [file], new Map(), undefined);
    expect(ignores.complaints(rules)).toEqual([]);
  });
});

describe("a number sign that begins no comment ignores nothing", () => {
  test.each([
    'a: "# novabot-ignore user: x"',
    "a: x# novabot-ignore user: x",
    "a: |\n  # novabot-ignore user: x",
    "a: 'it''s\n  # novabot-ignore user: x'",
    "a: # novabot-ignored user: x",
  ])("%s", (text) => expect(ignoreComments(yaml(text))).toEqual([]));
});

test("a byte order mark and carriage returns move nothing", () => {
  const [comment] = ignoreComments(yaml("\ufeffa: 1\r\nb: 2  # novabot-ignore user: why so\r\n"));
  expect(comment).toMatchObject({ reason: "why so", from: 2, at: { line: 2, column: 7, endColumn: 36 } });
});

describe("in a Dockerfile", () => {
  const file: CommentedFile = {
    path: "/p/Dockerfile",
    syntax: "dockerfile",
    text: "FROM x\n# novabot-ignore user: the base wants it\nUSER root\nRUN a && \\\n  # novabot-ignore ports: inside\n  b \\\n  c\nRUN echo '# novabot-ignore user: no'\n",
  };

  test("a comment is about the instruction after it, with all its lines", () => {
    const findings = [
      finding("user", 3, "web", file.path),
      finding("ports", 6, "web", file.path),
      finding("user", 8, "web", file.path),
    ];
    expect(left(file, findings)).toEqual({
      left: ["user at 8"],
      ignored: ["user at 3: the base wants it", "ports at 6: inside"],
      said: [],
    });
  });
});

test("a contract's exception counts as ignored, and the rule as not applicable", () => {
  const module = { at: place("/p/contract.yaml", 3), exceptions: [{ rule: "user", reason: "the vendor's" }] };
  const result = new Ignores().setAside(
    { findings: [finding("user", 3)], checked },
    [],
    new Map(),
    module as unknown as Parameters<Ignores["setAside"]>[3],
  );
  expect(result.ignored).toMatchObject([{ reason: "the vendor's", comment: { file: "/p/contract.yaml" } }]);
  expect(result.checked.map(({ verdict, note }) => [verdict, note])).toEqual([
    ["not applicable", "ignored: the vendor's"],
    ["broken", undefined],
    ["broken", undefined],
  ]);
});

test("a file of nothing but comments, and findings on every line, take no time", () => {
  const lines = 60_000;
  const text = `services:\n${"  # novabot-ignore user: why so\n".repeat(lines)}${"  s: # novabot-ignore user: why so\n    user: root\n".repeat(lines)}`;
  const findings = Array.from({ length: lines }, (_, index) => finding("user", lines + 2 * index + 2));
  const took = processorTime();
  expect(left(yaml(text), findings).left).toEqual([]);
  expect(took()).toBeLessThan(5000);
});
