// Apart from the schemas, so that the runner in the containers carries the words without the library behind them.

/** The line before an output frame. */
export const OUTPUT_START = "---NOVABOT_OUTPUT_START---";
/** The line after an output frame. */
export const OUTPUT_END = "---NOVABOT_OUTPUT_END---";

/** The image label that says which protocol its runner keeps, and the version that echoes the nonce. */
export const PROTOCOL_LABEL = "novabot.protocol";
export const PROTOCOL_VERSION = "2";
