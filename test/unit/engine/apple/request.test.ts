import { describe, expect, test } from "vitest";
import * as request from "../../../../src/engine/apple/request.ts";
import { fullSpec, servingSpec } from "../../../fixtures/engines/spec.ts";

describe("Apple Container's argument lists, to the letter", () => {
  test("create", () => {
    expect(request.createArguments(fullSpec)).toEqual([
      "create",
      "--name",
      "novabot-main-1",
      "--interactive",
      "--rm",
      "--user",
      "1000:1001",
      "--workdir",
      "/workspace/group",
      "--env",
      "A=1",
      "--env",
      "B=two words",
      "--label",
      "novabot.home=abc",
      "--label",
      "novabot.kind=agent",
      "--cpus",
      "2",
      "--memory",
      "512M",
      "--ulimit",
      "nproc=128:128",
      "--cap-drop",
      "ALL",
      "--init",
      "--network",
      "none",
      "-v",
      "/home/u/groups/main:/workspace/group",
      "--mount",
      "type=bind,source=/home/u/data/env,target=/workspace/env-dir,readonly",
      "--entrypoint",
      "/usr/local/bin/node",
      "novabot-agent:latest",
      "runner.js",
      "--flag",
      "a b",
    ]);
  });

  test("create with little", () => {
    const { command: _command, entrypoint: _entrypoint, ...rest } = fullSpec;
    const limits = { memoryBytes: 100_000_000, memorySwapBytes: 100_000_000, cpus: 0.2, pids: 8 };
    const spec = {
      ...rest,
      limits,
      env: {},
      labels: {},
      mounts: [],
      network: "default" as const,
      stdin: false,
      autoRemove: false,
    };
    expect(request.createArguments(spec)).toEqual([
      "create",
      "--name",
      "novabot-main-1",
      "--user",
      "1000:1001",
      "--workdir",
      "/workspace/group",
      "--cpus",
      "1",
      "--memory",
      "96M",
      "--ulimit",
      "nproc=8:8",
      "--cap-drop",
      "ALL",
      "--init",
      "novabot-agent:latest",
    ]);
  });

  test("ports go to loopback alone", () => {
    const argv = request.createArguments(servingSpec);
    expect(argv.filter((_, index) => argv[index - 1] === "--publish")).toEqual([
      "127.0.0.1:40001:8080/tcp",
      "127.0.0.1:40002:3000/tcp",
    ]);
  });

  test("the others", () => {
    expect(request.startArguments("a", { attach: true })).toEqual(["start", "--attach", "--interactive", "a"]);
    expect(request.startArguments("a", { attach: false })).toEqual(["start", "a"]);
    expect(request.stopArguments("a", 15_000)).toEqual(["stop", "--time", "15", "a"]);
    expect(request.stopArguments("a", 1)).toEqual(["stop", "--time", "1", "a"]);
    expect(request.killArguments("a", "SIGKILL")).toEqual(["kill", "--signal", "SIGKILL", "a"]);
    expect(request.deleteArguments("a")).toEqual(["delete", "--force", "a"]);
    expect(request.inspectArguments("a")).toEqual(["inspect", "a"]);
    expect(request.listArguments()).toEqual(["ls", "-a", "--format", "json"]);
    expect(request.execArguments("a", ["sh", "-c", "x"])).toEqual(["exec", "a", "sh", "-c", "x"]);
    expect(request.execArguments("a", ["id"], "0:0")).toEqual(["exec", "--user", "0:0", "a", "id"]);
    expect(request.imageInspectArguments("novabot-agent:latest")).toEqual(["image", "inspect", "novabot-agent:latest"]);
    expect(request.imageDeleteArguments("x:1")).toEqual(["image", "delete", "x:1"]);
    expect(request.statusArguments()).toEqual(["system", "status"]);
    expect(request.versionArguments()).toEqual(["--version"]);
  });

  test("build", () => {
    const build = { tag: "x:1", buildArgs: { A: "b c" }, labels: { l: "m" }, target: "agent", noCache: true };
    expect(request.buildArguments(build, "/tmp/d")).toEqual([
      "build",
      "--progress",
      "plain",
      "--tag",
      "x:1",
      "--build-arg",
      "A=b c",
      "--label",
      "l=m",
      "--target",
      "agent",
      "--no-cache",
      "--file",
      "/tmp/d/Dockerfile",
      "/tmp/d",
    ]);
    expect(request.buildArguments({ tag: "x:1", buildArgs: {}, labels: {} }, "/d")).toEqual([
      "build",
      "--progress",
      "plain",
      "--tag",
      "x:1",
      "--file",
      "/d/Dockerfile",
      "/d",
    ]);
  });

  test.each(["/a,b", "/a:b", '/a"b', "/a\nb"])("a path that its options cannot carry is refused: %j", (path) => {
    for (const readonly of [true, false]) {
      const mounts = [{ source: path, target: "/t", readonly }];
      expect(() => request.createArguments({ ...fullSpec, mounts })).toThrow(
        expect.objectContaining({ code: "MOUNT_REFUSED" }) as Error,
      );
    }
    expect(() => request.createArguments({ ...fullSpec, mounts: [{ source: "/s", target: path, readonly: true }] })).toThrow(
      /cannot be mounted/,
    );
  });

  test("nothing that begins with a dash becomes a name", () => {
    for (const id of ["--all", "-a", "", "a b", "a/b"]) expect(() => request.deleteArguments(id)).toThrow(/container's name/);
    for (const image of ["--x", "", "a b"]) expect(() => request.createArguments({ ...fullSpec, image })).toThrow(/image's name/);
    expect(() => request.killArguments("a", "-9")).toThrow(/no signal/);
  });
});
