/** From the least to the most: each may do what those before it may. */
export const roles = ["viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export function mayAct(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** Who asks, after a door let them in. */
export interface Caller {
  /** Of the token; unique in an installation. */
  readonly name: string;
  readonly role: Role;
}
