import { describe, expect, test } from "vitest";
import * as answers from "../../../../src/engine/engine-api/answers.ts";

const container = {
  Id: "abc",
  Name: "/novabot-main-1",
  Created: "2026-11-20T23:15:54.870164732Z",
  Image: "sha256:1",
  State: { Status: "exited", Running: false, OOMKilled: true, Pid: 0, ExitCode: 137 },
  Config: { Image: "novabot-agent:latest", User: "1000:1000", Labels: { a: "b" }, OpenStdin: true },
  HostConfig: { AutoRemove: true },
  Mounts: [{ Source: "/s", Destination: "/t", RW: false }],
  NetworkSettings: { Networks: { bridge: { IPAddress: "172.17.0.2" }, none: { IPAddress: "" } } },
};

describe("what the Engine API answers", () => {
  test("a container", () => {
    expect(answers.readContainer(container)).toEqual({
      id: "abc",
      name: "novabot-main-1",
      labels: { a: "b" },
      running: false,
      createdAtMs: Date.parse("2026-11-20T23:15:54.870Z"),
      exitCode: 137,
      outOfMemory: true,
      image: "novabot-agent:latest",
      user: "1000:1000",
      mounts: [{ source: "/s", target: "/t", readonly: true }],
      addresses: { bridge: "172.17.0.2" },
      pid: null,
      status: "exited",
      engineRemoves: true,
      takesInput: true,
    });
    const running = {
      ...container,
      State: { ...container.State, Status: "running", Running: true, Pid: 42, ExitCode: 0, OOMKilled: null },
    };
    expect(answers.readContainer(running)).toMatchObject({ exitCode: null, pid: 42, outOfMemory: false });
    expect(
      answers.readContainer({ ...container, Config: { ...container.Config, Labels: null }, Mounts: null, NetworkSettings: null }),
    ).toMatchObject({ labels: {}, mounts: [] });
  });

  const hostile: unknown[] = [undefined, null, "", "text", 7, [], {}, { Id: 5 }, { Id: "" }, [{ Id: {} }], { message: "no" }];
  test.each([
    [
      "readContainer",
      answers.readContainer,
      [...hostile, { ...container, State: "up" }, { ...container, State: { ...container.State, ExitCode: "0" } }],
    ],
    [
      "readContainers",
      answers.readContainers,
      [
        ...hostile.filter((value) => !Array.isArray(value) || value.length > 0),
        [{ Id: "a", State: 3, Created: 1 }],
        [{ Id: "a", State: "up", Created: 1, Labels: { x: 1 } }],
      ],
    ],
    ["readImage", answers.readImage, hostile],
    ["readWait", answers.readWait, [...hostile, { StatusCode: "0" }, { StatusCode: 1.5 }]],
    ["readExec", answers.readExec, hostile],
    ["readEvent", answers.readEvent, [...hostile, { Type: "container", Action: "die", Actor: {} }]],
  ] as const)("%s refuses what it cannot read", (_name, reader: (body: unknown) => unknown, values: readonly unknown[]) => {
    for (const value of values)
      expect(() => reader(value), JSON.stringify(value)).toThrow(expect.objectContaining({ code: "ENGINE_RESPONSE" }) as Error);
  });

  test("a list", () => {
    const [first, second] = answers.readContainers([
      { Id: "a", Names: ["/one"], Labels: null, State: "running", Created: 1_700_000_000 },
      { Id: "b", Names: null, Labels: { x: "y" }, State: "exited", Created: "2026-01-01T00:00:00Z" },
    ]);
    expect(first).toEqual({ id: "a", name: "one", labels: {}, running: true, createdAtMs: 1_700_000_000_000 });
    expect(second).toMatchObject({ name: "", running: false, createdAtMs: Date.UTC(2026, 0, 1) });
  });

  test("events in Docker's and Podman's words", () => {
    const event = (Action: string, Attributes: Record<string, unknown>): unknown => ({
      Type: "container",
      Action,
      Actor: { ID: "abc", Attributes },
    });
    expect(answers.readEvent(event("die", { exitCode: "3", "l.x": "y" }))).toEqual({
      type: "died",
      id: "abc",
      labels: { exitCode: "3", "l.x": "y" },
      exitCode: 3,
    });
    expect(answers.readEvent(event("died", { containerExitCode: 4 }))).toMatchObject({ type: "died", exitCode: 4 });
    expect(answers.readEvent(event("oom", {}))).toMatchObject({ type: "out of memory", exitCode: null });
    expect(answers.readEvent(event("remove", {}))).toMatchObject({ type: "removed" });
    expect(answers.readEvent(event("exec_create: sh", {}))).toBeUndefined();
    expect(answers.readEvent({ Type: "network", Action: "create", Actor: { ID: "n" } })).toBeUndefined();
  });

  test("Podman is known behind Docker's door, and what shifts ids is told", () => {
    const info = { NCPU: 2, MemTotal: 1000, Architecture: "x86_64", SecurityOptions: ["name=seccomp,profile=default"] };
    expect(
      answers.readDaemon({ Version: "4.3.1", Components: [{ Name: "Podman Engine", Version: "4.3.1" }] }, info).product,
    ).toBe("Podman");
    expect(answers.readDaemon({ Version: "27.0.1", Components: [{ Name: "Engine" }] }, info)).toMatchObject({
      product: "Docker",
      rootless: false,
      remapped: false,
    });
    expect(answers.readDaemon({ Version: "27.0.1" }, { SecurityOptions: ["name=rootless", "name=userns"] })).toMatchObject({
      rootless: true,
      remapped: true,
      cpus: 0,
    });
  });
});
