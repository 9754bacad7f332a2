import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LogQuery } from "../../../src/model/kept.ts";
import type { Store } from "../../../src/store/store.ts";
import { batch, log, lost } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

async function found(store: Store, search: string, query: Partial<LogQuery> = {}): Promise<readonly number[]> {
  return (await store.logs({ limit: 100, search, ...query })).items.map(({ seq }) => seq);
}

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

const lines = [
  "GET /api/users 200 in 12 ms",
  "Connection refused: connect ECONNREFUSED 127.0.0.1:5432",
  "résumé of the naïve café",
  "TypeError: x is not a function",
  "the connection was refused",
  "ΟΔΟΣ и СЛОВО",
  "error_code=E42; user-id=7",
  "",
] as const;

const answersOf: readonly (readonly [search: string, seqs: readonly number[]])[] = [
  ["connection", [2, 5]],
  ["refused connection", [2, 5]],
  ['"connection refused"', [2]],
  ["connection -- refused", [2, 5]],
  ["conn*", [2, 5]],
  ["conn", []],
  ["resume CAFE", [3]],
  ["Résumé", [3]],
  ["оδ слово", []],
  ["οδοσ слово", [6]],
  ["error", [7]],
  ["e42 user-id", [7]],
  ['"user id 7"', [7]],
  ["127.0.0.1", [2]],
  ['"users 200" in', [1]],
  ['"users 20"*', [1]],
  ['function" OR "', []],
  ["not a NEAR", []],
  ["text : function", []],
];

export function describeSearch(subject: Subject): void {
  describe("search", () => {
    test.each(["before the index has the lines", "when it has them", "when it has half of them"])(
      "finds words %s",
      async (when) => {
        const { store } = await openSubject(subject);
        const records = lines.map((text, index) => log(index + 1, text));
        const half = when.includes("half") ? 3 : records.length;
        await store.keep(batch(records.slice(0, half)));
        if (!when.startsWith("before")) await store.index(signal());
        await store.keep(batch([...records.slice(half), lost(90)]));
        const answers = await Promise.all(answersOf.map(async ([search]) => [search, await found(store, search)]));
        expect(answers).toEqual(answersOf);
      },
    );

    test("refuses what holds no word, or would find nearly all", async () => {
      const { store } = await openSubject(subject);
      for (const search of ["", "--", '"" *', "word a*", Array.from({ length: 65 }, (_, index) => `w${index}`).join(" ")])
        await expect(store.logs({ limit: 1, search })).rejects.toMatchObject({ code: "REQUEST_INVALID", place: "search" });
    });

    test("searches within worker, instance, level and time, page by page, both ways", async () => {
      const { store } = await openSubject(subject);
      const records = Array.from({ length: 60 }, (_, index) =>
        log(index + 1, index % 2 === 0 ? "even word" : "odd word", {
          instance: index % 3 === 0 ? "three" : "other",
          level: index % 5 === 0 ? "error" : "info",
        }),
      );
      await store.keep(batch(records.slice(0, 40)));
      await store.index(signal());
      await store.keep(batch(records.slice(40)));
      await store.keep(batch(records, { worker: "beta", container: "beta-1" }));
      const where = { workers: ["alpha"], instances: ["three"], levels: ["error"] } as const;
      expect(await found(store, "word", where)).toEqual([1, 16, 31, 46]);
      expect(await found(store, "even", where)).toEqual([1, 31]);
      const first = await store.logs({ limit: 3, search: "word", ...where });
      expect(first).toMatchObject({ more: true, items: [{ seq: 16 }, { seq: 31 }, { seq: 46 }] });
      expect(await store.logs({ limit: 3, search: "word", before: first.first ?? 0, ...where })).toMatchObject({
        more: false,
        items: [{ seq: 1 }],
      });
      const forwards = await store.logs({ limit: 3, search: "word", after: 0, ...where });
      expect(forwards).toMatchObject({ more: true, items: [{ seq: 1 }, { seq: 16 }, { seq: 31 }] });
      expect(await store.logs({ limit: 3, search: "word", after: forwards.last ?? 0, ...where })).toMatchObject({
        more: false,
        items: [{ seq: 46 }],
      });
      expect(await found(store, "word", { contains: "ODD", workers: ["alpha"], instances: ["three"], sinceMs: 0 })).toHaveLength(
        10,
      );
    });

    test("gives the same whether lines are in the index or not", async () => {
      const word = fc.constantFrom(
        "a",
        "Ab",
        "éa",
        "ÀB",
        "straße",
        "日本",
        "x1",
        "ПрИ",
        "при",
        "ñ",
        "İ",
        "e\u0301a",
        "Å",
        "ﬁ",
        "Ǆ",
      );
      const gap = fc.constantFrom(" ", "-", "_", ".", '"', "  ", "\t", "/", "\u00a0", "🦀", "'");
      const text = fc.array(fc.tuple(word, gap), { maxLength: 5 }).map((parts) => parts.flat().join(""));
      const search = fc.array(
        fc.oneof(
          word,
          text.map((phrase) => `"${phrase.replaceAll('"', " ")} a"`),
        ),
        { minLength: 1, maxLength: 2 },
      );
      const samples = fc.sample(fc.tuple(text, search, fc.boolean()), { numRuns: 150, seed: 6 });
      const { store } = await openSubject(subject);
      await store.keep(batch(samples.map(([line], index) => log(index + 1, line))));
      const searches = new Set(samples.map(([, words, open]) => words.join(" ") + (open ? " ab*" : "")));
      const before = new Map<string, string>();
      for (const one of searches) before.set(one, String(await found(store, one, { limit: 200 })));
      await store.index(signal());
      const others: unknown[] = [];
      for (const one of searches) {
        const seqs = String(await found(store, one, { limit: 200 }));
        if (seqs !== before.get(one)) others.push({ one, seqs, before: before.get(one) });
      }
      expect(others).toEqual([]);
      expect([...before.values()].filter((seqs) => seqs !== "").length).toBeGreaterThan(50);
    });
  });
}
