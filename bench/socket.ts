import { existsSync } from "node:fs";
import { privateDockerPaths } from "../src/host/state.ts";

/** The Docker socket that was named, that of DOCKER_HOST, NovaBot's own, or the system's. */
export function findSocket(named: string | undefined): string {
  const given = named ?? process.env["DOCKER_HOST"]?.replace(/^unix:\/\//, "");
  if (given !== undefined) return given;
  const found = [privateDockerPaths(process.env).socket, "/var/run/docker.sock"].find((path) => existsSync(path));
  if (found === undefined) throw new Error("No Docker socket: run `./novabot setup`, or name one with --socket.");
  return found;
}
