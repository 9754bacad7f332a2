import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { expect, onTestFinished, vi } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import type { QueueEvent } from "../../../../src/agents/queue/events.ts";
import { labels } from "../../../../src/engine/spec.ts";
import { Serve, type ServeOptions } from "../../../../src/host/serve/serve.ts";
import type { ContainerConfig, Group } from "../../../../src/model/group.ts";
import type { IncomingMessage, OutgoingMessage } from "../../../../src/model/message.ts";
import type { TestEngine } from "../../../fixtures/engines/engines.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { buildScriptImage } from "../../../fixtures/stage.ts";

const childScript = fileURLToPath(new URL("../../../fixtures/serve-child.ts", import.meta.url));

export const cold: ContainerConfig = { mode: "cold", memory: "64m", network: "none" };

/** What all parts share: the engine under test and its images, from when `open` has resolved, and homes served on it. */
export class LiveStand {
  readonly name: "Docker" | "Podman";
  under!: TestEngine;
  /** Runs one script and ends. */
  image!: string;
  /** Takes follow-ups. */
  able!: string;
  /** Takes follow-ups, and can be kept. */
  everything!: string;

  constructor(name: "Docker" | "Podman") {
    this.name = name;
  }

  async open(start: () => Promise<TestEngine>): Promise<void> {
    this.under = await start();
    this.image = await buildScriptImage(this.under.engine, this.under.image, "2");
    this.able = await buildScriptImage(this.under.engine, this.under.image, "2", { abilities: ["follow-ups"] });
    this.everything = await buildScriptImage(this.under.engine, this.under.image, "2", {
      abilities: ["follow-ups", "persistent"],
    });
  }

  async close(): Promise<void> {
    await this.under?.dispose();
  }

  async makeHome(script: string, folders: readonly string[] = ["family"], config = cold): Promise<Home> {
    const home = await temporaryHome();
    onTestFinished(async () => {
      for (const container of await this.under.engine.list({ [labels.home]: home.label }))
        await this.under.engine.remove(container.id);
    });
    for (const folder of folders) {
      await mkdir(join(home.groups, folder), { recursive: true });
      await writeFile(join(home.groups, folder, "agent.sh"), script);
    }
    await changeGroups(home, () =>
      folders.map((folder): Group => ({ jid: `${folder}@g.us`, name: folder, folder, isMain: false, containerConfig: config })),
    );
    return home;
  }

  async startChild(home: Home, step = "", env: Readonly<Record<string, string>> = {}): Promise<Child> {
    const args = [childScript, home.root, this.name.toLowerCase(), this.under.socket, step];
    const child = spawn(process.execPath, args, {
      env: { ...this.#settings(home, env), PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(async () => void (await end(child, "SIGKILL")));
    const words = new Set<string>();
    createInterface({ input: child.stdout }).on("line", (line) => words.add(line));
    const said = async (word: string): Promise<void> =>
      await vi.waitFor(() => expect([...words]).toContain(word), { timeout: 30_000, interval: 10 });
    await said("serving");
    return { process: child, said };
  }

  async serveHere(home: Home, options: Partial<ServeOptions> = {}, env: Readonly<Record<string, string>> = {}): Promise<Here> {
    const events: QueueEvent[] = [];
    const serve = await Serve.open({
      home,
      engine: this.under.connect(),
      env: this.#settings(home, env),
      logger: pino({ level: "silent" }),
      runBackoff: () => 50,
      sendBackoff: () => 50,
      onEvent: (event) => void events.push(event),
      ...options,
    });
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) await serve.close();
      isOpen = false;
    };
    onTestFinished(close);
    return { serve, events, close };
  }

  #settings(home: Home, rest: Readonly<Record<string, string>>): Record<string, string> {
    return {
      HOME: join(home.root, ".."),
      TZ: "UTC",
      NOVABOT_AGENT_IMAGE: this.image,
      ...rest,
    };
  }
}

/** Serves the home once more, until nothing is left to do, and gives what its chat has got by then. */
export async function serveToTheEnd(stand: LiveStand, home: Home, folder = "family"): Promise<readonly OutgoingMessage[]> {
  const { serve, close } = await stand.serveHere(home, { sweepEveryMs: 100 }, { NOVABOT_MAX_WARM: "0" });
  await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 90_000, interval: 20 });
  const messages = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message);
  await close();
  expect(await stand.under.engine.list({ [labels.home]: home.label })).toEqual([]);
  return messages;
}

export const answers = (messages: readonly OutgoingMessage[]): string[] =>
  messages.filter(({ kind }) => kind === "answer").map(({ text }) => text);

interface Child {
  readonly process: ChildProcess;
  /** Resolves when the process has said this word. */
  said(word: string): Promise<void>;
}

interface Here {
  readonly serve: Serve;
  readonly events: readonly QueueEvent[];
  close(): Promise<void>;
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  return child.exitCode;
}

export function message(folder: string, id: string): IncomingMessage {
  return {
    chatJid: `${folder}@g.us`,
    sender: "Ada",
    text: `text of ${id}`,
    id: id.startsWith(folder) ? id : `${folder}-${id}`,
    timestamp: new Date().toISOString(),
  };
}
