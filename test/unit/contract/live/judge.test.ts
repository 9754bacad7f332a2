import { describe, expect, test } from "vitest";
import { judgeContainer, judgeFleeting, judgeMissing } from "../../../../src/contract/live/judge.ts";
import { known, unknown, type MountEntry } from "../../../../src/contract/live/kernel-facts.ts";
import type { LiveSubject } from "../../../../src/contract/live/subject.ts";
import { kernelOf, NOW, processOf, subjectOf, thread } from "../../../fixtures/live-subject.ts";

function verdicts(subject: LiveSubject): Record<string, string> {
  return Object.fromEntries(judgeContainer(subject, NOW).checked.map(({ rule, verdict }) => [rule, verdict]));
}

function messages(subject: LiveSubject, rule: string): string[] {
  return judgeContainer(subject, NOW)
    .findings.filter((finding) => finding.rule === rule)
    .map(({ message }) => message);
}

const withProcess = (...processes: Parameters<typeof processOf>): LiveSubject =>
  subjectOf({ kernel: known(kernelOf({ processes: [processOf(), processOf({ pid: 101, ...processes[0] })] })) });

const ids = (real: number, effective = real, saved = effective, fileSystem = effective): ReturnType<typeof thread>["users"] => ({
  real,
  effective,
  saved,
  fileSystem,
});

describe("a container that keeps everything", () => {
  test("breaks nothing, and says what was measured", () => {
    const { findings, checked } = judgeContainer(subjectOf(), NOW);
    expect(findings).toEqual([]);
    expect(checked.filter(({ verdict }) => verdict === "broken" || verdict === "unknown")).toEqual([]);
    expect(checked.find(({ rule }) => rule === "user")).toMatchObject({
      verdict: "kept",
      note: "1001:1001 in 1 process, 1 thread",
    });
  });

  test("what cannot be looked at is unknown, and never kept", () => {
    const reason = "the engine runs elsewhere";
    const found = verdicts(subjectOf({ kernel: unknown(reason), listeners: unknown(reason), health: unknown(reason) }));
    for (const rule of [
      "user",
      "root-group",
      "privileged",
      "capabilities",
      "no-new-privileges",
      "sandbox-off",
      "devices",
      "host-namespaces",
      "mounts",
      "mounts-read-only",
      "engine-socket",
      "host-paths",
      "ports",
      "health",
    ])
      expect([rule, found[rule]]).toEqual([rule, "unknown"]);
    expect(found["running"]).toBe("kept");
  });

  test("nothing is said of what does not run, and all of it is unknown of what comes and goes", () => {
    const stopped = verdicts(subjectOf({ container: { running: false, status: "exited", exitCode: 3 } }));
    expect(stopped).toMatchObject({ running: "broken", user: "unknown", mounts: "unknown", health: "unknown" });
    expect(new Set(judgeFleeting("one", "why").checked.map(({ verdict }) => verdict))).toEqual(new Set(["unknown"]));
    expect(judgeMissing("one", "one", undefined, true).findings[0]?.message).toBe("There is no container of one.");
    expect(judgeMissing("one", undefined, undefined, false).findings[0]?.fix).toMatch(/^Bring or write the module/);
  });
});

describe("who the processes are", () => {
  test.each([
    ["effective", { users: ids(1001, 0) }, "user", /uid real 1001, effective 0, saved 0, file system 0/],
    ["saved alone", { users: ids(1001, 1001, 0, 1001) }, "user", /runs as user 0/],
    ["file system alone", { users: ids(1001, 1001, 1001, 0) }, "user", /runs as user 0/],
    ["another user", { users: ids(33) }, "user", /runs as user 33 .* must be 1001:1001/],
    ["another group", { groups: ids(33) }, "user", /runs as group 33/],
    ["root's group", { groups: ids(0) }, "root-group", /belongs to root's group/],
    ["root's group beside its own", { supplementary: [0] }, "root-group", /groups 0/],
  ])("%s", (_, changes, rule, message) => {
    expect(messages(withProcess({ threads: [thread(), thread({ tid: 102, ...changes })] }), rule)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  test("ids are those of the container's user namespace", () => {
    const idMaps = {
      users: [{ inside: 0, outside: 100_000, count: 65_536 }],
      groups: [{ inside: 0, outside: 100_000, count: 65_536 }],
    };
    const shifted = (uid: number): LiveSubject =>
      subjectOf({
        kernel: known(
          kernelOf({ idMaps, processes: [processOf({ threads: [thread({ users: ids(uid), groups: ids(101_001) })] })] }),
        ),
      });
    expect(messages(shifted(101_001), "user")).toEqual([]);
    expect(messages(shifted(100_000), "user")).toEqual([expect.stringContaining("runs as user 0")]);
    expect(messages(shifted(1001), "user")).toEqual([
      expect.stringContaining("user of the host that the container does not have"),
    ]);
  });

  test("without a declared user only root is ruled out", () => {
    const free = (uid: number): string[] =>
      messages(
        subjectOf({
          expected: { user: undefined },
          kernel: known(kernelOf({ processes: [processOf({ threads: [thread({ users: ids(uid) })] })] })),
        }),
        "user",
      );
    expect(free(7)).toEqual([]);
    expect(free(0)).toHaveLength(1);
  });
});

describe("what the processes may", () => {
  const capabilities = (changes: Partial<ReturnType<typeof thread>["capabilities"]>): LiveSubject =>
    withProcess({ threads: [thread({ capabilities: { ...thread().capabilities, ...changes } })] });

  test("capabilities in any set that has effect", () => {
    expect(messages(capabilities({ effective: 1n << 21n }), "capabilities")[0]).toContain("CAP_SYS_ADMIN");
    expect(messages(capabilities({ permitted: 1n }), "capabilities")[0]).toContain("CAP_CHOWN");
    expect(messages(capabilities({ ambient: 1n << 10n }), "capabilities")[0]).toContain("CAP_NET_BIND_SERVICE");
    expect(messages(capabilities({ bounding: 0xa80425fbn }), "capabilities")).toEqual([]);
    expect(messages(capabilities({ bounding: 0xa80425fbn | (1n << 12n) }), "capabilities")[0]).toContain(
      "can come to CAP_NET_ADMIN",
    );
    expect(verdicts(capabilities({ bounding: 0x1ffffffffffn }))["privileged"]).toBe("broken");
  });

  test("an agent may not even come to one", () => {
    const subject = capabilities({ bounding: 1n });
    expect(messages({ ...subject, expected: { ...subject.expected, hardened: true } }, "capabilities")[0]).toContain("CAP_CHOWN");
  });

  test("a user namespace of a process's own is told, less gravely", () => {
    const own = processOf().namespaces;
    if (!own.known) throw new Error("the fixture has namespaces");
    const subject = withProcess({
      namespaces: known({ ...own.value, user: "user:[9]" }),
      threads: [thread({ capabilities: { ...thread().capabilities, effective: 0x1ffffffffffn } })],
    });
    const found = judgeContainer(subject, NOW).findings.filter(({ rule }) => rule === "capabilities");
    expect(found).toMatchObject([
      { severity: "warning", message: expect.stringContaining("in a user namespace of its own") as string },
    ]);
  });

  test("filters, masks, new privileges, devices", () => {
    expect(messages(withProcess({ threads: [thread({ seccomp: 0 })] }), "sandbox-off")[0]).toContain("no filter is on");
    expect(verdicts(withProcess({ threads: [thread({ seccomp: null })] }))["sandbox-off"]).toBe("unknown");
    expect(messages(withProcess({ threads: [thread({ noNewPrivileges: false })] }), "no-new-privileges")).toHaveLength(1);
    expect(verdicts(withProcess({ threads: [thread({ noNewPrivileges: null })] }))["no-new-privileges"]).toBe("unknown");
    const devices = known([{ path: "/dev/sda", kind: "block" as const, major: 8, minor: 0 }]);
    expect(messages(subjectOf({ kernel: known(kernelOf({ devices })) }), "devices")[0]).toContain("/dev/sda (8:0)");
    expect(messages(subjectOf({ container: { securityOptions: ["apparmor=unconfined"] } }), "sandbox-off")[0]).toContain(
      "apparmor",
    );
  });

  test("a capability that was added is told, although engines give it by themselves as well", () => {
    const added = subjectOf({
      container: { capabilitiesAdded: ["CAP_NET_RAW"] },
      kernel: known(
        kernelOf({
          processes: [processOf({ threads: [thread({ capabilities: { ...thread().capabilities, bounding: 1n << 13n } })] })],
        }),
      ),
    });
    expect(messages(added, "capabilities")).toEqual(['The engine was told to add "CAP_NET_RAW".']);
    expect(verdicts(added)["capabilities"]).toBe("broken");
  });

  test("one process in the host's namespaces is enough", () => {
    const own = processOf().namespaces;
    if (!own.known) throw new Error("the fixture has namespaces");
    expect(messages(withProcess({ namespaces: known({ ...own.value, net: "net:[0]" }) }), "host-namespaces")).toEqual([
      expect.stringContaining('Process 101 "node" is in the host\'s net namespace'),
    ]);
    expect(verdicts(withProcess({ namespaces: unknown("not allowed") }))["host-namespaces"]).toBe("unknown");
    expect(
      messages(
        subjectOf({ container: { namespaces: { pid: "container:abc", ipc: "", uts: "", network: "", user: "", cgroup: "" } } }),
        "host-namespaces",
      ),
    ).toHaveLength(1);
  });
});

describe("mounts", () => {
  const facts = kernelOf().mounts;
  const base: readonly MountEntry[] = facts.known ? facts.value : [];
  const withMounts = (mounts: readonly MountEntry[]): LiveSubject =>
    subjectOf({ kernel: known(kernelOf({ mounts: known(mounts) })) });
  const more = (changes: Partial<MountEntry>): MountEntry => ({
    id: 99,
    parent: 10,
    target: "/x",
    device: "8:1",
    root: "/x",
    readonly: false,
    type: "ext4",
    source: "",
    ...changes,
  });

  test("missing, hidden by one above, read-only where it must be written", () => {
    expect(messages(withMounts(base.filter(({ id }) => id !== 13)), "mounts")[0]).toContain("Nothing is mounted at /app/logs");
    expect(messages(withMounts([...base, more({ target: "/app", root: "/y" })]), "mounts")[0]).toContain(
      "is hidden by what was mounted over /app",
    );
    const readonly = base.map((mount) => (mount.id === 13 ? { ...mount, readonly: true } : mount));
    expect(messages(withMounts(readonly), "mounts")).toEqual(["/app/logs is mounted read-only, and must be writable."]);
  });

  test("a socket of an engine, by itself or in a directory of any name", () => {
    const sockets = (root: string): string[] => messages(withMounts([...base, more({ device: "0:30", root })]), "engine-socket");
    expect(sockets("/docker.sock")[0]).toContain("/x is that socket");
    expect(sockets("/")[0]).toContain("/x holds it");
    expect(sockets("/other")).toEqual([]);
  });

  test("system directories of the host", () => {
    expect(messages(withMounts([...base, more({ root: "/" })]), "host-paths")).toEqual(['The host\'s / is mounted at "/x".']);
    expect(messages(withMounts([...base, more({ root: "/srv" })]), "host-paths")).toEqual([]);
  });

  test("a process with mounts of its own is held to them too", () => {
    const other = base.map((mount) => (mount.id === 14 ? { ...mount, readonly: false } : mount));
    const subject = subjectOf({ kernel: known(kernelOf({ otherMounts: [{ pid: 107, mounts: known(other) }] })) });
    expect(messages(subject, "mounts-read-only")[0]).toContain("of process 107, in a mount namespace of its own");
    const hidden = subjectOf({ kernel: known(kernelOf({ otherMounts: [{ pid: 107, mounts: unknown("not allowed") }] })) });
    expect(verdicts(hidden)["mounts"]).toBe("unknown");
  });

  test("a writable mount above is no way in when the read-only one lies over it there", () => {
    const above = [...base.filter(({ id }) => id !== 14), more({ id: 20, target: "/app", root: "/p/m" })];
    const conf = more({ id: 21, parent: 20, target: "/app/conf", root: "/p/m/conf", readonly: true });
    const logs = more({ id: 22, parent: 20, target: "/app/logs", root: "/p/m/logs" });
    expect(messages(withMounts([...above.filter(({ id }) => id !== 13), conf, logs]), "mounts-read-only")).toEqual([]);
    expect(messages(withMounts([...base, more({ root: "/p/m", target: "/else" })]), "mounts-read-only")).toEqual([
      "The directory at /app/conf is also mounted at /else, and can be written there.",
    ]);
  });

  test("writable parts in a read-only frame are no breach where they are declared, and others are", () => {
    const part = more({ id: 21, parent: 14, target: "/app/conf/part", root: "/p/m/logs" });
    const expected = subjectOf().expected;
    const declared = { target: "/app/conf/part", source: "/p/m/logs", readonly: false, at: undefined };
    const framed = (mounts: readonly MountEntry[]): LiveSubject =>
      subjectOf({
        kernel: known(kernelOf({ mounts: known(mounts) })),
        paths: { ...subjectOf().paths, targets: new Map([...subjectOf().paths.targets, ["/app/conf/part", known("1:logs")]]) },
        expected: { mounts: [...expected.mounts, declared] },
      });
    expect(messages(framed([...base, part]), "mounts-read-only")).toEqual([]);
    expect(messages(framed([...base, part]), "mounts")).toEqual([]);
    expect(messages(withMounts([...base, part]), "mounts-read-only")).toEqual([
      "/app/conf/part lies in /app/conf and is mounted rw.",
    ]);
    // Declared is the directory behind it too: what else is put there stands out.
    expect(messages(framed([...base, { ...part, root: "/p/m/else" }]), "mounts")[0]).toContain(
      '/app/conf/part is not "/p/m/logs"',
    );
    const beside = more({ id: 22, parent: 14, target: "/app/conf/other", root: "/p/m/other" });
    expect(messages(framed([...base, part, beside]), "mounts-read-only")).toEqual([
      "/app/conf/other lies in /app/conf and is mounted rw.",
    ]);
  });

  test("another directory in the declared one's place", () => {
    const paths = {
      ...subjectOf().paths,
      targets: new Map([
        ["/app/logs", known("1:other")],
        ["/app/conf", known("1:conf")],
      ]),
    };
    expect(messages(subjectOf({ paths }), "mounts")[0]).toContain('/app/logs is not "/p/m/logs"');
  });
});

describe("what answers and what is written", () => {
  const health = (changes: object): LiveSubject =>
    subjectOf({ health: known({ url: "http://u", status: 200, problem: undefined, bodyMatches: true, tookMs: 1, ...changes }) });

  test("health", () => {
    expect(messages(health({ status: null, problem: "refused" }), "health")).toEqual(["http://u does not answer: refused."]);
    expect(messages(health({ status: 503 }), "health")).toEqual(["http://u answers 503; it must be 200."]);
    expect(messages(health({ bodyMatches: false }), "health")[0]).toContain('without "pong"');
    const unhealthy = subjectOf({
      container: { health: { status: "unhealthy", log: [{ exitCode: 7, output: "", endedAtMs: 0 }] } },
    });
    expect(messages(unhealthy, "health")).toEqual(["The engine's own health check fails (exit 7)."]);
    expect(verdicts(subjectOf({ container: { health: { status: "starting", log: [] } } }))["health"]).toBe("unknown");
  });

  test("the log file", () => {
    const log = (changes: object): string | undefined => {
      const base = {
        path: "/l",
        kind: "file",
        sizeBytes: 5,
        writtenAtMs: NOW - 1000,
        grew: false,
        watchedMs: 0,
        lookedAtMs: NOW,
      };
      return verdicts(subjectOf({ log: known({ ...base, ...changes } as never) }))["log-file"];
    };
    expect(log({})).toBe("kept");
    expect(log({ grew: true, writtenAtMs: 0 })).toBe("kept");
    expect(log({ sizeBytes: 0 })).toBe("unknown");
    expect(log({ writtenAtMs: NOW - 7_200_000 })).toBe("unknown");
    expect(log({ writtenAtMs: NOW - 119_500 })).toBe("unknown");
    for (const kind of ["missing", "link", "fifo", "other"]) expect([kind, log({ kind })]).toEqual([kind, "broken"]);
  });

  test("env files", () => {
    const file = (changes: object): LiveSubject => {
      const [first] = subjectOf().envFiles;
      if (!first?.found?.known) throw new Error("the fixture has an env file");
      return subjectOf({ envFiles: [{ ...first, found: known({ ...first.found.value, ...changes }) }] });
    };
    expect(messages(file({ mode: 0o100644 }), "env-file")[0]).toContain("mode 0644");
    expect(messages(file({ uid: 5 }), "env-file")[0]).toContain("belongs to user 5");
    expect(messages(file({ kind: "link" }), "env-file")[0]).toContain("a symbolic link");
    expect(messages(file({ changedAtMs: NOW }), "env-file-fresh")[0]).toContain("was changed 2 min after");
    expect(messages(file({ missing: ["A"], differing: ["B"] }), "env-file-fresh")).toHaveLength(2);
  });

  test("ports by the engine's word and by the kernel's table", () => {
    const bound = (hostAddress: string, host = 8102): LiveSubject =>
      subjectOf({ container: { ports: [{ container: 3000, protocol: "tcp", hostAddress, host }] } });
    expect(messages(bound("127.0.0.1"), "ports")).toEqual([]);
    expect(messages(bound("0.0.0.0"), "ports").join()).toContain("is bound to 0.0.0.0");
    expect(messages(bound(""), "ports").join()).toContain("is bound to every address");
    expect(messages(bound("127.0.0.1", 9000), "ports").join()).toContain("not bound to 127.0.0.1:8102");
    const open = subjectOf({ listeners: known([{ address: "0.0.0.0", port: 8102 }]) });
    expect(messages(open, "ports")).toEqual(["Port 8102 of the host also listens on 0.0.0.0, while the engine says 127.0.0.1."]);
  });

  test("the network", () => {
    expect(messages(subjectOf({ network: known(undefined) }), "network")).toEqual(["The network shared is not there."]);
    expect(messages(subjectOf({ container: { networks: { bridge: { address: "1", aliases: [] } } } }), "network")[0]).toContain(
      "but in bridge",
    );
    const none = subjectOf({ expected: { network: "none" } });
    expect(messages(none, "network")[0]).toContain("it must have none");
  });

  test("restarts", () => {
    expect(messages(subjectOf({ container: { restarts: 4, startedAtMs: NOW - 5000 } }), "running")[0]).toContain(
      "4 times, the last time 5 s ago",
    );
    expect(messages(subjectOf({ container: { status: "restarting", restarts: 9, exitCode: 1 } }), "running")[0]).toContain(
      "again and again",
    );
    expect(messages(subjectOf({ container: { status: "paused" } }), "running")).toEqual(["The container is paused."]);
    expect(messages(subjectOf({ container: { restartPolicy: "always" } }), "restart")[0]).toContain("unless-stopped");
  });
});
