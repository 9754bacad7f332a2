import { expect, test } from "vitest";
import { dockerCreateRequest, waitCondition } from "../../../../src/engine/docker/request.ts";
import { fullSpec, servingSpec } from "../../../fixtures/engines/spec.ts";

test("the create request, to the letter", () => {
  expect(dockerCreateRequest(fullSpec)).toEqual({
    Image: "novabot-agent:latest",
    Cmd: ["--flag", "a b"],
    Entrypoint: ["/usr/local/bin/node", "runner.js"],
    User: "1000:1001",
    WorkingDir: "/workspace/group",
    Env: ["A=1", "B=two words"],
    Labels: { "novabot.home": "abc", "novabot.kind": "agent" },
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      AutoRemove: true,
      Init: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Memory: 536_870_912,
      MemorySwap: 536_870_912,
      NanoCpus: 1_500_000_000,
      PidsLimit: 128,
      NetworkMode: "none",
      IpcMode: "private",
      LogConfig: { Type: "none" },
      Mounts: [
        {
          Type: "bind",
          Source: "/home/u/groups/main",
          Target: "/workspace/group",
          ReadOnly: false,
          BindOptions: { Propagation: "rprivate" },
        },
        {
          Type: "bind",
          Source: "/home/u/data/env",
          Target: "/workspace/env-dir",
          ReadOnly: true,
          BindOptions: { Propagation: "rprivate", NonRecursive: true },
        },
      ],
    },
  });
});

test("what is left out is left to the image", () => {
  const { command: _command, entrypoint: _entrypoint, ...rest } = fullSpec;
  const request = dockerCreateRequest({ ...rest, stdin: false, network: "default", autoRemove: false });
  expect(request).not.toHaveProperty("Cmd");
  expect(request).not.toHaveProperty("Entrypoint");
  expect(request).toMatchObject({
    OpenStdin: false,
    StdinOnce: false,
    AttachStdin: false,
    HostConfig: { AutoRemove: false, NetworkMode: "default" },
  });
});

test("a wait passes over the state of a container that has not run", () => {
  expect(waitCondition({ engineRemoves: true, running: false })).toBe("removed");
  expect(waitCondition({ engineRemoves: true, running: true })).toBe("removed");
  expect(waitCondition({ engineRemoves: false, running: false })).toBe("next-exit");
  expect(waitCondition({ engineRemoves: false, running: true })).toBe("not-running");
});

test("ports go to loopback alone, and a container that is kept comes back", () => {
  const request = dockerCreateRequest(servingSpec);
  expect(request.ExposedPorts).toEqual({ "8080/tcp": {}, "3000/tcp": {} });
  expect(request.HostConfig).toMatchObject({
    AutoRemove: false,
    NetworkMode: "default",
    PortBindings: {
      "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: "40001" }],
      "3000/tcp": [{ HostIp: "127.0.0.1", HostPort: "40002" }],
    },
    RestartPolicy: { Name: "unless-stopped" },
  });
});

test("nothing is published, and nothing comes back, unless it is asked for", () => {
  const request = dockerCreateRequest({ ...fullSpec, ports: [] });
  expect(request).not.toHaveProperty("ExposedPorts");
  expect(request.HostConfig).not.toHaveProperty("PortBindings");
  expect(request.HostConfig).not.toHaveProperty("RestartPolicy");
});
