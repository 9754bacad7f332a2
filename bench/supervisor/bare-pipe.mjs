// The least that a supervisor in Node must do: start a program, read its pipe, count its lines. Reads commands of one line each, writes counts.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const [file, ...args] = JSON.parse(line);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  let lines = 0;
  child.stdout.on("data", (chunk) => {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
  });
  child.once("close", () => process.stdout.write(`${lines}\n`));
}
