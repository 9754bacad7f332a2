import { execFileSync } from "node:child_process";
import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planAdditionalMounts, type AdditionalMountsContext } from "../../../../src/agents/mounts/additional.ts";
import { parseAllowlist, readAllowlist } from "../../../../src/agents/mounts/allowlist.ts";
import type { AdditionalMount, Group } from "../../../../src/model/group.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

interface Scene {
  readonly user: string;
  readonly context: AdditionalMountsContext;
  plan(
    mounts: readonly AdditionalMount[],
    changes?: { isMain?: boolean; context?: Partial<AdditionalMountsContext> },
  ): ReturnType<typeof planAdditionalMounts>;
}

/** A user's home with ~/projects allowed (rw), ~/docs allowed (ro), and NovaBot's home in ~/novabot. */
async function scene(): Promise<Scene> {
  const user = await realpath(await temporaryDirectory());
  for (const path of [
    "projects/webapp",
    "projects/.ssh",
    "projects/my.ssh",
    "docs/a",
    "novabot/secrets",
    "projectsevil/x",
    "private",
  ]) {
    await mkdir(join(user, path), { recursive: true });
  }
  const context: AdditionalMountsContext = {
    allowlist: parseAllowlist(
      JSON.stringify({
        allowedRoots: [
          { path: "~/projects", allowReadWrite: true },
          { path: join(user, "docs") },
          { path: join(user, "novabot") },
        ],
        blockedPatterns: ["Payroll"],
        nonMainReadOnly: false,
      }),
      "allowlist",
    ),
    allowlistFile: join(user, ".config/novabot/mount-allowlist.json"),
    home: join(user, "novabot"),
    userHome: user,
    fileMounts: true,
    groups: [],
  };
  return {
    user,
    context,
    plan(additionalMounts, changes = {}) {
      const group: Group = {
        jid: "1@g.us",
        name: "n",
        folder: "dev",
        isMain: changes.isMain ?? false,
        containerConfig: { additionalMounts },
      };
      return planAdditionalMounts(group, { ...context, ...changes.context });
    },
  };
}

test("an allowed mount arrives below /workspace/extra, read-only unless everybody allows writing", async () => {
  const { plan, user, context } = await scene();
  const target = "/workspace/extra/webapp";
  expect(await plan([{ hostPath: "~/projects/webapp", readonly: false }])).toMatchObject([
    { source: join(user, "projects/webapp"), target, readonly: false },
  ]);
  expect(await plan([{ hostPath: "~/projects/webapp" }])).toMatchObject([{ target, readonly: true }]);
  expect(await plan([{ hostPath: "~/docs/a", containerPath: "papers/a", readonly: false }])).toMatchObject([
    { target: "/workspace/extra/papers/a", readonly: true },
  ]);
  const strict = { ...context.allowlist!, nonMainReadOnly: true };
  expect(await plan([{ hostPath: "~/projects/webapp", readonly: false }], { context: { allowlist: strict } })).toMatchObject([
    { readonly: true },
  ]);
  expect(
    await plan([{ hostPath: "~/projects/webapp", readonly: false }], { isMain: true, context: { allowlist: strict } }),
  ).toMatchObject([{ readonly: false }]);
});

test.each([
  ["outside every root", "~/private", /not below any allowed root/],
  ["a sibling with the root's name as prefix", "~/projectsevil/x", /not below any allowed root/],
  ["out of the root by ..", "~/projects/../private", /not below any allowed root/],
  ["a blocked name", "~/projects/.ssh", /blocked name ".ssh"/],
  ["a missing directory", "~/projects/none", /cannot be resolved/],
  ["a relative path", "projects/webapp", /not absolute/],
  ["a NUL", "/tmp/a\0b", /not absolute/],
  ["NovaBot's own home", "~/novabot/secrets", /NovaBot's own home/],
  ["the user's home", "~", /holds NovaBot's home/],
  ["the root of everything", "/", /holds NovaBot's home/],
])("%s is refused: %s", async (_, hostPath, reason) => {
  const { plan } = await scene();
  await expect(plan([{ hostPath, containerPath: "x" }])).rejects.toMatchObject({
    code: "MOUNT_REFUSED",
    message: expect.stringMatching(reason),
    place: "group dev, containerConfig.additionalMounts[0]",
  });
});

test("a link below a root does not lead out of it, nor hide a blocked name", async () => {
  const { plan, user } = await scene();
  await symlink(join(user, "private"), join(user, "projects/escape"));
  await symlink(join(user, "projects/.ssh"), join(user, "projects/keys"));
  await expect(plan([{ hostPath: "~/projects/escape" }])).rejects.toThrow(/not below any allowed root/);
  await expect(plan([{ hostPath: "~/projects/keys" }])).rejects.toThrow(/blocked name/);
  await symlink(join(user, "projects/webapp"), join(user, "projects/current"));
  expect(await plan([{ hostPath: "~/projects/current" }])).toMatchObject([{ source: join(user, "projects/webapp") }]);
});

test.each([".SSH", ".Env", ".env.local", "ID_RSA", "payroll", ".Docker"])(
  "the name %j is blocked whatever its case, as a whole segment",
  async (name) => {
    const { plan, user } = await scene();
    await mkdir(join(user, "projects", name, "inner"), { recursive: true });
    await expect(plan([{ hostPath: `~/projects/${name}/inner`, containerPath: "x" }])).rejects.toThrow(/blocked name/);
    expect(await plan([{ hostPath: "~/projects/my.ssh", containerPath: "x" }])).toHaveLength(1);
  },
);

test.each([
  "",
  ".",
  "..",
  "../group",
  "a/../b",
  "/workspace/group",
  "a//b",
  "a/",
  "a:ro",
  "a,readonly=false",
  "a b",
  "a\nb",
  'a"b',
  "a\\b",
  "$(id)",
  "~",
])("the containerPath %j is refused", async (containerPath) => {
  const { plan } = await scene();
  await expect(plan([{ hostPath: "~/projects/webapp", containerPath }])).rejects.toMatchObject({
    code: "MOUNT_REFUSED",
    message: expect.stringContaining("containerPath"),
  });
});

test.each([[["a", "a"]], [["a", "a/b"]], [["x/y", "x/y/z"]]])(
  "the targets %j cannot stand beside each other",
  async (targets) => {
    const { plan } = await scene();
    await expect(plan(targets.map((containerPath) => ({ hostPath: "~/docs/a", containerPath })))).rejects.toThrow(
      /two mounts meet/,
    );
  },
);

test("sources that some engine's mount syntax cannot carry, and things that are no files, are refused", async () => {
  const { plan, user } = await scene();
  for (const name of ["a:b", "a,b", 'a"b']) {
    await mkdir(join(user, "projects", name));
    await expect(plan([{ hostPath: `~/projects/${name}`, containerPath: "x" }]), name).rejects.toThrow(
      /not every engine can mount/,
    );
  }
  execFileSync("mkfifo", [join(user, "projects/fifo")]);
  await expect(plan([{ hostPath: "~/projects/fifo" }])).rejects.toThrow(/neither a directory nor a regular file/);
  await writeFile(join(user, "projects/file"), "");
  expect(await plan([{ hostPath: "~/projects/file" }])).toHaveLength(1);
  await expect(plan([{ hostPath: "~/projects/file" }], { context: { fileMounts: false } })).rejects.toThrow(/directories only/);
});

test("no mount begins where another group's agent may write", async () => {
  const { plan } = await scene();
  const other = (additionalMounts: readonly AdditionalMount[], folder = "other"): Group => ({
    jid: "2@g.us",
    name: "o",
    folder,
    isMain: false,
    containerConfig: { additionalMounts },
  });
  const inside = [{ hostPath: "~/projects/webapp" }];
  const writable = { hostPath: "~/projects", containerPath: "all", readonly: false };
  await expect(plan(inside, { context: { groups: [other([writable])] } })).rejects.toThrow(/the agent of other may write/);
  for (const groups of [
    [other([{ ...writable, readonly: true }])],
    [other([writable], "dev")],
    [other([{ ...writable, hostPath: "~/projects/webapp" }])],
    [other([{ ...writable, hostPath: "~/private" }])],
  ]) {
    expect(await plan(inside, { context: { groups } })).toHaveLength(1);
  }
});

test("without an allowlist nothing is allowed", async () => {
  const { plan } = await scene();
  await expect(plan([{ hostPath: "~/projects/webapp" }], { context: { allowlist: undefined } })).rejects.toThrow(/no allowlist/);
  expect(await plan([], { context: { allowlist: undefined } })).toEqual([]);
});

test.each([
  ["{", /not JSON/],
  ["[]", /expected object/],
  ["{}", /allowedRoots/],
  ['{"allowedRoots":[{"path":5}]}', /allowedRoots\.0\.path/],
  ['{"allowedRoots":[],"allowReadWrite":true}', /allowReadWrite/],
  ['{"allowedRoots":[],"blockedPatterns":["a/b"]}', /blockedPatterns\.0/],
])("a broken allowlist %j is told", (text, reason) => {
  expect(() => parseAllowlist(text, "/x/allow.json")).toThrow(
    expect.objectContaining({ code: "ALLOWLIST_INVALID", message: expect.stringMatching(reason), place: "/x/allow.json" }),
  );
});

test("an allowlist that is a link or missing", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "real.json"), '{"allowedRoots":[]}');
  await symlink(join(directory, "real.json"), join(directory, "link.json"));
  await expect(readAllowlist(join(directory, "link.json"))).rejects.toMatchObject({ code: "ALLOWLIST_INVALID" });
  expect(await readAllowlist(join(directory, "none.json"))).toBeUndefined();
  expect(await readAllowlist(join(directory, "no/such/dir.json"))).toBeUndefined();
  expect(await readAllowlist(join(directory, "real.json"))).toEqual({
    allowedRoots: [],
    blockedPatterns: [],
    nonMainReadOnly: true,
  });
});
