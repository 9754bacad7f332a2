import { INPUT_TARGET } from "../../../../src/model/workspace.ts";
import { polite } from "../../../fixtures/stage.ts";

/** `texts INPUT` gives what was asked in it: `one+two`. */
export const texts = `texts() { local all; all=$(printf %s "$1" | grep -o 'text of [a-z0-9-]*' | sed 's/text of //' | tr '\\n' +); printf %s "\${all%+}"; }`;

/** Answers with the texts that it was asked; hangs while the group's folder has a file `hang`. */
export const echo = `${polite}
${texts}
[ -e hang ] && sleep 300
frame "$(texts "$input")"`;

/**
 * Answers, then takes follow-ups for 300 ms, each with an answer of its own, and closes: what is not there then is not taken.
 */
export const talkative = `
read -r input
nonce=\${input##*\\"nonce\\":\\"}; nonce=\${nonce%%\\"*}
raw() { printf '\\n%s\\n%s\\n%s\\n' ---NOVABOT_OUTPUT_START--- "$1" ---NOVABOT_OUTPUT_END---; }
frame() { raw "{\\"status\\":\\"success\\",\\"result\\":\\"$1\\",\\"nonce\\":\\"$nonce\\"}"; }
${texts}
frame "$(texts "$input")"
for ((round = 0; round < 15; round++)); do
  for file in ${INPUT_TARGET}/*.json; do
    [ -e "$file" ] || continue
    given=$(cat "$file"); rm "$file"; id=\${given##*\\"id\\":\\"}; id=\${id%%\\"*}
    raw "{\\"status\\":\\"success\\",\\"result\\":null,\\"accepted\\":[\\"$id\\"],\\"nonce\\":\\"$nonce\\"}"
    frame "$(texts "$given")"
  done
  sleep 0.02
done
frame ""`;
