import { randomUUID } from "node:crypto";
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { failed, type Turn } from "./turn.ts";
import { GLOBAL_TARGET, GROUP_TARGET, PROJECT_TARGET, SESSION_TARGET } from "../../model/workspace.ts";

type Access = "writable" | "read-only" | "closed to me";

/** What the demo agent found when it looked around its container. */
export interface Surroundings {
  readonly uid: number;
  readonly gid: number;
  /** Names in the group's folder; undefined when it cannot be read. */
  readonly files: readonly string[] | undefined;
  readonly groupWritable: boolean;
  /** Undefined when nothing is mounted there. */
  readonly global: Access | undefined;
  /** The parts of the installation that may be written; undefined when none of it is here. */
  readonly project: readonly string[] | undefined;
  /** Another group's folder was found. */
  readonly otherGroups: readonly string[];
  readonly network: boolean;
  readonly processes: number;
}

function names(path: string): string[] | undefined {
  try {
    return readdirSync(path).sort();
  } catch {
    return undefined;
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Mount points of this process, from the kernel's own table. */
export function parseMounts(table: string): Set<string> {
  return new Set(
    table
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((target) => target !== ""),
  );
}

function lookAround(group: string): Surroundings {
  const mounts = parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  const accessTo = (path: string): Access | undefined => {
    if (!mounts.has(path)) return undefined;
    if (!may(path, constants.R_OK | constants.X_OK)) return "closed to me";
    return may(path, constants.W_OK) ? "writable" : "read-only";
  };
  const files = names(GROUP_TARGET);
  return {
    uid: process.getuid?.() ?? -1,
    gid: process.getgid?.() ?? -1,
    files: files?.filter((name) => name !== "logs"),
    groupWritable: may(GROUP_TARGET, constants.W_OK),
    global: accessTo(GLOBAL_TARGET),
    project: mounts.has(PROJECT_TARGET) ? parts().filter((part) => may(join(PROJECT_TARGET, part), constants.W_OK)) : undefined,
    otherGroups: (names(`${PROJECT_TARGET}/groups`) ?? []).filter((name) => name !== group && name !== "global"),
    network: Object.values(networkInterfaces()).some((addresses) => addresses?.some((address) => !address.internal)),
    processes: (names("/proc") ?? []).filter((name) => /^\d+$/.test(name)).length,
  };
}

/** What of the installation is here: each group's folder, and whatever else lies beside them. */
function parts(): string[] {
  const groups = (names(`${PROJECT_TARGET}/groups`) ?? []).map((name) => `groups/${name}`);
  return [...groups, ...(names(PROJECT_TARGET) ?? []).filter((name) => name !== "groups")];
}

function few(list: readonly string[]): string {
  return list.length > 5 ? `${list.slice(0, 5).join(", ")} and ${list.length - 5} more` : list.join(", ");
}

/** What people wrote in a prompt that is made of chat messages; any other prompt as it is. */
function spoken(prompt: string): string {
  if (!prompt.startsWith("<messages>")) return prompt;
  const texts = [...prompt.matchAll(/<message [^>]*>([^<]*)<\/message>/g)].map(([, text = ""]) => text);
  return texts.join(" / ").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** The demo agent's answer: what it was asked, and what it found. Every line says something that was looked up. */
export function demoAnswer(prompt: string, group: string, turn: number, last: string | undefined, seen: Surroundings): string {
  const asked = prompt.trim().replace(/\s+/g, " ");
  const shown = asked.length > 200 ? `${asked.slice(0, 200)}…` : asked;
  const files = seen.files === undefined ? "its files I cannot read" : seen.files.length === 0 ? "no files yet" : few(seen.files);
  const lines = [
    `You asked: ${shown}`,
    `I am the demo agent of the group ${group}, user ${seen.uid}:${seen.gid}, one of ${seen.processes} processes in a container of its own.`,
    `My folder /workspace/group (${seen.groupWritable ? "I may write" : "I may not write"}): ${files}.`,
    seen.global === undefined ? "No shared memory at /workspace/global." : `Shared memory at /workspace/global: ${seen.global}.`,
    seen.project === undefined
      ? "The installation itself is not here: no /workspace/project, no other group's folder."
      : `The installation's parts are at /workspace/project; I may write ${few(seen.project) || "none of them"}. Other groups in it: ${few(seen.otherGroups) || "none that I can see"}.`,
    `Network: ${seen.network ? "yes" : "no, only loopback"}.`,
    last === undefined
      ? `This is turn ${turn} of our session.`
      : `This is turn ${turn} of our session; before it you said: ${last}`,
  ];
  return lines.join("\n");
}

interface Memory {
  readonly turns: number;
  readonly last: string;
}

function recall(file: string): Memory | undefined {
  try {
    const value = JSON.parse(readFileSync(file, "utf8")) as Partial<Memory> | null;
    return { turns: Number(value?.turns) || 0, last: typeof value?.last === "string" ? value.last : "" };
  } catch {
    return undefined;
  }
}

/** An agent that needs no key and no model: it tells what it can see. Its sessions lie beside Claude Code's. */
export const demoTurn: Turn = async (input, world) => {
  const directory = join(world.env["CLAUDE_CONFIG_DIR"] ?? SESSION_TARGET, "demo");
  const sessionId = input.sessionId ?? randomUUID();
  const file = join(directory, `${sessionId}.json`);
  const memory = recall(file);
  if (input.sessionId !== undefined && memory === undefined) return failed(`No conversation found with session ID: ${sessionId}`);
  const turn = (memory?.turns ?? 0) + 1;
  const prompt = spoken(input.prompt);
  const answer = demoAnswer(prompt, input.groupFolder, turn, memory?.last, lookAround(input.groupFolder));
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, JSON.stringify({ turns: turn, last: prompt.trim().replace(/\s+/g, " ").slice(0, 100) }));
  return { status: "success", result: answer, newSessionId: sessionId };
};
