import { existsSync, readdirSync } from "node:fs";
import type { AgentProcess } from "./agent-process.ts";
import { Lines } from "./bytes.ts";
import { ClaudeStream } from "./claude-stream.ts";
import { FollowUps } from "./follow-ups.ts";
import type { Turn } from "./turn.ts";

// A tool's result comes back on one line, with whole files in it.
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;

/** The verbs of the in-container command as tools. They are few, so the model has them without searching for them first. */
const mailTools = {
  mcpServers: { novabot: { type: "stdio", command: "/usr/local/bin/novabot", args: ["mcp"], alwaysLoad: true } },
};

/** The Claude Code command line of one run. Prompts go in on stdin: they may be larger than an argument can be. */
export function claudeArguments(sessionId: string | undefined, directories: readonly string[]): string[] {
  return [
    "claude",
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--permission-mode",
    "bypassPermissions",
    "--mcp-config",
    JSON.stringify(mailTools),
    ...(sessionId === undefined ? [] : ["--resume", sessionId]),
    // The option takes every word up to the next option, so it comes last.
    ...(directories.length === 0 ? [] : ["--add-dir", ...directories]),
  ];
}

/** A message as Claude Code reads it on stdin. */
export function userMessage(text: string): string {
  return `${JSON.stringify({ type: "user", message: { role: "user", content: [{ type: "text", text }] } })}\n`;
}

/** Directories beside the group's own whose CLAUDE.md and files belong to the agent: those that something is mounted on. */
export function extraDirectories(root = "/workspace"): string[] {
  const entries = (path: string): string[] => {
    try {
      return existsSync(path) ? readdirSync(path).map((name) => `${path}/${name}`) : [];
    } catch {
      return [];
    }
  };
  const extra = entries(`${root}/extra`).sort();
  return [...(entries(`${root}/global`).length > 0 ? [`${root}/global`] : []), ...extra];
}

/** Claude Code as agent. A follow-up is given to it between two turns: in the middle of one it would not come into the session's file. */
export const claudeTurn: Turn = async (input, world) => {
  const log = (text: string): void => world.log(text);
  const followUps = new FollowUps(log);
  let open = input.followUps === true;
  const onTurn = (): void => {
    if (!open) return;
    // After an error there is nobody to go on with: what waits stays where it is, and its host takes it back.
    const followUp = stream.endedWell ? followUps.take() : undefined;
    const answer = followUp === undefined ? undefined : stream.next();
    if (followUp === undefined || answer === undefined) {
      open = false;
      agent.end();
      return;
    }
    world.send(answer);
    world.send({ status: "success", result: null, accepted: [followUp.id] });
    agent.write(userMessage(followUp.text));
  };
  const interim = (result: string): void => world.send({ status: "success", result });
  const stream = new ClaudeStream({ interim, log, onTurn });
  const lines = new Lines(LINE_LIMIT_BYTES, (line) => stream.line(line));
  const agent: AgentProcess = world.start({
    argv: claudeArguments(input.sessionId, extraDirectories()),
    cwd: world.cwd,
    env: { ...world.env, CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD: "1" },
    prompt: userMessage(input.prompt),
    keepsInput: open,
    onStdout: (chunk) => lines.add(chunk),
    onStderr: (chunk) => world.log(chunk),
  });
  const exit = await agent.exited;
  lines.end();
  return stream.output(exit);
};
