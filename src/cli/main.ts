#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { escapeInvisible, NovaError, errorCodes } from "../model/errors.ts";
import { addCommands } from "./commands.ts";
import type { CLIContext } from "./context.ts";
import { describeError, errorDocument, jsonLine, visible } from "./output.ts";
import { version } from "../host/version.ts";

/** Runs one command line and gives its exit status: 0, 1 when a run failed, 2 when the usage or the set-up was wrong, or that of a program in a worker. */
async function main(argv: readonly string[], outputClosed: AbortSignal): Promise<number> {
  let status = 0;
  let prints: "lines" | "a document" = argv.includes("--stream") ? "lines" : "a document";
  const context: CLIContext = {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: process.stderr.isTTY,
    outputClosed,
    print: (line) => void process.stdout.write(`${line}\n`),
    printAnswer: (text) => void process.stdout.write(`${process.stdout.isTTY ? visible(text) : text}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
    printJSON: (value) => void process.stdout.write(`${escapeInvisible(JSON.stringify(value, null, 2))}\n`),
    setExitCode: (code) => {
      status = code;
    },
  };
  const program = new Command("novabot")
    .description("Runs AI agents in containers that see only what their chat group may see.")
    .version(version())
    .option("--home <path>", "the directory that holds this installation's state (NOVABOT_HOME, else ~/novabot)")
    // Errors are told in one form, below.
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  await addCommands(program, context, argv);
  overrideExit(program);
  // Scripts that follow what goes on read one document a line, an error too.
  program.hook("preAction", (_, action) => {
    const follows = action.parent === program && (action.opts<{ follow?: boolean }>().follow === true || action.name() === "top");
    if (["serve", "chat", "up"].includes(action.name()) || follows) prints = "lines";
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return status;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    // The help, in the place of a command that was not named, says all there is to say.
    if (thrown instanceof CommanderError && thrown.code === "commander.help") return 2;
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    if (argv.includes("--json")) {
      if (prints === "lines") process.stdout.write(jsonLine(errorDocument(error)));
      else context.printJSON(errorDocument(error));
    }
    for (const line of describeError(error)) context.note(line);
    if (!(error instanceof NovaError) && process.env["LOG_LEVEL"] === "debug") console.error(error);
    return error instanceof NovaError ? errorCodes[error.code].exit : 2;
  }
}

function usageError(thrown: CommanderError): NovaError {
  return new NovaError("USAGE", thrown.message.replace(/^error: /, "").replace(/\.?$/, "."), {
    place: "the command line",
    next: "See `novabot --help`, or `novabot COMMAND --help`.",
    cause: thrown,
  });
}

/** Commander sets this on the commands that `command()` makes only after it was set on their parent; ours may be nested. */
function overrideExit(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const child of command.commands) overrideExit(child);
}

/** Aborts when nobody reads stdout any more (`novabot run … | head -1`): no error of ours, and nothing to go on for. */
const output = new AbortController();
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE" && !output.signal.aborted) {
    process.stderr.write(`novabot: stdout cannot be written: ${error.message}\n`);
    process.exitCode = 2;
  }
  output.abort();
});
// What goes to stderr stands beside the answer; without a reader it is lost, and the work goes on.
process.stderr.on("error", () => undefined);

const exitStatus = await main(process.argv.slice(2), output.signal);
process.exitCode ||= exitStatus;
