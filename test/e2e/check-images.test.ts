import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkPaper } from "../../src/host/check/paper.ts";
import { imagesOfEngine } from "../../src/host/check/images.ts";
import { formatReport } from "../../src/contract/report/format.ts";
import type { Report } from "../../src/contract/findings/finding.ts";
import { project } from "../fixtures/check-project.ts";
import { withDocker, withPodman, type TestEngine } from "../fixtures/engines/engines.ts";
import { tarOf } from "../fixtures/engines/image.ts";
import { imageDescription } from "../fixtures/image-description.ts";

const compose = (image: string): string => `services:\n  a:\n    image: ${image}\n    restart: unless-stopped\n`;

describe.each([
  ["Docker", withDocker],
  ["Podman", withPodman],
])("with %s", (_, start) => {
  const own = "novabot-test-user:1";
  let fixture: TestEngine;

  beforeAll(async () => {
    fixture = await start();
    const directory = await mkdtemp(join(tmpdir(), "novabot-test-context-"));
    try {
      await writeFile(join(directory, "Dockerfile"), `FROM ${fixture.image}\nUSER 1001:1001\n`);
      await fixture.engine.buildImage({ tag: own, context: tarOf(directory), buildArgs: {}, labels: {} });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  afterAll(async () => await fixture?.dispose());

  const checked = async (image: string): Promise<Report> => {
    const cwd = await project({ "compose.yaml": compose(image) });
    const askForImage = imagesOfEngine({}, () => Promise.resolve(fixture.engine));
    return await checkPaper({ paths: ["."], cwd, env: {}, askForImage });
  };
  const verdict = ({ checked: all }: Report): string | undefined => all.find(({ rule }) => rule === "user")?.verdict;

  test("the image decides who the service runs as, when the file does not", async () => {
    expect(verdict(await checked(own))).toBe("kept");
    const root = await checked(fixture.image);
    expect(verdict(root)).toBe("broken");
    expect(root.findings.find(({ rule }) => rule === "user")?.message).toContain(fixture.image);
  });

  test("an image that it does not have is not known", async () => {
    expect(verdict(await checked("no-such-image:1"))).not.toBe("kept");
  });
});

test("a secret that an image keeps is told at the image's name, which is no secret", async () => {
  const cwd = await project({ "compose.yaml": compose("x:1") });
  const secret = ["ghp_", "Z7qf3Npl2Xkd5WtrZ7qf3Npl2Xkd5Wtr0123"].join("");
  const history = [`RUN fetch ${secret}`];
  const image = imageDescription({ tags: ["x:1"], user: "5:5", env: [`API_TOKEN=${secret}`], history });
  const report = await checkPaper({ paths: ["."], cwd, env: {}, askForImage: () => Promise.resolve(image) });
  const told = formatReport(report, "text", { base: cwd, colour: false });
  expect(told).toContain(" 3 |     image: x:1\n   |            ^^^\n");
  expect(told).toContain('The history of the image "x:1" holds a token of GitHub.');
  expect(told).not.toContain(secret);
});

test("no engine is looked for until an image must be asked, and none is needed", async () => {
  let asked = 0;
  const askForImage = imagesOfEngine({}, () => {
    asked += 1;
    return Promise.reject(new Error("there is none"));
  });
  const named = await project({ "compose.yaml": 'services:\n  a:\n    image: x:1\n    user: "5:5"\n' });
  await checkPaper({ paths: [], cwd: named, env: {}, askForImage });
  const before = asked;
  const left = await project({ "compose.yaml": `${compose("x:1")}  b:\n    image: y:1\n` });
  const report = await checkPaper({ paths: [], cwd: left, env: {}, askForImage });
  expect(asked - before).toBeLessThanOrEqual(1);
  expect(report.checked.find(({ rule }) => rule === "user")?.verdict).not.toBe("kept");
});
