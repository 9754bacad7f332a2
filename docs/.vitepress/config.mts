import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";

const root = join(import.meta.dirname, "..");

interface Page {
  readonly text: string;
  readonly link: string;
}

/** The pages of a directory by their own titles; what is new appears without being listed anywhere. */
function pages(directory: string): Page[] {
  const names = readdirSync(join(root, directory)).filter((name) => name.endsWith(".md") && name !== "index.md");
  return names
    .map((name) => {
      const title = /^#\s+(.+)$/m.exec(readFileSync(join(root, directory, name), "utf8"))?.[1];
      const path = join(directory, name.slice(0, -3));
      return { text: title?.replaceAll("`", "") ?? path, link: `/${path}` };
    })
    .sort((a, b) => a.text.localeCompare(b.text, "en"));
}

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
  .map(({ name }) => name)
  .sort();

// oxlint-disable-next-line import/no-default-export -- VitePress looks for it
export default defineConfig({
  title: "NovaBot",
  description: "Runs AI agents and their services in containers that keep a written contract.",
  cleanUrls: true,
  // No inline script whose text changes with the pages.
  metaChunk: true,
  // Pages name files of the project beside the site.
  ignoreDeadLinks: true,
  // Pages show templates of other programs, which are no Vue.
  markdown: { html: false },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: [
      { text: "Pages", items: pages("") },
      ...folders.map((name) => ({ text: name, collapsed: true, items: pages(name) })),
    ],
  },
});
