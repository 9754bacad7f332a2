import { dirname, join, normalize } from "node:path/posix";
import type { Check } from "./check.ts";
import { has, lines, type Tree } from "./tree.ts";

const codesFile = "src/model/errors.ts";
const errorsPage = "docs/errors.md";

function codes(tree: Tree): string[] {
  return [...(tree.files.get(codesFile) ?? "").matchAll(/^ {2}([A-Z][A-Z_]+): \{\s+exit/gm)].map((match) => match[1] ?? "");
}

const usedCodes: Check = {
  name: "every error code is raised somewhere in src/",
  run: (tree) => {
    const source = [...tree.files]
      .filter(([path]) => path.startsWith("src/") && path !== codesFile)
      .map(([, content]) => content);
    return codes(tree).flatMap((code) =>
      source.some((content) => content.includes(`"${code}"`)) ? [] : [`${codesFile}: ${code} is never used`],
    );
  },
  broken: [{ [codesFile]: "  OLD_CODE: { exit: 2 },\n", "src/a.ts": "" }],
  kept: { [codesFile]: "  CODE: { exit: 2 },\n", "src/a.ts": 'new NovaError("CODE", "x")' },
};

const documentedCodes: Check = {
  name: `every error code is explained in ${errorsPage}, and no other`,
  run: (tree) => {
    const explained = [...(tree.files.get(errorsPage) ?? "").matchAll(/^\| `([A-Z_]+)` +\|/gm)].map((match) => match[1] ?? "");
    const declared = codes(tree);
    return [
      ...declared.filter((code) => !explained.includes(code)).map((code) => `${errorsPage}: ${code} is missing`),
      ...explained.filter((code) => !declared.includes(code)).map((code) => `${errorsPage}: ${code} is no error code`),
    ];
  },
  broken: [
    { [codesFile]: "  CODE: { exit: 2 },\n", [errorsPage]: "nothing" },
    { [codesFile]: "", [errorsPage]: "| `GONE` | x |\n" },
  ],
  kept: { [codesFile]: "  CODE: { exit: 2 },\n", [errorsPage]: "| `CODE` | what | do |\n" },
};

const buildKitOnly: readonly (readonly [RegExp, string])[] = [
  [/^\s*RUN\s+--/i, "RUN with an option"],
  [/^\s*(?:RUN|COPY|ADD)\b.*<<-?\s*["']?\w/i, "a here-document"],
  [/^\s*(?:COPY|ADD)\b.*\s--(?:link|chmod|parents|exclude|checksum|keep-git-dir)\b/i, "COPY or ADD with a new option"],
  [/^\s*#\s*(?:syntax|check)\s*=/i, "a parser directive"],
  [/\$\{?(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)\b/, "a platform argument that only some builders set"],
  [/^\s*HEALTHCHECK\b.*--start-interval/i, "HEALTHCHECK --start-interval"],
];

const dockerfiles: Check = {
  name: "Dockerfiles use only what the classic builder, BuildKit and Buildah all take",
  run: (tree) =>
    [...lines(tree, (path) => /^(?:images|modules)\/.*Dockerfile[^/]*$/.test(path))].flatMap(({ at, text }) =>
      buildKitOnly.flatMap(([pattern, what]) => (pattern.test(text) ? [`${at}: ${what}`] : [])),
    ),
  broken: [
    "RUN --mount=type=cache,target=/x true",
    "RUN --network=none true",
    "RUN <<EOF",
    'COPY <<"EOF" /x',
    "COPY --from=a --link /a /b",
    "COPY --chmod=0755 a /b",
    "# syntax=docker/dockerfile:1",
    "RUN echo $TARGETARCH",
  ].map((line) => ({ "images/base/Dockerfile": `FROM scratch\n${line}\n` })),
  kept: {
    "images/base/Dockerfile":
      "ARG BASE=debian\nFROM ${BASE} AS a\nCOPY --from=a --chown=1000:1000 /a /b\nRUN test 1 -lt 2 && cat < /a\n",
  },
};

/** A heading's anchor, as GitHub makes it. */
function anchor(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
}

function anchors(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map((match) => anchor((match[1] ?? "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1"))),
  );
}

const links: Check = {
  name: "links between pages lead somewhere",
  run: (tree) =>
    [...tree.files].flatMap(([path, content]) => {
      if (!path.endsWith(".md") || path.startsWith("test/fixtures/")) return [];
      const prose = content.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
      return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].flatMap((match) => {
        const link = match[1] ?? "";
        if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
        const [file = "", fragment] = link.split("#");
        const target = file === "" ? path : normalize(join(dirname(path), decodeURI(file))).replace(/\/$/, "");
        if (!has(tree, target)) return [`${path}: ${link}`];
        const page = tree.files.get(target);
        return fragment === undefined || page === undefined || !target.endsWith(".md") || anchors(page).has(fragment)
          ? []
          : [`${path}: ${link}`];
      });
    }),
  broken: [
    { "README.md": "[a](docs/gone.md)" },
    { "docs/a.md": "![p](../images/x.png)" },
    { "README.md": "# Here\n[a](#there)" },
  ],
  kept: {
    "README.md": "# Why, and how\n[a](docs/a.md) [b](#why-and-how) [c](https://example.org/x) [d](docs) `[e](gone.md)`",
    "docs/a.md": "[r](../README.md#why-and-how)",
  },
};

export const documentChecks: readonly Check[] = [usedCodes, documentedCodes, dockerfiles, links];
