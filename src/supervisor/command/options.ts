import { parseCount } from "../../model/option-values.ts";

export const parsePort: (text: string) => number = parseCount(1, 65_535);

export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
