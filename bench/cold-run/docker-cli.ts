import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dockerCreateRequest } from "../../src/engine/docker/request.ts";
import type { ContainerSpec } from "../../src/engine/spec.ts";
import { checkAnswer } from "./answer.ts";

/** The command line that makes the same container as the API request. */
function dockerRun(socket: string, spec: ContainerSpec): string[] {
  const { HostConfig: host, ...request } = dockerCreateRequest(spec);
  return [
    ...["-H", `unix://${socket}`, "run", "-i", "--rm", "--name", spec.name],
    ...["--user", request.User, "--workdir", request.WorkingDir],
    ...request.Env.flatMap((variable) => ["--env", variable]),
    ...Object.entries(request.Labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...(host.Init ? ["--init"] : []),
    ...host.CapDrop.flatMap((capability) => ["--cap-drop", capability]),
    ...host.SecurityOpt.flatMap((option) => ["--security-opt", option]),
    ...["--memory", String(host.Memory), "--memory-swap", String(host.MemorySwap), "--cpus", String(spec.limits.cpus)],
    ...["--pids-limit", String(host.PidsLimit), "--network", host.NetworkMode, "--log-driver", host.LogConfig.Type],
    ...host.Mounts.flatMap((mount) => ["--mount", mountOption(mount)]),
    spec.image,
  ];
}

function mountOption(mount: ReturnType<typeof dockerCreateRequest>["HostConfig"]["Mounts"][number]): string {
  const parts = [
    "type=bind",
    `source=${mount.Source}`,
    `target=${mount.Target}`,
    `bind-propagation=${mount.BindOptions.Propagation}`,
  ];
  if (mount.ReadOnly) parts.push("readonly");
  if (mount.BindOptions.NonRecursive) parts.push("bind-nonrecursive");
  return parts.join(",");
}

/** `docker run`, as one would call it for each run: one process, which lives as long as the container. */
export function startDocker(socket: string, spec: ContainerSpec, input: string): ChildProcess {
  const child = spawn("docker", dockerRun(socket, spec), { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  return child;
}

export async function runDocker(socket: string, spec: ContainerSpec, input: string): Promise<void> {
  const child = startDocker(socket, spec, input);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (part: Buffer) => (stdout += part.toString()));
  child.stderr?.on("data", (part: Buffer) => (stderr += part.toString()));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`docker run: exit status ${code}: ${stderr}`);
  checkAnswer(stdout);
}
