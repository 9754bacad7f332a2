import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { findEngine } from "../../src/host/engines/find.ts";
import { buildImages } from "../../src/host/images/images.ts";
import { novabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";

const root = dirname(novabot);

// The tour builds it, too; what takes long where nothing is there yet has its own time.
beforeAll(async () => {
  await buildImages(await findEngine(process.env), { which: "worker", env: process.env, install: false, say: () => undefined });
}, 600_000);

test("the README's tour is the one that runs here, and it works", async () => {
  const tour = await readFile(join(root, "docs/tour.sh"), "utf8");
  expect(await readFile(join(root, "README.md"), "utf8")).toContain(`<!-- docs/tour.sh -->\n\n\`\`\`sh\n${tour}\`\`\``);
  const directory = await temporaryDirectory();
  const env = {
    ...process.env,
    NO_COLOR: "1",
    HOME: directory,
    NOVABOT_HOME: join(directory, "home"),
    NOVABOT_MOUNT_ALLOWLIST: "",
    XDG_CONFIG_HOME: "",
  };
  // The usual port may be somebody else's here.
  await mkdir(env.NOVABOT_HOME);
  await writeFile(join(env.NOVABOT_HOME, "novabot.yaml"), "listen: 127.0.0.1:0\n");
  // The engine would start a worker again and again that a broken tour left behind, and nobody would end the orchestrator.
  onTestFinished(async () => {
    await promisify(execFile)(novabot, ["down", "--now"], { env }).catch(() => undefined);
    await promisify(execFile)(novabot, ["worker", "stop", "clock", "--remove"], { env }).catch(() => undefined);
  });
  const { stdout } = await promisify(execFile)("sh", ["-e", join(root, "docs/tour.sh")], { cwd: root, env });
  for (const part of [
    "added main (main",
    "/workspace/group ",
    "network      none",
    "turn 1",
    "turn 2",
    "SHOUT THIS",
    "You asked: Are you there?",
    "ready       family",
    "success",
    "added modules/whatsapp-adapter-waha",
    "WAHA_API_KEY",
    "compose.yaml:15:9  error  env-file  whatsapp-adapter-waha",
    "Checked 1 module: found 1 error.",
    "clock runs in novabot-worker-clock-",
    " app out -     ",
    "clock   app       running",
    " clock/app out -     ",
    "clock worker linked: ",
    "clock is stopped.",
  ])
    expect(stdout).toContain(part);
  // The contract's first line names it for editors; other schemas are the program's own.
  expect(await readdir(join(directory, "home/schema"))).toEqual(["contract.schema.json"]);
}, 180_000);
