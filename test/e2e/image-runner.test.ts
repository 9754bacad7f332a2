import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { type AgentRun, type GroupFolders, makeGroupFolders, pry, runAgentContainer } from "../fixtures/agent-container.ts";

let engine: Engine;
let folders: GroupFolders;

beforeAll(async () => {
  engine = await findEngine(process.env);
  folders = await makeGroupFolders();
});
afterAll(async () => {
  await folders.remove();
});

const shell = (script: string): AgentRun["input"]["agent"] => ({ command: ["sh", "-c", script] });
const run = (
  prompt: string,
  agent: AgentRun["input"]["agent"],
  more: Partial<AgentRun> = {},
): ReturnType<typeof runAgentContainer> =>
  runAgentContainer(engine, { folders, ...more, input: { prompt, ...(agent === undefined ? {} : { agent }), ...more.input } });

describe("a command as agent", () => {
  test("gets the prompt on stdin, the group's facts in its environment, and answers with its stdout", async () => {
    const { frames, exit } = await run(
      "héllo 👋\n",
      shell('cat; echo "$NOVABOT_GROUP $NOVABOT_CHAT_JID $NOVABOT_IS_MAIN"; pwd; id -u'),
    );
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({
      status: "success",
      result: "héllo 👋\nfamily-chat local:alice false\n/workspace/group\n1000",
      nonce: "n0nce",
    });
    expect(exit.exitCode).toBe(0);
  });

  test("has a session that it is told again", async () => {
    const first = await run("x", shell("echo $NOVABOT_SESSION_ID"));
    expect(first.frames[0]?.newSessionId).toBe(first.frames[0]?.result);
    const sessionId = String(first.frames[0]?.newSessionId);
    const second = await run("x", undefined, {
      input: { prompt: "x", sessionId, agent: { command: ["printenv", "NOVABOT_SESSION_ID"] } },
    });
    expect(second.frames[0]).toMatchObject({ result: sessionId, newSessionId: sessionId });
  });

  test("that fails says how, with the end of its stderr, which also goes to the container's", async () => {
    const { frames, stderr, exit } = await run("x", shell("echo partial; echo it broke >&2; exit 3"));
    expect(frames[0]).toEqual({
      status: "error",
      result: null,
      error: "The agent's command exited with status 3: it broke",
      nonce: "n0nce",
      final: true,
    });
    expect(stderr).toContain("it broke");
    expect(exit.exitCode).toBe(1);
  });

  test("that is not there or may not be executed is named", async () => {
    const missing = await run("x", { command: ["no-such-agent"] });
    expect(missing.frames[0]?.error).toBe(`The agent's command "no-such-agent" was not found in the image.`);
    await writeFile(join(folders.group, "plain.txt"), "text");
    const plain = await run("x", { command: ["./plain.txt"] });
    expect(plain.frames[0]?.error).toBe(`The agent's command "./plain.txt" may not be executed.`);
  });

  test("may exit before it reads a prompt of 5 MB", async () => {
    const { frames } = await run("p".repeat(5_000_000), shell("exec echo early"));
    expect(frames[0]).toMatchObject({ status: "success", result: "early" });
  });

  test("gets a prompt of 5 MB whole", async () => {
    const { frames } = await run("é".repeat(2_500_000), { command: ["wc", "-c"] });
    expect(frames[0]?.result).toBe("5000000");
  });

  test("may leave a background child that holds the pipes: the answer comes at once", async () => {
    const started = performance.now();
    const { frames } = await run("x", shell("sleep 600 & setsid sleep 600 & echo done"));
    expect(frames[0]?.result).toBe("done");
    // Long before what it left ends; a busy machine takes its time for the container.
    expect(performance.now() - started).toBeLessThan(45_000);
  });

  test("that answers with more than 4 MiB is told to write it to a file", async () => {
    const { frames } = await run("x", shell("yes é | head -c 9000000"));
    expect(frames).toEqual([expect.objectContaining({ status: "error", error: expect.stringContaining("/workspace/group") })]);
    const { frames: largest } = await run("x", shell("head -c 4194304 /dev/zero | tr '\\0' x"));
    expect(largest[0]?.result).toHaveLength(4 * 1024 * 1024);
  });

  test("with markers in its answer stays one frame", async () => {
    const { frames } = await run("x", shell("printf '%s\\n' ---NOVABOT_OUTPUT_START--- '{}' ---NOVABOT_OUTPUT_END---"));
    expect(frames).toHaveLength(1);
    expect(frames[0]?.result).toBe("---NOVABOT_OUTPUT_START---\n{}\n---NOVABOT_OUTPUT_END---");
  });

  test("hears SIGTERM when the container is stopped, with its whole process group", async () => {
    const script = `trap 'echo heard > term.txt; exit 0' TERM; echo ready > ready.txt; sleep 600 & wait`;
    const { frames, exit } = await run("x", shell(script), {
      async onStarted(id) {
        await expect.poll(() => existsSync(join(folders.group, "ready.txt")), { timeout: 20_000 }).toBe(true);
        await engine.stop(id, 10_000);
      },
    });
    expect(await readFile(join(folders.group, "term.txt"), "utf8")).toBe("heard\n");
    expect(frames[0]).toMatchObject({ status: "error", error: "The agent was told to stop before it had answered." });
    expect(exit.exitCode).toBe(143);
  });

  test("runs as any numeric user, known to the image or not", async () => {
    const { frames } = await run("x", shell("id -u; touch ~/.probe /workspace/group/by-1001 && echo wrote"), { uid: 1001 });
    expect(frames[0]).toMatchObject({ status: "success", result: "1001\nwrote" });
  });
});

describe("the input", () => {
  test.each([
    ["not JSON", "{nonsense", /^The input is not JSON/],
    ["nothing", "", /^The input is not JSON/],
    ["no prompt", "{}", /^The input's prompt must be a text/],
    [
      "a session id that could be an option",
      '{"prompt":"","groupFolder":"a","chatJid":"b","isMain":true,"sessionId":"--x"}',
      /^The input's sessionId/,
    ],
  ])("that is %s gets an error frame", async (_name, raw, error) => {
    const { frames, exit } = await run("", undefined, { raw });
    expect(frames[0]).toMatchObject({ status: "error", result: null, error: expect.stringMatching(error) });
    expect(exit.exitCode).toBe(1);
  });

  test("of variables comes from the env file, byte for byte", async () => {
    await writeFile(join(folders.environment, "env"), "export SECRET='a'\\''b $(id) #\n\tc'\n");
    const { frames } = await run("x", shell('printf %s "$SECRET"'));
    expect(frames[0]?.result).toBe("a'b $(id) #\n\tc");
  });
});

describe("the demo agent", () => {
  test("tells what it sees, and remembers its session", async () => {
    await writeFile(join(folders.group, "notes.md"), "hi");
    const first = await run("Who are you?", "demo");
    const text = String(first.frames[0]?.result);
    expect(text).toContain("You asked: Who are you?");
    expect(text).toContain("user 1000:1000");
    expect(text).toContain("notes.md");
    expect(text).toContain("Network: no, only loopback.");
    expect(text).toContain("This is turn 1");
    const sessionId = String(first.frames[0]?.newSessionId);
    const second = await run("And now?", undefined, {
      network: "default",
      input: { prompt: "And now?", sessionId, agent: "demo" },
    });
    expect(second.frames[0]?.result).toContain("turn 2 of our session; before it you said: Who are you?");
    expect(second.frames[0]?.result).toContain("Network: yes.");
    const unknown = await run("x", undefined, { input: { prompt: "x", sessionId: "nobody", agent: "demo" } });
    expect(unknown.frames[0]).toMatchObject({ status: "error", error: "No conversation found with session ID: nobody" });
  });
});

describe("the seal", () => {
  test("holds for the agent and what it starts, and programs do not mind", async () => {
    const { frames } = await run(
      "x",
      shell(`perl -e 'print socket(my $s, 40, 1, 0) ? "open" : "closed: $!", "\\n"'
        grep Seccomp_filters /proc/self/status /proc/$PPID/status | sort -u -k2 | wc -l
        node -p 'os.networkInterfaces().lo.length > 0' && git --version >/dev/null && claude --version >/dev/null && echo well`),
    );
    expect(frames[0]?.result).toBe("closed: Address family not supported by protocol\n1\ntrue\nwell");
  });
});

describe("what only the runner may know", () => {
  test("cannot be read or written by the agent, though it is the same user", async () => {
    const { frames, stdout, stderr } = await run("x", shell(pry));
    const result = String(frames[0]?.result);
    expect(result).toContain("found /app/agent-runner/init");
    expect(result).toContain("found /app/agent-runner/ld.so");
    expect(result).not.toMatch(/^(read|wrote|listed)/m);
    expect(stdout).not.toContain("\nforged");
    expect(stderr).not.toContain("could be forged");
  });

  test("would be open through an init that can be read, which the engine's is", async () => {
    const { stdout } = await run("x", shell("echo forged > /proc/1/fd/1"), { engineInit: true });
    expect(stdout).toContain("forged\n");
  });

  test("is not told by a debugger that a signal opens", async () => {
    const script =
      "kill -USR1 $PPID; sleep 1; (echo > /dev/tcp/127.0.0.1/9229) 2>/dev/null && echo debugger > debugger.txt; true";
    const { frames } = await run("x", { command: ["bash", "-c", script] });
    expect(frames[0]?.status).toBe("success");
    expect(existsSync(join(folders.group, "debugger.txt"))).toBe(false);
  });

  test("is not in the agent's environment, arguments or open files", async () => {
    const { frames } = await run(
      "x",
      shell("env; cat /proc/self/cmdline; cat /proc/self/fd/3 2>/dev/null; ls /proc/self/fd | wc -l"),
    );
    expect(frames[0]?.status).toBe("success");
    expect(frames[0]?.result).not.toContain("n0nce");
  });
});
