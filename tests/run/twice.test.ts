/** Rows in a database that has gone up to B0 by itself show what they show in a copy of B0. */
import { expect, test } from "vitest";
import type { Evidence } from "../../src/run/evidence.ts";
import { runItinerary, type Revisions } from "../support/itinerary.ts";

const sql = (...statements: string[]) => statements.map((statement) => `op.execute("""${statement}""")`).join("\n");

const base: Revisions = {
  a: {
    upgrade: sql(
      "CREATE TABLE teams (id serial PRIMARY KEY, name text NOT NULL UNIQUE)",
      "CREATE TABLE people (id serial PRIMARY KEY, team integer REFERENCES teams, email varchar(20), age integer)",
      "INSERT INTO teams (name) VALUES ('first'), ('second')",
    ),
    downgrade: sql("DROP TABLE people", "DROP TABLE teams"),
  },
  b: { down: "a", upgrade: sql("ALTER TABLE people ADD note text"), downgrade: sql("ALTER TABLE people DROP note") },
};

const head = (upgrade: string, downgrade = "pass"): Revisions => ({ c: { down: "b", upgrade, downgrade } });

/** What rows have shown, without times and without object identifiers. */
const shown = ({ rows, notes }: Evidence) => ({
  ...(rows && {
    ...rows,
    phases: rows.phases.map(({ id, state, stop, steps }) => [id, state, stop?.raised.message, steps.map(({ ended }) => ended)]),
    failures: rows.failures.map(({ stop, ...failure }) => ({
      ...failure,
      revision: stop.revision,
      message: stop.raised.message,
    })),
  }),
  notes: notes.filter(({ what }) => what.includes("rows")),
});

async function both(revisions: Revisions, before = base) {
  const copied = await runItinerary({ base: before, head: revisions });
  const twice = await runItinerary({ base: before, head: revisions, plan: { twiceUpTo: 2 } });
  return { copied, twice };
}

test.each<[string, Revisions]>([
  ["a column that may not be NULL", head(sql("ALTER TABLE people ADD x integer NOT NULL"), sql("ALTER TABLE people DROP x"))],
  ["a column that comes and goes", head(sql("ALTER TABLE people ADD x integer"), sql("ALTER TABLE people DROP x"))],
  ["values that are lost", head(sql("ALTER TABLE people DROP age"), sql("ALTER TABLE people ADD age integer"))],
  [
    "a check that old rows break",
    head(sql("ALTER TABLE people ADD CHECK (age > 1000000)"), sql("ALTER TABLE people DROP CONSTRAINT people_age_check")),
  ],
  [
    "a unique constraint",
    head(sql("ALTER TABLE people ADD UNIQUE (email)"), sql("ALTER TABLE people DROP CONSTRAINT people_email_key")),
  ],
  ["rows that are deleted", head(sql("DELETE FROM people"))],
  ["another type", head(sql("ALTER TABLE people ALTER email TYPE text"), sql("ALTER TABLE people ALTER email TYPE varchar(3)"))],
])("%s", async (_, revisions) => {
  const { copied, twice } = await both(revisions);
  expect(copied.rows).toBeDefined();
  expect(shown(twice)).toEqual(shown(copied));
});

/** `b` writes down in which database it has run, and `c` reads that. */
const born: Revisions = {
  ...base,
  b: { down: "a", upgrade: sql("INSERT INTO teams (name) SELECT current_database()"), downgrade: "pass" },
};
const reading = {
  upgrade: `name = op.get_bind().scalar(sa.text("SELECT name FROM teams WHERE name LIKE 'alembic_gate_%'"))
op.execute("ALTER TABLE people ADD x integer -- born in " + name + "\\n")`,
  downgrade: sql("ALTER TABLE people DROP x"),
};
const birthplaces = ({ rows }: Evidence) =>
  rows!.phases[0]!.steps.flatMap(({ statements }) =>
    statements.flatMap(({ sql }) => /-- born in alembic_gate_[^_]+_(\S+)/.exec(sql)?.[1] ?? []),
  );

test("a short history goes up twice, and is heard of once", async () => {
  const { copied, twice } = await both({ c: { down: "b", ...reading } }, born);
  expect([birthplaces(copied), birthplaces(twice)]).toEqual([["main"], ["rows"]]);
  const [heard, heardTwice] = [copied, twice].map(({ progress }) => progress.filter((one) => one.endsWith(" · a")).length);
  expect(heardTwice).toBe(heard);
});

test("one that is longer is copied", async () => {
  const { twice } = await both({ d: { down: "c", ...reading } }, { ...born, c: { down: "b" } });
  expect(birthplaces(twice)).toEqual(["main"]);
});

test("one that ends elsewhere each time is copied after all", async () => {
  const own = `op.execute("CREATE TABLE " + op.get_bind().scalar(sa.text("SELECT current_database()")) + " (id int)")`;
  const { twice } = await both(
    { c: { down: "b", ...reading } },
    { ...born, b: { ...born.b!, upgrade: `${born.b!.upgrade}\n${own}` } },
  );
  expect(birthplaces(twice)).toEqual(["main"]);
  expect(twice.rows!.phases.map(({ state }) => state)).toEqual(["ok", "ok", "ok"]);
});
