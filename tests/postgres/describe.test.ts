import { expect, test } from "vitest";
import type { Difference, Value } from "../../src/postgres/catalog.ts";
import { describe, describeAll, describeState, valueText } from "../../src/postgres/describe.ts";
import { plain } from "../../src/text.ts";

const added = (kind: string, name: string, properties: Record<string, Value> = {}, parent?: string): Difference => ({
  change: "added",
  kind,
  name,
  ...(parent && { parent }),
  properties: Object.entries(properties).map(([name, value]) => ({ name, before: null, after: value })),
});
const removed = (...of: Parameters<typeof added>): Difference => {
  const difference = added(...of);
  return {
    ...difference,
    change: "removed",
    properties: difference.properties.map(({ name, after }) => ({ name, before: after, after: null })),
  };
};
const changed = (kind: string, name: string, properties: Record<string, [Value, Value]>): Difference => ({
  change: "changed",
  kind,
  name,
  properties: Object.entries(properties).map(([name, [before, after]]) => ({ name, before, after })),
});

const type = changed("column", "public.users.email", {
  type: ["character varying(100)", "character varying(50)"],
  nullable: [false, true],
});

const sentences: [difference: Difference, effect: string, state: string][] = [
  [
    type,
    "changes column public.users.email: type character varying(100) → character varying(50), nullable no → yes",
    "column public.users.email: type was character varying(100), is now character varying(50); nullable was no, is now yes",
  ],
  [
    added("enum type", "public.status", { owner: "postgres", labels: ["a", "it's"] }),
    "adds enum type public.status ('a', 'it''s')",
    "enum type public.status was not there before",
  ],
  [
    removed("column", "public.t.n", { type: "integer", nullable: false, default: "3" }),
    "drops column public.t.n (integer, not null, default 3)",
    "column public.t.n is missing",
  ],
  [
    changed("table", "public.t", { "grants to app": [null, ["SELECT", "INSERT"]], comment: ["x", null] }),
    "changes table public.t: grants to app the default → SELECT, INSERT, comment x → none",
    "table public.t: grants to app was the default, is now SELECT, INSERT; comment was x, is now none",
  ],
  [
    changed("function", "public.f()", { "grants to PUBLIC": [null, []] }),
    "changes function public.f(): grants to PUBLIC the default → none",
    "function public.f(): grants to PUBLIC was the default, is now none",
  ],
  [
    changed("function", "public.f()", { body: ["one\ntwo", "three"] }),
    "changes function public.f(): body",
    "function public.f(): body differs",
  ],
  [
    changed("view", "public.v", { definition: ["x", "y".repeat(500)] }),
    "changes view public.v: definition",
    "view public.v: definition differs",
  ],
  [removed("view", "public.v", { definition: "y".repeat(500) }), "drops view public.v", "view public.v is missing"],
];

for (const [difference, effect, state] of sentences) {
  test(`it says: ${effect}`, () => {
    expect(plain(describe(difference))).toBe(effect);
    expect(plain(describeState(difference))).toBe(state);
  });
}

test("whatever the database names stands in code", () => {
  const prose = [
    ...sentences.map(([difference]) => difference),
    changed("view", "public.v", { "column <b>": ["<b>", null], "option <b>": ["x", "<b>"], "grants to <b>": [null, ["SELECT"]] }),
  ]
    .flatMap((difference) => [...describe(difference), ...describeState(difference)])
    .flatMap((part) => ("text" in part ? [part.text] : []))
    .join("");
  expect(prose).not.toMatch(/public|<b>|email|character|app/);
});

const index = (name: string, definition: string, table = "table public.t") =>
  ["index", name, { definition, unique: false }, table] as const;

test("what only has another name is renamed; each is paired once, and only with its like", () => {
  const differences = [
    removed(...index("public.a", "btree (x)")),
    removed(...index("public.b", "btree (x)")),
    removed(...index("public.c", "btree (y)")),
    removed(...index("public.d", "btree (z)")),
    removed("table", "public.old", { owner: "postgres" }),
    added("table", "public.new", { owner: "postgres" }),
    added(...index("public.e", "btree (x)")),
    added(...index("public.f", "btree (y)", "table public.u")),
    added(...index("public.g", "btree (z)")),
  ];
  expect(describeAll(differences).map(plain)).toEqual([
    "renames index public.a to public.e",
    "drops index public.b (btree (x))",
    "drops index public.c (btree (y))",
    "renames index public.d to public.g",
    "drops table public.old",
    "adds table public.new",
    "adds index public.f (btree (y))",
  ]);
});

test("values as one line", () => {
  expect([null, true, false, 3, "x", ["a", "b'c"], { a: 1 }].map(valueText)).toEqual([
    "none",
    "yes",
    "no",
    "3",
    "x",
    "('a', 'b''c')",
    '{"a":1}',
  ]);
});
