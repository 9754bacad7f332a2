import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { kinds, layFiles, read } from "./project-files.ts";

describe("what Compose refuses is told with its place", () => {
  test.each([
    ["services:\n  web: {image: x\n", "yaml-syntax"],
    ["services:\n  web: {image: x}\n  web: {image: y}\n", "duplicate-key 3:3"],
    ["services:\n  web: {image: *x}\n", "yaml-alias 2:16"],
    ["a: &a [*a]\n", "alias-cycle 1:8"],
    ["services:\n  web:\n    labels: {1: x}\n", "key-not-text 3:14"],
    ["services:\n  web:\n    image: x\n    imagee: y\n", "schema 4:5"],
    ["services:\n  web:\n    image: x\n    ports: 80\n", "schema 4:12"],
    ["services:\n  web:\n    image: x\n    restart: [a]\n", "schema 4:14"],
    ["services:\n  web:\n    image: x\n    build: {dockerfil: y}\n", "schema 4:13"],
    ["services:\n  web:\n    image: ${X:?tell}\n", "variable-required 3:12"],
    ["services:\n  web:\n    image: ${X\n", "variable-syntax 3:12"],
    ["services:\n  web:\n    image: x\n    privileged: maybe\n", "value 4:17"],
    ["services:\n  web:\n    image: x\n    mem_limit: much\n", "value 4:16"],
    ["services:\n  web:\n    image: x\n    ports: ['1:2:3:4']\n", "port 4:13"],
    ["services:\n  web:\n    image: x\n    volumes: ['vol:']\n", "volume 4:15"],
    ["services:\n  web: {extends: web2, image: x}\n  web2: {extends: web, image: x}\n", "extends-cycle 2:18"],
    ["services:\n  web: {extends: none}\n", "extends 2:18"],
    ["services:\n  web: {extends: {file: none.yaml, service: x}}\n", "file-missing 2:25"],
    ["services:\n  web: {extends: {file: 'https://x/y', service: x}}\n", "remote 2:18"],
    ["include:\n  - none.yaml\nservices: {web: {image: x}}\n", "file-missing 2:5"],
    ["include:\n  - project_directory: .\n    path: none.yaml\nservices: {web: {image: x}}\n", "file-missing 3:11"],
    ["include: ['git@github.com:a/b']\nservices: {web: {image: x}}\n", "remote 1:11"],
    ["include: [compose.yaml]\nservices: {web: {image: x}}\n", "include-cycle 1:11"],
    ["services:\n  web:\n    command: x\n", "no-image 2:3"],
    ["services:\n  web: {image: x, networks: [n]}\n", "undeclared 2:30"],
    ["services:\n  web: {image: x, volumes: ['vol:/v']}\n", "undeclared 2:30"],
    ["services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n", "depends-on-cycle 2:3"],
    ["text\n", "schema 1:1"],
    ["services: {a: {image: 'x\u0007'}}\n", "yaml-characters 1:25"],
    ["services: {a: {image: 'x\u0000'}}\n", "yaml-characters 1:25"],
  ])("%j is %s", async (text, expected) => {
    const { project, problems } = await read(text);
    expect(project).toBeUndefined();
    expect(kinds(problems.filter(({ unreadable }) => unreadable)).join(", ")).toContain(expected);
    for (const { message, next } of problems) expect([message, next]).not.toContain("");
  });
});

test("every attribute that the schema does not know is told", async () => {
  const { problems } = await read("services:\n  a: {image: x, one: 1}\n  b: {image: x, two: 2}\nthree: 3\n");
  expect(kinds(problems)).toEqual(expect.arrayContaining(["schema 2:17", "schema 3:17", "schema 4:1"]));
});

test("a file that is not UTF-8 is refused, and one of UTF-16 is read", async () => {
  const { problems } = await read({ "compose.yaml": Buffer.from("services: {a: {image: \xff}}", "latin1") });
  expect(kinds(problems)).toEqual(["encoding 1:1"]);
  const { project } = await read({ "compose.yaml": Buffer.from("\uFEFFservices: {a: {image: é}}", "utf16le") });
  expect(project?.services.get("a")?.image?.value).toBe("é");
});

test("what is no file is refused", async () => {
  const directory = await layFiles({});
  await mkdir(join(directory, "compose.yaml"));
  for (const name of ["compose.yaml", "none.yaml"]) {
    const { project, problems } = await readProject({ files: [join(directory, name)], environment: {} });
    expect(project).toBeUndefined();
    expect(kinds(problems)[0]).toContain("file-missing");
  }
});

test("what is only doubtful is told beside the project", async () => {
  const { project, problems } = await read(
    "version: '3'\nservices:\n  web:\n    image: x:${TAG}\n    command: ${WITH:-default}\n",
  );
  expect(project).toBeDefined();
  expect(kinds(problems)).toEqual(["variable-unset 4:12", "version-obsolete 1:1"]);
});

test("a caller's defaults give way to .env, and .env to the environment", async () => {
  const files = { "compose.yaml": "services: {web: {image: '$A-$B-$C'}}\n", ".env": "A=file\nB=file\n" };
  const { project } = await read(files, { environment: { A: "process" }, defaults: { A: "x", B: "x", C: "default" } });
  expect(project?.services.get("web")?.image?.value).toBe("process-file-default");
});

test("an env file of a service that is not there does not hinder the reading", async () => {
  const { project } = await read("services: {web: {image: x, env_file: none.env}}\n");
  expect(project?.services.get("web")?.envFiles).toMatchObject([
    { path: { value: `${project?.directory ?? ""}/none.env` }, required: true },
  ]);
});

test("services that no profile starts are kept apart", async () => {
  const text = "services: {a: {image: x}, b: {image: x, profiles: [p]}}\n";
  const { project } = await read(text);
  expect([[...(project?.services.keys() ?? [])], [...(project?.inactive.keys() ?? [])]]).toEqual([["a"], ["b"]]);
  const { project: all } = await read(text, { profiles: ["*"] });
  expect([...(all?.services.keys() ?? [])]).toEqual(["a", "b"]);
});
