import type { Logger } from "pino";
import type { ErrorCode } from "../../model/errors.ts";
import { agentKind, type ContainerMode } from "../../model/group.ts";
import type { ContainerInput } from "../../model/protocol.ts";
import type { RunRecord } from "../../model/run.ts";
import type { Traffic } from "../gateway/door.ts";
import type { Home } from "../home/home.ts";
import { redactor } from "../protocol/redact.ts";
import { firstText } from "../protocol/utf8.ts";
import type { Conversation } from "./conversation.ts";
import { renderLog } from "./log.ts";
import { writeLog } from "./log-file.ts";
import type { RunPlan } from "./plan.ts";
import type { RunRequest } from "./request.ts";
import { writeRecord } from "./records.ts";
import { settle } from "./settle.ts";

export interface RunResult {
  readonly record: RunRecord;
  /** The last answer, whole. */
  readonly result: string | null;
  /** The error's code when the run did not succeed. */
  readonly code: ErrorCode | null;
  /** Ids of the follow-ups that the agent took. */
  readonly accepted: readonly string[];
  /** The guard said that the agent was not needed. */
  readonly skipped: boolean;
}

/** A run that is over, before anything is written of it. */
export interface EndedRun {
  readonly id: string;
  readonly plan: RunPlan;
  readonly input: ContainerInput;
  readonly conversation: Conversation;
  readonly container: string;
  readonly engine: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** From before the container was made or taken to the run's end. */
  readonly durationMs: number;
  readonly mode: ContainerMode;
  readonly request: Pick<RunRequest, "messages" | "task" | "ownSession">;
  readonly firstAnswerMs: number | null;
  /** Null when the container had no door. */
  readonly traffic: Traffic | null;
  /** Ids of the follow-ups that the agent took. */
  readonly accepted: readonly string[];
}

/** What of a very long result or error stands in the run's record; the caller gets all of it. */
const recordedBytes = 64 * 1024;
/** What of stderr stands in the structured log of a run that failed. */
const toldBytes = 500;

/**
 * Settles a run, writes its log and its record with secrets blotted out, and tells the structured log. A log or record that
 * cannot be written changes nothing of the outcome.
 */
export async function reportRun(
  home: Home,
  run: EndedRun,
  options: { readonly verbose: boolean; readonly logger: Logger },
): Promise<RunResult> {
  const { plan, input, conversation } = run;
  const { logger } = options;
  const redact = redactor(secretsOf(run));
  const { told } = conversation;
  const settled = settle(conversation, {
    limits: plan.limits,
    timeoutMs: plan.timeoutMs,
    keepsProtocol: input.nonce !== undefined,
  });
  const error = settled.error === null ? null : redact(settled.error);
  const startedAt = new Date(run.startedAtMs).toISOString();
  const text = renderLog({ ...run, startedAt, outcome: settled.outcome, error, verbose: options.verbose, redact });
  const logFile = await writeLog(home, plan.group, startedAt, text).catch((thrown: unknown) => {
    logger.error({ err: thrown }, "The run's log could not be written");
    return null;
  });
  const record: RunRecord = {
    id: run.id,
    group: plan.group.folder,
    jid: plan.group.jid,
    engine: run.engine,
    image: plan.image,
    agent: agentKind(plan.agent),
    container: run.container,
    startedAt,
    durationMs: run.durationMs,
    outcome: settled.outcome,
    exitCode: conversation.exitCode,
    sessionId: input.sessionId ?? null,
    newSessionId: told.newSessionId,
    result: told.result === null ? null : cut(redact(told.result)),
    error: error === null ? null : cut(error),
    promptBytes: Buffer.byteLength(input.prompt),
    frames: conversation.frames,
    suspiciousFrames: conversation.suspicious,
    brokenFrames: conversation.broken,
    stdoutBytes: conversation.stdout.totalBytes,
    stderrBytes: conversation.stderr.totalBytes,
    stdoutTruncated: conversation.stdout.truncated,
    stderrTruncated: conversation.stderr.truncated,
    mode: run.mode,
    messages: [...(run.request.messages ?? []), ...run.accepted],
    task: run.request.task ?? null,
    ownSession: run.request.ownSession ?? false,
    skipped: told.skipped,
    firstAnswerMs: run.firstAnswerMs,
    usage: run.traffic?.usage ?? null,
    denied: run.traffic?.denied ?? [],
    logFile,
  };
  await writeRecord(home, record).catch((thrown: unknown) =>
    logger.error({ err: thrown }, "The run's record could not be written"),
  );
  tell(record, redact(conversation.stderr.tail(toldBytes)), logger);
  return { record, result: told.result, code: settled.code, accepted: run.accepted, skipped: told.skipped };
}

/** What must stand in neither the log nor the record. The nonce and the tokens are over with the run, but it may have printed them. */
function secretsOf({ plan, input }: EndedRun): Map<string, string> {
  const secrets = new Map([...plan.variables, ...plan.secrets]);
  for (const [name, value] of Object.entries(input.variables ?? {})) secrets.set(`token in ${name}`, value);
  if (input.nonce !== undefined) secrets.set("NONCE", input.nonce);
  return secrets;
}

function tell(record: RunRecord, stderr: string, logger: Logger): void {
  const { outcome, exitCode: code, durationMs: duration, logFile, error, suspiciousFrames } = record;
  if (record.stdoutTruncated) logger.warn("Container stdout truncated due to size limit");
  if (record.stderrTruncated) logger.warn("Container stderr truncated due to size limit");
  if (suspiciousFrames) logger.warn({ suspiciousFrames }, "Frames without this run's nonce were not taken");
  if (outcome === "success") logger.info({ outcome, code, duration, logFile }, "Container agent answered");
  else logger.error({ outcome, code, duration, logFile, error, stderr }, "Container agent did not answer");
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length > recordedBytes ? `${firstText(bytes, recordedBytes)}…` : text;
}
