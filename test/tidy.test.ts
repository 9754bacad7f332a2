import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentChecks } from "./tidy/documents.ts";
import { importChecks } from "./tidy/imports.ts";
import { textChecks } from "./tidy/texts.ts";
import { checkout, sample } from "./tidy/tree.ts";

const root = dirname(import.meta.dirname);
const tree = checkout(root);

describe.each([...textChecks, ...importChecks, ...documentChecks])("$name", (check) => {
  test("here", () => expect(check.run(tree)).toEqual([]));

  test.each(check.broken.map((files) => ({ files })))("finds a sample that breaks it ($#)", ({ files }) => {
    expect(check.run(sample(files)).length).toBeGreaterThan(0);
  });

  test("passes a sample that keeps it", () => expect(check.run(sample(check.kept))).toEqual([]));
});

describe("the linter's rules catch", () => {
  // Each file breaks the rule that it is listed under, so that a rule that a new version renames or drops is noticed.
  const samples: Readonly<Record<string, string>> = {
    "typescript(no-floating-promises)": "async function f(): Promise<void> {}\nf();\nexport {};\n",
    "typescript(no-misused-promises)": "export const f = async (): Promise<boolean> => true;\nif (f()) f;\n",
    "typescript(await-thenable)": "export const five = await 5;\n",
    "typescript(no-explicit-any)": "export const value: any = 1;\n",
    "typescript(consistent-type-imports)": 'import { Stats } from "node:fs";\nexport type Same = Stats;\n',
    "typescript(only-throw-error)": 'export function f(): never {\n  throw "text";\n}\n',
    "typescript(switch-exhaustiveness-check)":
      'export function f(kind: "a" | "b"): number {\n  switch (kind) {\n    case "a":\n      return 1;\n  }\n  return 2;\n}\n',
    "import(no-cycle)": 'import { two } from "./two.ts";\nexport const one = (): number => two;\n',
    "import(no-default-export)": "export default 1;\n",
    "eslint(no-console)": 'console.log("x");\nexport {};\n',
    "eslint(no-empty)": 'try {\n  JSON.parse("");\n} catch {}\nexport {};\n',
    "eslint(eqeqeq)": "export const f = (a: number): boolean => a == 1;\n",
  };
  const fileOf = (rule: string): string => (rule === "import(no-cycle)" ? "one.ts" : `${rule.replaceAll(/[()]/g, "-")}.ts`);
  let folder = "";
  let found: readonly { readonly code: string; readonly filename: string }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "novabot-lint-"));
    const compilerOptions = {
      strict: true,
      module: "nodenext",
      target: "es2024",
      noEmit: true,
      allowImportingTsExtensions: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await writeFile(join(folder, "two.ts"), 'import { one } from "./one.ts";\nexport const two: number = one();\n');
    await Promise.all(Object.entries(samples).map(([rule, text]) => writeFile(join(folder, fileOf(rule)), text)));
    const linter = join(dirname(createRequire(import.meta.url).resolve("oxlint/package.json")), "bin/oxlint");
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    const run = promisify(execFile)(
      process.execPath,
      [linter, "--type-aware", "-c", join(root, ".oxlintrc.json"), "-f", "json", "."],
      options,
    );
    // It exits with 1 because it finds something.
    const { stdout } = await run.catch((error: unknown) => error as { stdout: string });
    found = (JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }).diagnostics;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.keys(samples))("%s", (rule) => {
    expect(found.filter((one) => one.filename.endsWith(fileOf(rule))).map((one) => one.code)).toContain(rule);
  });
});
