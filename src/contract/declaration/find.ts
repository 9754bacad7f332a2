import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";

const fileName = "contract.yaml";

/** The nearest `contract.yaml` in `from` or a directory above it; undefined when there is none. */
export async function findContract(from: string): Promise<string | undefined> {
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    const path = join(directory, fileName);
    const found = await stat(path).catch((error: unknown) => {
      if (hasCode(error, "ENOENT", "ENOTDIR", "EACCES")) return;
      throw new NovaError("CONTRACT_INVALID", `${quote(path)} cannot be looked at: ${reasonOf(error)}`, {
        place: path,
        cause: error,
      });
    });
    if (found?.isFile() === true) return path;
    if (directory === dirname(directory)) return undefined;
  }
}
