import { expect, test } from "vitest";
import { dockerCreateRequest } from "../../../../src/engine/docker/request.ts";
import { checkMountable, podmanCreateRequest, waitRequest } from "../../../../src/engine/podman/request.ts";
import { readWaitedCode } from "../../../../src/engine/podman/response.ts";
import { fullSpec, servingSpec } from "../../../fixtures/engines/spec.ts";

test("the create request differs from Docker's in removal, limits and, rootless, the user namespace", () => {
  const docker = dockerCreateRequest(fullSpec);
  const rootful = {
    ...docker,
    Labels: { ...docker.Labels, "novabot.podman.remove": "true" },
    HostConfig: {
      ...docker.HostConfig,
      AutoRemove: false,
      Ulimits: [
        { Name: "nofile", Soft: 16_384, Hard: 16_384 },
        { Name: "nproc", Soft: 16_384, Hard: 16_384 },
      ],
    },
  };
  expect(podmanCreateRequest(fullSpec, { rootless: false })).toEqual(rootful);
  expect(podmanCreateRequest({ ...fullSpec, autoRemove: false }, { rootless: false }).Labels).toEqual(fullSpec.labels);
  expect(podmanCreateRequest(fullSpec, { rootless: true }).HostConfig).toMatchObject({
    UsernsMode: "keep-id:uid=1000,gid=1001",
    Ulimits: [{ Name: "nofile" }, { Name: "nproc", Soft: 4096, Hard: 4096 }],
  });
});

test("what a container publishes, and that it comes back, is as Docker has it", () => {
  const { ExposedPorts, HostConfig } = podmanCreateRequest(servingSpec, { rootless: true });
  const docker = dockerCreateRequest(servingSpec);
  expect(ExposedPorts).toEqual(docker.ExposedPorts);
  expect(HostConfig).toMatchObject({
    PortBindings: docker.HostConfig.PortBindings,
    RestartPolicy: docker.HostConfig.RestartPolicy,
  });
});

test("the wait request", () => {
  expect(waitRequest("/containers/abc")).toEqual({
    path: "/v4.0.0/libpod/containers/abc/wait",
    query: { condition: ["stopped", "exited"], interval: "100ms" },
  });
});

test.each(["/a,b", '/a"b', "/a\nb", "/a,readonly=false"])("a path that could set options is refused: %j", (path) => {
  expect(() => checkMountable({ source: path, target: "/t", readonly: true })).toThrow(
    expect.objectContaining({ code: "MOUNT_REFUSED", place: "/t" }) as Error,
  );
  expect(() => checkMountable({ source: "/s", target: path, readonly: true })).toThrow(/cannot be mounted/);
});

test("paths that it can carry", () => {
  for (const path of ["/a b", "/a:b", "/ä'$x", "/a=b"])
    expect(() => checkMountable({ source: path, target: path, readonly: false })).not.toThrow();
});

test("exit codes", () => {
  expect(readWaitedCode(0)).toBe(0);
  expect(readWaitedCode(137)).toBe(137);
  expect(readWaitedCode(-1)).toBeUndefined();
  for (const value of ["0", null, undefined, 1.5, 256, -2, {}, Number.NaN])
    expect(() => readWaitedCode(value)).toThrow(/no exit code/);
});
