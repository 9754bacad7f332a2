import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The files that are or will be in the repository, with what they hold. Paths are relative, with `/`. */
export interface Tree {
  /** The absolute path of the checkout, which no file may name. */
  readonly root: string;
  readonly files: ReadonlyMap<string, string>;
}

/** What git tracks, and what it would track: new files count before they are added. */
export function checkout(root: string): Tree {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const files = new Map<string, string>();
  for (const path of listed.split("\0").toSorted()) {
    const file = join(root, path);
    if (path !== "" && existsSync(file) && statSync(file).isFile()) files.set(path, readFileSync(file, "utf8"));
  }
  return { root, files };
}

/** A tree made of texts, for the samples. */
export function sample(files: Readonly<Record<string, string>>): Tree {
  return { root: "/somewhere/checkout", files: new Map(Object.entries(files)) };
}

/** Whether a path is a file of the tree or a folder that has one. */
export function has(tree: Tree, path: string): boolean {
  if (tree.files.has(path)) return true;
  const prefix = path === "." || path === "" ? "" : `${path.replace(/\/$/, "")}/`;
  return [...tree.files.keys()].some((file) => file.startsWith(prefix));
}

/** Every line of the files that `where` chooses, for checks that look at lines. */
export function* lines(
  tree: Tree,
  where: (path: string) => boolean,
): Generator<{ at: string; path: string; text: string; before: string }> {
  for (const [path, content] of tree.files) {
    if (!where(path)) continue;
    const all = content.split("\n");
    for (const [index, text] of all.entries()) yield { at: `${path}:${index + 1}`, path, text, before: all[index - 1] ?? "" };
  }
}
