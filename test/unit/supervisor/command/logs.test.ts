import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { gone, openShell, readOutput, type Shell } from "./shell.ts";

/** Runs a Node script to its end as an instance. */
async function write(shell: Shell, id: string, script: string): Promise<void> {
  await shell.ok(["process", "start", "-i", id, "--restart", "never", "--", process.execPath, "-e", script]);
  await shell.ok(["process", "wait", "-i", id, "--for", "stopped"]);
}

describe("lines", () => {
  test("come back to the byte in raw form", async () => {
    const shell = await openShell();
    const script = `const b = Buffer.concat([Buffer.from("  in\\u001b[31mdented\\u001b[0m é\\n\\n\\ttab\\r\\n"), Buffer.from([255, 0, 254, 10]), Buffer.alloc(200000, "x"), Buffer.from("\\nunended")]); require("fs").writeSync(1, b)`;
    await write(shell, "bytes", script);
    const { stdout } = await shell.run(["logs", "get", "--format", "raw"]);
    const expected = Buffer.concat([
      Buffer.from("  in\u001b[31mdented\u001b[0m é\n\n\ttab\r\n"),
      Buffer.from([255, 0, 254, 10]),
      Buffer.alloc(200_000, "x"),
      Buffer.from("\nunended"),
    ]);
    expect(stdout.equals(expected)).toBe(true);
    const forPeople = await shell.ok(["logs", "get"]);
    expect(forPeople).toMatch(/^20\S+Z bytes out - {5} {2}indented é$/m);
    expect(forPeople).not.toContain("\u001b");
  });

  test("are chosen by instance, level, stream, text, time and number", async () => {
    const shell = await openShell();
    await write(shell, "a", `console.log("INFO one"); console.error("ERROR two"); console.log("WARN three")`);
    await write(shell, "b", `console.log("plain four")`);
    const raw = async (...args: string[]) =>
      (await shell.ok(["logs", "get", "--format", "raw", ...args])).split("\n").filter(Boolean).sort();
    expect(await raw()).toEqual(["ERROR two", "INFO one", "WARN three", "plain four"]);
    expect(await raw("-i", "b")).toEqual(["plain four"]);
    expect(await raw("-i", "a,b", "--levels", "error,warn")).toEqual(["ERROR two", "WARN three"]);
    expect(await raw("--streams", "stderr")).toEqual(["ERROR two"]);
    expect(await raw("--contains", "ONE")).toEqual(["INFO one"]);
    expect(await raw("--since", "1h")).toHaveLength(4);
    expect(await raw("--until", "1h")).toEqual([]);
    expect(await raw("--limit", "1")).toEqual(["plain four"]);
    expect(await shell.ok(["logs", "tail", "-n", "1", "--format", "raw"])).toBe("plain four\n");
    const all = JSON.parse(await shell.ok(["logs", "get", "--format", "json"]));
    expect(all).toMatchObject({ origin: "container", records: [{ kind: "log", instance: "a" }, {}, {}, { text: "plain four" }] });
    const after = String(all.records[2].seq);
    expect(await raw("--last-sequence", after)).toEqual(["plain four"]);
    expect(JSON.parse(await shell.ok(["logs", "list", "--format", "json"]))).toMatchObject({
      instances: [
        { instance: "a", lines: 3 },
        { instance: "b", lines: 1 },
      ],
    });
    expect(await shell.ok(["logs", "stats", "-i", "a", "--format", "raw"])).toMatch(/^a\t3\t\d+\t0\t0\t1\t1\t1\t0\t0\n$/);
    expect(await shell.ok(["logs", "clear", "-i", "a", "--format", "raw"])).toBe("3\n");
    expect(await raw()).toEqual(["plain four"]);
  });

  test("of a process that nobody has seen are not taken for none", async () => {
    const shell = await openShell();
    await write(shell, "loud", `console.log("here")`);
    await write(shell, "silent", "");
    expect(await shell.run(["logs", "get", "-i", "silent"])).toMatchObject({ code: 0, stdout: Buffer.of(), stderr: "" });
    const { code, stdout, stderr } = await shell.run(["logs", "get", "-i", "lout,loud", "--format", "raw"]);
    expect([code, stdout.toString()]).toEqual([0, "here\n"]);
    expect(stderr).toContain('No process "lout" has been seen; known: loud, silent.');
  });

  test("as JSON command no terminal", async () => {
    const shell = await openShell();
    await write(shell, "a", `console.log("from the right: \\u202eabc")`);
    const text = await shell.ok(["logs", "get", "--format", "json"]);
    expect(text).toContain('"from the right: \\u202eabc"');
    expect(JSON.parse(text)).toMatchObject({ records: [{ text: "from the right: \u202eabc" }] });
  });

  test("that do not fit into one answer all come when they are asked for by number", async () => {
    const shell = await openShell();
    await write(shell, "many", `for (let i = 0; i < 30000; i++) console.log(String(i).padEnd(200, "é"))`);
    const all = await shell.ok(["logs", "get", "--last-sequence", "0", "--limit", "100000", "--format", "raw"]);
    expect(all.split("\n").map((line) => Number.parseInt(line))).toEqual([
      ...Array.from({ length: 30_000 }, (_, i) => i),
      Number.NaN,
    ]);
    const newest = await shell.run(["logs", "get", "--limit", "100000", "--format", "raw"]);
    expect(newest.stdout.toString()).toMatch(/^29999é+\n$/m);
    expect(newest.stderr).toContain("the oldest are left out");
  });
});

describe("whoever follows", () => {
  const counter = `let i = 0; setInterval(() => console.log("line " + i++), 20)`;

  test("gets each line once, also over the end of the supervisor", async () => {
    const shell = await openShell();
    await shell.ok([
      "process",
      "start",
      "-i",
      "n",
      "--wait",
      "--",
      process.execPath,
      "-e",
      `const b = Date.now(); ${counter.replace('"line "', "b + ' '")}`,
    ]);
    const follower = shell.open(["logs", "get", "-f", "--format", "json"]);
    const reading = readOutput(follower);
    await reading.until((text) => text.includes(' 5"'));
    const first = await shell.info();
    process.kill(first.pid, "SIGKILL");
    await gone(first.pid);
    await shell.ok(["process", "start", "-i", "other", "--", "sleep", "1000"]);
    const second = await shell.info();
    await reading.until(
      (text) => text.slice(Math.max(0, text.indexOf(second.bootID))).includes(' 9"') && text.includes(second.bootID),
    );
    follower.kill();
    const records = reading
      .text()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { bootID: string; seq: number; text: string; kind: string })
      .filter(({ kind }) => kind === "log");
    expect(new Set(records.map(({ bootID, seq }) => `${bootID}/${seq}`)).size).toBe(records.length);
    const texts = records.map(({ text }) => text.split(" "));
    for (const begun of new Set(texts.map(([at]) => at))) {
      const numbers = texts.filter(([at]) => at === begun).map(([, number]) => Number(number));
      expect(numbers).toEqual(numbers.map((_, index) => index));
    }
    expect(new Set(records.map(({ bootID }) => bootID))).toEqual(new Set([first.bootID, second.bootID]));
  });

  test("may leave: the end of the reader is the quiet end of the command", async () => {
    const shell = await openShell();
    await shell.ok(["process", "start", "-i", "n", "--wait", "--", process.execPath, "-e", counter]);
    const follower = shell.open(["logs", "tail", "-f"]);
    let stderr = "";
    follower.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const reading = readOutput(follower);
    await reading.until((text) => text.includes("line 3"));
    follower.stdout?.destroy();
    expect([await once(follower, "close"), stderr]).toEqual([[0, null], ""]);
  });
});
