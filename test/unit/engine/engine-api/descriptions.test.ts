import { describe, expect, test } from "vitest";
import {
  readDescription,
  readImageDescription,
  readNetwork,
  readProcesses,
} from "../../../../src/engine/engine-api/descriptions.ts";
import { imageDescription } from "../../../fixtures/image-description.ts";

const container = {
  Id: "abc",
  Name: "/waha",
  Created: "2026-11-20T23:15:54.870164732Z",
  Image: "sha256:1",
  Path: "/bin/sh",
  RestartCount: 3,
  State: { Status: "running", Running: true, Pid: 42, ExitCode: 0, StartedAt: "2026-11-20T23:16:54.5Z" },
  Config: { Image: "waha:1", User: "1001:1001", Labels: { a: "b" }, Env: ["A=1"], Cmd: ["serve"], Entrypoint: null },
  HostConfig: { NanoCpus: 0, CpuQuota: 50_000, CpuPeriod: 100_000, PidMode: "host", UTSMode: "private", IpcMode: "container:x" },
  Mounts: [
    { Type: "bind", Source: "/s", Destination: "/t", RW: false },
    { Type: "volume", Name: "v", Source: "/var/v/_data", Destination: "/v", RW: true },
  ],
  NetworkSettings: {
    Ports: { "3000/tcp": [{ HostIp: "127.0.0.1", HostPort: "8102" }], "4000/udp": null },
    Networks: { shared: { IPAddress: "10.0.0.2", Aliases: null } },
  },
};

describe("descriptions", () => {
  test("a container, with what engines leave out", () => {
    expect(readDescription(container)).toEqual({
      id: "abc",
      name: "waha",
      labels: { a: "b" },
      status: "running",
      running: true,
      createdAtMs: Date.parse("2026-11-20T23:15:54.870Z"),
      startedAtMs: Date.parse("2026-11-20T23:16:54.500Z"),
      restarts: 3,
      exitCode: null,
      imageID: "sha256:1",
      image: "waha:1",
      user: "1001:1001",
      groups: [],
      command: ["serve"],
      entrypoint: [],
      env: ["A=1"],
      restartPolicy: "no",
      privileged: false,
      capabilitiesAdded: [],
      capabilitiesDropped: [],
      securityOptions: [],
      devices: [],
      readonlyRoot: false,
      init: false,
      memoryBytes: null,
      cpus: 0.5,
      pidsLimit: null,
      namespaces: { pid: "host", ipc: "container:x", uts: "", network: "", user: "", cgroup: "" },
      mounts: [
        { kind: "bind", source: "/s", target: "/t", readonly: true },
        { kind: "volume", source: "v", target: "/v", readonly: false },
      ],
      networks: { shared: { address: "10.0.0.2", aliases: [] } },
      ports: [{ container: 3000, protocol: "tcp", hostAddress: "127.0.0.1", host: 8102 }],
      health: null,
      healthcheck: null,
      pid: 42,
    });
  });

  test("one that never ran, and one that ended", () => {
    const created = {
      ...container,
      State: { Status: "created", Running: false, Pid: 0, ExitCode: 0, StartedAt: "0001-01-01T00:00:00Z" },
    };
    expect(readDescription(created)).toMatchObject({ startedAtMs: null, pid: null, exitCode: null });
    const ended = { ...created, State: { ...created.State, Status: "exited", ExitCode: 7, Health: { Status: "none" } } };
    expect(readDescription(ended)).toMatchObject({ exitCode: 7, health: null });
  });

  test("what its own check says", () => {
    const log = [{ Start: "x", End: "2026-11-20T23:16:54.5Z", ExitCode: 1, Output: "refused" }];
    const state = { ...container.State, Health: { Status: "unhealthy", Log: log } };
    expect(readDescription({ ...container, State: state }).health).toEqual({
      status: "unhealthy",
      log: [{ exitCode: 1, output: "refused", endedAtMs: Date.parse("2026-11-20T23:16:54.5Z") }],
    });
    const starting = { ...container.State, Health: { Status: "starting", Log: null } };
    expect(readDescription({ ...container, State: starting }).health).toEqual({ status: "starting", log: [] });
  });

  test("a tmpfs that stands apart, as Podman has it", () => {
    const host = { ...container.HostConfig, Tmpfs: { "/x": "rw,nosuid", "/y": "ro" } };
    expect(readDescription({ ...container, Mounts: [], HostConfig: host }).mounts).toEqual([
      { kind: "tmpfs", source: "", target: "/x", readonly: false },
      { kind: "tmpfs", source: "", target: "/y", readonly: true },
    ]);
  });

  test("an image, a network, the processes", () => {
    expect(readImageDescription({ Id: "sha256:1", RepoTags: null, Config: null }, [{ CreatedBy: "RUN x" }])).toEqual(
      imageDescription({ history: ["RUN x"] }),
    );
    expect(readNetwork({ Id: "1", Name: "n", Driver: "bridge", Internal: true, Labels: null })).toEqual({
      id: "1",
      name: "n",
      driver: "bridge",
      internal: true,
      labels: {},
    });
    expect(readProcesses({ Titles: ["PID"], Processes: [["12"], ["x"], ["0"], []] })).toEqual([12]);
    expect(readProcesses({ Titles: ["PID"], Processes: null })).toEqual([]);
  });

  test.each([
    ["a container", () => readDescription({ ...container, State: {} })],
    ["an image", () => readImageDescription({ Id: "" }, [])],
    ["its history", () => readImageDescription({ Id: "1" }, {})],
    ["a network", () => readNetwork({ Id: "1" })],
    ["processes", () => readProcesses("none")],
  ])("%s that cannot be read", (_, reading) => {
    expect(reading).toThrow(expect.objectContaining({ code: "ENGINE_RESPONSE" }) as Error);
  });
});
