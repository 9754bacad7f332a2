import { describe, expect, test } from "vitest";
import type { MountEntry } from "../../../../src/contract/live/kernel-facts.ts";
import { holds, locate, mountAt, mountsBelow } from "../../../../src/contract/live/mount-tree.ts";

function mount(id: number, parent: number, target: string, changes: Partial<MountEntry> = {}): MountEntry {
  return { id, parent, target, device: "8:1", root: "/", readonly: false, type: "ext4", source: "", ...changes };
}

const root = mount(1, 0, "/", { device: "0:9" });

describe("mounts as a process meets them", () => {
  test("the deepest on the way counts", () => {
    const mounts = [root, mount(2, 1, "/app"), mount(3, 2, "/app/conf"), mount(4, 1, "/application")];
    expect(mountAt(mounts, "/app/conf/x")?.id).toBe(3);
    expect(mountAt(mounts, "/app/con")?.id).toBe(2);
    expect(mountAt(mounts, "/application")?.id).toBe(4);
    expect(mountAt(mounts, "/other")?.id).toBe(1);
    expect(mountAt([], "/")).toBeUndefined();
  });

  test("what is mounted over a mount hides it, on its own place and on a directory above", () => {
    const stacked = [root, mount(2, 1, "/conf", { readonly: true }), mount(3, 2, "/conf")];
    expect(mountAt(stacked, "/conf")?.id).toBe(3);
    const above = [root, mount(2, 1, "/app/conf", { readonly: true }), mount(3, 1, "/app")];
    expect(mountAt(above, "/app/conf")?.id).toBe(3);
    expect(mountsBelow(above, "/app")).toEqual([]);
  });

  test("mounts that can be reached in a directory", () => {
    const mounts = [root, mount(2, 1, "/conf"), mount(3, 2, "/conf/a"), mount(4, 3, "/conf/a/b"), mount(5, 1, "/confidential")];
    expect(mountsBelow(mounts, "/conf").map(({ id }) => id)).toEqual([3, 4]);
  });

  test("a table that goes in a circle ends", () => {
    expect(mountAt([mount(1, 1, "/"), mount(2, 3, "/a"), mount(3, 2, "/a")], "/a")?.id).toBe(1);
  });

  test("where a directory really is", () => {
    const mounts = [root, mount(2, 1, "/srv", { device: "8:2", root: "/data" })];
    expect(locate(mounts, "/srv/m/conf")).toEqual({ device: "8:2", root: "/data/m/conf" });
    expect(locate(mounts, "/srv")).toEqual({ device: "8:2", root: "/data" });
    expect(locate(mounts, "/etc")).toEqual({ device: "0:9", root: "/etc" });
    expect(locate(mounts, "/")).toEqual({ device: "0:9", root: "/" });
    expect(holds({ device: "8:2", root: "/data" }, { device: "8:2", root: "/data/m" })).toBe(true);
    expect(holds({ device: "8:2", root: "/data" }, { device: "8:2", root: "/database" })).toBe(false);
    expect(holds({ device: "8:1", root: "/data" }, { device: "8:2", root: "/data" })).toBe(false);
    expect(holds({ device: "8:1", root: "/" }, { device: "8:1", root: "/x" })).toBe(true);
  });
});
