/** What became of tables and columns, as statements of SQLite tell. */
import { expect, test } from "vitest";
import { copyIn, fatesOf } from "../../src/run/rebuilds.ts";

const tables = [
  { name: "notes", columns: ["id", "body"] },
  { name: '"Other One"', columns: ["Id"] },
];
const fates = (...statements: string[]) =>
  [
    ...fatesOf(
      tables,
      statements.map((sql) => ({ sql })),
    ),
  ].map(([was, { name, columns }]) => [was, name, Object.fromEntries(columns)]);
const other = ["other one", "other one", { id: "id" }];
const same = { id: "id", body: "body" };

test.for([
  ["nothing", [], ["notes", "notes", same]],
  ["rename", ["ALTER TABLE notes RENAME TO papers"], ["notes", "papers", same]],
  ["rename a column", ["ALTER TABLE notes RENAME body TO text"], ["notes", "notes", { id: "id", text: "body" }]],
  [
    "rename a column, in full",
    ['ALTER TABLE main."Notes" RENAME COLUMN "body" TO "to"'],
    ["notes", "notes", { id: "id", to: "body" }],
  ],
  ["drop a column", ["ALTER TABLE notes DROP COLUMN body"], ["notes", "notes", { id: "id" }]],
  ["drop", ["DROP TABLE notes"], ["notes", undefined, same]],
  [
    "copy",
    [
      "CREATE TABLE _alembic_tmp_notes (id INTEGER, text DATE, more INTEGER)",
      "INSERT INTO _alembic_tmp_notes (id, text) SELECT notes.id, CAST(notes.body AS VARCHAR(20)) AS body \nFROM notes",
      "DROP TABLE notes",
      "ALTER TABLE _alembic_tmp_notes RENAME TO notes",
    ],
    ["notes", "notes", { id: "id", text: "body" }],
  ],
  [
    "copy the other way round",
    [
      "ALTER TABLE notes RENAME TO old",
      "CREATE TABLE notes (id INTEGER, body TEXT)",
      "INSERT INTO notes (id, body) SELECT id, upper(body) FROM old",
      "DROP TABLE old",
    ],
    ["notes", "notes", { id: "id" }],
  ],
  [
    "a copy that nothing came of",
    ["CREATE TABLE new (id INTEGER)", "INSERT INTO new (id) SELECT id FROM notes", "DROP TABLE new", "DROP TABLE notes"],
    ["notes", undefined, same],
  ],
] as const)("%s", ([, statements, fate]) => {
  expect(fates(...statements)).toEqual([fate, other]);
});

test.for([
  [
    "INSERT INTO a (x, y) SELECT x, 1 FROM b",
    {
      target: "a",
      source: "b",
      columns: [
        ["x", "x"],
        ["y", undefined],
      ],
    },
  ],
  [
    "INSERT INTO a (x) SELECT substr(x, 'from', 2) AS x FROM b WHERE x > 1",
    { target: "a", source: "b", columns: [["x", undefined]] },
  ],
  ["INSERT INTO a (x) SELECT b.x FROM b JOIN c", undefined],
  ["INSERT INTO a (x, y) SELECT * FROM b", undefined],
  ["INSERT INTO a (x) VALUES (1)", undefined],
] as const)("%s", ([sql, copy]) => {
  const read = copyIn(sql);
  expect(read && { ...read, columns: [...read.columns] }).toEqual(copy);
});
