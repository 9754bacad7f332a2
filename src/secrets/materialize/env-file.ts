import type { ComposeFlavour } from "../../model/compose-flavour.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { readDotenvGo, readDotenvPython, readPodmanCompose, readRawEnvFile, type EnvFileReader } from "./readers.ts";

/** Which program will read the file, and how the Compose file tells it to. */
export interface EnvFileForm {
  readonly flavour: ComposeFlavour;
  /** The program's version. podman-compose came to read env files in another way between 1.0 and 1.2: without it both ways must agree. */
  readonly version?: string | undefined;
  /** `format: raw` of the Compose file's `env_file` entry. */
  readonly format?: string | undefined;
}

/** Ways to write one value, the most readable first, and the readers that must all take it for what it is. */
interface Dialect {
  readonly writers: readonly ((value: string) => string | undefined)[];
  readonly readers: readonly EnvFileReader[];
}

/** The kernel's limit on one string of an environment, with its name, the equals sign and the end. */
const LONGEST_VARIABLE = 128 * 1024;

const raw = (value: string): string => value;
/** As it is, but only where no reader could see more in it than it is. */
const plain = (value: string): string | undefined => (/^[A-Za-z0-9_./:@%+,=-]*$/.test(value) ? value : undefined);

/** For Compose v2: between double quotes `$$` is a dollar sign, and line breaks stand as they are. */
function doubled(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "$$$$")}"`;
}

/**
 * For Compose v1, whose reader opens files with every line break turned into `\n`, takes `${…}` for a variable even between single quotes and
 * knows no escape for it, and searches for the end of a quoted text past a backslash: a variable without a name and with a default is what is left
 * to write `${` and a backslash at the end.
 */
function doubledForPython(value: string): string {
  const text = value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\r", "\\r")
    .replaceAll("${", () => "${:-$}{");
  return `"${text.endsWith("\\") ? `${text.slice(0, -2)}\${:-\\\\}` : text}"`;
}

/** The text of an env file that gives a process exactly `values`; rejects with SECRETS_UNREPRESENTABLE, naming keys and never values. */
export function renderEnvFile(values: ReadonlyMap<string, string>, form: EnvFileForm, place: string): string {
  const dialect = dialectOf(form);
  const lines = [...values].map(([name, value]) => {
    const line = lineFor(name, value, dialect);
    if (line !== undefined) return line;
    throw unrepresentable(name, value, form, dialect, place);
  });
  const text = lines.map((line) => `${line}\n`).join("");
  // Together as well as one by one: a quote that stays open would take in the next line.
  for (const reader of dialect.readers) {
    const read = reader(text);
    for (const [name, value] of values) {
      if (read?.get(name) !== value) throw unrepresentable(name, value, form, dialect, place);
    }
  }
  return text;
}

/** Whether the file's reader would give a process exactly `values`; for what was written, read back. */
export function givesExactly(text: string, values: ReadonlyMap<string, string>, form: EnvFileForm): boolean {
  return dialectOf(form).readers.every((reader) => {
    const read = reader(text);
    return read !== undefined && read.size === values.size && [...values].every(([name, value]) => read.get(name) === value);
  });
}

function dialectOf({ flavour, version, format }: EnvFileForm): Dialect {
  if (flavour === "compose-v1") return { writers: [plain, doubledForPython], readers: [readDotenvPython] };
  if (flavour === "compose-v2") {
    return format === "raw"
      ? { writers: [raw], readers: [readRawEnvFile] }
      : { writers: [plain, doubled], readers: [readDotenvGo] };
  }
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  if (major > 1 || minor >= 2) return { writers: [plain, doubledForPython], readers: [readPodmanCompose] };
  return { writers: [raw], readers: version?.startsWith("1.0.") ? [readRawEnvFile] : [readRawEnvFile, readDotenvPython] };
}

function lineFor(name: string, value: string, { writers, readers }: Dialect): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes("\0")) return undefined;
  if (Buffer.byteLength(`${name}=${value}`) >= LONGEST_VARIABLE) return undefined;
  return writers
    .flatMap((write) => write(value) ?? [])
    .map((written) => `${name}=${written}`)
    .find((line) =>
      readers.every((reader) => {
        const read = reader(`${line}\n`);
        return read !== undefined && read.size === 1 && read.get(name) === value;
      }),
    );
}

function unrepresentable(name: string, value: string, form: EnvFileForm, dialect: Dialect, place: string): NovaError {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return new NovaError("SECRETS_UNREPRESENTABLE", `${quote(name)} cannot be a variable's name in an env file.`, {
      place,
      next: "Use letters, digits and underscores, beginning with no digit.",
    });
  }
  const what = obstacles(name, value, dialect).join(", ");
  return new NovaError(
    "SECRETS_UNREPRESENTABLE",
    `The value of ${quote(name)} cannot reach the process through ${programOf(form)}: it has ${what}.`,
    {
      place,
      facts: { name, flavour: form.flavour },
    },
  );
}

function programOf({ flavour, version, format }: EnvFileForm): string {
  const names: Readonly<Record<ComposeFlavour, string>> = {
    "compose-v2": "Docker Compose",
    "compose-v1": "docker-compose",
    "podman-compose": "podman-compose",
  };
  return `${names[flavour]}${version === undefined ? "" : ` ${version}`}${format === "raw" ? " (format: raw)" : ""}`;
}

const names: Readonly<Record<string, string>> = {
  "\0": "a NUL character",
  "\n": "a line break",
  "\r": "a carriage return",
  "\t": "a tab",
  " ": "a blank",
  "\\": "a backslash",
  '"': "a double quote",
  "'": "a single quote",
  $: "a dollar sign",
  "#": "a number sign",
};

/** The kinds of character that stand in the way: each without which the value could be written, or else all that are special. Kinds are no secret. */
function obstacles(name: string, value: string, dialect: Dialect): string[] {
  const special = [...new Set(value)].filter((character) => names[character] !== undefined || !/[A-Za-z0-9]/.test(character));
  const decisive = special.filter((character) => lineFor(name, value.replaceAll(character, ""), dialect) !== undefined);
  const kinds = (decisive.length ? decisive : special).map((character) => names[character] ?? "a character of another kind");
  return kinds.length ? [...new Set(kinds)] : ["more bytes than a line or a variable may have"];
}
