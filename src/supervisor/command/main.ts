import { createContext } from "./context.ts";
import { createOutput } from "./output.ts";
import { runCommandLine } from "./program.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), (setExitStatus) =>
  createContext({
    env: process.env,
    directory: process.cwd(),
    output: createOutput(process.stdout, process.stderr),
    setExitStatus,
  }),
);
