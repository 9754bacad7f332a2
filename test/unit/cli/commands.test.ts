import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { addCommands } from "../../../src/cli/commands.ts";
import type { CLIContext } from "../../../src/cli/context.ts";

// No command reads its context before it runs.
const context = {} as CLIContext;

async function added(...argv: string[]): Promise<string[]> {
  const program = new Command("novabot");
  await addCommands(program, context, argv);
  return program.commands.map((command) => command.name());
}

const all = await added();

describe("a command line", () => {
  test.each(all)("that names %s brings that command alone", async (name) => {
    expect(await added(name)).toEqual([name]);
  });

  test.each([
    ["behind the home's option", ["--home", "run", "status", "check"], ["status"]],
    ["behind the home's option as one word", ["--home=run", "status"], ["status"]],
    ["behind a flag", ["--json", "runs"], ["runs"]],
    ["with its own help", ["check", "--help"], ["check"]],
  ])("finds the command %s", async (_, argv, names) => {
    expect(await added(...argv)).toEqual(names);
  });

  test.each([[["--help"]], [["help", "check"]], [["chekc"]], [["constructor"]], [["--home", "check"]]])(
    "that names none brings all: %j",
    async (argv) => {
      expect(await added(...argv)).toEqual(all);
    },
  );

  test("that asks for the version brings none", async () => {
    expect(await added("--version")).toEqual([]);
    expect(await added("-V")).toEqual([]);
  });
});
