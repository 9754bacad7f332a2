/** What the images are made of, pinned here so that one commit always gives the same image. */
export const CLAUDE_CODE_VERSION = "2.1.329";
/** The npm of a base image that is not from a registry; Node itself is the packaged one that also runs NovaBot. */
export const NPM_VERSION = "11.19.1";
export const DEFAULT_BASE_IMAGE = "docker.io/library/node:24-bookworm-slim";

/** What a worker's image is built on where it can be pulled. */
export const DEFAULT_WORKER_BASE_IMAGE = "docker.io/cloudflare/sandbox:0.4.14";
/** The Nodes that a worker's application can have, by their line; the supervisor's own is the first. */
export const WORKER_NODE_VERSIONS = { 24: "24.21.0", 22: "22.23.3" } as const;
export const BUN_VERSION = "1.4.5";
export const TYPESCRIPT_VERSION = "7.0.2";
/** The same as this package's dependency, with which the supervisor is tested. */
export const NODE_PTY_VERSION = "1.1.0";

/** Debian's packages in every image, beside what Node and npm bring. The registry form of `images/base` names the same. */
export const BASE_PACKAGES: readonly string[] = ["bash", "ca-certificates", "git", "procps", "tini"];
/** What the packaged Node needs of a bare Debian. */
export const NODE_PACKAGES: readonly string[] = ["libstdc++6", "libatomic1"];

export const BASE_TAG = "novabot-base:latest";
export const AGENT_TAG = "novabot-agent:latest";
export const WORKER_TAG = "novabot-worker:latest";
/** A worker with the supervisor alone, made in seconds. */
export const SMALL_WORKER_TAG = "novabot-worker-small:latest";

/** The label that holds the hash of everything an image was made from. */
export const SOURCE_LABEL = "novabot.source";
/** The label `host` of an agent image that has the host's certificates in it. */
export const CERTIFICATES_LABEL = "novabot.certificates";
/** The label of a worker's image that says which line of Node its application gets. */
export const NODE_LABEL = "novabot.node";
