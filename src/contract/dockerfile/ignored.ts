import { posix } from "node:path";

/** Whether `.dockerignore` keeps a file out of the context: the last pattern that fits decides, one with `!` takes it back. */
export function isExcluded(ignore: string, path: string): boolean {
  let excluded = false;
  for (const line of ignore.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const back = line.trim().startsWith("!");
    const pattern = posix.normalize(line.trim().replace(/^!/, "").trim()).replace(/^\/+|\/+$/g, "");
    if (pattern === "" || pattern === ".") continue;
    const expression = expressionOf(pattern);
    // What lies in an excluded directory is excluded.
    const parts = path.split("/");
    if (parts.some((_, index) => expression.test(parts.slice(0, index + 1).join("/")))) excluded = !back;
  }
  return excluded;
}

function expressionOf(pattern: string): RegExp {
  const text = pattern
    .split("/")
    // Doubled stars that follow each other say nothing more, and would make the expression slow.
    .filter((part, index, all) => part !== "**" || all[index - 1] !== "**")
    .map((part, index, all) => {
      if (part === "**") return index === all.length - 1 ? ".*" : "(?:[^/]+/)*";
      const one = part
        .replace(/\*+/g, "*")
        .replace(/[.+^${}()|[\]\\*?]/g, (char) => (char === "*" ? "[^/]*" : char === "?" ? "[^/]" : `\\${char}`));
      return index === all.length - 1 ? one : `${one}/`;
    })
    .join("");
  return new RegExp(`^${text}$`);
}
