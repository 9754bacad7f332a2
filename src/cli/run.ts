import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import type { RunResult } from "../agents/run/report.ts";
import { PROMPT_LIMIT_BYTES } from "../agents/run/request.ts";
import { latestSession } from "../agents/run/records.ts";
import type { Home } from "../agents/home/home.ts";
import { NovaError } from "../model/errors.ts";
import type { Group } from "../model/group.ts";
import { cancelOnSignals } from "./cancel.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, jsonLine, visible } from "./output.ts";
import { withInstallation } from "./session.ts";

interface RunOptions {
  readonly group: string;
  readonly session?: string;
  readonly stream?: boolean;
  readonly json?: boolean;
}

export function addRunCommand(program: Command, context: CLIContext): void {
  program
    .command("run")
    .description("Let a group's agent answer a prompt in a container of its own.")
    .requiredOption("--group <name>", "the group: its folder, chat id or name")
    .option("--session <id>", "go on with this session; `latest` is the group's last one")
    .option("--stream", "print each answer as it comes")
    .option("--json", "print the run's record as JSON (with --stream: one JSON line for each answer before it)")
    .argument("<prompt>", "the prompt, or - to read it from stdin")
    .action(async (prompt: string, options: RunOptions, command: Command) => {
      const text = prompt === "-" ? await readPrompt(context) : prompt;
      await withInstallation(command, context, async ({ home, runs }) => {
        const group = findGroup(await readGroups(home), options.group, "--group");
        const sessionId = options.session === "latest" ? await sessionToResume(home, group, context) : options.session;
        const cancelling = cancelOnSignals(context);
        try {
          const result = await runs.run({
            group,
            onWait: () => context.note(`Waiting for other runs; ${group.folder} answers one prompt at a time.`),
            prompt: text,
            signal: cancelling.signal,
            ...(sessionId === undefined ? {} : { sessionId }),
            onOutput(output) {
              if (!options.stream || output.result === null) return;
              if (options.json) context.stdout.write(jsonLine({ result: output.result }));
              else context.printAnswer(output.result);
            },
          });
          report(result, options, context);
        } finally {
          cancelling.end();
        }
      });
    });
}

function report(run: RunResult, options: RunOptions, context: CLIContext): void {
  const { record } = run;
  if (options.json) {
    const document = { ...record, result: run.result, code: run.code };
    if (options.stream) context.stdout.write(jsonLine(document));
    else context.printJSON(document);
  } else if (run.result !== null && !options.stream) {
    context.printAnswer(run.result);
  }
  if (record.suspiciousFrames) {
    context.note(`${pc.yellow("suspicious")} ${record.suspiciousFrames} frame(s) without this run's nonce were not taken.`);
  }
  if (record.logFile === null) context.note("The run's log could not be written; LOG_LEVEL=error tells why.");
  if (record.outcome !== "success") {
    context.setExitCode(1);
    context.note(`${pc.red(record.outcome)} ${visible(record.error ?? "")}`);
    if (record.logFile) context.note(`  ${pc.dim("log")}   ${record.logFile}`);
    context.note(`  ${pc.dim("code")}  ${run.code}`);
  } else if (!options.json) {
    if (run.result === null || run.result.trim() === "") context.note("The agent answered with nothing.");
    const session = record.newSessionId ? `, session ${record.newSessionId}` : "";
    context.note(pc.dim(`run ${record.id}, ${formatDuration(record.durationMs)}${session}`));
  }
}

async function sessionToResume(home: Home, group: Group, context: CLIContext): Promise<string | undefined> {
  const session = await latestSession(home, group);
  if (session === undefined) context.note(`${group.folder} has no earlier session with this agent; this run begins one.`);
  return session;
}

/** All of stdin as UTF-8, up to the prompt's limit. */
async function readPrompt(context: CLIContext): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of context.stdin) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > PROMPT_LIMIT_BYTES) break;
  }
  try {
    // One byte beyond the limit is enough for the run to refuse it.
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (thrown) {
    throw new NovaError(
      "PROMPT_INVALID",
      bytes > PROMPT_LIMIT_BYTES
        ? `The prompt on stdin is longer than ${PROMPT_LIMIT_BYTES} bytes.`
        : `The prompt on stdin is not UTF-8 (${bytes} bytes).`,
      {
        place: "stdin",
        next: `Send at most ${PROMPT_LIMIT_BYTES} bytes of UTF-8 text.`,
        cause: thrown,
      },
    );
  }
}
