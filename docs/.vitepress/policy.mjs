// Writes the site's Content-Security-Policy as a line for Caddy: of inline scripts only those that the build itself wrote may run.
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [site, file] = process.argv.slice(2);
const hashes = new Set();
for (const page of globSync("**/*.html", { cwd: site })) {
  for (const [, text] of readFileSync(join(site, page), "utf8").matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g)) {
    hashes.add(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  }
}
const policy = {
  "default-src": ["'self'"],
  "script-src": ["'self'", ...[...hashes].sort((a, b) => (a < b ? -1 : 1))],
  // Highlighted code carries its colours in attributes.
  "style-src": ["'self'", "'unsafe-inline'"],
  "img-src": ["'self'", "data:"],
  "font-src": ["'self'", "data:"],
  "object-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
  "frame-ancestors": ["'none'"],
};
const text = Object.entries(policy).map(([name, values]) => `${name} ${values.join(" ")}`);
writeFileSync(file, `header Content-Security-Policy "${text.join("; ")}"\n`);
