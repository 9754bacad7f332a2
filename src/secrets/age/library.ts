import type * as Age from "age-encryption";

/** The age library, loaded when a key is first used: it would cost every start of the program 60 ms. */
export async function ageLibrary(): Promise<typeof Age> {
  return await import("age-encryption");
}
