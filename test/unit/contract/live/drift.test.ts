import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { judgeContainer } from "../../../../src/contract/live/judge.ts";
import type { ContainerDescription } from "../../../../src/engine/observation.ts";
import { NOW, subjectOf } from "../../../fixtures/live-subject.ts";

/** What the container has that the service does not say, by line of the file: the service's own key is line 3. */
async function drift(
  service: readonly string[],
  changes: Partial<ContainerDescription> = {},
  rest: readonly string[] = [],
): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "novabot-test-drift-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "compose.yaml");
  writeFileSync(
    file,
    ["name: p", "services:", "  one:", "    image: one:1", ...service.map((line) => `    ${line}`), ...rest, ""].join("\n"),
  );
  const { project, problems } = await readProject({ files: [file], environment: {} });
  expect(problems.filter(({ unreadable }) => unreadable)).toEqual([]);
  const base = {
    mounts: [],
    networks: { p_default: { address: "10.0.0.2", aliases: [] } },
    ports: [],
    restartPolicy: "no",
    user: "",
    readonlyRoot: false,
    init: false,
  };
  const subject = subjectOf({ project, service: project?.services.get("one"), container: { ...base, ...changes } });
  return judgeContainer(subject, NOW)
    .findings.filter(({ rule }) => rule === "drift")
    .map(({ at, message }) => `${at?.line}: ${message}`);
}

describe("the container beside its file", () => {
  test("nothing differs", async () => {
    expect(await drift([])).toEqual([]);
    const service = [
      "user: 1001:1001",
      "restart: unless-stopped",
      "init: true",
      "read_only: true",
      "command: serve --all",
      "entrypoint: [sh, -c]",
      "mem_limit: 1.5g",
      'cpus: "0.5"',
      "pids_limit: 10",
      'ports: ["127.0.0.1:80:3000", "9000"]',
      "environment: [A=1, PASSED]",
      "healthcheck: { test: exit 0 }",
    ];
    const same = {
      user: "1001:1001",
      restartPolicy: "unless-stopped",
      init: true,
      readonlyRoot: true,
      command: ["serve", "--all"],
      entrypoint: ["sh", "-c"],
      memoryBytes: 1.5 * 2 ** 30,
      cpus: 0.5,
      pidsLimit: 10,
      ports: [
        { container: 3000, protocol: "tcp", hostAddress: "127.0.0.1", host: 80 },
        { container: 9000, protocol: "tcp", hostAddress: "0.0.0.0", host: 49_153 },
        { container: 9000, protocol: "tcp", hostAddress: "::", host: 49_153 },
      ],
      env: ["PATH=/bin", "A=1"],
      healthcheck: ["CMD-SHELL", "exit 0"],
    };
    expect(await drift(service, same)).toEqual([]);
  });

  test.each<[string, string[], Partial<ContainerDescription>, string]>([
    ["the image's name", [], { image: "two:1" }, '4: The container was made from "two:1"; the file says "one:1".'],
    ["what its tag stands for", [], { imageID: "sha256:9" }, '4: "one:1" is another image now (1) than the one that runs (9).'],
    ["the user", ['user: "1001"'], { user: "0" }, '5: The container\'s user is "0"; the file says "1001".'],
    [
      "restarts",
      ["restart: always"],
      { restartPolicy: "on-failure" },
      "5: The engine restarts the container on-failure; the file says always.",
    ],
    ["privileges", [], { privileged: true }, "3: The container has privileged on; the file says otherwise."],
    [
      "capabilities",
      ["cap_add: [NET_RAW]"],
      { capabilitiesAdded: ["CAP_NET_RAW", "CAP_SYS_ADMIN"] },
      "5: The container was given SYS_ADMIN, which the file does not add.",
    ],
    ["labels", ["labels: [tier=1]"], { labels: { tier: "2" } }, "5: The container's label \"tier\" is not the file's."],
    [
      "variables",
      ["environment: { A: x }"],
      { env: ["A=y"] },
      "5: The container has another value of the variable A that the file sets.",
    ],
    [
      "a mount too many",
      [],
      { mounts: [{ kind: "bind", source: "/etc", target: "/e", readonly: true }] },
      '3: The container has "/etc" at /e, which the file does not mount.',
    ],
    ["a mount too few", ["volumes: [/srv:/app/data]"], {}, "5: The file mounts /app/data, and the container does not have it."],
    [
      "a port too many",
      [],
      { ports: [{ container: 1, protocol: "tcp", hostAddress: "127.0.0.1", host: 2 }] },
      "3: The container publishes 127.0.0.1:2 → 1, and the file does not.",
    ],
    [
      "a port too few",
      ["ports: [127.0.0.1:80:3000]"],
      {},
      "5: The file publishes 127.0.0.1:80 → 3000, and the container does not.",
    ],
    [
      "a health check that is taken away",
      ["healthcheck: { disable: true }"],
      { healthcheck: ["CMD", "x"] },
      "5: The container has a health check, which the file takes away.",
    ],
    [
      "a network too many",
      [],
      { networks: { p_default: { address: "", aliases: [] }, more: { address: "", aliases: [] } } },
      "3: The container is in the network more, which the file does not join.",
    ],
    [
      "the entrypoint",
      [],
      { entrypoint: ["other"] },
      "3: The container's entrypoint is not its image's, and the file sets none.",
    ],
  ])("%s", async (_, service, changes, message) => {
    expect(await drift(service, changes)).toEqual([message]);
  });

  test("volumes by the engine's name for them, and those that the image asks for", async () => {
    const mounts = [
      { kind: "volume", source: "p_data", target: "/app/data", readonly: false },
      { kind: "volume", source: "f".repeat(64), target: "/var/x", readonly: false },
      { kind: "tmpfs", source: "", target: "/tmp", readonly: false },
    ];
    expect(await drift(["volumes: [data:/app/data]"], { mounts }, ["volumes: { data: {} }"])).toEqual([]);
    const other = [{ kind: "volume", source: "q_data", target: "/app/data", readonly: true }];
    expect(await drift(["volumes: [data:/app/data]"], { mounts: other }, ["volumes: { data: {} }"])).toHaveLength(2);
  });

  test("an image's own names, however engines write them", async () => {
    for (const image of ["one:1", "docker.io/library/one:1", "localhost/one:1"]) expect(await drift([], { image })).toEqual([]);
  });

  test("what podman-compose makes of a health check is no drift", async () => {
    const labels = { "io.podman.compose.project": "p" };
    const healthcheck = ["CMD-SHELL", "/bin/sh -c node' '-e' 'process.exit(0)"];
    const service = ['healthcheck: { test: ["CMD", "node", "-e", "process.exit(0)"] }'];
    expect(await drift(service, { labels, healthcheck })).toEqual([]);
    expect(await drift(service, { healthcheck })).toHaveLength(1);
  });
});
