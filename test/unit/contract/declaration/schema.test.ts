import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { contractJSONSchema } from "../../../../src/contract/declaration/schema.ts";

const root = join(import.meta.dirname, "../../../..");

test("the published schema is the one that contract.yaml is read by", async () => {
  // When it is stale: `npx vitest run test/unit/contract/declaration -u` writes it anew.
  const text = `${JSON.stringify(contractJSONSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(join(root, "schema/contract.schema.json"));
});

test("the schema takes the shipped contract, and names what is wrong with another", async () => {
  const validate = new Ajv2020({ allErrors: true, validateFormats: false }).compile(contractJSONSchema() as object);
  expect(validate(parse(await readFile(join(root, "contract.yaml"), "utf8")))).toBe(true);
  expect(validate({ version: 1, modules: { shop: { folder: "shop", port: { host: 0, container: 1 }, mount: [] } } })).toBe(false);
  expect(validate.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`).toSorted()).toEqual([
    "/modules/shop additionalProperties",
    "/modules/shop/port/host minimum",
  ]);
});

test("every field says what it is", () => {
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    if ("properties" in node) {
      for (const [name, property] of Object.entries(node.properties as Record<string, object>)) {
        if (!("description" in property) && !["version"].includes(name)) bare.push(`${path}.${name}`);
      }
    }
    for (const [key, value] of Object.entries(node)) visit(value, `${path}/${key}`);
  };
  visit(contractJSONSchema(), "");
  expect(bare).toEqual([]);
});
