// Apart from the schemas, so that the runner in the containers carries the words without the library behind them.

/** The line before an output frame. */
export const OUTPUT_START = "---NOVABOT_OUTPUT_START---";
/** The line after an output frame. */
export const OUTPUT_END = "---NOVABOT_OUTPUT_END---";

/** The image label that says which protocol its runner keeps, and the version that echoes the nonce. */
export const PROTOCOL_LABEL = "novabot.protocol";
export const PROTOCOL_VERSION = "2";

/**
 * The image label of an image whose entrypoint is an init process that its user may execute and not read. The engine's own
 * init could be read: through it the agent would get hold of the runner's standard output, and of the nonce in it.
 */
export const INIT_LABEL = "novabot.init";
export const INIT_OWN = "own";

/**
 * The image label that lists, with spaces between, what its runner can do beyond the protocol: `persistent` (many runs on one
 * input), `follow-ups` (reads them and says which it took), `gateway` (leads the agent to the socket).
 */
export const ABILITIES_LABEL = "novabot.abilities";
export const abilities = ["persistent", "follow-ups", "gateway"] as const;
export type Ability = (typeof abilities)[number];

/** Set in the environment of a container that is kept for many runs. */
export const MODE_VARIABLE = "NOVABOT_CONTAINER_MODE";
