import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { composeFlavours } from "../../../../src/model/compose-flavour.ts";
import { givesExactly, renderEnvFile, type EnvFileForm } from "../../../../src/secrets/materialize/env-file.ts";
import { nastyValues } from "../../../fixtures/nasty-values.ts";

const forms: readonly EnvFileForm[] = [
  { flavour: "compose-v2", version: "2.26.1" },
  { flavour: "compose-v1", version: "1.29.2" },
  { flavour: "podman-compose", version: "1.0.3" },
  { flavour: "podman-compose", version: "1.3.0" },
  { flavour: "podman-compose" },
  { flavour: "compose-v2", version: "2.40.3", format: "raw" },
];

const render = (value: string, form: EnvFileForm): string => renderEnvFile(new Map([["NAME", value]]), form, "the file");

describe.each(forms)("$flavour $version $format", (form) => {
  test("writes each nasty value, or refuses it by the kinds of its characters alone", () => {
    for (const value of nastyValues) {
      let text: string;
      try {
        text = render(value, form);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "SECRETS_UNREPRESENTABLE", facts: { name: "NAME", flavour: form.flavour } });
        continue;
      }
      expect(givesExactly(text, new Map([["NAME", value]]), form), JSON.stringify(value)).toBe(true);
    }
  });

  test("writes any values together as it writes them alone", () => {
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(...Array.from("\\'\"$#{} =:-\n\r\ta1é`")) }),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(...nastyValues),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (some) => {
        const representable = some.filter((one) => {
          try {
            render(one, form);
            return true;
          } catch {
            return false;
          }
        });
        const values = new Map(representable.map((one, index) => [`N${index}`, one]));
        expect(givesExactly(renderEnvFile(values, form, "x"), values, form)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("writes plain values so that every reader agrees", () => {
    expect(render("abc-123_/+=", form)).toBe("NAME=abc-123_/+=\n");
  });

  test("refuses what no process can be given", () => {
    expect(() => render("a\0b", form)).toThrow(/NAME.*a NUL character/);
    expect(() => render("x".repeat(140_000), form)).toThrow(/more bytes/);
    expect(() => renderEnvFile(new Map([["a.b", "x"]]), form, "x")).toThrow(/"a.b" cannot be a variable's name/);
  });
});

test("Compose v2 and v1 take every value that a process can be given", () => {
  for (const flavour of ["compose-v2", "compose-v1"] as const) {
    for (const value of nastyValues) expect(() => render(value, { flavour })).not.toThrow();
  }
});

test("a refusal names the characters that stand in the way, and not the others", () => {
  const refusal = (value: string, form: EnvFileForm): string => {
    try {
      return render(value, form);
    } catch (thrown) {
      return String(thrown);
    }
  };
  const old: EnvFileForm = { flavour: "podman-compose", version: "1.0.3" };
  expect(refusal('-----BEGIN "K"-----\ncanary\n', old)).toMatch(/podman-compose 1\.0\.3: it has a line break\.$/);
  expect(refusal("canary\r", old)).toMatch(/it has a carriage return\.$/);
  expect(refusal(" canary ", { flavour: "podman-compose" })).toMatch(/it has a blank\.$/);
  expect(refusal("can${A}ary", { flavour: "podman-compose" })).toMatch(/it has (?=.*a dollar sign)/);
  expect(refusal("canary\né", old)).not.toContain("canary");
});

test("every flavour is known", () => {
  for (const flavour of composeFlavours) expect(render("x", { flavour })).toBe("NAME=x\n");
});
