import type { ErrorCategory } from "../../model/record.ts";

// The first that fits decides: what an error is about says more than which program wrote it.
const rules: readonly (readonly [ErrorCategory, RegExp])[] = [
  [
    "memory",
    /out of memory|OutOfMemory|\bMemoryError|ENOMEM|[Cc]annot allocate memory|memory allocation of|[Hh]eap limit|Segmentation fault|SIGSEGV|bad_alloc/,
  ],
  [
    "permission",
    /\bEACCES|\bEPERM|PermissionError|PermissionDenied|[Pp]ermission denied|AccessDenied|[Aa]ccess denied|[Oo]peration not permitted/,
  ],
  [
    "import",
    /[Cc]annot find (?:module|package)|MODULE_NOT_FOUND|ModuleNotFoundError|ImportError|Could not resolve|(?:Failed|failed) to resolve|UNRESOLVED_IMPORT|ClassNotFoundException|NoClassDefFoundError|\bTS(?:2307|2792|7016|2305)\b|Can't locate \S{1,200} in @INC|ERR_PACKAGE_PATH|ERR_UNSUPPORTED_DIR_IMPORT|does not provide an export/,
  ],
  [
    "database",
    /SQLITE_|SQLSTATE|\bSQLException|Sequelize|Prisma|Mongo(?:Server|Network|DB)?Error|psycopg|OperationalError|IntegrityError|ProgrammingError|relation "[^"]{1,200}" does not exist|duplicate key|[Dd]eadlock (?:found|detected)|\bER_[A-Z_]{3,40}\b|sqlx::|java\.sql\.|no such table|password authentication failed/,
  ],
  [
    "network",
    /\bE(?:CONNREFUSED|CONNRESET|CONNABORTED|TIMEDOUT|NOTFOUND|ADDRINUSE|ADDRNOTAVAIL|PIPE|HOSTUNREACH|NETUNREACH|AI_AGAIN)\b|fetch failed|[Ss]ocket hang up|[Cc]onnection (?:refused|reset|timed out|closed|aborted|to \S{1,200} failed)|ConnectionError|ConnectionRefused|ConnectException|SocketException|UnknownHost|SocketTimeout|ConnectTimeout|ReadTimeout|dial (?:tcp|udp|unix)|[Aa]ddress already in use|getaddrinfo|no such host|UND_ERR_/,
  ],
  [
    "syntax",
    /SyntaxError|IndentationError|TabError|[Ss]yntax error|PARSE_ERROR|[Pp]arse error|ParseError|Unexpected (?:token|end of|identifier|")|\bTS1\d{3}\b|JSONDecodeError|JsonParse|Expected "[^"]{1,40}" but found/,
  ],
  ["assertion", /Assertion|assertion |\bassert(?:ion)?_?failed|ERR_ASSERTION/],
  [
    "type",
    /\bTypeError|AttributeError|ClassCastException|\bTS2\d{3}\b|\bTS[47]\d{3}\b|mismatched types|E0308|NullPointerException/,
  ],
];

/** What an error is about, by its name and message; `otherwise` where nothing says. */
export function categoryOf(name: string, message: string, otherwise: ErrorCategory): ErrorCategory {
  const text = `${name}: ${message.slice(0, 500)}`;
  return rules.find(([, pattern]) => pattern.test(text))?.[0] ?? otherwise;
}
