import { mkdir, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import pino from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { openHome, type Home } from "../../../../src/agents/home/home.ts";
import { callServe, watchServe } from "../../../../src/host/serve/control-client.ts";
import { ControlServer, type ControlRoutes } from "../../../../src/host/serve/control-server.ts";
import { controlSocket } from "../../../../src/host/serve/socket.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const routes: ControlRoutes = {
  answers: {
    "/v1/echo": async (body) => await Promise.resolve({ body }),
    "/v1/refuse": async () =>
      await Promise.reject(new NovaError("GROUP_NOT_FOUND", "None.", { place: "here", next: "Look.", facts: { a: 1 } })),
  },
  streams: {
    "/v1/count/": async ({ path, query, signal }, send) => {
      for (let at = 0; at < Number(query.get("to")); at += 1) send("number", { path, at }, String(at));
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  },
};

async function listen(home: Home): Promise<ControlServer> {
  await mkdir(home.host, { recursive: true });
  const server = new ControlServer(routes, pino({ level: "silent" }));
  await server.listen(home);
  onTestFinished(async () => await server.close());
  return server;
}

/** A home whose socket's path is much longer than a socket's path can be. */
async function deepHome(): Promise<Home> {
  const path = join(await temporaryDirectory(), "deep".repeat(30), "deeper".repeat(20));
  return await openHome(path, { create: true });
}

async function raw(
  home: Home,
  options: { method?: string; path: string; body?: string },
): Promise<{ status: number; body: string }> {
  const { path: socketPath, close } = await controlSocket(home);
  try {
    return await new Promise((resolve, reject) => {
      const asking = request({ socketPath, method: options.method ?? "POST", path: options.path }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => (body += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asking.on("error", reject);
      asking.end(options.body);
    });
  } finally {
    await close();
  }
}

describe("the control socket", () => {
  test("answers, with errors as they are, in a home however deep", async () => {
    const home = await deepHome();
    await listen(home);
    expect((await stat(join(home.host, "serve.sock"))).mode & 0o777).toBe(0o600);
    expect(await callServe(home, "/v1/echo", { a: "ü" })).toEqual({ body: { a: "ü" } });
    await expect(callServe(home, "/v1/refuse")).rejects.toMatchObject({
      code: "GROUP_NOT_FOUND",
      message: "None.",
      place: "here",
      next: "Look.",
      facts: { a: 1 },
    });
  });

  test("is taken over from a process that is gone, and nobody answers when it is closed", async () => {
    const home = await deepHome();
    await expect(callServe(home, "/v1/echo")).rejects.toMatchObject({ code: "SERVE_NOT_RUNNING" });
    await mkdir(home.host, { recursive: true });
    await writeFile(join(home.host, "serve.sock"), "");
    await expect(callServe(home, "/v1/echo")).rejects.toMatchObject({ code: "SERVE_NOT_RUNNING" });
    const server = await listen(home);
    expect(await callServe(home, "/v1/echo")).toEqual({ body: {} });
    await server.close();
    await expect(callServe(home, "/v1/echo")).rejects.toMatchObject({ code: "SERVE_NOT_RUNNING" });
  });

  test.each([
    [{ path: "/v1/nothing" }, 400, "USAGE"],
    [{ path: "/v1/__proto__" }, 400, "USAGE"],
    [{ path: "/v1/echo", method: "GET" }, 400, "USAGE"],
    [{ path: "/v1/echo", body: "{" }, 400, "MESSAGE_INVALID"],
    [{ path: "/v1/refuse" }, 404, "GROUP_NOT_FOUND"],
  ])("refuses %j", async (asked, status, code) => {
    const home = await deepHome();
    await listen(home);
    const answer = await raw(home, asked);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code } });
  });

  test("reads no endless body", async () => {
    const home = await deepHome();
    await listen(home);
    const sent = raw(home, { path: "/v1/echo", body: JSON.stringify("x".repeat(5 * 1024 * 1024)) });
    // Either the answer arrives, or the connection is cut while the rest is being written.
    await expect(
      sent.then(
        ({ status }) => status,
        () => 400,
      ),
    ).resolves.toBe(400);
    expect(await callServe(home, "/v1/echo")).toEqual({ body: {} });
  });

  test("streams events until the reader or the server ends", async () => {
    const home = await deepHome();
    const server = await listen(home);
    const seen: unknown[] = [];
    const done = new AbortController();
    for await (const { event, data } of watchServe(home, "/v1/count/x%40y?to=3", done.signal)) {
      seen.push([event, data]);
      if (seen.length === 3) done.abort();
    }
    expect(seen).toEqual([0, 1, 2].map((at) => ["number", { path: "x@y", at }]));
    const events = watchServe(home, "/v1/count/x?to=1", new AbortController().signal);
    expect((await events.next()).done).toBe(false);
    const next = events.next();
    await server.close();
    expect((await next).done).toBe(true);
  });
});
