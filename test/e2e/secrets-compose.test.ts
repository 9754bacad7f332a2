import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseComposeVersion } from "../../src/host/compose/program.ts";
import type { ComposeFlavour } from "../../src/model/compose-flavour.ts";
import { renderEnvFile, type EnvFileForm } from "../../src/secrets/materialize/env-file.ts";
import { composeProgram, type ComposeProgramName } from "../fixtures/compose-programs.ts";
import { withDocker, withPodman, type TestEngine } from "../fixtures/engines/engines.ts";
import { until } from "../fixtures/engines/processes.ts";
import { nastyValues } from "../fixtures/nasty-values.ts";

// The environment of a real container's first process, which a real Compose started on a real engine, against the values that were asked for.

interface Kind {
  readonly program: ComposeProgramName;
  readonly flavour: ComposeFlavour;
  readonly engine: () => Promise<TestEngine>;
  /** Arguments before Compose's own. */
  readonly args: (directory: string) => Promise<readonly string[]>;
  readonly env: (socket: string) => Readonly<Record<string, string>>;
  /** How many of the nasty values cannot be handed on: podman-compose has no way to write a line break. */
  readonly refused: number;
}

// Other values in each run, of the characters that readers of env files have a use for; a failure shows the one.
const unit = fc.constantFrom(...Array.from("\\\\'\"$${}{} #=:-\n\r\ta1né`,%"));
const randomValues = fc.sample(fc.string({ unit, minLength: 1, maxLength: 12 }), 300);

const noArgs = async (): Promise<readonly string[]> => await Promise.resolve([]);
const dockerHost = (socket: string): Readonly<Record<string, string>> => ({
  DOCKER_HOST: `unix://${socket}`,
  DOCKER_BUILDKIT: "0",
});
const breaking = nastyValues.filter((value) => value.includes("\n") || value.endsWith("\r")).length;

const kinds: readonly Kind[] = [
  { program: "v2", flavour: "compose-v2", engine: withDocker, args: noArgs, env: dockerHost, refused: 0 },
  { program: "v1", flavour: "compose-v1", engine: withDocker, args: noArgs, env: dockerHost, refused: 0 },
  {
    program: "podman-compose",
    flavour: "podman-compose",
    engine: withPodman,
    args: podmanWithoutNetwork,
    env: (socket) => ({ CONTAINER_HOST: `unix://${socket}` }),
    refused: breaking,
  },
];

describe.each(kinds)("through $program", (kind) => {
  let fixture: TestEngine;
  let program = "";
  let form: EnvFileForm;
  let directory = "";

  beforeAll(async () => {
    fixture = await kind.engine();
    program = await composeProgram(kind.program);
    directory = await mkdtemp(join(tmpdir(), "novabot-test-env-"));
    form = { flavour: kind.flavour, version: parseComposeVersion(compose(["version"]))?.version };
  });
  afterAll(async () => {
    await fixture?.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  function compose(args: readonly string[], before: readonly string[] = []): string {
    const env = { ...process.env, ...kind.env(fixture.socket), COMPOSE_ANSI: "never" };
    return execFileSync(program, [...before, ...args], {
      env,
      cwd: directory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  test("a process gets every value byte for byte", async () => {
    const values = new Map<string, string>();
    let refused = 0;
    for (const [index, value] of [...nastyValues, ...randomValues].entries()) {
      try {
        renderEnvFile(new Map([[`N${index}`, value]]), form, "the test");
        values.set(`N${index}`, value);
      } catch {
        if (index < nastyValues.length) refused += 1;
      }
    }
    expect(refused).toBe(kind.refused);
    await mkdir(join(directory, "out"));
    await writeFile(join(directory, ".env.local"), renderEnvFile(values, form, "the test"), { mode: 0o600 });
    await writeFile(join(directory, "compose.yaml"), project(directory));
    const before = [...(await kind.args(directory)), "-p", "novabot-test-env", "-f", join(directory, "compose.yaml")];
    try {
      compose(["up", "-d"], before);
      const bytes = await until(
        "the process wrote its environment",
        async () => await readFile(join(directory, "out/environ")).catch(() => undefined),
      );
      const got = new Map(
        bytes
          .toString("utf8")
          .split("\0")
          .flatMap((line) =>
            line.includes("=") ? [[line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const] : [],
          ),
      );
      for (const [name, value] of values) expect(got.get(name), JSON.stringify(value)).toBe(value);
    } finally {
      compose(["down", "-t", "0"], before);
    }
  });
});

function project(directory: string): string {
  return `version: "3"
services:
  reader:
    image: docker.io/library/novabot-test:latest
    user: "0:0"
    network_mode: none
    env_file: [.env.local]
    entrypoint: ["/bin/bash", "-c", "cat /proc/1/environ >/out/part && mv /out/part /out/environ"]
    volumes: ["${directory}/out:/out"]
`;
}

/**
 * The test engine's containers have no network, but podman-compose 1.0 gives one to each: so `podman` is called without. The limits are those that an
 * engine may set which may not raise its own.
 */
async function podmanWithoutNetwork(directory: string): Promise<readonly string[]> {
  const path = join(directory, "podman");
  const script = `#!/bin/bash
args=()
while [ $# -gt 0 ]; do
  case $1 in
    --net|--network-alias) shift ;;
    *) args+=("$1") ;;
  esac
  shift
done
[ "\${args[0]}" = network ] && exit 0
[ "\${args[0]}" = run ] && args=(run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "\${args[@]:1}")
exec podman --remote "\${args[@]}"
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return ["--podman-path", path];
}
