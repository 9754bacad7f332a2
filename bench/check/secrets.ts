import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decryptSops } from "sops-age";
import { parseIdentities } from "../../src/secrets/age/identities.ts";
import { generateKeyFile } from "../../src/secrets/age/key-file.ts";
import { createFile, openSecrets } from "../../src/secrets/file/secrets-file.ts";
import { materialize } from "../../src/secrets/materialize/materialize.ts";
import type { PlainRow } from "../../src/secrets/sops/document.ts";
import { median, table } from "../table.ts";

const COUNTS = [5, 50, 500];
const ROUNDS = 21;

/**
 * An encrypted file's way to an env file, against what only decrypts it: the npm package that reads SOPS files, which does not verify them, and Debian's `age`
 * opening the data key alone, with which `sops -d` must begin, too. Prints a table; everything is made below `directory`.
 */
export async function compareSecrets(directory: string): Promise<void> {
  const keyFile = join(directory, "key.txt");
  const recipient = await generateKeyFile(keyFile);
  const key = readFileSync(keyFile, "utf8");
  const { identities } = await parseIdentities(key, keyFile);
  const keys = { found: identities, looked: [], warnings: [] };
  const rows: string[][] = [];
  for (const count of COUNTS) {
    const file = join(directory, `secrets-${count}.env`);
    const values = Array.from({ length: count }, (_, index): PlainRow => {
      return { kind: "value", name: `SECRET_${index}`, value: randomBytes(32).toString("hex") };
    });
    await createFile(
      file,
      values,
      { recipients: [recipient], selection: { unencryptedSuffix: "_x" }, macOnlyEncrypted: false },
      new Date(),
    );
    mkdirSync(join(directory, `module-${count}`));
    const secrets = values.flatMap((row) => (row.kind === "value" ? [{ name: row.name, optional: false }] : []));
    const declared = { module: "bench", environment: "local", file, secrets };
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const request = {
      declared,
      owner,
      target: join(directory, `module-${count}/.env.local`),
      form: { flavour: "compose-v2" },
    } as const;
    const text = readFileSync(file, "utf8");
    const armored = join(directory, "data-key.age");
    writeFileSync(armored, (/^sops_age__list_0__map_enc=(.*)$/m.exec(text)?.[1] ?? "").replaceAll("\\n", "\n"));
    const secretKey = identities[0]?.secret ?? "";
    rows.push([
      String(count),
      await time(async () => await openSecrets(file, keys)),
      await time(async () => await materialize(request, keys)),
      await time(async () => await decryptSops(readFileSync(file, "utf8"), { secretKey, fileType: "env" })),
      await time(() => execFileSync("age", ["-d", "-i", keyFile, armored])),
    ]);
  }
  const head = ["values", "decrypt, verify", "and write (synced)", "sops-age, no MAC", "age -d, the data key alone"];
  process.stdout.write(`\nMaterialising secrets, milliseconds a file (medians of ${ROUNDS}).\n\n${table(head, rows)}`);
}

async function time(work: () => unknown): Promise<string> {
  const measured: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    await work();
    measured.push(performance.now() - start);
  }
  return median(measured).toFixed(2);
}
