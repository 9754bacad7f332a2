import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { build } from "../../../src/store/tables.ts";
import { openSubject, type Subject } from "./subject.ts";

const mark = (name: string, value: number) => build.insertInto("marks").values({ name, value }).compile();
const marks = build.selectFrom("marks").select(["name", "value"]).where("name", "like", "test%").orderBy("name").compile();

export function describeDatabase(subject: Subject): void {
  describe("the database", () => {
    test("does all of what belongs together, in order, and says what each part did", async () => {
      const { database } = await openSubject(subject);
      const done = await database.atomic([
        mark("test one", 1),
        mark("test two", 2),
        build
          .updateTable("marks")
          .set({ value: sql`value + 10` })
          .where("name", "like", "test%")
          .returning("value")
          .compile(),
        build.deleteFrom("marks").where("name", "=", "test one").compile(),
      ]);
      expect(done.map(({ changed }) => changed)).toEqual([1, 1, 2, 1]);
      expect(done[2]?.rows).toEqual([{ value: 11 }, { value: 12 }]);
      expect(await database.read(marks)).toEqual([{ name: "test two", value: 12 }]);
      expect(await database.atomic([])).toEqual([]);
    });

    test("does nothing of it where one part fails", async () => {
      const { database } = await openSubject(subject);
      await expect(database.atomic([mark("test one", 1), mark("test one", 2)])).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect(await database.read(marks)).toEqual([]);
      await expect(database.read(sql`SELECT nothing FROM nowhere`.compile(build))).rejects.toMatchObject({
        code: "STORE_FAILED",
      });
    });

    test("says how large it is", async () => {
      const { database, store } = await openSubject(subject);
      expect((await database.size()).bytes).toBeGreaterThan(10_000);
      expect(await store.size()).toEqual({ bytes: (await database.size()).bytes, logRows: 0 });
    });
  });
}
