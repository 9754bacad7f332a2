import { expect, test } from "vitest";
import {
  readBuildLine,
  readContainers,
  readImage,
  readVersion,
  saysExists,
  saysMissing,
} from "../../../../src/engine/apple/response.ts";

const container = {
  id: "novabot-main-1",
  configuration: {
    id: "novabot-main-1",
    labels: { "novabot.home": "abc" },
    image: { reference: "docker.io/library/novabot-agent:latest", descriptor: { digest: "sha256:1", size: 1, mediaType: "x" } },
    initProcess: { user: { id: { uid: 1000, gid: 1000 } }, environment: [], arguments: [] },
    mounts: [{ source: "/home/u/a", destination: "/a", options: ["ro"], type: { virtiofs: {} } }],
    creationDate: "2026-11-20T10:00:00Z",
  },
  status: {
    state: "running",
    networks: [{ network: "default", hostname: "x", ipv4Address: "192.168.64.3/24", ipv4Gateway: "192.168.64.1" }],
    startedDate: "2026-11-20T10:00:01Z",
  },
};

test("containers as version 1 prints them", () => {
  expect(readContainers(JSON.stringify([container]))).toEqual([
    {
      id: "novabot-main-1",
      name: "novabot-main-1",
      labels: { "novabot.home": "abc" },
      running: true,
      createdAtMs: Date.UTC(2026, 10, 20, 10),
      exitCode: null,
      outOfMemory: false,
      image: "docker.io/library/novabot-agent:latest",
      user: "1000:1000",
      mounts: [{ source: "/home/u/a", target: "/a", readonly: true }],
      addresses: { default: "192.168.64.3" },
      pid: null,
    },
  ]);
  expect(readContainers("[]")).toEqual([]);
  expect(readContainers(JSON.stringify([{ ...container, status: { state: "stopped" } }]))[0]).toMatchObject({
    running: false,
    addresses: {},
  });
});

test("an image, in its Linux variant", () => {
  const variants = [
    { platform: { os: "unknown", architecture: "unknown" }, size: 1, config: {} },
    {
      platform: { os: "linux", architecture: "arm64" },
      size: 5,
      config: { config: { Labels: { "novabot.protocol": "2" }, User: "node" } },
    },
  ];
  const image = {
    id: "sha256:2",
    name: "novabot-agent:latest",
    configuration: { name: "novabot-agent:latest", descriptor: { digest: "sha256:1" } },
    variants,
  };
  expect(readImage(JSON.stringify([image]))).toEqual({
    id: "sha256:1",
    tags: ["novabot-agent:latest"],
    labels: { "novabot.protocol": "2" },
    sizeBytes: 5,
    user: "node",
  });
  expect(readImage("[]")).toBeUndefined();
});

test.each(["", "nonsense", "{}", "null", '[{"status":"running"}]', "[1]", '[{"configuration":{"id":""}}]'])(
  "what cannot be read is an error: %j",
  (text) => {
    expect(() => readContainers(text)).toThrow(expect.objectContaining({ code: "ENGINE_RESPONSE" }) as Error);
    expect(() => readImage(text)).toThrow(expect.objectContaining({ code: "ENGINE_RESPONSE" }) as Error);
  },
);

test("versions, progress and errors", () => {
  expect(readVersion("container CLI version 1.2.0 (build: release, commit: 6e65319)\n")).toBe("1.2.0");
  expect(() => readVersion("zsh: command not found")).toThrow(/version cannot be read/);
  expect(readBuildLine("#7 [agent 2/5] RUN apt-get update")).toEqual({
    kind: "instruction",
    step: 2,
    steps: 5,
    text: "RUN apt-get update",
  });
  expect(readBuildLine("#5 [1/3] FROM x")).toMatchObject({ step: 1, steps: 3 });
  expect(readBuildLine("#7 0.5 Get:1 http://x [1/2]")).toMatchObject({ kind: "output", step: null, steps: null });
  expect(saysMissing('Error: notFound: "container with ID x not found"')).toBe(true);
  expect(saysExists('Error: exists: "container with id x already exists"')).toBe(true);
  expect(saysMissing("Error: internal")).toBe(false);
});
