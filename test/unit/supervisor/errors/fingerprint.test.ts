import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalize } from "../../../../src/supervisor/errors/fingerprint.ts";
import { watchErrors } from "../../../../src/supervisor/errors/watch-errors.ts";
import { blockOf } from "./blocks.ts";

function fingerprintOf(text: string): string {
  const watch = watchErrors({ onError: () => {} });
  watch.look(blockOf(text), 1);
  watch.close();
  const { groups } = watch.list({ limit: 10 });
  expect(groups.length).toBe(1);
  return groups[0]?.fingerprint ?? "";
}

const node = (message: string, directory: string, line: number, call = "place"): string =>
  `Error: ${message}\n    at ${call} (${directory}/dist/orders.js:${line}:9)\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n`;

const same: readonly (readonly [what: string, one: string, other: string])[] = [
  ["numbers", "Error: user 17 has 3 orders", "Error: user 18 has 40 orders"],
  [
    "ports",
    "Error: listen EADDRINUSE: address already in use :::3000",
    "Error: listen EADDRINUSE: address already in use :::8080",
  ],
  ["addresses", "Error: connect ECONNREFUSED 10.0.0.1:5432", "Error: connect ECONNREFUSED 127.0.0.1:6432"],
  ["UUIDs", "Error: no job 0b0f4cd1-9f3a-4f0e-9a52-0d3f6c7f7a11", "Error: no job 77f1a6a4-3b8e-4b39-8d52-9f6f1c9d0e22"],
  [
    "hashes",
    "Error: no commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "Error: no commit e83c5163316f89bfbde7d9ab23ca2e25604af290",
  ],
  ["ids of others' making", "Error: no charge ch_3MmlLrLkdIwHu7ix0snN0B15", "Error: no charge ch_1NirD82eZvKYlo2CIvbtLWuY"],
  ["times", "Error: expired at 2026-01-02T10:11:12.345Z", "Error: expired at 2026-11-30T01:02:03.004Z"],
  ["pointers", "Error: bad object at 0x7ffee3b0", "Error: bad object at 0x1a2b3c4d5e"],
  ["addresses of mail", "Error: no account for ann@example.org", "Error: no account for bob.b@example.com"],
  ["web addresses", "Error: GET https://a.example/x?y=1 failed", "Error: GET https://b.example/z failed"],
  [
    "paths of data",
    "Error: ENOENT: no such file or directory, open '/tmp/x1/a.json'",
    "Error: ENOENT: no such file or directory, open '/srv/b.json'",
  ],
  ["quoted values", 'Error: no user "ann" in team', 'Error: no user "bob the second" in team'],
  ["directories of frames", node("lost", "/workspace/app", 10), node("lost", "/home/me/app", 10)],
  ["lines of frames", node("lost", "/workspace/app", 10), node("lost", "/workspace/app", 99)],
  [
    "directories of modules",
    "Error: Cannot find module '/workspace/app/dist/x.js'",
    "Error: Cannot find module '/home/me/dist/x.js'",
  ],
  ["a log's time", "2026-01-02T10:11:12Z ERROR could not connect", "2026-05-06T07:08:09Z ERROR could not connect"],
  [
    "a process's number",
    "2026-01-02 10:11:12 UTC [71] FATAL:  too many connections",
    "2026-01-02 10:11:13 UTC [99] FATAL:  too many connections",
  ],
  [
    "a bundle's mark",
    "Error: x\n    at f (/app/assets/index-B7fk2Qx1.js:1:2)\n",
    "Error: x\n    at f (/app/assets/index-Dz93kLmP.js:1:2)\n",
  ],
  [
    "a thread's number",
    "thread 'main' (17) panicked at src/a.rs:1:2:\nlost\n",
    "thread 'main' (99) panicked at src/a.rs:7:8:\nlost\n",
  ],
];

const different: readonly (readonly [what: string, one: string, other: string])[] = [
  ["names", "TypeError: x is not valid", "RangeError: x is not valid"],
  ["messages", "Error: no such user", "Error: no such order"],
  ["calls", node("lost", "/a", 1, "place"), node("lost", "/a", 1, "cancel")],
  ["modules", "Error: Cannot find module 'left-pad'", "Error: Cannot find module 'right-pad'"],
  [
    "properties",
    "TypeError: Cannot read properties of undefined (reading 'id')",
    "TypeError: Cannot read properties of undefined (reading 'name')",
  ],
  ["keys", "KeyError: 'name'", "KeyError: 'email'"],
  ["codes of a compiler", "a.ts(1,2): error TS2322: No.", "a.ts(1,2): error TS2339: No."],
  ["files of a compiler", "a.ts(1,2): error TS2322: No.", "b.ts(1,2): error TS2322: No."],
  [
    "causes",
    "java.lang.RuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y\n",
    "java.lang.RuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: java.sql.SQLException: y\n",
  ],
  ["packages of a scope", "Error: Cannot find package '@acme/one'", "Error: Cannot find package '@acme/two'"],
  [
    "causes of a panic",
    "thread 'main' panicked at src/a.rs:1:2:\ncalled `Result::unwrap()` on an `Err` value: \"no such user\"\n",
    "thread 'main' panicked at src/a.rs:1:2:\ncalled `Result::unwrap()` on an `Err` value: \"the disk is full\"\n",
  ],
];

test.each(same)("%s make no other error", (_, one, other) => expect(fingerprintOf(one)).toBe(fingerprintOf(other)));
test.each(different)("other %s make another error", (_, one, other) => expect(fingerprintOf(one)).not.toBe(fingerprintOf(other)));

test("is the same on every machine and in every version", () => {
  expect(fingerprintOf(node("user 17 is lost", "/workspace/app", 10))).toBe("1f785d2a33295326");
});

describe("normalizing", () => {
  test("is done for any text, and takes numbers of any length for numbers", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.constantFrom("runtime", "import"), (text, category) => {
        const once = normalize(text, category);
        expect(once.length).toBeLessThanOrEqual(text.length * 8 + 8);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (one, other) => {
        expect(normalize(`took ${one} ms, id=${one}`, "runtime")).toBe(normalize(`took ${other} ms, id=${other}`, "runtime"));
      }),
    );
  });
});
