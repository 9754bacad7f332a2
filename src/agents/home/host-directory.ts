import { HeldDirectory } from "./held-directory.ts";
import type { Home } from "./home.ts";

/** The home's `data/host`, held open, and made when it is missing. */
export async function openHostDirectory(home: Home): Promise<HeldDirectory> {
  const root = await HeldDirectory.open(home.root);
  try {
    const data = await root.ensureDirectory("data");
    try {
      return await data.ensureDirectory("host", 0o700);
    } finally {
      await data.close();
    }
  } finally {
    await root.close();
  }
}
