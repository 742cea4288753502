import type { Sql } from "postgres";
import { afterAll, beforeAll, describe as group, expect, test } from "vitest";
import type { Catalog } from "../../src/postgres/catalog.ts";
import { compareCatalogs } from "../../src/postgres/compare.ts";
import { describe } from "../../src/postgres/describe.ts";
import { plain } from "../../src/text.ts";
import { openCatalogTest, snapshot, type CatalogTest } from "./database.ts";
import { cases, schema } from "./statements.ts";

let databases: CatalogTest;
let sql: Sql;
let before: Catalog;

beforeAll(async () => {
  databases = await openCatalogTest();
  sql = databases.connect(await databases.create());
  await sql.unsafe(`begin; ${schema}`);
  before = await snapshot(sql);
  await sql.unsafe("savepoint before");
});

afterAll(() => databases?.stop());

group("the difference is all that the statement did", () => {
  for (const { sql: statement, effect, since = 0 } of cases) {
    test(`the effect of ${statement}`, async ({ skip }) => {
      skip(databases.major < since, `Postgres ${since} and later`);
      const after = await sql.unsafe(statement).then(
        () => snapshot(sql),
        (error: Error) => error,
      );
      await sql.unsafe("rollback to savepoint before");
      if (after instanceof Error) throw after;
      expect(compareCatalogs(before, after).map((difference) => plain(describe(difference)))).toEqual(effect);
      expect(compareCatalogs(after, before)).toHaveLength(effect.length);
    });
  }
});
