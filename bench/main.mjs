// Plain JavaScript, so that any Node can start it: it finds the Node that came with the dependencies and runs the benchmark on that.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const benchmarks = ["check", "groups", "mail", "orchestrator", "reader", "run", "supervisor"];
const [name, ...args] = process.argv.slice(2);

if (name === undefined || !benchmarks.includes(name)) {
  process.stderr.write(`Which benchmark? npm run bench -- ${benchmarks.join("|")}\n`);
  process.exit(2);
}

const packaged = join(here, "../node_modules", `node-${process.platform}-${process.arch}`, "bin/node");
const node = existsSync(packaged) ? packaged : process.execPath;
const { status } = spawnSync(node, [join(here, `${name}.ts`), ...args], { stdio: "inherit" });
process.exitCode = status ?? 1;
