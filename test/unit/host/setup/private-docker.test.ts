import { expect, test } from "vitest";
import { dockerdArguments, fatalLines } from "../../../../src/host/setup/private-docker.ts";
import { descendants } from "../../../../src/host/setup/processes.ts";
import { lastLines, runProgram } from "../../../../src/host/setup/program.ts";
import { privateDockerPaths } from "../../../../src/host/state.ts";

const paths = privateDockerPaths({ NOVABOT_STATE_DIR: "/s" });

test("the daemon's command line, to the letter", () => {
  expect(dockerdArguments("/usr/sbin/dockerd", paths, false).join(" ")).toBe(
    "/usr/sbin/dockerd --host unix:///s/docker/docker.sock --data-root /s/docker/data --exec-root /s/docker/exec --pidfile /s/docker/docker.pid " +
      "--containerd-namespace novabot --containerd-plugins-namespace novabot-plugins",
  );
  expect(dockerdArguments("dockerd", paths, true).slice(0, 4)).toEqual(["unshare", "--net", "--", "dockerd"]);
});

test("of a daemon's log the reasons are shown", () => {
  const log =
    'time="t" level=info msg="Starting up"\ntime="t" level=error msg="no overlay"\nfailed to start daemon: no iptables\n';
  expect(fatalLines(log)).toBe('  time="t" level=error msg="no overlay"\n  failed to start daemon: no iptables');
  expect(fatalLines("only this\n")).toBe("  only this");
});

test("descendants are all that a process has started", () => {
  const all = [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 1],
    [5, 4],
  ].map(([pid, parent]) => ({ pid: pid ?? 0, parent: parent ?? 0, argv: [] }));
  expect(
    descendants(
      all,
      all.filter(({ pid }) => pid === 2),
    ).map(({ pid }) => pid),
  ).toEqual([3]);
  expect(
    descendants(
      all,
      all.filter(({ pid }) => pid === 1),
    ).map(({ pid }) => pid),
  ).toEqual([2, 4, 3, 5]);
});

test("a program of the host can never wait for a key, and its end is kept", async () => {
  expect(await runProgram(["sh", "-c", "cat; echo out; echo err >&2; exit 4"])).toMatchObject({
    exitCode: 4,
    stdout: "out\n",
    missing: false,
  });
  const lines: string[] = [];
  await runProgram(["printf", "a\\nb\\rc\\n"], { onLine: (line) => lines.push(line) });
  expect(lines).toEqual(["a", "b", "c"]);
  expect(await runProgram(["/no/such/program"])).toMatchObject({ exitCode: null, missing: true });
  expect(await runProgram(["sleep", "60"], { timeoutMs: 50 })).toMatchObject({ exitCode: null, missing: false });
  expect(lastLines("a\n\nb\nc\n", 2)).toBe("  b\n  c");
});
