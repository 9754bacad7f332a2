import type { Command } from "commander";
import pc from "picocolors";
import { examine } from "../host/doctor/doctor.ts";
import type { Check } from "../host/doctor/check.ts";
import type { CLIContext } from "./context.ts";
import { chosenHomePath } from "./home-path.ts";

const marks: Readonly<Record<Check["status"], string>> = { ok: pc.green("ok  "), warn: pc.yellow("warn"), fail: pc.red("fail") };

export function addDoctorCommand(program: Command, context: CLIContext): void {
  program
    .command("doctor")
    .description(
      "Tell which engines answer and why the others do not, what is in order, and how to mend the rest. Changes nothing.",
    )
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const checks = await examine(chosenHomePath(command, context), context.env);
      const failed = checks.filter((check) => check.status === "fail").length;
      if (failed) context.setExitCode(2);
      if (options.json) return context.printJSON({ ok: failed === 0, checks });
      const width = Math.max(...checks.map((check) => check.name.length));
      for (const check of checks) {
        context.print(`${marks[check.status]}  ${check.name.padEnd(width)}  ${check.detail}`);
        if (check.next) context.print(`      ${" ".repeat(width)}  ${pc.dim("next:")} ${check.next}`);
      }
      context.print(failed ? `${failed} thing(s) to mend.` : "In order.");
    });
}
