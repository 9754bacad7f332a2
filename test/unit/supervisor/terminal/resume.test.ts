import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { TerminalsOptions } from "../../../../src/supervisor/terminal/open-terminals.ts";
import { TerminalBed, type View } from "./bed.ts";
import { stateOf } from "./screens.ts";

let bed: TerminalBed;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "novabot-terminals-"));
  writeFileSync(
    join(directory, "text"),
    Array.from({ length: 300 }, (_, line) => `line ${line} ${"ü─漢".repeat(line % 9)}\n`).join(""),
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => await bed.close());

const open = async (options: Partial<TerminalsOptions> = {}): Promise<void> => void (bed = await TerminalBed.open(options));
const running = async (command: string): Promise<void> => void (bed = await TerminalBed.running(command));

/** Comes back to where the view was cut off, with its screen. */
function back(view: View): View {
  return bed.view(`?session=${view.attached?.session}&offset=${view.offset}`, { screen: view.screen });
}

/** Resolves when both have taken in the same. */
async function level(one: View, other: View): Promise<void> {
  await expect.poll(() => one.offset === other.offset && one.text.length > 0, { timeout: 10_000, interval: 10 }).toBe(true);
}

test("whoever comes back with the last offset gets what was missed", async () => {
  await open();
  const view = bed.view();
  await view.says("$ ");
  view.type("(read x; echo missed-$x) &\n");
  view.type("sleep 0.2; echo m$((1+1))\n");
  view.socket.terminate();
  const again = back(view);
  await again.says("m2");
  expect(again.attached).toMatchObject({ how: "continued", offset: view.offset });
  await again.until(() => again.owner);
});

test(
  "a connection that is cut at any byte, and comes back, ends with the screen and the bytes of one that stayed",
  { timeout: 120_000 },
  async () => {
    await running("stty -echo; read go; seq 1 120000; printf '\\033[31mred\\033[0m END'; read end");
    const whole = bed.view();
    await whole.until(() => whole.attached !== null);
    const query = `?session=${whole.attached?.session}`;
    let view = bed.view(`${query}&offset=0`);
    let text = "";
    whole.type("\n");
    let cuts = 0;
    for (let random = 1; !text.endsWith("END"); cuts += 1) {
      random = (random * 48_271) % 2_147_483_647;
      const stop = 1 + (random % 9000);
      // The socket is cut by bytes of the stream and not by messages, as a network does it.
      await once(view.socket, "open");
      const raw = (view.socket as unknown as { _socket: Socket })._socket;
      const start = raw.bytesRead;
      raw.on("data", () => {
        if (raw.bytesRead - start >= stop) raw.destroy();
      });
      const cut = view;
      const before = text;
      await cut.until(() => cut.isClosed || (before + cut.text).endsWith("END"));
      text += cut.text;
      if (cut.isClosed) view = back(cut);
    }
    await whole.says("END");
    expect(cuts).toBeGreaterThan(3);
    expect(text).toBe(whole.text);
    expect(stateOf(view.screen)).toEqual(stateOf(whole.screen));
  },
);

const programs: readonly (readonly [name: string, command: string, keys: readonly string[], shows: string])[] = [
  ["less", "less -R FILE", ["", " ", "jjj", "/line 99\n"], "line 9"],
  ["vi", "vi -u NONE -N FILE", ["", "10G", ":set nu\r", "ihello\x1b"], "line"],
  ["top", "top", ["", "1"], "PID"],
];

for (const [name, command, keys, shows] of programs) {
  test(`the screen of ${name} comes back cell by cell, however old the offset is`, async () => {
    await running(`exec ${command.replace("FILE", join(directory, "text"))}`);
    const stayed = bed.view("?columns=80&rows=24");
    await stayed.says(shows);
    for (const key of keys) {
      if (key !== "") {
        const before = stayed.offset;
        stayed.type(key);
        await stayed.until(() => stayed.offset > before);
      }
      // Nothing comes back from another one's offset, so it is drawn from what the worker keeps.
      const view = bed.view(`?session=${stayed.attached?.session}`);
      await view.until(() => view.frames.some(({ kind }) => kind === "snapshot"));
      expect(view.attached?.how).toBe("redrawn");
      // A program that draws by itself goes on meanwhile: both are looked at in the same moment.
      const same = (): boolean =>
        view.offset === stayed.offset && JSON.stringify(stateOf(view.screen)) === JSON.stringify(stateOf(stayed.screen));
      await expect.poll(same, { timeout: 20_000, interval: 10 }).toBe(true);
      view.socket.terminate();
    }
  });
}

test("after an offset that is too old comes a snapshot, and output goes on behind it", { timeout: 60_000 }, async () => {
  await running(
    "stty -echo; read go; seq 1 300000; printf '\\033[?1049h\\033[?1006h\\033[?1003h\\033[?2004halt'; read x; echo more; read y",
  );
  const stayed = bed.view();
  await stayed.until(() => stayed.attached !== null);
  stayed.type("\n");
  await stayed.says("alt");
  for (const offset of [0, 1000, 9_999_999_999]) {
    const view = bed.view(`?session=${stayed.attached?.session}&offset=${offset}`);
    await view.until(() => view.frames.some(({ kind }) => kind === "snapshot"));
    expect(view.attached?.how).toBe("redrawn");
    expect(stateOf(view.screen)).toEqual(stateOf(stayed.screen));
    view.socket.terminate();
  }
  const last = bed.view(`?session=${stayed.attached?.session}`);
  await last.until(() => last.frames.some(({ kind }) => kind === "snapshot"));
  stayed.type("\n");
  await last.says("more");
  await level(last, stayed);
  expect(stateOf(last.screen)).toEqual(stateOf(stayed.screen));
});

test("sizes that changed while a viewer was away come to it at their place in the output", async () => {
  await open();
  const stayed = bed.view("?columns=60&rows=20");
  await stayed.says("$ ");
  const gone = bed.view(`?session=${stayed.attached?.session}`);
  await gone.until(() => gone.frames.some(({ kind }) => kind === "snapshot"));
  gone.socket.terminate();
  stayed.type("printf '%070d' 1; echo one$((1+1))\n");
  await stayed.says("one2");
  stayed.send({ kind: "resize", columns: 30, rows: 10 });
  await stayed.until(() => stayed.screen.cols === 30);
  stayed.type("printf '%070d' 1; echo two$((1+1))\n");
  await stayed.says("two2");
  const again = back(gone);
  await level(again, stayed);
  expect(again.attached).toMatchObject({ how: "continued", columns: 60, rows: 20 });
  expect(stateOf(again.screen)).toEqual(stateOf(stayed.screen));
});

test(
  "a viewer that does not take its output stalls nobody, and is shown the screen when it does",
  { timeout: 60_000 },
  async () => {
    await running("stty -echo; read go; seq 1 400000; printf END; read x");
    const quick = bed.view();
    await quick.until(() => quick.attached !== null);
    const mute = bed.view(`?session=${quick.attached?.session}&offset=0`, { isMute: true });
    await mute.until(() => mute.attached !== null);
    quick.type("\n");
    await quick.says("END");
    expect(mute.offset).toBeLessThanOrEqual(131_072);
    mute.speak();
    await mute.until(() => mute.offset === quick.offset);
    expect(mute.frames.some(({ kind }) => kind === "snapshot")).toBe(true);
    expect(stateOf(mute.screen)).toEqual(stateOf(quick.screen));
  },
);

test("a program waits while nobody takes its output, and Ctrl-C is felt at once", async () => {
  await open();
  const view = bed.view("", { isMute: true });
  await view.says("$ ");
  view.type("yes\n");
  await view.until(() => view.offset > 120_000);
  view.type("\x03");
  view.speak();
  const before = view.offset;
  await view.until(() => view.text.endsWith("$ "));
  expect(view.offset - before).toBeLessThan(300_000);
});

test("a plain viewer may look at a session, too: it is drawn anew, and follows", async () => {
  await open();
  const view = bed.view();
  await view.says("$ ");
  view.type("echo before$((1+1))\n");
  await view.says("before2");
  const plain = bed.plain(`?session=${view.attached?.session}`);
  await plain.says("before2");
  plain.socket.send("echo after$((1+1))\n");
  await view.says("after2");
  await plain.says("after2");
  plain.socket.close();
  view.type("echo still$((1+1))\n");
  await view.says("still2");
  expect(bed.terminals.sessions).toHaveLength(1);
});
