import { closeSync, constants, lstatSync, openSync, readdirSync } from "node:fs";
import { hasCode, messageOf } from "../../../model/errors.ts";
import { known, unknown, type DeviceNode, type Known } from "../../../contract/live/kernel-facts.ts";

/** Character devices that every container has: memory's small ones and terminals. */
const usual = new Set(["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2"]);
/** Ends of pseudo terminals; whoever has one got it from its own `devpts`. */
const isTerminalEnd = (major: number): boolean => major >= 136 && major <= 143;
const DEEP = 4;
const MANY = 4000;

/**
 * Device nodes below `<root>/dev`, where `root` is what a container sees. The container may have put links there: directories are opened without
 * following them, and everything below is reached from the open directory.
 */
export function readDevices(root: string): Known<DeviceNode[]> | undefined {
  const found: DeviceNode[] = [];
  let left = MANY;
  function look(path: string, shown: string, depth: number): void {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      for (const name of readdirSync(`/proc/self/fd/${descriptor}`)) {
        if ((left -= 1) < 0) throw new Error(`${shown} holds more than ${MANY} entries`);
        const at = `/proc/self/fd/${descriptor}/${name}`;
        const stat = lstatSync(at, { throwIfNoEntry: false });
        if (!stat) continue;
        const [major, minor] = [majorOf(stat.rdev), minorOf(stat.rdev)];
        if (stat.isBlockDevice()) found.push({ path: `${shown}/${name}`, kind: "block", major, minor });
        else if (stat.isCharacterDevice() && !usual.has(`${major}:${minor}`) && !isTerminalEnd(major))
          found.push({ path: `${shown}/${name}`, kind: "character", major, minor });
        else if (stat.isDirectory() && depth < DEEP) look(at, `${shown}/${name}`, depth + 1);
      }
    } finally {
      closeSync(descriptor);
    }
  }
  try {
    look(`${root}/dev`, "/dev", 0);
    return known(found);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined;
    if (hasCode(error, "EACCES", "EPERM")) return unknown("this user may not look into the container's /dev");
    return unknown(`the container's /dev cannot be read: ${messageOf(error)}`);
  }
}

/** Linux's own packing of the two numbers. */
function majorOf(rdev: number): number {
  return (rdev >>> 8) & 0xfff;
}

function minorOf(rdev: number): number {
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}
