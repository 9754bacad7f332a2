import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseContract } from "../../../../src/contract/declaration/read.ts";
import { inOrder, needs } from "../../../../src/host/modules/order.ts";

const here = dirname(fileURLToPath(import.meta.url));

const contract = parseContract(
  join(here, "contract.yaml"),
  `version: 1
modules:
  api:
    folder: modules/api
    mounts: [{ target: /app/provider, source: ../waha/sessions, mode: ro }]
  web:
    folder: modules/web
    mounts: [{ target: /app/api, source: ../api/data, mode: ro }]
  waha:
    folder: modules/waha
    mounts: [{ target: /app/sessions, source: sessions }]
`,
);
const names = (modules: readonly { name: string }[]): string[] => modules.map(({ name }) => name);

test("a module comes after those whose folders it mounts from", () => {
  expect(names(inOrder(contract.modules))).toEqual(["waha", "api", "web"]);
});

test("one that is alone needs nobody", () => {
  const [api, , waha] = contract.modules;
  expect(api && waha && [needs(api, waha), needs(waha, api), needs(waha, waha)]).toEqual([true, false, false]);
  expect(names(inOrder(contract.modules.filter(({ name }) => name === "web")))).toEqual(["web"]);
});
