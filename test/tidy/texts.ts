import type { Check } from "./check.ts";
import { lines } from "./tree.ts";

const MOST_LINES = 500;

// These files speak of what they forbid.
const isOwn = (path: string): boolean => path.startsWith("test/tidy");
const isLock = (path: string): boolean => path === "package-lock.json";

const shortFiles: Check = {
  name: `no file in src/ is longer than ${MOST_LINES} lines`,
  run: (tree) =>
    [...tree.files].flatMap(([path, content]) => {
      const count = content.split("\n").length - 1;
      return path.startsWith("src/") && count > MOST_LINES ? [`${path}: ${count} lines`] : [];
    }),
  broken: [{ "src/model/long.ts": "//\n".repeat(MOST_LINES + 1) }],
  kept: { "src/model/fits.ts": "//\n".repeat(MOST_LINES), "docs/long.md": "-\n".repeat(2000) },
};

const noMarks: Check = {
  name: "nothing is left to do",
  run: (tree) =>
    [...lines(tree, (path) => !isOwn(path) && !isLock(path))].flatMap(({ at, text }) =>
      /\b(?:TODO|FIXME|XXX)\b/.test(text) ? [`${at}: ${text.trim()}`] : [],
    ),
  broken: [{ "src/a.ts": "// TODO: later" }, { "README.md": "FIXME" }, { "images/base/Dockerfile": "# XXX" }],
  kept: { "src/a.ts": 'mkdtemp("/tmp/x-XXXXXX"); const todo = 1;' },
};

const noSilentSkips: Check = {
  name: "a test is neither left out, preferred nor retried without a comment that says why",
  run: (tree) =>
    [...lines(tree, (path) => /^(?:test|bench)\/.*\.ts$/.test(path) && !isOwn(path))].flatMap(({ at, text, before }) => {
      const found = /\.only\b\s*\(|\.(?:skip|todo|fails|runIf|skipIf)\b\s*\(|\bretry:/.test(text);
      const reason = /\/\/\s*\S+/.test(text) || /^\s*(?:\/\/|\*)\s*\S+/.test(before);
      return found && !reason ? [`${at}: ${text.trim()}`] : [];
    }),
  broken: [
    { "test/a.test.ts": 'test.only("x", f)' },
    { "test/a.test.ts": 'describe.skip("x", f)' },
    { "test/a.test.ts": 'test.todo("x")' },
    { "test/a.test.ts": "{ retry: 3 }" },
    { "test/a.test.ts": 'test.skipIf(podman)("x", f)' },
    { "test/a.test.ts": 'describe.runIf(isRoot).each([])("x", f)' },
  ],
  kept: {
    "test/a.test.ts": '// Podman counts swap otherwise.\ntest.skip("x", f); test.skipIf(podman)("y", f)',
    "test/b.test.ts": 'test.runIf(isRoot)("x", f); // Becoming another user takes root.',
    "src/a.ts": "retry: 3",
  },
};

/** How many arguments the call has whose opening parenthesis is before `from`; undefined when it is not closed. */
function argumentsOf(content: string, from: number): number | undefined {
  let [depth, count, isBegun] = [0, 0, false];
  const tokens = /(["'`])(?:\\[^]|(?!\1)[^\\])*\1|\/\/.*|[([{]|[)\]}]|,|\S/g;
  tokens.lastIndex = from;
  for (let token = tokens.exec(content)?.[0]; token !== undefined; token = tokens.exec(content)?.[0]) {
    if (token === "," && depth === 0) [count, isBegun] = [count + 1, false];
    else if (token.startsWith("//")) continue;
    else if (/^[)\]}]$/.test(token) && --depth < 0) return count + (isBegun ? 1 : 0);
    else isBegun = true;
    if (/^[([{]$/.test(token)) depth += 1;
  }
  return undefined;
}

const patientWaits: Check = {
  name: "a wait says for how long: vitest's own second is less than a busy machine may need",
  run: (tree) =>
    [...tree.files].flatMap(([path, content]) => {
      if (!/^test\/.*\.ts$/.test(path) || isOwn(path)) return [];
      return [...content.matchAll(/\bvi\s*\.\s*wait(?:For|Until)(?:<[^>]*>)?\(/g)].flatMap((call) =>
        argumentsOf(content, call.index + call[0].length) === 1
          ? [`${path}:${content.slice(0, call.index).split("\n").length}`]
          : [],
      );
    }),
  broken: [
    { "test/a.test.ts": "await vi.waitFor(() => expect(a(1, 2)).toEqual([3, 4]));" },
    { "test/a.ts": 'await vi.waitFor(\n  () => expect(a).toBe(","), // one, two\n);' },
    { "test/a.test.ts": "await vi.waitUntil(isThere)" },
  ],
  kept: {
    "test/a.test.ts": "await vi.waitFor(look, { timeout: 20_000 }); await expect.poll(() => a).toBe(1);",
    "test/b.ts": "await vi.waitFor(\n  async () => expect(await a()).toBe(1),\n  patient,\n);",
    "bench/a.ts": "vi.waitFor(look)",
  },
};

// Registries that a machine may have to reach through a mirror: whoever sets it up says which, not a file here. No host is
// called .test.
const hosts =
  /\b(?:https?:\/\/(?:registry|npm|deb|ftp|security|snapshot|pypi)\.(?!test\b)[a-z][\w.-]*|(?:registry|deb|security|snapshot)\.[a-z][\w-]*\.(?:com|io|net|org)\b)/i;

const noMachine: Check = {
  name: "no file names a registry's host or a path of one machine",
  run: (tree) =>
    [...lines(tree, (path) => !isOwn(path))].flatMap(({ at, text }) => {
      const machine = /(?<![\w.~-])\/(?:work|Users)\//.exec(text)?.[0];
      const found = hosts.exec(text)?.[0] ?? machine ?? (text.includes(`${tree.root}/`) ? tree.root : undefined);
      return found === undefined ? [] : [`${at}: ${found}`];
    }),
  broken: [
    { "package-lock.json": '"resolved": "https://registry.example.org/a/-/a-1.0.0.tgz"' },
    { "images/base/Dockerfile": "RUN echo deb http://deb.example.org/debian bookworm main" },
    { "docs/a.md": "see /somewhere/checkout/src" },
    { "docs/a.md": 'allow "Registry.Example.org", for one' },
    { "test/a.ts": 'const scratch = "/Users/somebody/x"' },
  ],
  kept: {
    "src/a.ts": '"/workspace/group" "/tmp/x" "./Users/a" "https://debian.org"',
    "package-lock.json": '"node_modules/a": {}',
  },
};

const names: Check = {
  name: "file and folder names are kebab-case",
  run: (tree) =>
    [...tree.files.keys()].flatMap((path) => {
      if (!/^(?:src|test|bench|docs|images|modules)\//.test(path) || path.startsWith("test/fixtures/")) return [];
      const wrong = path
        .split("/")
        .find(
          (part) =>
            !/^(?:\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*|Dockerfile(?:\.[a-z-]+)?|README\.md|[a-z0-9]+(?:_[a-z0-9]+)*\.py)$/.test(
              part,
            ),
        );
      return wrong === undefined ? [] : [`${path}: ${wrong}`];
    }),
  broken: [{ "src/engine/dockerDriver.ts": "" }, { "src/Engine/driver.ts": "" }, { "docs/getting_started.md": "" }],
  kept: {
    "src/engine/engine-api/build-output.ts": "",
    "images/base/Dockerfile": "",
    "test/a.test.ts": "",
    "ARCHITECTURE.md": "",
    "images/base/.dockerignore": "",
    // Python imports no module with a dash in its name.
    "images/base/a_module.py": "",
  },
};

const folders: Check = {
  name: "a folder is a thing, not a job title",
  run: (tree) =>
    [...tree.files.keys()].flatMap((path) => {
      const wrong = path
        .split("/")
        .slice(0, -1)
        .find((part) => /^(?:utils?|helpers?|managers?|services?|common|misc|shared|lib)$/i.test(part));
      return wrong === undefined ? [] : [`${path}: ${wrong}/`];
    }),
  broken: [
    { "src/utils/a.ts": "" },
    { "test/unit/helpers/a.ts": "" },
    { "src/engine/services/a.ts": "" },
    { "src/common/a.ts": "" },
  ],
  kept: { "src/engine/utils.ts": "", "src/serviceable/a.ts": "" },
};

export const textChecks: readonly Check[] = [shortFiles, noMarks, noSilentSkips, patientWaits, noMachine, names, folders];
