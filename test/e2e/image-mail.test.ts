import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { messageMailSchema, taskMailSchema } from "../../src/model/mail.ts";
import type { ContainerInput, ContainerOutput } from "../../src/model/protocol.ts";
import { type GroupFolders, makeGroupFolders, type OpenContainer, openAgentContainer } from "../fixtures/agent-container.ts";

let engine: Engine;
let folders: GroupFolders;
let container: OpenContainer;

beforeAll(async () => {
  engine = await findEngine(process.env);
  folders = await makeGroupFolders();
  container = await openAgentContainer(engine, { folders, env: { NOVABOT_CONTAINER_MODE: "persistent" } });
});
afterAll(async () => {
  if (container) await engine.remove(container.id);
  await folders?.remove();
});

let runs = 0;
/** What `script` prints in the container, with its status on the last line. */
async function inside(script: string, more: Partial<ContainerInput> = {}): Promise<string> {
  runs += 1;
  const run = `r-${runs}`;
  const agent = { command: ["sh", "-c", `{ ${script}; } 2>&1; echo "status $?"`] };
  container.send({ prompt: "from stdin", run, agent, ...more });
  const frame: ContainerOutput = await container.frame((each) => each.run === run && each.final === true);
  return String(frame.result ?? frame.error);
}
const slot = (name: string): string => join(folders.ipc, name);
async function mails(name: string): Promise<unknown[]> {
  const files = (await readdir(slot(name))).sort();
  return await Promise.all(files.map(async (file) => JSON.parse(await readFile(join(slot(name), file), "utf8"))));
}
beforeEach(() => (host = undefined));
afterEach(async () => {
  await host?.stop();
  for (const name of ["messages", "tasks", "errors"])
    for (const file of await readdir(slot(name))) await rm(join(slot(name), file));
});

/** Takes every file of the slots, as the host does, until it is stopped. */
let host: { readonly taken: unknown[]; stop(): Promise<void> } | undefined;
function beHost(refuse: (mail: unknown) => string | undefined = () => undefined): NonNullable<typeof host> {
  const taken: unknown[] = [];
  let isOver = false;
  const look = async (): Promise<void> => {
    for (const name of ["messages", "tasks"]) {
      for (const file of (await readdir(slot(name))).filter((each) => !each.startsWith("."))) {
        const path = join(slot(name), file);
        const mail: unknown = JSON.parse(await readFile(path, "utf8"));
        const message = refuse(mail);
        if (message === undefined) {
          taken.push(mail);
          await rm(path);
        } else {
          const reason = { code: "MAIL_INVALID", message, next: "Do it otherwise." };
          await writeFile(join(slot("errors"), `${file}.reason.json`), JSON.stringify(reason));
          await rename(path, join(slot("errors"), file));
        }
      }
    }
  };
  const work = (async () => {
    while (!isOver) {
      await look();
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  host = {
    taken,
    stop: async () => {
      isOver = true;
      await work;
    },
  };
  return host;
}

describe("the command novabot in a container", () => {
  test("is on the path, and helps", async () => {
    expect(await inside("command -v novabot; novabot --help | head -1")).toBe(
      "/usr/local/bin/novabot\nnovabot: speak to the chat and plan work from inside a group's container\nstatus 0",
    );
  });

  test("sends and schedules, and hears that it was taken", async () => {
    const { taken } = beHost();
    expect(await inside("novabot send 'Half of it is done.' && novabot send - && novabot schedule --every 10m Look")).toBe(
      "Sent.\nSent.\nScheduled. `novabot tasks` shows it.\nstatus 0",
    );
    expect(taken).toEqual([
      { type: "message", text: "Half of it is done." },
      { type: "message", text: "from stdin" },
      { type: "schedule", prompt: "Look", schedule: { type: "interval", value: 600_000 } },
    ]);
    expect(messageMailSchema.safeParse(taken[0]).success && taskMailSchema.safeParse(taken[2]).success).toBe(true);
  });

  test("tells why it was refused, and by its status that it was", async () => {
    beHost(() => "There is no task t-9.");
    expect(await inside("novabot cancel t-9")).toBe("Refused: There is no task t-9. Do it otherwise.\nstatus 1");
    expect(JSON.parse((await inside("novabot pause t-9 --json")).split("\nstatus")[0] ?? "")).toMatchObject({
      state: "refused",
      reason: { message: "There is no task t-9." },
    });
  });

  test("says that its mail waits when nobody takes it, at once when told to", async () => {
    expect(await inside("novabot send hi; novabot send ho --no-wait")).toMatch(/^(Queued: .*\n){2}status 0$/);
    expect(await mails("messages")).toEqual([
      { type: "message", text: "hi" },
      { type: "message", text: "ho" },
    ]);
  });

  test("says what it does not understand, and what is main's alone", async () => {
    expect(await inside("novabot sned hi")).toBe('novabot: There is no verb "sned". See `novabot --help`.\nstatus 2');
    expect(await inside("novabot groups")).toMatch(
      /^novabot: Only main may see the groups; this is "family-chat"\..*\nstatus 1$/,
    );
    await writeFile(
      join(folders.ipc, "available_groups.json"),
      '{"groups":[{"jid":"1@g.us","name":"A","folder":"a","isMain":false}]}',
    );
    await writeFile(join(folders.ipc, "current_tasks.json"), '{"timezone":"UTC","tasks":[]}');
    expect(await inside("novabot groups; novabot tasks", { isMain: true })).toBe(
      "1@g.us  a  A\nNo tasks. Schedules without a time zone are in UTC.\nstatus 0",
    );
  });

  test("works as it is for programs that were told to use a proxy or to load something into Node", async () => {
    expect(await inside("NODE_OPTIONS='--require /none.js' NODE_USE_ENV_PROXY=1 novabot send hi --no-wait")).toMatch(/^Queued/);
  });
});

describe("its MCP server", () => {
  const requests = [
    {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
    },
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: 2, method: "tools/list" },
    { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "send_message", arguments: { text: "By tool." } } },
  ];
  const speak = async (isMain: boolean): Promise<Map<number, { result: Record<string, unknown> }>> => {
    const prompt = `${requests.map((request) => JSON.stringify(request)).join("\n")}\n`;
    const text = await inside("novabot mcp", { prompt, isMain });
    const lines = text.split("\n").filter((line) => line.startsWith("{"));
    return new Map(lines.map((line) => JSON.parse(line)).map((answer) => [answer.id, answer]));
  };

  test("speaks JSON-RPC on its standard streams", async () => {
    const { taken } = beHost();
    const answers = await speak(false);
    expect(answers.get(1)?.result).toMatchObject({ serverInfo: { name: "novabot" } });
    const tools = answers.get(2)?.result["tools"] as { name: string; description: string; inputSchema: unknown }[];
    expect(tools.map(({ name }) => name)).not.toContain("register_group");
    for (const { description, inputSchema } of tools) {
      expect(description.length).toBeGreaterThan(10);
      expect(inputSchema).toMatchObject({ type: "object" });
    }
    expect(answers.get(3)?.result).toEqual({ content: [{ type: "text", text: "Sent." }] });
    expect(taken).toEqual([{ type: "message", text: "By tool." }]);
  });

  test("has more for main", async () => {
    beHost();
    const tools = (await speak(true)).get(2)?.result["tools"] as { name: string }[];
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["register_group", "list_groups"]));
  });
});
