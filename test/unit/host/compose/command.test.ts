import { expect, test } from "vitest";
import { composeArguments, downCommand, logsCommand, upCommand } from "../../../../src/host/compose/command.ts";
import { parseResolved, withSources } from "../../../../src/host/compose/resolved.ts";

const selection = {
  project: "waha",
  directory: "/home/modules/waha",
  files: ["/home/modules/waha/compose.yaml", "/x/more.yaml"],
};

test.each([
  [
    "compose-v2",
    ["docker", "compose"],
    upCommand(false),
    "docker compose --project-directory /home/modules/waha -p waha -f /home/modules/waha/compose.yaml -f /x/more.yaml up -d --no-build",
  ],
  [
    "compose-v1",
    ["docker-compose"],
    downCommand(30),
    "docker-compose --project-directory /home/modules/waha -p waha -f /home/modules/waha/compose.yaml -f /x/more.yaml down -t 30",
  ],
  [
    "podman-compose",
    ["podman-compose"],
    upCommand(true),
    "podman-compose -p waha -f /home/modules/waha/compose.yaml -f /x/more.yaml up -d --no-build --force-recreate",
  ],
] as const)("%s", (flavour, argv, command, line) => {
  expect(composeArguments({ flavour, argv }, selection, command).join(" ")).toBe(line);
});

test("logs in each program's own words", () => {
  expect(logsCommand("compose-v2", 5, true)).toEqual(["logs", "--no-color", "--no-log-prefix", "-f", "--tail", "5"]);
  expect(logsCommand("podman-compose", undefined, false)).toEqual(["logs"]);
});

test("a resolved project says what is built, in either form", () => {
  const { services } = parseResolved(`
services:
  one: { image: "a:1", build: { context: /c, dockerfile: ../D, args: [A=1=2, B] } }
  two: { build: . }
  three: { image: "b:1", build: { context: /c, target: x } }
`);
  expect(services["one"]).toEqual({
    image: "a:1",
    build: { context: "/c", dockerfile: "../D", args: { A: "1=2", B: "" }, special: false },
  });
  expect(services["two"]?.build).toEqual({ context: ".", dockerfile: "Dockerfile", args: {}, special: false });
  expect(services["three"]?.build?.special).toBe(true);
  expect(() => parseResolved("- no project")).toThrow(/no project/);
});

test("other directories take the place of mounts' sources, in either form", () => {
  const text = `
services:
  one:
    volumes:
      - ./conf:/app/conf:ro
      - /m/data:/app/data
      - { type: bind, source: /m/conf, target: /x, read_only: true }
`;
  expect(withSources(text, "/m", new Map([["/m/conf", "/kept"]]))).toBe(`services:
  one:
    volumes:
      - /kept:/app/conf:ro
      - /m/data:/app/data
      - type: bind
        source: /kept
        target: /x
        read_only: true
`);
});
