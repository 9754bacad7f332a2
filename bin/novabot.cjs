#!/usr/bin/env node
"use strict";
// The package's command, and what a checkout's `./novabot` runs. It asks nothing of Node that an old one lacks, and hands over to the packaged one.
const fs = require("fs");
const path = require("path");
const { spawn } = require("child_process");

// A checkout runs as it is; a package has only what was built from it.
const source = path.join(__dirname, "../src/cli/main.ts");
const main = fs.existsSync(source) ? source : path.join(__dirname, "../dist/src/cli/main.js");
const least = 24;

function packagedNode() {
  try {
    return path.join(path.dirname(require.resolve(`node-linux-${process.arch}/package.json`)), "bin/node");
  } catch {
    return undefined;
  }
}

function fail(reason) {
  process.stderr.write(`novabot: ${reason}\n`);
  process.exit(2);
}

if (Number(process.versions.node.split(".")[0]) >= least) {
  // Most of a short command's time is the compiling of code. What was compiled stays beside the code: whoever can write it there can write the
  // code as well. Where this user cannot, nothing is kept.
  require("module").enableCompileCache(path.join(__dirname, "../.cache/compiled"));
  void import(main);
} else {
  const node = process.platform === "linux" ? packagedNode() : undefined;
  if (node === undefined) fail(`this is Node ${process.versions.node}, and NovaBot needs Node ${least} or newer.`);
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
