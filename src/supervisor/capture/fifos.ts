import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Two named pipes, one for each stream. */
export interface FifoPair {
  readonly stdout: string;
  readonly stderr: string;
}

const ownName = /^\d+\.(?:out|err)$/;

/** Named pipes in a directory that only the supervisor's user may enter, used again by the next start once nobody has them open. */
export class Fifos {
  readonly #directory: string;
  readonly #free: FifoPair[] = [];
  #made = 0;

  /** Throws when the directory cannot be made. Whatever an earlier supervisor left in it goes. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    this.#empty();
  }

  /** Throws when none can be made. */
  take(): FifoPair {
    return this.#free.pop() ?? this.#make();
  }

  giveBack(pair: FifoPair): void {
    this.#free.push(pair);
  }

  /** Somebody still has it open: nobody else shall get it. */
  discard({ stdout, stderr }: FifoPair): void {
    rmSync(stdout, { force: true });
    rmSync(stderr, { force: true });
  }

  /** Takes all away; what is still open goes on working. */
  close(): void {
    this.#empty();
    try {
      rmdirSync(this.#directory);
    } catch {
      // Somebody else has put something there.
    }
  }

  #empty(): void {
    const own = readdirSync(this.#directory).filter((name) => ownName.test(name));
    for (const name of own) rmSync(join(this.#directory, name), { force: true });
  }

  #make(): FifoPair {
    this.#made += 1;
    const pair = { stdout: join(this.#directory, `${this.#made}.out`), stderr: join(this.#directory, `${this.#made}.err`) };
    execFileSync("mkfifo", ["-m", "600", pair.stdout, pair.stderr], { stdio: ["ignore", "ignore", "pipe"] });
    return pair;
  }
}
