import { join } from "node:path";
import { expect, test } from "vitest";
import { createCreationRules, createSecrets } from "../../../src/secrets/create.ts";
import { openSecrets } from "../../../src/secrets/file/secrets-file.ts";
import { temporaryDirectory } from "../../fixtures/home.ts";
import { identitiesIn, testKey, testRecipient } from "../../fixtures/sops.ts";

test("a new module's secrets are generated, and what nobody can generate is named", async () => {
  const root = await temporaryDirectory();
  expect(await createCreationRules(root, [testRecipient])).toBe(true);
  expect(await createCreationRules(root, [])).toBe(false);
  const file = join(root, "secrets/local/waha.env");
  const secrets = [
    { name: "KEY", generate: "hex32", description: "What callers\nsend." },
    { name: "TOKEN", generate: undefined },
  ] as const;
  expect(await createSecrets({ file, secrets })).toEqual({ toSet: ["TOKEN"] });
  const { document } = await openSecrets(file, await identitiesIn(testKey));
  expect(document.rows).toMatchObject([
    { kind: "comment", text: " What callers send." },
    { kind: "value", name: "KEY", value: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  ]);
  await expect(createSecrets({ file, secrets })).rejects.toMatchObject({ code: "SECRETS_INVALID" });
});
