import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { composeArguments, downCommand, logsCommand, upCommand } from "../../../../src/host/compose/command.ts";
import { changesProject, removeLeftFiles } from "../../../../src/host/modules/left-compose.ts";

const selection = { project: "waha", directory: "/h/modules/waha", files: ["/h/modules/waha/compose.yaml"] };

test.each(["compose-v2", "compose-v1", "podman-compose"] as const)(
  "a %s at work on the project is known by its arguments",
  (flavour) => {
    const argv = (command: readonly string[], project: Partial<typeof selection> = {}): string[] =>
      composeArguments({ argv: ["python3", "/usr/bin/compose"], flavour }, { ...selection, ...project }, command);
    for (const command of [upCommand(true), upCommand(false), downCommand(30), ["build", "waha"]])
      expect(changesProject(argv(command), selection)).toBe(true);
    // It is brought back from another file.
    expect(changesProject(argv(upCommand(true), { files: ["/h/modules/waha/.novabot-back-1.yaml"] }), selection)).toBe(true);
    expect(changesProject(argv(logsCommand(flavour, 5, true)), selection)).toBe(false);
    expect(changesProject(argv(["config"]), selection)).toBe(false);
    expect(changesProject(argv(upCommand(true), { project: "other" }), selection)).toBe(false);
    // The same name in another home.
    const elsewhere = { directory: "/other/modules/waha", files: ["/other/modules/waha/compose.yaml"] };
    expect(changesProject(argv(upCommand(true), elsewhere), selection)).toBe(false);
  },
);

test("what a killed roll-back has left goes, and nothing else", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-left-"));
  try {
    for (const name of [".novabot-back-1.yaml", "compose.yaml", ".env.local"]) await writeFile(join(directory, name), "");
    await removeLeftFiles(directory, join(directory, "not-there"));
    expect((await readdir(directory)).toSorted()).toEqual([".env.local", "compose.yaml"]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
