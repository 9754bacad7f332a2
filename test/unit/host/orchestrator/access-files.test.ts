import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openAccessFiles } from "../../../../src/host/orchestrator/access-files.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const digest = "0".repeat(64);

test("the token of this machine is made once, and can be read by its owner alone", async () => {
  const home = await temporaryHome();
  const first = await openAccessFiles(home);
  expect(first.localToken).toMatch(/^nova_[A-Za-z0-9_-]{43}$/);
  expect((await readFile(first.tokenFile, "utf8")).trim()).toBe(first.localToken);
  expect((await stat(first.tokenFile)).mode & 0o777).toBe(0o600);
  expect((await stat(join(first.tokenFile, ".."))).mode & 0o777).toBe(0o700);
  const second = await openAccessFiles(home);
  expect([second.localToken, second.shelf.installation]).toEqual([first.localToken, first.shelf.installation]);
});

test("what is put many times at once is there as it was last, and nothing beside it", async () => {
  const { shelf, tokenFile } = await openAccessFiles(await temporaryHome());
  const sessions = Array.from({ length: 20 }, (_, count) => ({ sha256: digest, name: `token-${count}`, endsAtMs: count }));
  await Promise.all(sessions.map((session) => shelf.putSessions([session])));
  expect(await shelf.sessions()).toEqual([sessions.at(-1)]);
  const directory = join(tokenFile, "..");
  expect((await readdir(directory)).toSorted()).toEqual(["local-token", "sessions.json"]);
  expect((await stat(join(directory, "sessions.json"))).mode & 0o777).toBe(0o600);
});

test.each(["", "{}", "[{}]", '[{"name":"x","role":"king","sha256":"0","createdAtMs":0}]', "not JSON"])(
  "tokens that are %j are nobody's, and are said to be so",
  async (text) => {
    const { shelf, tokenFile } = await openAccessFiles(await temporaryHome());
    await writeFile(join(tokenFile, "../tokens.json"), text);
    await expect(shelf.tokens()).rejects.toMatchObject({ code: "HOME_INVALID", place: "data/host/access/tokens.json" });
  },
);

test("a link in the place of the token is not followed", async () => {
  const home = await temporaryHome();
  const directory = join(home.host, "access");
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const elsewhere = join(home.root, "elsewhere");
  await writeFile(elsewhere, "a-token-that-somebody-else-knows-0123456789");
  await symlink(elsewhere, join(directory, "local-token"));
  await expect(openAccessFiles(home)).rejects.toMatchObject({ code: "HOME_UNSAFE_PATH" });
});
