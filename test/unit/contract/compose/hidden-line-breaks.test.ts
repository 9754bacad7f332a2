import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-line-breaks-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test.each(["\r", "\u0085", "\u2028", "\u2029"])(
  "a setting behind a line break that nobody sees is not overlooked (%j)",
  async (character) => {
    const file = join(directory, "compose.yaml");
    await writeFile(file, `services:\n  web:\n    image: nginx\n    # A note.${character}    privileged: true\n`);
    const theirs = await askOracle([file]);
    expect(theirs.project?.services["web"]?.["privileged"]).toBe(true);
    const ours = await readProject({ files: [file], environment: oracleEnvironment });
    expect(ours.project).toBeUndefined();
    expect(ours.problems).toMatchObject([{ kind: "yaml-characters", at: { line: 4, column: 14 } }]);
  },
);

test("line ends of Windows and a byte order mark are read as ever", async () => {
  const file = join(directory, "compose.yaml");
  await writeFile(file, "\ufeffservices:\r\n  web:\r\n    # A note.\r\n    image: ng\ufeffinx\r\n");
  const [ours, theirs] = await Promise.all([readProject({ files: [file], environment: oracleEnvironment }), askOracle([file])]);
  expect(ours.project?.services.get("web")?.image?.value).toBe("ng\ufeffinx");
  expect(theirs.project?.services["web"]?.["image"]).toBe("ng\ufeffinx");
});

test.each(["user: !!binary MDow", "!!binary dXNlcg==: '0:0'", "user: !<tag:yaml.org,2002:binary> MDow", "user: ! '0:0'"])(
  "a value that the file does not show is not overlooked (%s)",
  async (line) => {
    const file = join(directory, "compose.yaml");
    await writeFile(file, `services:\n  web:\n    image: nginx\n    ${line}\n`);
    const theirs = await askOracle([file]);
    expect(theirs.project?.services["web"]?.["user"]).toBe("0:0");
    const ours = await readProject({ files: [file], environment: oracleEnvironment });
    if (ours.project === undefined) expect(ours.problems).toMatchObject([{ kind: "yaml-tag", at: { line: 4 } }]);
    else expect(ours.project.services.get("web")?.user?.value).toBe("0:0");
  },
);
