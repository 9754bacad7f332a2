import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerEngine } from "../../../../src/engine/docker/driver.ts";
import { BaseUnavailable, runBuild } from "../../../../src/host/images/build.ts";

test("a build whose registry does not answer is ended, and says nothing more", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-stalled-"));
  const socket = join(directory, "engine.sock");
  const hungUp = Promise.withResolvers<void>();
  const events: string[] = [];
  // An engine that waits for a registry, as far as its client can see.
  const server = createServer((request, response) => {
    request.resume();
    response.on("close", () => hungUp.resolve());
    for (const stream of ["Step 1/3 : ARG BASE_IMAGE\n", "Step 2/3 : FROM ${BASE_IMAGE}\n"])
      response.write(`${JSON.stringify({ stream })}\n`);
  });
  server.listen(socket);
  try {
    await once(server, "listening");
    const building = runBuild(
      dockerEngine({ socket }),
      { tag: "t", source: "s", buildArgs: {}, entries: [{ path: "Dockerfile", mode: 0o644, content: "FROM x\n" }] },
      {
        image: "base",
        noCache: false,
        progress: ({ phase, step }) => void events.push(step === null ? phase : `${phase} ${step}`),
        pullPatienceMs: 300,
      },
    );
    await expect(building).rejects.toThrow(BaseUnavailable);
    await hungUp.promise;
    expect(events.filter((event) => event !== "context")).toEqual(["step 1", "step 2", "done"]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true });
  }
});
