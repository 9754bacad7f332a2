/** On every answer; a page sets its own Content-Security-Policy. */
const always: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

/** Gives the answer the headers that it has not set itself, and under TLS the word that it is never to be asked without. */
export function protect(headers: Headers, isSecure: boolean): void {
  for (const [name, value] of Object.entries(always)) if (!headers.has(name)) headers.set(name, value);
  if (isSecure) headers.set("strict-transport-security", "max-age=31536000");
}
