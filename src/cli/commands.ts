import type { Command } from "commander";
import type { CLIContext } from "./context.ts";

type AddCommand = (program: Command, context: CLIContext) => void;

/** Every command in the order of the help, by what brings its code: a command line waits for the code of its own command alone. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  demo: async () => (await import("./demo.ts")).addDemoCommand,
  setup: async () => (await import("./setup.ts")).addSetupCommand,
  doctor: async () => (await import("./doctor.ts")).addDoctorCommand,
  up: async () => (await import("./up.ts")).addUpCommand,
  down: async () => (await import("./down.ts")).addDownCommand,
  service: async () => (await import("./service.ts")).addServiceCommand,
  run: async () => (await import("./run.ts")).addRunCommand,
  serve: async () => (await import("./serve.ts")).addServeCommand,
  chat: async () => (await import("./chat.ts")).addChatCommand,
  status: async () => (await import("./status.ts")).addStatusCommand,
  cancel: async () => (await import("./cancel.ts")).addCancelCommand,
  groups: async () => (await import("./groups.ts")).addGroupsCommand,
  explain: async () => (await import("./explain.ts")).addExplainCommand,
  runs: async () => (await import("./runs.ts")).addRunsCommand,
  tasks: async () => (await import("./tasks.ts")).addTasksCommand,
  secrets: async () => (await import("./secrets.ts")).addSecretsCommand,
  check: async () => (await import("./check.ts")).addCheckCommand,
  modules: async () => (await import("./modules.ts")).addModulesCommand,
  worker: async () => (await import("./worker.ts")).addWorkerCommand,
  ps: async () => (await import("./ps.ts")).addPsCommand,
  logs: async () => (await import("./logs.ts")).addLogsCommand,
  errors: async () => (await import("./errors.ts")).addErrorsCommand,
  events: async () => (await import("./events.ts")).addEventsCommand,
  top: async () => (await import("./top.ts")).addTopCommand,
  attach: async () => (await import("./attach.ts")).addAttachCommand,
  tokens: async () => (await import("./tokens.ts")).addTokensCommand,
  image: async () => (await import("./image.ts")).addImageCommand,
  clean: async () => (await import("./clean.ts")).addCleanCommand,
  test: async () => (await import("./test.ts")).addTestCommand,
};

/** Adds to `program` the command that `argv` names, or every command where it names none: for help, and for a name that is wrong. */
export async function addCommands(program: Command, context: CLIContext, argv: readonly string[]): Promise<void> {
  const [first] = argv;
  if (argv.length === 1 && (first === "--version" || first === "-V")) return;
  const name = operandOf(argv);
  const own = name === undefined || !Object.hasOwn(commands, name) ? undefined : commands[name];
  for (const bring of own === undefined ? Object.values(commands) : [own]) (await bring())(program, context);
}

/** The first word that is no option of the program, nor the value of its one option that takes a value. */
function operandOf(argv: readonly string[]): string | undefined {
  return argv.find((word, index) => !word.startsWith("-") && argv[index - 1] !== "--home");
}
