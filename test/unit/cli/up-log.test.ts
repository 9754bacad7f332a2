import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rename, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { beginLogAnew, upLogSince } from "../../../src/cli/up-log.ts";
import { temporaryDirectory, temporaryHome } from "../../fixtures/home.ts";

const MOST = 50_000;
const source = new URL("../../../src/cli/up-log.ts", import.meta.url).pathname;

/** A process as `up --detach` starts one: it prints numbered lines into its bounded log, some at a time, and then does what it is told to. */
async function logged(file: string, lines: number, last: string, output = file): Promise<void> {
  const program = `
    import { boundLog } from ${JSON.stringify(source)};
    boundLog(${JSON.stringify(file)}, ${MOST}, 1);
    let line = 0;
    const print = () => {
      for (const end = line + 100; line < end; line += 1) (line % 2 ? process.stderr : process.stdout).write("line " + line + "\\n");
      if (line < ${lines}) setTimeout(print, 2);
      else ${last};
    };
    print();`;
  const log = await open(output, "a", 0o600);
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", log.fd, log.fd] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await log.close();
  await once(child, "exit");
}

const numbersIn = (text: string): number[] => [...text.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));

test.each([
  ["an exception that nobody catches", 'throw new Error("its last words")', "Error: its last words"],
  ["an end by Node itself", "process.abort()", "Native stack trace"],
])("a log stays within its bound, with one older file, and %s is found in it", async (_, last, words) => {
  const file = join(await temporaryDirectory(), "up.log");
  await logged(file, 20_000, last);
  const [now, older] = await Promise.all([readFile(file, "utf8"), readFile(`${file}.1`, "utf8")]);
  expect(now).toContain(words);
  for (const text of [now, older]) expect(text.length).toBeLessThan(2 * MOST);
  expect((await stat(`${file}.1`)).mode & 0o777).toBe(0o600);
  // Nothing between the two is missing, and nothing is there twice.
  const numbers = numbersIn(`${older}${now}`);
  expect(numbers.at(-1)).toBe(19_999);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (__, index) => 20_000 - numbers.length + index));
  expect(numbers.length).toBeGreaterThan(MOST / 12);
});

test("of a log that is larger than its bound the end is kept", async () => {
  const file = join(await temporaryDirectory(), "up.log");
  beginLogAnew(file);
  await writeFile(file, `${"a".repeat(MOST)}end`);
  beginLogAnew(file, 100);
  expect(await readFile(`${file}.1`, "utf8")).toBe(`${"a".repeat(97)}end`);
  expect(await readFile(file, "utf8")).toBe("");
  // Begun anew without a word in between, the older one stays.
  beginLogAnew(file, 100);
  expect(await readFile(`${file}.1`, "utf8")).toHaveLength(100);
});

test("what has taken the log's place is left alone, and no link is followed", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "up.log");
  const other = join(directory, "other");
  await writeFile(other, "words");
  await symlink(other, file);
  expect(() => beginLogAnew(file)).toThrow("ELOOP");
  await rename(file, `${file}.1`);
  await writeFile(file, "text");
  beginLogAnew(file);
  expect(await readFile(other, "utf8")).toBe("words");
  expect(await readFile(file, "utf8")).toBe("");
  await writeFile(file, "x".repeat(2 * MOST));
  const moved = join(directory, "moved");
  await logged(file, 20_000, "process.exit()", moved);
  expect((await stat(moved)).size).toBeGreaterThan(2 * MOST);
  expect((await stat(file)).size).toBe(2 * MOST);
});

test("the log of one in the background is written after it began", async () => {
  const home = await temporaryHome();
  expect(upLogSince(home, 0)).toBe(null);
  await mkdir(home.host, { recursive: true });
  const file = join(home.host, "up.log");
  await writeFile(file, "Up");
  await utimes(file, 1000, 1000);
  expect(upLogSince(home, 1_000_001)).toBe(null);
  expect(upLogSince(home, 999_000)).toBe(file);
});
