/** What a text gives away, told without a part of it. */
export interface Secret {
  /** `a key of AWS`. */
  readonly kind: string;
  /** A value that everybody knows: told, but it is nobody's secret. */
  readonly weak: boolean;
}

export interface Token extends Secret {
  readonly start: number;
  readonly end: number;
}

/** Forms that are nothing but secrets. Quantifiers are bounded or stand alone: the texts come from strangers. */
const forms: readonly (readonly [kind: string, pattern: string])[] = [
  ["a private key", "-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"],
  ["a key of age", "AGE-SECRET-KEY-1[0-9A-Z]{50,}"],
  ["a key of AWS", "\\b(?:AKIA|ASIA)[0-9A-Z]{16}\\b"],
  ["a token of GitHub", "\\bgh[pousr]_[A-Za-z0-9]{36,}|\\bgithub_pat_[A-Za-z0-9_]{22,}"],
  ["a token of GitLab", "\\bgl(?:pat|dt|rt|cbt)-[A-Za-z0-9_-]{20,}"],
  ["a token of Slack", "\\bxox[abeoprs]-[A-Za-z0-9-]{10,}"],
  ["a web hook of Slack", "hooks\\.slack\\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}"],
  ["a key of Stripe", "\\b[rs]k_live_[A-Za-z0-9]{16,}"],
  ["a key of Anthropic", "\\bsk-ant-[A-Za-z0-9_-]{20,}"],
  ["a key of OpenAI", "\\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"],
  ["a key of Google", "\\bAIza[0-9A-Za-z_-]{35}"],
  ["a token of npm", "\\bnpm_[A-Za-z0-9]{36}"],
  ["a token of PyPI", "\\bpypi-AgE[A-Za-z0-9_-]{30,}"],
  ["a key of SendGrid", "\\bSG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}"],
  ["a token of Hugging Face", "\\bhf_[A-Za-z0-9]{30,}"],
  ["a token of a Telegram bot", "\\b\\d{8,10}:AA[A-Za-z0-9_-]{33}"],
  ["a token of Docker Hub", "\\bdckr_pat_[A-Za-z0-9_-]{20,}"],
  ["a token of DigitalOcean", "\\bdo[opr]_v1_[a-f0-9]{64}"],
  ["a key of Azure storage", "AccountKey=[A-Za-z0-9+/]{40,}={0,2}"],
  ["a signed token (JWT)", "\\beyJ[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{16,}"],
  ["a token in a header", "\\b[Bb]earer (?=[A-Za-z._~+/-]{0,64}\\d)[A-Za-z0-9._~+/-]{16,}"],
  ["a hash of a password", "\\$(?:apr1\\$|2[aby]\\$\\d\\d\\$|6\\$|argon2id?\\$)[./A-Za-z0-9$=,+]{20,}"],
  [
    "a password on a command line",
    "\\bcurl\\b[^\\n|;&]{0,80}?\\s(?:-[A-Za-z]{0,8}u|--user)[ =]?[\"']?[A-Za-z0-9_.@-]{1,64}:(?![$<%{*])[^\\s\"'$]{3,128}",
  ],
  ["a password in an address", "\\b[a-z][a-z0-9+.-]{1,20}://[^\\s:/@$'\"{}<>%]{0,64}:(?![$<%{*])[^\\s@/'\"${}<>]{1,128}@"],
];
const anyForm = new RegExp(forms.map(([, pattern]) => `(${pattern})`).join("|"), "g");

/** Every well-known form in a text. */
export function tokensIn(text: string): readonly Token[] {
  return Array.from(text.matchAll(anyForm), (match) => {
    const index = match.slice(1).findIndex((group) => group !== undefined);
    const kind = forms[index]?.[0] ?? "a secret";
    const password =
      kind === "a password in an address"
        ? /:([^:]*)@$/.exec(match[0])?.[1]
        : kind === "a password on a command line"
          ? /:([^:]*)$/.exec(match[0])?.[1]
          : undefined;
    return {
      kind,
      weak: isFromManual(match[0]) || (password !== undefined && isPlaceholder(password)),
      start: match.index,
      end: match.index + match[0].length,
    };
  });
}

const sureName =
  /(?:^|[_.\-\s])(?:PASS(?:WORD|WD|PHRASE|CODE)?|PWD|PW|SECRET|TOKEN|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING|HMAC|MASTER|AUTH|ADMIN|APP|LICENSE|SSH|DEPLOY)[_.-]?KEY|CREDENTIAL|CONNECTION_?STRING|SECRET_?KEY_?BASE)S?(?:[_.-]?\d{1,3})?$|(?:PASSWORD|PASSWD|REQUIREPASS|APIKEY|SECRETKEY|ACCESSTOKEN|AUTHTOKEN)S?(?:[_.-]?\d{1,3})?$/i;
const perhapsName = /(?:^|[_.-])(?:KEY|SALT|AUTH|DSN|PEPPER|SEED)$/i;
const innocentName =
  /(?:^|[_.-])(?<!(?:ACCESS|API|AUTH|BOT|REFRESH)[_.-])TOKENS$|(?:^|[_.-])(?:PUBLIC|PUB|GPG|PGP|KEYSERVER|SORT|PRIMARY|FOREIGN|PARTITION|CACHE|ROUTING|TRANSLATION|HOST|SITE)[_.-]?KEYS?$|(?:^|_)(?:OLD)?PWD$|_(?:FILE|PATH|DIR|URL|URI|NAME|ID|TTL|EXPIRY|EXPIRES(?:_IN)?|LENGTH|HEADER|ALGORITHM)$/i;

/** Whether a name says that its value is a secret; `perhaps` wants a value that looks like one as well. */
export function nameOfSecret(name: string): "sure" | "perhaps" | undefined {
  if (innocentName.test(name) && !/^(?:DB|MYSQL|POSTGRES)_PWD$/i.test(name)) return undefined;
  return sureName.test(name) ? "sure" : perhapsName.test(name) ? "perhaps" : undefined;
}

/** What a literal value under a name is. Variables must have been taken out before. */
export function secretUnder(name: string, value: string): Secret | undefined {
  const [token] = tokensIn(value);
  if (token !== undefined) return token;
  const sure = nameOfSecret(name);
  const text = value.trim();
  if (sure === undefined || isNoValue(text)) return undefined;
  if (isPlaceholder(text)) return sure === "sure" ? { kind: "a placeholder that everybody knows", weak: true } : undefined;
  if (sure === "perhaps" && !isRandom(text)) return undefined;
  return { kind: "a secret's value", weak: false };
}

/** Switches, paths, and references to where the value really is. */
function isNoValue(text: string): boolean {
  return (
    text === "" ||
    /^(?:true|false|yes|no|on|off|none|null|nil|undefined|0|1|required|optional|disabled|enabled|random|auto)$/i.test(text) ||
    /^(?:\/[^/]*[/.]|\.{1,2}\/|~\/|[A-Za-z]:\\)/.test(text) ||
    /^(?:file|env|vault|op|arn|secret|ssm|docker-secret):/i.test(text) ||
    // What a program of the container puts in itself.
    /^\$(?:[{(].*|[A-Z_][A-Z0-9_]*)$|^%|^\{\{.*\}\}$/s.test(text) ||
    // The name of a file that holds it.
    /^[\w.-]+[._-](?:creds|credentials)$|^[\w-]+\.(?:json|ya?ml|pem|crt|cert|txt|conf|jks|p12)$/i.test(text) ||
    // A length or a number of seconds is no password.
    /^\d{1,4}[smhd]?$/.test(text)
  );
}

const placeholder =
  /^(?:<.*>|\[.*\]|x{3,}|\*+|\.{3,}|…|-+|(?:please[-_ ]?)?(?:change|replace|fill|set|insert|enter)[-_ ]?(?:me|this|it|in|here|your)?.*|changeit|your[-_ ].*|.*[-_ ]here|todo|tbd|fixme|pass(?:word|wd)?\d{0,4}|secret\d{0,4}|admin\d{0,4}|root|toor|test(?:ing)?\d{0,4}|example|dummy|placeholder|default|demo|guest|user|foo(?:bar)?|bar|baz|qwerty|letmein|postgres|mysql|redis|rabbitmq|123456789?0?|token|key|my[-_]?(?:secret|password|token|key)(?:[-_]?(?:pw|key))?)$/i;

function isPlaceholder(text: string): boolean {
  return placeholder.test(text) || isFromManual(text);
}

/** AWS's own manual writes its keys so. */
function isFromManual(text: string): boolean {
  return /EXAMPLE(?:KEY)?$/.test(text);
}

/** Long, mixed, and without repetition: at least 3 bits a character. */
function isRandom(text: string): boolean {
  if (text.length < 16 || /\s/.test(text) || !/\d/.test(text) || !/[A-Za-z]/.test(text)) return false;
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits >= 3;
}

/** `NAME=value`, `--password value`, `--password=value` in a command; the value without its quotes. */
export function assignmentsIn(words: readonly string[]): readonly { readonly name: string; readonly value: string }[] {
  return words.flatMap((word, index) => {
    const pair = /^(?:-{1,2})?([A-Za-z_][\w.-]*)=(.*)$/s.exec(word);
    if (pair !== null) return [{ name: pair[1] ?? "", value: bare(pair[2] ?? "") }];
    const option = /^--?([A-Za-z][\w-]*)$/.exec(word)?.[1];
    const next = words[index + 1];
    if (option === undefined || next === undefined || next.startsWith("-")) return [];
    return nameOfSecret(option) === "sure" ? [{ name: option, value: bare(next) }] : [];
  });
}

/** A secret inside of a longer value: JSON, a connection's settings, options, the query of an address. Only names that are sure count. */
export function secretInside(text: string): Secret | undefined {
  for (const [, , name = "", , value = ""] of text.matchAll(inside)) {
    if (nameOfSecret(name) !== "sure") continue;
    const secret = secretUnder(name, value);
    if (secret !== undefined && !secret.weak) return secret;
  }
  for (const { name, value } of assignmentsIn(wordsOf(text))) {
    const secret = nameOfSecret(name) === "sure" ? secretUnder(name, value) : undefined;
    if (secret !== undefined && !secret.weak) return secret;
  }
  return undefined;
}

const inside = /(^|[\s"'{,;?&-])([A-Za-z_][\w.-]{0,63})["']?[ \t]?(?:=|:(?!\/\/))[ \t]?(["']?)([^\s"'&;,{}[\]]{1,256})/g;

/** The words of a command that is one text; what is quoted stays together, unless it is a command itself. */
export function wordsOf(text: string): readonly string[] {
  const words = text.match(/(?:[^\s"';|&()]|"[^"]*"|'[^']*')+/g) ?? [];
  return words.flatMap((word) => {
    const inner = /^(["'])([^]*)\1$/.exec(word)?.[2];
    return inner !== undefined && /\s/.test(inner) && inner.length < text.length ? wordsOf(inner) : [word];
  });
}

function bare(text: string): string {
  return text.replace(/^(["'])(.*)\1$/s, "$2");
}
