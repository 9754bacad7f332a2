import pc from "picocolors";
import type { explainWorker } from "../host/workers/start.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";
import { table, visible } from "./output.ts";

/** Prints what a worker's container would get. */
export function tellPlan(
  { worker, image, plan }: Awaited<ReturnType<typeof explainWorker>>,
  json: boolean,
  context: CLIContext,
): void {
  const { container, reach, gaps } = plan;
  const { limits, user, mounts } = container;
  if (json)
    return context.printJSON({ container: { ...container, image: worker.settings.image, imageID: image.id }, reach, gaps });
  const facts: readonly (readonly [string, string])[] = [
    ["container", container.name],
    ["image", `${worker.settings.image} (${image.id.replace(/^sha256:/, "").slice(0, 12)})`],
    [
      "program",
      worker.settings.argv.length === 0
        ? "none: the supervisor alone"
        : worker.settings.argv.map((word) => JSON.stringify(word)).join(" "),
    ],
    ["user", `${user.uid}:${user.gid}, no capabilities, no new privileges`],
    ["limits", `${formatSize(limits.memoryBytes)}, ${limits.cpus} cpus, ${limits.pids} processes`],
    ["network", container.network === "none" ? "none" : "the engine's own: it reaches whatever the engine lets it reach"],
    [
      "door",
      {
        address: "at the container's address, port 8080",
        published: `at 127.0.0.1:${worker.published?.door}`,
        inside: "reached by entering its network, which root may",
        none: "not reached",
      }[reach],
    ],
    ["variables", Object.keys(container.env).join(", ")],
    ["restart", container.restart === undefined ? "no" : "whenever it ends, until it is stopped"],
  ];
  for (const [name, value] of facts) context.print(`${pc.dim(name.padEnd(9))}  ${visible(value)}`);
  context.print("");
  const rows = mounts.map(({ source, target, readonly }) => [readonly ? "ro" : "rw", target, source]);
  for (const line of table(["", "IN THE CONTAINER", "ON THE HOST"], rows)) context.print(line);
  if (gaps.length > 0) context.print("");
  for (const gap of gaps) context.print(`${pc.yellow("note")}  ${gap}`);
}
