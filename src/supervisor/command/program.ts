import { Command, CommanderError } from "commander";
import { errorCodes, NovaError } from "../../model/errors.ts";
import type { Context } from "./context.ts";
import { addErrorCommands } from "./errors.ts";
import { addLogCommands } from "./logs.ts";
import { OutputClosed } from "./output.ts";
import { addProcessCommands } from "./process.ts";
import { asNovaError, errorDocument, errorText, json } from "./text.ts";

/** Runs one command line and gives its exit status: 0, 1 when what was asked for failed, 2 when the usage or the set-up was wrong. */
export async function runCommandLine(
  argv: readonly string[],
  createContext: (setExitStatus: Context["setExitStatus"]) => Context,
): Promise<number> {
  let status: 0 | 1 | 2 = 0;
  const context = createContext((set) => (status = set));
  // Help goes the way of everything else, so that its reader may leave.
  let help = "";
  const program = new Command("cli-tools")
    .description("Start and watch the processes of this container, and read their logs and errors.")
    .enablePositionalOptions()
    .addHelpText("after", "\nExit status: 0 done, 1 what was asked for failed, 2 it was asked wrongly or nobody answers.")
    .configureOutput({ writeOut: (text) => (help += text), writeErr: (text) => (help += text), outputError: () => undefined })
    .exitOverride();
  addProcessCommands(program, context);
  addErrorCommands(program, context);
  addLogCommands(program, context);
  inherit(program, program);
  try {
    try {
      await program.parseAsync([...argv], { from: "user" });
    } catch (thrown) {
      if (!(thrown instanceof CommanderError)) throw thrown;
      // A command that needs another word has said so with its help.
      if (thrown.exitCode !== 0 && thrown.code !== "commander.help") throw usageError(thrown);
      status = thrown.exitCode === 0 ? 0 : 2;
    }
    await context.output.write(help);
    return status;
  } catch (thrown) {
    return await tell(thrown, argv, context);
  }
}

async function tell(thrown: unknown, argv: readonly string[], { output }: Context): Promise<number> {
  if (thrown instanceof OutputClosed) return 0;
  const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  if (own.some((word, at) => word === "--format=json" || (word === "json" && own[at - 1] === "--format")))
    await output.write(json(errorDocument(thrown))).catch(() => undefined);
  output.note(errorText(thrown));
  return errorCodes[asNovaError(thrown).code].exit;
}

function usageError(thrown: CommanderError): NovaError {
  return new NovaError("USAGE", thrown.message.replace(/^error: /, "").replace(/\.?$/, "."), {
    place: "the command line",
    next: "See `cli-tools --help`, or `cli-tools COMMAND --help`.",
    cause: thrown,
  });
}

/** Commander hands these on only to commands that are made afterwards. */
function inherit(command: Command, from: Command): void {
  for (const child of command.commands) {
    child.exitOverride().configureOutput(from.configureOutput());
    inherit(child, from);
  }
}
