import { dirname, join, normalize } from "node:path/posix";
import type { Check } from "./check.ts";
import type { Tree } from "./tree.ts";

interface Import {
  readonly at: string;
  readonly from: string;
  readonly specifier: string;
  /** The imported file's path in the tree, for a relative import. */
  readonly target: string | undefined;
}

/** What every TypeScript file under `folder` imports, statically, dynamically or as a type. */
function imports(tree: Tree, folder: string): Import[] {
  const found: Import[] = [];
  for (const [path, content] of tree.files) {
    if (!path.startsWith(folder) || !path.endsWith(".ts") || path.startsWith("test/tidy")) continue;
    for (const match of content.matchAll(/(?:^|[\s;}])(?:from\s*|import\s*\(?\s*)(["'])([^"'\n]+)\1/g)) {
      const specifier = match[2] ?? "";
      const line = content.slice(0, match.index).split("\n").length;
      const target = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
      found.push({ at: `${path}:${line}`, from: path, specifier, target });
    }
  }
  return found;
}

/** The folder of the nearest `tsconfig.json`: the project that a file belongs to. */
function projectOf(tree: Tree, path: string): string | undefined {
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder))
    if (tree.files.has(`${folder}/tsconfig.json`)) return folder;
  return undefined;
}

function referencesOf(tree: Tree, project: string): string[] {
  const config: unknown = JSON.parse(tree.files.get(`${project}/tsconfig.json`) ?? "{}");
  const { references = [] } = config as { references?: { path: string }[] };
  return references.map(({ path }) => normalize(join(project, path)).replace(/\/$/, ""));
}

const endings: Check = {
  name: "a relative import names its file, and the file is there",
  run: (tree) =>
    ["src/", "test/", "bench/"].flatMap((folder) =>
      imports(tree, folder).flatMap(({ at, specifier, target }) => {
        if (target === undefined) return [];
        if (!/\.(?:ts|mjs|json)$/.test(specifier)) return [`${at}: ${specifier} does not end in .ts`];
        return tree.files.has(target) ? [] : [`${at}: ${specifier} is not there`];
      }),
    ),
  broken: [
    { "src/a.ts": 'import { b } from "./b.js";', "src/b.ts": "" },
    { "src/a.ts": 'import { b } from "./b";', "src/b.ts": "" },
    { "src/a.ts": 'const b = await import("./b");', "src/b.ts": "" },
    { "src/a.ts": 'export * from "./gone.ts";' },
  ],
  kept: {
    "src/a.ts": 'import { b } from "./b.ts"; import data from "../package.json" with { type: "json" };',
    "src/b.ts": "",
    "package.json": "{}",
  },
};

const layers: Check = {
  name: "a folder imports only from the folders that its tsconfig.json references",
  run: (tree) =>
    imports(tree, "src/").flatMap(({ at, from, target }) => {
      if (target === undefined) return [];
      const [own, other] = [projectOf(tree, from), projectOf(tree, target)];
      if (own === undefined) return [`${at}: belongs to no tsconfig.json`];
      if (other === own || (other !== undefined && referencesOf(tree, own).includes(other))) return [];
      return [`${at}: ${own} does not reference ${other ?? target}`];
    }),
  broken: [
    {
      "src/model/tsconfig.json": '{"references":[]}',
      "src/cli/tsconfig.json": "{}",
      "src/model/a.ts": 'import { b } from "../cli/b.ts";',
      "src/cli/b.ts": "",
    },
    { "src/model/tsconfig.json": "{}", "src/model/a.ts": 'import type { b } from "../../test/b.ts";' },
    { "src/a.ts": 'import { b } from "./b.ts";', "src/b.ts": "" },
  ],
  kept: {
    "src/model/tsconfig.json": "{}",
    "src/cli/tsconfig.json": '{"references":[{"path":"../model/"}]}',
    "src/cli/a.ts": 'import { b } from "../model/b.ts"; import { c } from "./c/c.ts";',
    "src/cli/c/c.ts": "",
    "src/model/b.ts": "",
  },
};

const driverFolder = /^src\/engine\/(?:docker|podman|apple)\//;
// The composition roots, which may name what they compose.
const mayName = (path: string): boolean => driverFolder.test(path) || /^src\/(?:host|cloudflare)\//.test(path);

const drivers: Check = {
  name: "only the composition roots name a driver",
  run: (tree) => {
    const imported = imports(tree, "src/").flatMap(({ at, from, target }) =>
      target !== undefined && driverFolder.test(target) && !mayName(from) ? [`${at}: imports ${target}`] : [],
    );
    const asked = [...tree.files].flatMap(([path, content]) => {
      if (!path.startsWith("src/") || !path.endsWith(".ts") || mayName(path)) return [];
      return content.split("\n").flatMap((text, index) => {
        const brand = /(?:[!=]==?|\bcase)\s*["'`](?:docker|podman|apple)["'`]|["'`](?:docker|podman|apple)["'`]\s*[!=]==?/i.test(
          text,
        );
        return brand ? [`${path}:${index + 1}: asks for a brand: ${text.trim()}`] : [];
      });
    });
    return [...imported, ...asked];
  },
  broken: [
    { "src/agents/a.ts": 'import { dockerEngine } from "../engine/docker/driver.ts";' },
    { "src/agents/a.ts": 'if (engine.name === "podman") stop();' },
    { "src/cli/a.ts": 'switch (engine.name) { case "apple": break; }' },
  ],
  kept: {
    "src/host/a.ts": 'import { d } from "../engine/docker/driver.ts"; if (name === "docker") d();',
    "src/cli/a.ts": '["docker", "podman"].join()',
  },
};

const roles = ["driver.ts", "request.ts", "response.ts", "probe.ts"];

const driverFiles: Check = {
  name: "each driver has the same four files",
  run: (tree) => {
    const folders = new Set([...tree.files.keys()].flatMap((path) => driverFolder.exec(path)?.[0] ?? []));
    return [...folders].flatMap((folder) => {
      const missing = roles.filter((role) => !tree.files.has(folder + role));
      return missing.length === 0 ? [] : [`${folder}: no ${missing.join(", ")}`];
    });
  },
  broken: [{ "src/engine/podman/driver.ts": "", "src/engine/podman/request.ts": "" }],
  kept: { ...Object.fromEntries(roles.map((role) => [`src/engine/apple/${role}`, ""])), "src/engine/engine-api/events.ts": "" },
};

export const importChecks: readonly Check[] = [endings, layers, drivers, driverFiles];
