// Frames of stack traces, as the languages print them. Everything here looks at one line from its beginning to its end once.

export interface Frame {
  readonly call: string;
  /** As printed, with or without directories and line numbers. */
  readonly file: string;
  /** The program's own code, and not its language's or a library's. */
  readonly own: boolean;
  readonly language: "javascript" | "java" | "python" | "go" | "rust" | "perl";
}

/** The archive that a class came out of, as Java's logs tell it. */
const origin = / ~?\[[^\]]{0,200}\]$/;

/** Whether a line is a frame as Node, Bun and Java print it. */
export function isAtFrame(text: string): boolean {
  const start = text.trimStart().replace(origin, "");
  return (
    start.length < text.length &&
    start.startsWith("at ") &&
    /[:(]/.test(start) &&
    (/:\d+\)?,?(?: \{)?$/.test(start) || /[)>]( \{)?,?$/.test(start))
  );
}

/** All frames of a trace, the innermost first. */
export function framesOf(lines: readonly string[]): Frame[] {
  const frames: Frame[] = [];
  const python: Frame[] = [];
  // Other programs number their frames, too.
  const isRust = lines.some((line) => /^[Ss]tack backtrace:/.test(line));
  for (const [index, line] of lines.entries()) {
    const text = line.trimStart().replace(/^\| +/, "");
    if (text.startsWith("at ") && line.length > text.length) {
      const frame = atFrame(text.slice(3));
      if (frame !== null) frames.push(frame);
    } else if (text.startsWith('File "')) {
      const frame = pythonFrame(text);
      if (frame !== null) python.push(frame);
    } else {
      const frame =
        (isRust ? rustFrame(text, lines[index + 1] ?? "") : null) ?? goFrame(line, lines[index + 1] ?? "") ?? perlFrame(line);
      if (frame !== null) frames.push(frame);
    }
  }
  // Python tells the innermost last.
  return [...frames, ...python.reverse()];
}

const javaFile = /^[\w$-]{1,120}\.(?:java|kt|kts|scala|groovy|clj)(?::\d{1,7})?$|^(?:Unknown Source|Native Method|<generated>)$/;
const javaLibrary =
  /^(?:\w[\w.]{0,40}\/)?(?:java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy|org\.springframework|org\.apache|org\.junit|io\.netty|reactor|jakarta)\./;

function atFrame(rest: string): Frame | null {
  const text = rest.replace(origin, "").replace(/,?(?: \{)?$/, "");
  const open = text.endsWith(")") ? text.lastIndexOf("(") : -1;
  if (open > 0 && text[open - 1] !== " ") {
    const file = text.slice(open + 1, -1);
    const call = text.slice(0, open);
    if (javaFile.test(file)) return { call, file, own: !javaLibrary.test(call), language: "java" };
  }
  const file = open > 0 ? text.slice(open + 1, -1) : text.replace(/^async /, "");
  if (open <= 0 && !/:\d+$|^(?:native|<anonymous>)/.test(file)) return null;
  const call =
    open > 0
      ? text
          .slice(0, open)
          .trim()
          .replace(/^(?:async |new )+/, "")
      : "";
  const own = !/^node:|node_modules|^(?:native|<anonymous>|index \d+|eval at.*)$|^internal\//.test(file) && file !== "";
  return { call, file, own, language: "javascript" };
}

function pythonFrame(text: string): Frame | null {
  const end = text.indexOf('", line ', 6);
  if (end === -1) return null;
  const file = text.slice(6, end);
  const at = text.indexOf(", in ", end);
  const own = !/site-packages|dist-packages|\/lib\/python\d|^<frozen|\/\.pyenv\/versions\//.test(file);
  return { call: at === -1 ? "" : text.slice(at + 5), file, own, language: "python" };
}

function goFrame(line: string, next: string): Frame | null {
  if (!/^ *\t/.test(next) && !/^ {6}\S/.test(next)) return null;
  const file = /^\s{1,8}(\S{1,400}\.(?:go|s|c)):\d{1,7}(?: \+0x[0-9a-f]{1,16})?$/.exec(next)?.[1];
  if (file === undefined) return null;
  const call = line
    .trim()
    .replace(/^created by /, "")
    .replace(/ in goroutine \d+$/, "")
    .replace(/\([^()]*\)$/, "");
  const own =
    !/^(?:runtime|internal|testing|net|sync|syscall|reflect|os|panic)(?:[./]|$)/.test(call) &&
    !/\/pkg\/mod\/|\/vendor\//.test(file);
  return { call, file, own, language: "go" };
}

function rustFrame(text: string, next: string): Frame | null {
  const call = /^\d{1,5}: {1,4}(?:0x[0-9a-f]{1,16} - )?(\S.{0,400})$/.exec(text)?.[1]?.replace(/::h[0-9a-f]{16}$/, "");
  if (call === undefined) return null;
  const file = next.trimStart().startsWith("at ") ? next.trim().slice(3) : "";
  const own =
    !/^<?(?:std|core|alloc|__rust|rust_begin|rust_panic|backtrace|tokio|_?_?libc|__libc|_start|main$)/.test(call) &&
    !/^\/rustc\/|\/\.cargo\//.test(file);
  return { call, file, own, language: "rust" };
}

function perlFrame(line: string): Frame | null {
  const at = line.startsWith("\t") ? line.indexOf(" called at ") : -1;
  if (at === -1) return null;
  const end = line.indexOf(" line ", at);
  const call = line.slice(1, at).replace(/\(.*$/, "");
  return { call, file: line.slice(at + 11, end === -1 ? undefined : end), own: true, language: "perl" };
}
