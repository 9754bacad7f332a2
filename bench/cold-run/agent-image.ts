import type { Engine } from "../../src/engine/engine.ts";
import { packContext } from "../../src/host/images/context.ts";
import { OUTPUT_END, OUTPUT_START } from "../../src/model/markers.ts";

export const IMAGE = "novabot-bench:latest";
/** A prompt that makes the agent wait instead of answering. */
export const WAIT_PROMPT = "wait";
export const ANSWER = "The agent was here.";

// A shell that reads its input and answers: as little as an agent can be, so that what is around it is what is measured.
const agent = [
  "input=$(cat)",
  `case "$input" in *'"prompt":"${WAIT_PROMPT}"'*) exec sleep 600;; esac`,
  `printf '%s\\n' '${OUTPUT_START}' '${JSON.stringify({ status: "success", result: ANSWER })}' '${OUTPUT_END}'`,
].join("\n");

/** Builds the agent's image on `base`, which must have a shell. */
export async function buildAgentImage(engine: Engine, base: string): Promise<void> {
  const dockerfile = `FROM ${base}\nUSER 0:0\nENTRYPOINT ${JSON.stringify(["/bin/sh", "-c", agent])}\nCMD []\n`;
  const context = packContext([{ path: "Dockerfile", mode: 0o644, content: dockerfile }]);
  await engine.buildImage({ tag: IMAGE, context, buildArgs: {}, labels: {} });
}
