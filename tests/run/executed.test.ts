import { describe, expect, test } from "vitest";
import type { Effect } from "../../src/run/effect.ts";
import { compareDoings, type Doing } from "../../src/run/executed.ts";
import { plain } from "../../src/text.ts";

type Sql = string | [sql: string, ...row: string[]];

interface What {
  sql?: Sql[];
  /** Values of the column `name`, and of `made_at`. */
  rows?: [name: string | null, madeAt: string][];
  columns?: string[];
  unreported?: number;
}

const doing = ({ sql = [], rows = [], columns = [], unreported }: What): Doing => ({
  step: {
    statements: sql.map((one) => {
      const [text, ...row] = typeof one === "string" ? [one] : one;
      return { sql: text, parameters: null, seconds: 0, exact: { sql: text, parameters: row.length > 0 ? [row] : [] } };
    }),
    ...(unreported !== undefined && { unreported }),
  },
  catalog: new Map(columns.map((name) => [`column ${name}`, { kind: "column", name, oid: 1, properties: {} }])),
  rows: new Map([
    [
      "1",
      {
        oid: "1",
        name: "public.t",
        columns: [
          { number: 1, name: "name", type: "text" },
          { number: 2, name: "made_at", type: "timestamp without time zone" },
        ],
        key: [],
        rows,
      },
    ],
  ]),
});
const compare = (before: What, after: What, again = before) =>
  compareDoings(doing(before), doing(again), doing(after), "made-up");
const kind = async (...sides: Parameters<typeof compare>) => (await compare(...sides)).kind;

const UPDATE = "UPDATE t SET a = ? WHERE id = ?";

describe("is the same", () => {
  test.for([
    ["however the SQL is written", { sql: [UPDATE] }, { sql: ["update t set a = ?  WHERE id = ?"] }],
    ["whatever was asked", { sql: ["SELECT id, a FROM t", UPDATE] }, { sql: ["SELECT a FROM t WHERE a IS NOT NULL", UPDATE] }],
    [
      "in another order",
      {
        sql: [
          [UPDATE, "1", "2"],
          [UPDATE, "3", "4"],
        ],
      },
      {
        sql: [
          [UPDATE, "3", "4"],
          [UPDATE, "1", "2"],
        ],
      },
    ],
  ] as [string, What, What][])("%s", async ([, before, after]) => {
    expect(await kind(before, after)).toBe("same");
  });

  test("where only what varies by itself differs", async () => {
    const holding = (value: string): What => ({ sql: [[UPDATE, value, "7"]], rows: [[value, "2024-01-01 00:00:00"]] });
    expect(await kind(holding("'a'"), holding("'c'"), holding("'b'"))).toBe("same");
    const other: What = { sql: [[UPDATE, "'c'", "8"]], rows: [["'c'", "2024-01-01 00:00:00"]] };
    expect(await kind(holding("'a'"), other, holding("'b'"))).toBe("different");
  });

  test("where rows are told the time", async () => {
    const at = (seconds: number): What => ({
      rows: [["a", new Date(Date.now() - seconds * 1000).toISOString().slice(0, 19).replace("T", " ")]],
    });
    expect(await kind(at(5), at(1))).toBe("same");
  });
});

describe("is different", () => {
  test.for([
    ["with another parameter", { sql: [[UPDATE, "10", "1"]] }, { sql: [[UPDATE, "99", "1"]] }],
    ["with another statement", { sql: ["DELETE FROM t"] }, { sql: ["DELETE FROM u"] }],
    [
      "with what a function of the database is told",
      { sql: ["SELECT setval('s', 1) FROM t"] },
      { sql: ["SELECT setval('s', 2) FROM t"] },
    ],
    ["with what fails", { sql: ["DELETE FROM t"] }, { sql: ["DELETE FROM t", "DELETE FROM u"] }],
  ] as [string, What, What][])("%s", async ([, before, after]) => {
    expect(await compare(before, after)).toMatchObject({ kind: "different", data: true });
  });

  test("where the rows tell what no statement does", async () => {
    expect(await compare({ rows: [["a", "x"]] }, { rows: [["b", "x"]] })).toMatchObject({
      kind: "different",
      before: ["-- public.t: made_at: x, name: a"],
      after: ["-- public.t: made_at: x, name: b"],
      executed: { sameRows: false, sameCatalog: true },
    });
    expect(await kind({ rows: [["a", "x"]] }, { rows: [[null, "x"]] }, { rows: [["b", "x"]] })).toBe("different");
  });

  test("where the catalog tells it", async () => {
    const effect = await compare({ columns: ["public.t.a"] }, { columns: [] });
    expect(effect).toMatchObject({ kind: "different", data: false, executed: { sameRows: true, sameCatalog: false } });
    expect((effect as Effect & { kind: "different" }).after).toEqual(["-- column public.t.a is missing"]);
  });

  test("in what it is made of, and not in the catalog", async () => {
    const [plainly, concurrently] = [{ sql: ["CREATE INDEX i ON t (a)"] }, { sql: ["CREATE INDEX CONCURRENTLY i ON t (a)"] }];
    expect(await compare(plainly, concurrently)).toMatchObject({
      kind: "different",
      data: false,
      executed: { sameCatalog: true },
    });
  });

  test("shows the first of many statements", async () => {
    const loop = (value: string): What => ({
      sql: Array.from({ length: 9 }, (_, id) => [UPDATE, value, String(id)] as [string, ...string[]]),
    });
    const effect = (await compare(loop("1"), loop("2"))) as Effect & { kind: "different" };
    expect(effect.before).toHaveLength(5);
    expect(effect.before.at(-1)).toBe("-- … (5 more statements)");
  });
});

test("time limits are told apart", async () => {
  expect(await kind({ sql: ["DROP TABLE a"] }, { sql: ["SET lock_timeout = '5s'", "DROP TABLE a"] })).toBe("settings-only");
});

test("nobody can tell of what differs by itself in more than values, nor of thousands of statements", async () => {
  const why = async (...sides: Parameters<typeof compare>) => {
    const effect = await compare(...sides);
    return effect.kind === "unknown" && plain(effect.reason);
  };
  expect(await why({ sql: [UPDATE] }, { sql: [UPDATE] }, { sql: [UPDATE, UPDATE] })).toContain("something else each time");
  expect(await why({ sql: ["DROP TABLE a"] }, { sql: ["DROP TABLE a"] }, { sql: ["DROP TABLE IF EXISTS a"] })).toContain(
    "something else each time",
  );
  expect(await why({ unreported: 3 }, {})).toContain("too many statements");
});
