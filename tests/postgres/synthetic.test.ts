/** Made-up rows in real tables. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fill, type Filling, type Manner } from "../../src/postgres/synthetic.ts";
import { plain } from "../../src/text.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";

const oidsOf = async ({ query }: TestDatabase, names: readonly string[]) =>
  (await query(`SELECT unnest(ARRAY[${names.map((name) => `'${name}'`).join(", ")}]::regclass[])::oid::text AS oid`)).map(
    ({ oid }) => String(oid),
  );

async function filled(sql: string, names: readonly string[], manner: Manner = "varied") {
  const database = await createDatabase();
  await database.query(sql);
  const query = (text: string, parameters: readonly unknown[] = []) => database.query(text, parameters.map(String));
  const filling = await fill(query, await oidsOf(database, names), manner);
  return { ...database, filling };
}

const outline = ({ filled, unfilled }: Filling) =>
  Object.fromEntries([
    ...filled.map(({ table, rows }) => [table.replace("public.", ""), rows]),
    ...unfilled.map(({ table, reason }) => [table.replace("public.", ""), plain(reason)]),
  ]);

describe("what a table asks of its rows", () => {
  test("NULLs, equal values and long texts are there wherever they are allowed", async () => {
    const { query, filling } = await filled(
      "CREATE TABLE t (id serial PRIMARY KEY, a text, b varchar(20) NOT NULL, c int NOT NULL)",
      ["t"],
    );
    expect(outline(filling)).toEqual({ t: 8 });
    const [row] =
      await query(`SELECT count(*) FILTER (WHERE a IS NULL)::int AS nulls, max(length(a)) AS long, max(length(b)) AS whole,
      count(*)::int - count(DISTINCT c)::int AS equal, min(id) AS first FROM t`);
    expect(row).toEqual({ nulls: 1, long: 300, whole: 20, equal: 2, first: 1001 });
  });

  test("texts that must match a pattern, and tables that may have one row only", async () => {
    const { query, filling } = await filled(
      `CREATE DOMAIN email AS text CHECK (VALUE ~ '^[^@ ]+@[^@ ]+[.][a-z]{2,}$');
       CREATE TABLE t (code text NOT NULL CHECK (code ~ '^[A-Z]{3}-\\d+$'), slug varchar(30) NOT NULL CHECK (slug ~* '^x[a-z0-9]+(-[a-z0-9]+)*$'),
         url text NOT NULL CHECK (url LIKE 's3://%'), mail email NOT NULL);
       CREATE TABLE single (on_off boolean NOT NULL);
       CREATE UNIQUE INDEX ON single ((true))`,
      ["t", "single"],
    );
    expect(outline(filling)).toEqual({ t: 8, single: 1 });
    const [{ different } = {}] = await query("SELECT count(DISTINCT code)::int AS different FROM t");
    expect(different).toBeGreaterThan(1);
  });

  test("plain rows have none of these", async () => {
    const { query, filling } = await filled(
      "CREATE TABLE t (id serial PRIMARY KEY, a text, b varchar(20) NOT NULL, c int)",
      ["t"],
      "plain",
    );
    expect(outline(filling)).toEqual({ t: 4 });
    expect(await query("SELECT a, b, c FROM t ORDER BY c")).toEqual(
      [1, 2, 3, 4].map((n) => ({ a: String(n), b: String(n), c: n })),
    );
  });

  test("parents come first, and their parents", async () => {
    const { filling } = await filled(
      `CREATE TABLE a (id int PRIMARY KEY, code text UNIQUE NOT NULL);
       CREATE TABLE b (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a_id int NOT NULL REFERENCES a, a_code text REFERENCES a (code));
       CREATE TABLE c (a_id int REFERENCES a, b_id bigint REFERENCES b, PRIMARY KEY (a_id, b_id));
       CREATE TABLE d (a_id int PRIMARY KEY REFERENCES a);
       CREATE TABLE other (id int)`,
      ["c", "d"],
    );
    expect(outline(filling)).toEqual({ a: 8, b: 8, c: 8, d: 8 });
    expect(filling.filled.map(({ table }) => table)[0]).toBe("public.a");
  });

  test("a table that refers to itself, tables that refer to each other", async () => {
    const { filling } = await filled(
      `CREATE TABLE tree (id serial PRIMARY KEY, parent int REFERENCES tree);
       CREATE TABLE loop (id serial PRIMARY KEY, same int NOT NULL REFERENCES loop);
       CREATE TABLE x (id int PRIMARY KEY, y_id int);
       CREATE TABLE y (id int PRIMARY KEY, x_id int NOT NULL REFERENCES x);
       ALTER TABLE x ADD FOREIGN KEY (y_id) REFERENCES y;
       CREATE TABLE p (id int PRIMARY KEY, q_id int NOT NULL);
       CREATE TABLE q (id int PRIMARY KEY, p_id int NOT NULL REFERENCES p);
       ALTER TABLE p ADD FOREIGN KEY (q_id) REFERENCES q`,
      ["tree", "loop", "y", "q"],
    );
    const stuck = "it refers to itself through other tables, and no row may be the first";
    expect(outline(filling)).toEqual({ tree: 8, loop: 8, x: 8, y: 8, p: stuck, q: stuck });
  });

  test("several foreign keys that share a tenant", async () => {
    const { query, filling } = await filled(
      `CREATE TABLE tenant (id int PRIMARY KEY);
       CREATE TABLE person (tenant_id int REFERENCES tenant, id int, PRIMARY KEY (tenant_id, id));
       CREATE TABLE project (tenant_id int REFERENCES tenant, id int, boss int, PRIMARY KEY (tenant_id, id),
         FOREIGN KEY (tenant_id, boss) REFERENCES person);
       CREATE TABLE task (tenant_id int NOT NULL, person_id int NOT NULL, project_id int, part_of int, id int, PRIMARY KEY (tenant_id, id),
         FOREIGN KEY (tenant_id, person_id) REFERENCES person, FOREIGN KEY (tenant_id, project_id) REFERENCES project,
         FOREIGN KEY (tenant_id, part_of) REFERENCES task)`,
      ["task"],
    );
    expect(Object.values(outline(filling)).every((rows) => Number(rows) >= 4)).toBe(true);
    const [{ whole } = {}] = await query("SELECT count(project_id)::int AS whole FROM task");
    expect(whole).toBeGreaterThan(0);
  });

  test("CHECK constraints that people write", async () => {
    const checks = [
      "n int CHECK (n > 100)",
      "n int CHECK (n BETWEEN 5 AND 7)",
      "n numeric(4,2) NOT NULL CHECK (n > 0 AND n < 1)",
      "n text CHECK (n IN ('x', 'it''s'))",
      "n varchar(3) NOT NULL CHECK (char_length(n) = 3)",
      "n text NOT NULL CHECK (n ~ '^[a-z]{2}(-[A-Z]{2})?$')",
      "n text NOT NULL CHECK (n = lower(n) AND length(n) >= 40)",
      "n jsonb NOT NULL CHECK (jsonb_typeof(n) = 'array')",
      "n text[] NOT NULL CHECK (cardinality(n) = 2)",
      `n jsonb NOT NULL CHECK (n = '["member"]' OR n = '["member", "owner"]')`,
      "a int, b int, CHECK (num_nonnulls(a, b) = 1)",
      "a date NOT NULL, b date NOT NULL, CHECK (a < b)",
      "a timestamptz, b timestamptz, c bool NOT NULL, CHECK ((a IS NULL) = (b IS NULL)), CHECK (b >= a OR c)",
      "kind text NOT NULL CHECK (kind IN ('mail', 'post')), mail text, CHECK (kind <> 'mail' OR mail IS NOT NULL)",
      "low int NOT NULL, high int NOT NULL, CHECK (low >= 0), CHECK (high > low), CHECK (high <= 100)",
      "n int NOT NULL CHECK (n <> ALL (ARRAY[1, 2, 3]))",
      "n timestamp NOT NULL CHECK (n < '2001-01-01')",
    ];
    const tables = checks.map((check, index) => `CREATE TABLE c${index} (id serial PRIMARY KEY, ${check});`);
    for (const manner of ["varied", "plain"] as const) {
      const { filling } = await filled(
        tables.join("\n"),
        checks.map((_, index) => `c${index}`),
        manner,
      );
      expect(filling.unfilled.map(({ table, reason }) => `${table}: ${plain(reason)}`)).toEqual([]);
      expect(filling.filled.filter(({ rows }) => rows < 3)).toEqual([]);
    }
  });

  test("domains, composite types, arrays of enums, ranges that may not overlap, generated columns", async () => {
    const { query, filling } = await filled(
      `CREATE EXTENSION IF NOT EXISTS btree_gist;
       CREATE TYPE mood AS ENUM ('glad', 'sad');
       CREATE TYPE pair AS (a int, b text);
       CREATE DOMAIN posint AS int CHECK (VALUE > 50);
       CREATE DOMAIN code2 AS varchar(2) NOT NULL CHECK (VALUE ~ '^[A-Z]{2}$');
       CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), m mood[] NOT NULL, p pair NOT NULL, ps pair[], d posint NOT NULL,
         c code2, r tstzrange NOT NULL, twice int GENERATED ALWAYS AS (d * 2) STORED, room int NOT NULL,
         EXCLUDE USING gist (room WITH =, r WITH &&))`,
      ["t"],
    );
    expect(filling.unfilled).toEqual([]);
    expect(await query("SELECT count(*)::int > 2 AS many, min(d) > 50 AS domains FROM t")).toEqual([
      { many: true, domains: true },
    ]);
  });

  test("partitions of all kinds", async () => {
    const { filling } = await filled(
      `CREATE TABLE l (k text NOT NULL, v int) PARTITION BY LIST (k);
       CREATE TABLE l1 PARTITION OF l FOR VALUES IN ('north', 'south');
       CREATE TABLE r (at date NOT NULL, n int) PARTITION BY RANGE (at);
       CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2019-05-01') TO ('2019-06-01');
       CREATE TABLE h (id int PRIMARY KEY) PARTITION BY HASH (id);
       CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
       CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
       CREATE TABLE d (k int) PARTITION BY LIST (k);
       CREATE TABLE dd PARTITION OF d DEFAULT;
       CREATE TABLE two (a int NOT NULL, b text NOT NULL) PARTITION BY RANGE (a);
       CREATE TABLE two1 PARTITION OF two FOR VALUES FROM (1000) TO (2000) PARTITION BY LIST (b);
       CREATE TABLE two2 PARTITION OF two1 FOR VALUES IN ('in');
       CREATE TABLE bare (k int) PARTITION BY LIST (k)`,
      ["l", "l1", "r", "r1", "h", "h0", "d", "two", "two2", "bare"],
    );
    expect(outline(filling)).toMatchObject({ bare: "it has no partition that would take a row" });
    expect(filling.unfilled).toHaveLength(1);
  });

  test("what cannot be filled is said, and the rest is filled", async () => {
    const { filling } = await filled(
      `CREATE TABLE a (id int PRIMARY KEY CHECK (id * 7 % 1009 = 3 AND id > 5000));
       CREATE TABLE b (a_id int NOT NULL REFERENCES a);
       CREATE TABLE c (a_id int REFERENCES a, x int NOT NULL);
       CREATE TYPE odd; CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
       CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
       CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out);
       CREATE TABLE o (x odd NOT NULL);
       CREATE TABLE triggered (x int);
       CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION refuse()`,
      ["b", "c", "o", "triggered"],
    );
    expect(outline(filling)).toEqual({
      a: "no values were found that satisfy a_id_check",
      b: "its parent public.a has no row to refer to",
      c: 8,
      o: "nobody can make up a value of the type odd of x",
      triggered: "not today",
    });
  });

  test("a table that another one's trigger fills, and one that keeps nothing", async () => {
    const { filling } = await filled(
      `CREATE TABLE a (id serial PRIMARY KEY);
       CREATE TABLE audit (a_id int PRIMARY KEY REFERENCES a);
       CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NULL; END $$;
       CREATE TRIGGER log AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION log();
       CREATE TABLE sink (x int);
       CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER swallow BEFORE INSERT ON sink FOR EACH ROW EXECUTE FUNCTION swallow()`,
      ["audit", "sink"],
    );
    expect(outline(filling)).toEqual({ a: 8, audit: 8, sink: "what is inserted does not stay" });
  });

  test("tables that have rows already keep them", async () => {
    const { query, filling } = await filled(
      "CREATE TABLE t (id serial PRIMARY KEY, name text UNIQUE); INSERT INTO t (id, name) VALUES (1, 'Text 1'), (2, 'admin')",
      ["t"],
    );
    expect(filling.unfilled).toEqual([]);
    expect(await query("SELECT count(*)::int > 5 AS more, count(*) FILTER (WHERE id < 3)::int AS old FROM t")).toEqual([
      { more: true, old: 2 },
    ]);
  });
});

/** Types that are supported, as SQL. */
const TYPES = (
  "smallint,integer,bigint,numeric,numeric(10;2),numeric(3;3),real,double precision,boolean,text,varchar(1),varchar(5),varchar(255),char(3),name," +
  "bytea,date,time,timetz,timestamp,timestamptz,interval,uuid,json,jsonb,inet,cidr,macaddr,bit(3),varbit(4),point,circle,tsvector,int4range," +
  "tstzrange,money,oid,mood,posint,citext,hstore"
)
  .split(",")
  .map((type) => type.replace(";", ","));
const NOT_COMPARABLE = new Set(["json", "point", "circle"]);

const column = fc.record({
  type: fc.constantFrom(...TYPES),
  array: fc.boolean(),
  notNull: fc.boolean(),
  unique: fc.boolean(),
});
const table = fc.record({
  key: fc.constantFrom(
    "serial",
    "int GENERATED ALWAYS AS IDENTITY",
    "uuid DEFAULT gen_random_uuid()",
    "uuid",
    "varchar(40)",
    "smallint",
  ),
  columns: fc.array(column, { minLength: 1, maxLength: 6 }),
  parents: fc.array(fc.record({ index: fc.nat(2), notNull: fc.boolean(), unique: fc.boolean() }), { maxLength: 2 }),
  together: fc.boolean(),
});

test("any tables of supported kinds are filled, whatever refers to whatever", async () => {
  const database = await createDatabase();
  const query = (text: string, parameters: readonly unknown[] = []) => database.query(text, parameters.map(String));
  await query(
    `CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE DOMAIN posint AS int CHECK (VALUE > 5)`,
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(table, { minLength: 1, maxLength: 4 }),
      fc.constantFrom<Manner>("varied", "plain"),
      async (tables, manner) => {
        const keyType = (key: string) => key.split(" ")[0]!.replace("serial", "int");
        const statements = tables.map(({ key, columns, parents, together }, index) => {
          const own = columns.map(({ type, array, notNull, unique }, number) => {
            const single = unique && !NOT_COMPARABLE.has(type) && type !== "boolean";
            return `c${number} ${type}${array ? "[]" : ""}${notNull ? " NOT NULL" : ""}${single ? " UNIQUE" : ""}`;
          });
          // A table may refer to those before it, and to itself.
          const references = parents.map(({ index: wanted, notNull, unique }, number) => {
            const parent = Math.min(wanted, index);
            const required = notNull && parent !== index ? " NOT NULL" : "";
            return `p${number} ${keyType(tables[parent]!.key)}${required}${unique ? " UNIQUE" : ""} REFERENCES t${parent}`;
          });
          const pair = together && parents.length === 2 ? ["UNIQUE (p0, p1)"] : [];
          return `CREATE TABLE t${index} (id ${key} PRIMARY KEY, ${[...own, ...references, ...pair].join(", ")});`;
        });
        await query(statements.join("\n"));
        try {
          const filling = await fill(
            query,
            await oidsOf(
              database,
              tables.map((_, index) => `t${index}`),
            ),
            manner,
          );
          expect(filling.unfilled.map(({ table, reason }) => `${table}: ${plain(reason)}`)).toEqual([]);
          expect(filling.filled).toHaveLength(tables.length);
          for (const { table, rows } of filling.filled) {
            expect(rows).toBeGreaterThan(0);
            expect(await query(`SELECT count(*)::int AS rows FROM ${table}`)).toEqual([{ rows }]);
          }
        } finally {
          await query(tables.map((_, index) => `DROP TABLE t${index} CASCADE;`).join("\n"));
        }
      },
    ),
    { numRuns: 30 },
  );
});
