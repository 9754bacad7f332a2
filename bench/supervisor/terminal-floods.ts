import { once } from "node:events";
import { openHoused, openPlain, type Shell, type Way } from "./terminal-subject.ts";
import { openWetty } from "./terminal-wetty.ts";

// A process of its own, as other people's pages are: floods so many terminals, says so, and closes them when its input ends.

const [text = "", port = "", count = ""] = process.argv.slice(2);
const way = JSON.parse(text) as Way;

async function open(): Promise<Shell> {
  if (way.kind === "housed") return await openHoused(way.token, Number(port));
  return way.kind === "plain" ? await openPlain(Number(port)) : await openWetty(way.directory, Number(port));
}

const shells: Shell[] = [];
for (let flood = 0; flood < Number(count); flood += 1) {
  const shell = await open();
  const floods = new Promise<void>((resolve) => (shell.onOutput = () => resolve()));
  shell.type("yes 'a line of a flood, as long as many lines of a log are, and then a little longer'\n");
  await floods;
  shells.push(shell);
}
process.stdout.write("flooding\n");
process.stdin.resume();
await once(process.stdin, "end");
for (const shell of shells) shell.close();
await Promise.all(shells.map(async ({ ended }) => await ended));
process.exit();
