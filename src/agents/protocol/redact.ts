const SHORTEST = 6;

interface Span {
  readonly start: number;
  end: number;
  readonly name: string;
}

/**
 * A function that replaces each secret value in a text by `[secret NAME]`: as it is, as JSON, URLs and base64 write it, and
 * cut by the beginning or end of the text. Where values overlap, all of what they cover goes. Values shorter than 6
 * characters are left alone, since they would match by chance.
 */
export function redactor(secrets: ReadonlyMap<string, string>): (text: string) => string {
  const names = new Map<string, string>();
  for (const [name, value] of secrets) {
    if (value.length < SHORTEST) continue;
    for (const form of formsOf(value)) if (form.length >= SHORTEST && !names.has(form)) names.set(form, name);
  }
  const forms = [...names].map(([form, name]) => ({ form, name, period: periodOf(form) }));
  if (forms.length === 0) return (text) => text;

  return (text) => {
    const spans: Span[] = [];
    for (const { form, name, period } of forms) {
      findAll(text, form, name, period, spans);
      findCut(text, form, name, spans);
    }
    return replace(text, spans);
  };
}

/** The ways in which a value may be written. */
function formsOf(value: string): Set<string> {
  const forms = new Set([value]);
  const json = JSON.stringify(value).slice(1, -1);
  forms.add(json).add(json.replaceAll("/", "\\/"));
  // A frame that quotes a log line that quotes a value.
  forms.add(JSON.stringify(json).slice(1, -1));

  const bytes = Buffer.from(value);
  const percent = percentEncode(bytes);
  for (const form of [percent, encodeURI(value.toWellFormed()), new URLSearchParams({ "": value }).toString().slice(1)]) {
    forms.add(form).add(form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  }

  for (const encoding of ["base64", "base64url"] as const) {
    forms.add(bytes.toString(encoding));
    for (const core of base64Cores(bytes, encoding)) forms.add(core);
  }
  return forms;
}

/** As `encodeURIComponent`, which throws on half a surrogate pair. */
function percentEncode(bytes: Buffer): string {
  return encodeURIComponent(bytes.toString("utf8"));
}

/** The characters of a base64 text that depend on the value alone, for each place in a longer text where it may stand. */
function base64Cores(bytes: Buffer, encoding: "base64" | "base64url"): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding);
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
}

function findAll(text: string, form: string, name: string, period: number, spans: Span[]): void {
  let last: Span | undefined;
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    let end = at + form.length;
    // A value that repeats itself may occur again at each period: follow it character by character instead of searching anew.
    while (period < form.length && end < text.length && text.charCodeAt(end) === text.charCodeAt(end - period)) end += 1;
    const repeats = Math.floor((end - at - form.length) / period);
    const span: Span = { start: at, end: at + repeats * period + form.length, name };
    at += repeats * period;
    if (last !== undefined && span.start < last.end) last.end = span.end;
    else {
      last = span;
      spans.push(last);
    }
  }
}

/** The smallest shift at which a text matches itself; its length when there is none. */
function periodOf(text: string): number {
  // For each prefix the longest border, as Knuth, Morris and Pratt count it.
  const borders = new Int32Array(text.length);
  let border = 0;
  for (let index = 1; index < text.length; index += 1) {
    while (border > 0 && text.charCodeAt(index) !== text.charCodeAt(border)) border = borders[border - 1] ?? 0;
    if (text.charCodeAt(index) === text.charCodeAt(border)) border += 1;
    borders[index] = border;
  }
  return text.length - border;
}

function findCut(text: string, form: string, name: string, spans: Span[]): void {
  const longest = Math.min(form.length - 1, text.length);
  const first = form.charCodeAt(0);
  const last = form.charCodeAt(form.length - 1);
  // The first character is compared before the rest, so that long values cost little on short texts.
  for (let length = longest; length >= SHORTEST; length -= 1) {
    if (text.charCodeAt(text.length - length) === first && text.endsWith(form.slice(0, length))) {
      spans.push({ start: text.length - length, end: text.length, name });
      break;
    }
  }
  for (let length = longest; length >= SHORTEST; length -= 1) {
    if (text.charCodeAt(length - 1) === last && text.startsWith(form.slice(-length))) {
      spans.push({ start: 0, end: length, name });
      break;
    }
  }
}

function replace(text: string, spans: Span[]): string {
  if (spans.length === 0) return text;
  // At one place the longest gives its name.
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  let out = "";
  let done = 0;
  let current: Span | undefined;
  for (const span of spans) {
    if (current !== undefined && span.start < current.end) {
      if (span.end > current.end) current.end = span.end;
      continue;
    }
    if (current !== undefined) {
      out += `${text.slice(done, current.start)}[secret ${current.name}]`;
      done = current.end;
    }
    current = { ...span };
  }
  if (current === undefined) return text;
  return `${out}${text.slice(done, current.start)}[secret ${current.name}]${text.slice(current.end)}`;
}
