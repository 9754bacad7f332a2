import { randomUUID } from "node:crypto";
import { GROUP_TARGET } from "../../model/workspace.ts";
import { exitError } from "./agent-process.ts";
import { Head } from "./bytes.ts";
import { ANSWER_LIMIT_BYTES, failed, type Turn } from "./turn.ts";

/** Any program as agent: the prompt on its stdin, its stdout is the answer. A session is a name that it may keep state under. */
export function commandTurn(argv: readonly string[]): Turn {
  return async (input, world) => {
    const answer = new Head(ANSWER_LIMIT_BYTES);
    const sessionId = input.sessionId ?? randomUUID();
    const agent = world.start({
      argv,
      cwd: world.cwd,
      env: { ...world.env, NOVABOT_SESSION_ID: sessionId },
      prompt: input.prompt,
      onStdout: (chunk) => answer.add(chunk),
      onStderr: (chunk) => world.log(chunk),
    });
    const error = exitError("The agent's command", await agent.exited);
    if (error !== undefined) return failed(error);
    if (answer.cut) {
      return failed(
        `The answer is longer than ${ANSWER_LIMIT_BYTES} bytes. Write what is long to a file in ${GROUP_TARGET} and answer with its name.`,
      );
    }
    return { status: "success", result: answer.text().replace(/\r?\n$/, ""), newSessionId: sessionId };
  };
}
