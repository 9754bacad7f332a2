// Where things lie in an agent's container: the host mounts them there, the runner finds them there.

/** The group's own folder, and the agent's working directory. */
export const GROUP_TARGET = "/workspace/group";
/** Memory that all groups read; main has it in its project. */
export const GLOBAL_TARGET = "/workspace/global";
/** The parts of the home, for main alone. */
export const PROJECT_TARGET = "/workspace/project";
/** The group's mail slots. */
export const IPC_TARGET = "/workspace/ipc";
/** The directory whose file `env` is sourced before the agent starts. */
export const ENV_TARGET = "/workspace/env-dir";
/** Below it are the mounts that a group asked for. */
export const EXTRA_TARGET = "/workspace/extra";
/** The group's conversations. */
export const SESSION_TARGET = "/home/node/.claude";
/** The directory of the socket that leads out of the container: to the credential broker, and to the proxy of an `egress` network. */
export const GATEWAY_TARGET = "/workspace/gateway";
/** The socket in it. */
export const GATEWAY_SOCKET = "gateway.sock";
/** Where messages for an agent at work are put. */
export const INPUT_TARGET = "/workspace/ipc/input";
