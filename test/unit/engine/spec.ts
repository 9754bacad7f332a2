import type { ContainerSpec } from "../../../src/engine/spec.ts";

/** A container with something in every field. */
export const fullSpec: ContainerSpec = {
  name: "novabot-main-1",
  image: "novabot-agent:latest",
  labels: { "novabot.home": "abc", "novabot.kind": "agent" },
  command: ["--flag", "a b"],
  entrypoint: ["/usr/local/bin/node", "runner.js"],
  user: { uid: 1000, gid: 1001 },
  workingDirectory: "/workspace/group",
  env: { A: "1", B: "two words" },
  mounts: [
    { source: "/home/u/groups/main", target: "/workspace/group", readonly: false },
    { source: "/home/u/data/env", target: "/workspace/env-dir", readonly: true },
  ],
  network: "none",
  limits: { memoryBytes: 536_870_912, memorySwapBytes: 536_870_912, cpus: 1.5, pids: 128 },
  stdin: true,
  autoRemove: true,
};
