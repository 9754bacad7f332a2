/** What programs that are not on every machine print, as they print it. */
export interface Trace {
  readonly title: string;
  readonly text: string;
  readonly is: {
    readonly source: string;
    readonly category: string;
    readonly severity: string;
    readonly name: string;
    readonly message: string;
  };
  /** Lines that belong to it; all of the text when left out. */
  readonly lines?: number;
}

const tab = "\t";
// Written apart: the house's check of imports reads texts, too.
const of = "from";
const nix = "./nix";

export const traces: readonly Trace[] = [
  {
    title: "a panic of Go",
    text: `panic: runtime error: index out of range [5] with length 3 [recovered]
${tab}panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Server).handle(0xc000010250, {0x4b2f40, 0xc00001c0a8})
${tab}/home/me/app/server.go:42 +0x1d
main.main()
${tab}/home/me/app/main.go:12 +0x5f

goroutine 6 [chan receive]:
main.worker(0x0)
${tab}/home/me/app/worker.go:9 +0x2c
created by main.main in goroutine 1
${tab}/home/me/app/main.go:10 +0x45
exit status 2
`,
    is: {
      source: "go",
      category: "panic",
      severity: "fatal",
      name: "panic",
      message: "runtime error: index out of range [5] with length 3",
    },
  },
  {
    title: "a nil pointer in Go",
    text: `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47f2c5]

goroutine 1 [running]:
main.main()
${tab}/tmp/x/main.go:8 +0x5
`,
    is: {
      source: "go",
      category: "panic",
      severity: "fatal",
      name: "panic",
      message: "runtime error: invalid memory address or nil pointer dereference",
    },
  },
  {
    title: "a deadlock in Go",
    text: `fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan receive]:
main.main()
${tab}/tmp/x/main.go:5 +0x36
`,
    is: {
      source: "go",
      category: "panic",
      severity: "fatal",
      name: "fatal error",
      message: "all goroutines are asleep - deadlock!",
    },
  },
  {
    title: "a dump of Go's goroutines",
    text: `SIGQUIT: quit
PC=0x46c6a1 m=0 sigcode=0

goroutine 0 [idle]:
runtime.futex(0x57f2a8, 0x80, 0x0, 0x0, 0x0, 0x0)
${tab}/usr/local/go/src/runtime/sys_linux_amd64.s:557 +0x21

goroutine 18 [sleep]:
time.Sleep(0x3b9aca00)
${tab}/usr/local/go/src/runtime/time.go:195 +0x125
rax    0xca
rip    0x46c6a1
`,
    is: { source: "go", category: "panic", severity: "fatal", name: "SIGQUIT", message: "quit" },
  },
  {
    title: "a data race in Go",
    text: `WARNING: DATA RACE
Write at 0x00c00001c0b8 by goroutine 7:
  main.main.func1()
      /tmp/x/main.go:9 +0x44

Previous read at 0x00c00001c0b8 by main goroutine:
  main.main()
      /tmp/x/main.go:12 +0xa4

Goroutine 7 (running) created at:
  main.main()
      /tmp/x/main.go:8 +0x9a
==================
`,
    is: { source: "go", category: "runtime", severity: "error", name: "DATA RACE", message: "Write" },
  },
  {
    title: "a panic of an older Rust",
    text: `thread 'main' panicked at 'index out of bounds: the len is 3 but the index is 99', src/main.rs:4:5
note: run with \`RUST_BACKTRACE=1\` environment variable to display a backtrace
`,
    is: {
      source: "rust",
      category: "panic",
      severity: "fatal",
      name: "panic",
      message: "index out of bounds: the len is 3 but the index is 99",
    },
  },
  {
    title: "a panic of a newer Rust",
    text: `thread 'tokio-runtime-worker' (31337) panicked at src/net.rs:14:22:
called \`Option::unwrap()\` on a \`None\` value
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::option::unwrap_failed
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs:2182:5
   2: app::net::connect
             at ./src/net.rs:14:22
note: Some details are omitted, run with \`RUST_BACKTRACE=full\` for a verbose backtrace.
`,
    is: {
      source: "rust",
      category: "panic",
      severity: "error",
      name: "panic",
      message: "called `Option::unwrap()` on a `None` value",
    },
  },
  {
    title: "Java with causes",
    text: `Exception in thread "main" java.lang.IllegalStateException: order 4711 is closed
${tab}at com.example.Orders.close(Orders.java:42)
${tab}at com.example.Main.main(Main.java:9)
Caused by: java.io.IOException: disk full
${tab}at com.example.Disk.write(Disk.java:7)
${tab}at com.example.Orders.close(Orders.java:40)
${tab}... 1 more
${tab}Suppressed: java.lang.IllegalArgumentException: again
${tab}${tab}at com.example.Disk.close(Disk.java:20)
${tab}${tab}... 12 more
`,
    is: {
      source: "java",
      category: "runtime",
      severity: "fatal",
      name: "java.lang.IllegalStateException",
      message: "order 4711 is closed",
    },
  },
  {
    title: "a Java log with its exception",
    text: `2026-01-02 10:11:12.345 ERROR 1 --- [nio-8080-exec-1] c.e.web.OrderController   : Request failed
java.net.ConnectException: Connection refused
${tab}at java.base/sun.nio.ch.Net.pollConnect(Native Method) ~[na:na]
${tab}at com.example.Client.call(Client.kt:33) ~[app.jar:na]
`,
    is: {
      source: "java",
      category: "network",
      severity: "error",
      name: "java.net.ConnectException",
      message: "Connection refused",
    },
  },
  {
    title: "a Kotlin coroutine",
    text: `Exception in thread "DefaultDispatcher-worker-1" kotlin.KotlinNullPointerException: nothing here
${tab}at com.example.MainKt$main$1.invokeSuspend(Main.kt:12)
${tab}at kotlin.coroutines.jvm.internal.BaseContinuationImpl.resumeWith(ContinuationImpl.kt:33)
`,
    is: {
      source: "java",
      category: "type",
      severity: "error",
      name: "kotlin.KotlinNullPointerException",
      message: "nothing here",
    },
  },
  {
    title: "Bun",
    text: `1 | const order = undefined;
2 | console.log(order.id);
                      ^
TypeError: undefined is not an object (evaluating 'order.id')
      at /workspace/app/main.ts:2:19
      at loadAndEvaluateModule (2:1)

Bun v1.4.5 (Linux x64)
`,
    is: {
      source: "bun",
      category: "type",
      severity: "fatal",
      name: "TypeError",
      message: "undefined is not an object (evaluating 'order.id')",
    },
    lines: 5,
  },
  {
    title: "Vite's development server",
    text: `8:52:19 AM [vite] Internal server error: Failed to resolve import "${nix}" from "src/main.ts". Does the file exist?
  Plugin: vite:import-analysis
  File: /workspace/app/src/main.ts:1:17
  1  |  import {x} ${of} "./nix"; x()
     |                   ^
  2  |  
      at TransformPluginContext._formatLog (file:///workspace/app/node_modules/vite/dist/node/chunks/node.js:8865:39)
      at async loadAndTransform (file:///workspace/app/node_modules/vite/dist/node/chunks/node.js:20112:26)
`,
    is: {
      source: "vite",
      category: "import",
      severity: "error",
      name: "",
      message: `Failed to resolve import "${nix}" from "src/main.ts". Does the file exist?`,
    },
  },
  {
    title: "Vite's build",
    text: `error during build:
Build failed with 1 error:

\u001b[31m[UNRESOLVED_IMPORT] \u001b[0mCould not resolve './nix' in m.js
   \u001b[38;5;246m╭\u001b[0m\u001b[38;5;246m─\u001b[0m\u001b[38;5;246m[\u001b[0m m.js:1:17 \u001b[38;5;246m]\u001b[0m
   \u001b[38;5;246m│\u001b[0m

    at aggregateBindingErrorsIntoJsError (file:///workspace/app/node_modules/rolldown/dist/shared/error-CLo6EJKG.mjs:50:18)
    at async buildEnvironment (file:///workspace/app/node_modules/vite/dist/node/chunks/node.js:34787:66) {
  errors: [Getter/Setter]
}
`,
    is: {
      source: "vite",
      category: "import",
      severity: "error",
      name: "UNRESOLVED_IMPORT",
      message: "Could not resolve './nix' in m.js",
    },
  },
  {
    title: "a Node library's own kind of error with a cause",
    text: `HttpFailure: POST /orders answered 502
    at Client.send (/workspace/app/dist/client.js:10:11)
    at async Orders.place (/workspace/app/dist/orders.js:4:3) {
  [cause]: Error: connect ECONNREFUSED 10.1.2.3:443
      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1634:16) {
    errno: -111,
    code: 'ECONNREFUSED'
  }
}
`,
    is: { source: "node", category: "network", severity: "error", name: "HttpFailure", message: "POST /orders answered 502" },
  },
  {
    title: "Python's log with a traceback",
    text: `2026-01-02 10:11:12,345 - app.jobs - ERROR - job 17 failed
Traceback (most recent call last):
  File "/workspace/app/jobs.py", line 12, in run
    handler(job)
  File "/workspace/app/jobs.py", line 30, in handler
    raise PermissionError(13, "Permission denied")
PermissionError: [Errno 13] Permission denied
`,
    is: {
      source: "python",
      category: "permission",
      severity: "error",
      name: "PermissionError",
      message: "[Errno 13] Permission denied",
    },
  },
  {
    title: "pino, as pino-pretty shows it",
    text: `[10:11:12.345] ERROR (17): request failed
    err: {
      "type": "TypeError",
      "message": "Cannot read properties of null (reading 'id')",
      "stack":
          TypeError: Cannot read properties of null (reading 'id')
              at handler (/workspace/app/dist/http.js:3:9)
    }
`,
    is: {
      source: "node",
      category: "type",
      severity: "error",
      name: "TypeError",
      message: "Cannot read properties of null (reading 'id')",
    },
  },
];

/** One line each. */
export const plainErrors: readonly (readonly [line: string, name: string, message: string, category: string])[] = [
  ["Error: no such user", "Error", "no such user", "runtime"],
  ['error: script "dev" exited with code 1', "", 'script "dev" exited with code 1', "other"],
  ["2026-01-02T10:11:12.345Z ERROR could not connect", "", "could not connect", "other"],
  ["[ERROR] broken pipe", "", "broken pipe", "other"],
  [
    'time="2026-01-02T10:11:12Z" level=error msg="dial failed" error="dial tcp 10.0.0.1:5432: connect: connection refused"',
    "",
    "dial failed: dial tcp 10.0.0.1:5432: connect: connection refused",
    "network",
  ],
  [
    '2026-01-02 10:11:12.345 UTC [71] FATAL:  password authentication failed for user "app"',
    "",
    'password authentication failed for user "app"',
    "database",
  ],
  [
    '2026/01/02 10:11:12 [error] 31#31: *1 open() "/srv/x" failed (2: No such file or directory)',
    "",
    '31#31: *1 open() "/srv/x" failed (2: No such file or directory)',
    "other",
  ],
  [
    "E0102 10:11:12.345678       1 reflector.go:150] Failed to list pods: unexpected error",
    "",
    "Failed to list pods: unexpected error",
    "other",
  ],
  ["2026-01-02T10:11:12.345Z\tERROR\tapp/main.go:12\tcannot bind", "", "app/main.go:12\tcannot bind", "other"],
  ["10:11AM ERR cannot bind", "", "cannot bind", "other"],
  ["ERROR:root:something went wrong", "", "something went wrong", "other"],
  ["npm error code ELIFECYCLE", "", "code ELIFECYCLE", "build"],
  ["main.c:3:5: error: expected ';' before 'return'", "", "expected ';' before 'return'", "build"],
  [
    "web_1  | Error: listen EADDRINUSE: address already in use :::3000",
    "Error",
    "listen EADDRINUSE: address already in use :::3000",
    "network",
  ],
  ["Uncaught ReferenceError: x is not defined", "ReferenceError", "x is not defined", "runtime"],
];

/** None of these is an error, whatever word is in it. */
export const harmless: readonly string[] = [
  "warn: retrying after Error: timeout",
  "WARN  [db] last attempt failed with ConnectionError: refused; trying again",
  "(node:12) DeprecationWarning: Error: is a bad name",
  "(node:12) Warning: careful with Error: things",
  "Found 0 errors. Watching for file changes.",
  "0 errors, 3 warnings",
  "info: error handling is on",
  "INFO 3 errors were ignored",
  "GET /error 200 3 ms",
  "error: null",
  "Error handling middleware installed",
  "no panic, all is well",
  "compiled without exception",
  "UserWarning: an Exception may follow",
  'level=warning msg="saw Error: timeout"',
  '{"level":30,"msg":"handled","error":null}',
  '{"level":"warn","message":"retrying after Error: timeout"}',
  '{"level":30,"msg":"no Error: here"}',
  "Use of uninitialized value $x in addition (+) at t.pl line 3.",
  "listening on line 3",
  "  at the end (/the very end) of the page",
];
