import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Report } from "../../../../src/contract/findings/finding.ts";
import { checkPaper } from "../../../../src/host/check/paper.ts";
import type { ImageDescription } from "../../../../src/engine/observation.ts";
import { imageDescription } from "../../../fixtures/image-description.ts";

export const pages = join(import.meta.dirname, "../../../../docs/rules");

export interface Fence {
  readonly kind: string;
  /** Relative to the module's folder. */
  readonly file: string;
  readonly text: string;
}

/** The fenced blocks of a page with a word of ours behind their language: `yaml keeps`, `dockerfile breaks Dockerfile`. */
export function fencesOf(page: string): readonly Fence[] {
  return Array.from(
    page.matchAll(/^```\w+ (\w+)(?: (\S+))?\n([^]*?)^```$/gm),
    ([, kind = "", file = "compose.yaml", text = ""]) => ({
      kind,
      file,
      text,
    }),
  );
}

/** Fences of one kind as projects: another `compose.yaml` begins another one. */
export function projectsOf(fences: readonly Fence[], kind: string): readonly (readonly Fence[])[] {
  const projects: Fence[][] = [];
  for (const fence of fences.filter((one) => one.kind === kind)) {
    if (fence.file === "compose.yaml") projects.push([fence]);
    else projects.at(-1)?.push(fence);
  }
  return projects;
}

const contract = fencesOf(readFileSync(join(pages, "README.md"), "utf8")).find(({ kind }) => kind === "contract")?.text ?? "";

export interface ExampleOptions {
  readonly contract?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, Partial<ImageDescription>>>;
  /** Called with the module's folder before anything is read. */
  readonly before?: (folder: string) => Promise<void>;
}

/** Checks files as the module `shop` of the pages' contract, through the whole reader. */
export async function checkExample(
  files: Readonly<Record<string, string>>,
  options: ExampleOptions = {},
): Promise<{ readonly report: Report; readonly folder: string }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "novabot-rule-")));
  try {
    const folder = join(root, "modules/shop");
    for (const name of ["data", "logs", "conf"]) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(root, "contract.yaml"), options.contract ?? contract);
    await writeFile(join(folder, ".env.local"), "SHOP_KEY=x\n", { mode: 0o600 });
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    await options.before?.(folder);
    const report = await checkPaper({
      paths: [root],
      cwd: root,
      env: { PATH: process.env["PATH"], ...options.env },
      askForImage: (reference) => {
        const given = options.images?.[reference];
        return Promise.resolve(given && imageDescription({ tags: [reference], ...given }));
      },
    });
    return { report, folder };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
