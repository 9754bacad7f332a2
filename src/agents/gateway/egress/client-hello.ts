/** What the first bytes of a connection say of the name that it is for. */
export type Opening =
  /** Not enough of it is there. */
  | { readonly is: "unfinished" }
  /** No TLS: there is no name in it that a server would go by before it answers. */
  | { readonly is: "other" }
  /** TLS for this name in lower case; null when it names none. */
  | { readonly is: "tls"; readonly name: string | null };

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
/** Far longer than any client's first message; what goes on beyond it is none. */
const longestBytes = 64 * 1024;

/** Reads the server's name out of a TLS client's first message (RFC 8446, RFC 6066), which may come in several records. */
export function readOpening(bytes: Buffer): Opening {
  if (bytes.length === 0) return { is: "unfinished" };
  if (bytes[0] !== handshakeRecord) return { is: "other" };
  const fragments: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === handshakeRecord;) {
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    fragments.push(bytes.subarray(at + 5, end));
    at = end;
  }
  const message = Buffer.concat(fragments);
  const length = message.length >= 4 ? message.readUIntBE(1, 3) : Infinity;
  if (message.length < 4 + length) {
    return bytes.length > longestBytes ? { is: "tls", name: null } : { is: "unfinished" };
  }
  if (message[0] !== clientHello) return { is: "tls", name: null };
  return { is: "tls", name: serverName(message.subarray(4, 4 + length)) };
}

function serverName(hello: Buffer): string | null {
  try {
    // After the version and the random bytes: the session, the ciphers and the compressions, each with its length.
    let at = 34;
    at += 1 + hello.readUInt8(at);
    at += 2 + hello.readUInt16BE(at);
    at += 1 + hello.readUInt8(at);
    const end = at + 2 + hello.readUInt16BE(at);
    at += 2;
    while (at + 4 <= end) {
      const type = hello.readUInt16BE(at);
      const length = hello.readUInt16BE(at + 2);
      at += 4;
      // A list of one entry: its kind is 0, a host's name.
      if (type === serverNameExtension && hello.readUInt8(at + 2) === 0) {
        const name = hello.subarray(at + 5, at + 5 + hello.readUInt16BE(at + 3));
        return name.toString("latin1").toLowerCase().replace(/\.$/, "");
      }
      at += length;
    }
  } catch (thrown) {
    // A message that says more than it holds.
    if (!(thrown instanceof RangeError)) throw thrown;
  }
  return null;
}
