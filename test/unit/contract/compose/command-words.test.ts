import { expect, test } from "vitest";
import { commandWords } from "../../../../src/contract/compose/command-words.ts";

test.each([
  ["run  --it\tnow", ["run", "--it", "now"]],
  [`sh -c 'echo "a b"' "c d"`, ["sh", "-c", 'echo "a b"', "c d"]],
  ['a b"c"d ""', ["a", "bcd", ""]],
  ["a\\ b \\n", ["a b", "n"]],
  ["`a b` $(c d)", ["`a b`", "$(c d)"]],
  ["first; second", ["first"]],
  ["first && second", ["first"]],
  ["log 2>file", ["log"]],
  ["", []],
])("%j is %j", (text, words) => {
  expect(commandWords(text)).toEqual(words);
});

test.each(["a 'b", 'a "b', "a \\", "a `b", "a $(b", "x)", "(a)", "$($(a))"])("%j is refused", (text) => {
  expect(commandWords(text)).toBeUndefined();
});
