import type { Environment } from "../state.ts";

/** What of the environment decides which engine, programs and settings a home is served with. Nothing that is secret. */
const passed = [
  "PATH",
  "HOME",
  "TZ",
  "DOCKER_HOST",
  "CONTAINER_HOST",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_STATE_HOME",
  "SOPS_AGE_KEY_FILE",
  "LOG_LEVEL",
];

export interface UnitOptions {
  /** Absolute. */
  readonly home: string;
  /** The command line that starts `novabot`, without its arguments. */
  readonly command: readonly string[];
  readonly env: Environment;
  /** Of the whole machine, not of one user. */
  readonly isSystem: boolean;
}

/** The unit that keeps `novabot up` of one home going. Pure. */
export function unitText({ home, command, env, isSystem }: UnitOptions): string {
  const names = [...passed, ...Object.keys(env).filter((name) => /^NOVABOT_(?!TOKEN)[A-Z_]+$/.test(name))];
  const set = names.flatMap((name) => {
    const value = env[name];
    return name === "NOVABOT_HOME" || value === undefined || value === "" ? [] : [`Environment=${quoted(`${name}=${value}`)}`];
  });
  return [
    "[Unit]",
    `Description=NovaBot of ${home.replaceAll("%", "%%")}`,
    "Documentation=man:systemd.service(5)",
    ...(isSystem ? ["Wants=network-online.target", "After=network-online.target docker.service podman.socket"] : []),
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${[...command, "--home", home, "up"].map((word) => quoted(word).replaceAll("$", "$$$$")).join(" ")}`,
    ...set,
    // Its lines in the journal bear this name; otherwise Node's.
    "SyslogIdentifier=novabot",
    "Restart=on-failure",
    "RestartSec=5",
    // The process alone is told to end: what it started ends with it in order.
    "KillMode=mixed",
    "TimeoutStopSec=90",
    "UMask=0077",
    "",
    "[Install]",
    `WantedBy=${isSystem ? "multi-user.target" : "default.target"}`,
    "",
  ].join("\n");
}

/** A word of a unit: systemd takes out backslashes, quotes and `%`, and of a command line `$` as well. */
function quoted(word: string): string {
  const safe = word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("\n", "\\n");
  return `"${safe}"`;
}

/** Of the home's unit: two homes of one machine have two. */
export function unitName(homeLabel: string): string {
  return `novabot-${homeLabel.slice(0, 8)}.service`;
}
