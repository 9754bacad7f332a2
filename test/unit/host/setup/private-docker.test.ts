import { expect, test } from "vitest";
import { dockerdArguments, fatalLines } from "../../../../src/host/setup/private-docker.ts";
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
