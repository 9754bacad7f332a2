#!/usr/bin/env node
"use strict";
// The installed package's command. In old syntax, so that an old Node can read it and hand over to the packaged one.
var path = require("path");
var spawn = require("child_process").spawn;

var main = path.join(__dirname, "../dist/src/cli/main.js");
var least = 24;

function packagedNode() {
  try {
    return path.join(path.dirname(require.resolve("node-linux-" + process.arch + "/package.json")), "bin/node");
  } catch (error) {
    return undefined;
  }
}

if (Number(process.versions.node.split(".")[0]) >= least) {
  import(main);
} else {
  var node = process.platform === "linux" ? packagedNode() : undefined;
  if (node === undefined) {
    console.error("novabot: this is Node " + process.versions.node + ", and NovaBot needs Node " + least + " or newer.");
    process.exit(2);
  }
  var child = spawn(node, [main].concat(process.argv.slice(2)), { stdio: "inherit" });
  ["SIGINT", "SIGTERM", "SIGHUP"].forEach(function (name) {
    process.on(name, function () {
      child.kill(name);
    });
  });
  child.on("error", function (error) {
    console.error("novabot: " + error.message);
    process.exit(2);
  });
  child.on("exit", function (code, signal) {
    if (signal !== null) process.kill(process.pid, signal);
    else process.exit(code);
  });
}
