/** A user as an engine reads it out of `user:` or `USER`: numbers where it finds numbers, else names that the image's own files give ids to. */
export interface ReadUser {
  readonly uid: number | string;
  /** Undefined when nothing was written: the image's `/etc/passwd` gives it, or it is root's. */
  readonly gid: number | string | undefined;
}

/** Engines take everything that Go's `Atoi` takes for a number, so that `+0` and `00` are root; nothing at all is root too. */
export function readUser(text: string): ReadUser {
  const [user = "", group = ""] = text.split(":");
  return { uid: user === "" ? 0 : idOf(user), gid: group === "" ? undefined : idOf(group) };
}

export function isRoot(id: number | string | undefined): boolean {
  return id === 0 || id === "root";
}

/** What Go's `Atoi` makes of it when it is a number that an engine takes. */
export function idOf(text: string): number | string {
  if (!/^[+-]?\d+$/.test(text)) return text;
  const id = Number(text);
  return id >= 0 && id <= 2_147_483_647 ? Math.abs(id) : text;
}
