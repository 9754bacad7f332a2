import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { composeProgram } from "../fixtures/compose-programs.ts";
import type { TestEngine } from "../fixtures/engines/engines.ts";
import { withPodman } from "../fixtures/engines/engines.ts";
import { makeModulesHome, type ModulesHome } from "../fixtures/modules-home.ts";
import { buildWAHAStandIn } from "../fixtures/waha.ts";

const WAHA = "modules/whatsapp-adapter-waha";
const image = "novabot-test-waha:1";
let podman: TestEngine;

beforeAll(async () => {
  podman = await withPodman();
  await buildWAHAStandIn(podman.engine, podman.image, image);
});
afterAll(async () => await podman.dispose());

describe.each(["v2", "podman-compose"] as const)("modules on Podman with %s", (program) => {
  let home: ModulesHome;
  beforeAll(async () => {
    const { engine, socket } = podman;
    home = await makeModulesHome({ engine, socket, compose: await composeProgram(program), image });
    // A machine without CAP_SYS_RESOURCE cannot raise the limits that Podman would set by itself.
    const limits = "    ulimits:\n      nofile: 1024\n      nproc: 1024\n";
    await home.edit(`${WAHA}/compose.yaml`, (text) => text.replace("    restart:", `${limits}    restart:`));
    if (program !== "podman-compose") return;
    // Debian 12's podman-compose hands a health check to a shell without quoting it.
    await writeFile(
      join(home.waha, "conf/ping.mjs"),
      'const answer = await fetch("http://127.0.0.1:3000/ping");\nprocess.exitCode = answer.ok ? 0 : 1;\n',
    );
    await home.edit(`${WAHA}/compose.yaml`, (text) => text.replace(/test: \[.*\]/, "test: [CMD, node, /app/conf/ping.mjs]"));
  });
  afterAll(async () => await home.dispose());

  const key = async (): Promise<string> =>
    /^WAHA_API_KEY=(.*)$/m.exec(await readFile(join(home.waha, ".env.local"), "utf8"))?.[1] ?? "";
  const ask = async (): Promise<unknown> =>
    await (await fetch(`http://127.0.0.1:${home.ports.waha}/api/version`, { headers: { "x-api-key": await key() } })).json();

  test("come up with their secrets, come back when a change fails, and go down", async () => {
    const first = await home.modules("up", "waha", "--timeout", "60");
    expect([first.code, first.stdout], first.stderr).toEqual([0, expect.stringContaining("whatsapp-adapter-waha: started")]);
    expect(await ask()).toMatchObject({ version: "stand-in", uid: 1001 });
    const again = await home.modules("up", "waha");
    expect([again.code, again.stdout], again.stderr).toEqual([0, expect.stringContaining("whatsapp-adapter-waha: unchanged")]);

    await home.edit(`${WAHA}/compose.yaml`, (text) =>
      text.replace("environment:\n", 'environment:\n      STAND_IN_BROKEN: "true"\n'),
    );
    const failed = await home.modules("up", "waha", "--timeout", "5");
    expect(failed.code, failed.stderr).toBe(1);
    expect(failed.stderr).toContain("was brought back to what ran before");
    expect(await ask()).toMatchObject({ version: "stand-in" });
    expect((await home.modules("status", "waha")).stdout).toMatch(/whatsapp-adapter-waha +running/);

    expect((await home.modules("down", "waha")).code).toBe(0);
    expect((await home.modules("status", "waha")).stdout).toMatch(/whatsapp-adapter-waha +down/);
  }, 240_000);
});
