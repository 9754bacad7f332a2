import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import { openStage, polite, type Stage } from "../../fixtures/stage.ts";

/** What main sees of the home, and what it cannot do with it. */
export function describeMainHome(under: () => { readonly engine: Engine; readonly image: string }): void {
  /** A home with something secret in every place that no container may read. */
  async function layOutSecrets(stage: Stage): Promise<void> {
    const { root, data } = stage.home;
    for (const path of ["store/auth", "secrets/local", "modules/app"]) await mkdir(join(root, path), { recursive: true });
    await mkdir(join(data, "sessions/family/.claude"), { recursive: true });
    for (const [path, text] of [
      [".env", "ANTHROPIC_API_KEY=sk-secret-value"],
      [".env.local", "LOCAL=local-secret"],
      ["store/auth/creds.json", "whatsapp-secret"],
      ["secrets/local/a.env", "sops-secret"],
      ["data/sessions/family/.claude/talk", "family-secret"],
      ["modules/app/notes.md", "a note"],
    ] as const) {
      await writeFile(join(root, path), `${text}\n`);
      await chown(join(root, path), 1000, 1000);
    }
    for (const path of ["", "modules", "modules/app"]) await chown(join(root, path), 1000, 1000);
  }

  test("main sees the home without credentials, and cannot move what others will see", async () => {
    const stage = await openStage(under().engine, under().image);
    await stage.group("family", "exit 0");
    await layOutSecrets(stage);
    const script = `${polite}
cd /workspace/project
found=$(grep -rsl -e secret . | grep -v agent.sh | tr '\\n' ' ')
moved=
for path in groups groups/family groups/main groups/global groups/family/logs store data secrets .env; do
mv "$path" /workspace/project/stolen-$RANDOM 2>/dev/null && moved="$moved $path"
done
ln -s /etc groups/evil 2>/dev/null && moved="$moved groups/evil"
mkdir data 2>/dev/null && moved="$moved data"
echo x 2>/dev/null > .env && moved="$moved env"
chmod 777 . 2>/dev/null && moved="$moved mode"
echo more >> modules/app/notes.md && wrote=yes
frame "found=$found moved=$moved wrote=$wrote"`;
    const { result, record } = await stage.run(await stage.group("main", script));
    expect(record.error).toBeNull();
    expect(result).toBe("found= moved= wrote=yes");
    expect(await readFile(join(stage.home.root, "store/auth/creds.json"), "utf8")).toBe("whatsapp-secret\n");
    expect(await readFile(join(stage.home.root, "modules/app/notes.md"), "utf8")).toBe("a note\nmore\n");
  });

  test("what the owner replaces on the host while main runs does not come into its sight", async () => {
    const stage = await openStage(under().engine, under().image);
    await layOutSecrets(stage);
    const { root } = stage.home;
    const script = `${polite}
frame looking
until [ -e /workspace/group/go ]; do sleep 0.1; done
cd /workspace/project
frame "found=$(grep -rsl -e secret . | grep -v agent.sh | tr '\\n' ' ') env=$(echo .env*)"`;
    const group = await stage.group("main", script);
    let replacing: Promise<void> | undefined;
    const replace = async (): Promise<void> => {
      // As an editor saves, and as a deployment puts new directories in place.
      for (const name of [".env", ".env.local", ".env.new"]) {
        await writeFile(join(root, "next"), "ANTHROPIC_API_KEY=new-secret\n");
        await chown(join(root, "next"), 1000, 1000);
        await rename(join(root, "next"), join(root, name));
      }
      for (const name of ["store", "secrets"]) {
        await rename(join(root, name), join(root, `${name}-old`));
        await mkdir(join(root, name));
        await writeFile(join(root, name, "creds"), "new-secret\n");
      }
      await writeFile(join(root, "groups/main/go"), "");
    };
    const { result } = await stage.run(group, { onOutput: () => void (replacing ??= replace()) });
    await replacing;
    expect(result).toBe("found= env=.env*");
  });

  test("a part of the home that goes between plan and container does not keep main from running", async () => {
    const { engine, image } = under();
    let vanish: (() => Promise<void>) | undefined;
    // The engine is the real one; only the moment is arranged.
    const arranged: Engine = {
      ...engine,
      async create(spec) {
        await vanish?.();
        vanish = undefined;
        return await engine.create(spec);
      },
    };
    const stage = await openStage(arranged, image);
    await mkdir(join(stage.home.root, "fleeting"));
    vanish = async () => await rm(join(stage.home.root, "fleeting"), { recursive: true });
    const { result } = await stage.run(await stage.group("main", `${polite}\nframe "$(echo /workspace/project/*)"`));
    expect(result).toBe("/workspace/project/groups");
    expect(await stage.containers()).toEqual([]);
  });
}
