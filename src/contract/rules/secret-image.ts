import { quote } from "../../model/errors.ts";
import type { Service } from "../compose/project.ts";
import type { Seen } from "./secret-values.ts";
import { assignmentsIn, secretUnder, tokensIn, wordsOf } from "./secret-text.ts";
import type { PaperSubject } from "./subject.ts";

/** What an image keeps for whoever pulls it: its variables, its labels, and the commands that made its layers. */
export function tellImage({ facts }: PaperSubject, service: Service, seen: Seen): void {
  const { image } = service;
  if (image === undefined) return;
  const described = facts.image(image.value);
  if (described === undefined) return;
  const name = quote(image.value);
  const told = new Set<string>();
  const tell = (key: string, secret: ReturnType<typeof secretUnder>, what: string): void => {
    // A placeholder in somebody else's image is the vendor's example, which the env file replaces.
    if (secret === undefined || secret.weak || told.has(key)) return;
    told.add(key);
    seen.secret(
      secret,
      `${what} of the image ${name} holds${key === secret.kind ? "" : `, under ${quote(key)},`}`,
      image.at,
      service.name,
      image.value,
    );
  };
  for (const entry of described.env) {
    const equals = entry.indexOf("=");
    if (equals > 0) tell(entry.slice(0, equals), secretUnder(entry.slice(0, equals), entry.slice(equals + 1)), "the environment");
  }
  for (const [key, value] of Object.entries(described.labels)) tell(key, secretUnder(key, value), "a label");
  for (const line of described.history) {
    const words = wordsOf(line.replace(/#\(nop\)/g, " "));
    for (const { name: key, value } of assignmentsIn(words))
      tell(key, /\$/.test(value) ? undefined : secretUnder(key, value), "the history");
    const [token] = tokensIn(line);
    if (token !== undefined) tell(token.kind, token, "the history");
  }
}
