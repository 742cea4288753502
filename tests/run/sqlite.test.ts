/** The same itinerary on scratch SQLite files. */
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import type { Server } from "../../src/postgres/server.ts";
import type { Phase } from "../../src/run/evidence.ts";
import { text } from "../../src/text.ts";
import { alembicFiles, revision, syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";
import { runItinerary, type Revisions } from "../support/itinerary.ts";

const env = syncEnv('"sqlite:///data.db"');
const onFiles = (project: { base: Revisions; head?: Revisions; env?: string }) => runItinerary({ env, sqlite: true, ...project });
const differencesOf = ({ compared }: Phase) => compared?.differences.map(({ change, kind, name }) => `${change} ${kind} ${name}`);
const a = { a: table("ta") };

describe("a project on SQLite", () => {
  test("goes the whole way", async () => {
    const batch = `with op.batch_alter_table("ta") as batch:
    batch.add_column(sa.Column("note", sa.Text(), nullable=False, server_default="x"))
    batch.create_unique_constraint("uq", ["note"])`;
    const back = `with op.batch_alter_table("ta") as batch:
    batch.drop_constraint("uq", type_="unique")
    batch.drop_column("note")`;
    const evidence = await onFiles({
      base: a,
      head: { b: { down: "a", upgrade: batch, downgrade: back }, c: { down: "b", ...table("tc") } },
    });
    expect(evidence.phases.map(({ state }) => state)).toEqual(Array.from({ length: 7 }, () => "ok"));
    expect(evidence.phases.map(({ rows }) => rows!.found.join())).toEqual(["", "a", "c", "a", "c", "", "c"]);
    expect(evidence.schema!.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "table main.ta",
      "table main.tc",
      "column main.ta.note",
    ]);
    expect(evidence).toMatchObject({ dialect: "sqlite", dbapi: "pysqlite", serverProvider: "file" });
    expect(evidence.unsupported).toBeUndefined();
  });

  test("what does not come back is put on its revision", async () => {
    const evidence = await onFiles({
      base: a,
      head: {
        b: { down: "a", upgrade: 'op.create_index("ix", "ta", ["id"])', downgrade: "pass" },
        c: { down: "b", ...table("tc") },
      },
    });
    expect(differencesOf(evidence.phase("downgrade"))).toEqual(["added index main.ix"]);
    expect(evidence.phase("downgrade").unrestored.map(({ revision }) => revision)).toEqual(["b"]);
    expect(evidence.phase("upgrade-again").stop).toMatchObject({ revision: "b", raised: { message: "index ix already exists" } });
  });

  test("a downgrade that fails half way hides nothing", async () => {
    const fails = 'op.drop_table("nothing")';
    const base = {
      a: { ...table("ta"), downgrade: fails },
      b: { down: "a", ...table("tb") },
      c: { down: "b", ...table("tc"), downgrade: fails },
    };
    const evidence = await onFiles({ base, head: { d: { down: "c", ...table("td") } } });
    expect(evidence.phase("history-downgrade").stop).toMatchObject({ revision: "c" });
    expect(evidence.phase("history-each")).toMatchObject({ planned: ["a", "b", "c"], stops: [{ revision: "a" }] });
  });

  test("and one that raises in its upgrade", async () => {
    const evidence = await onFiles({ base: a, head: { b: { down: "a", upgrade: 'op.execute("SELECT nothing")' } } });
    expect(evidence.phase("upgrade").stop).toMatchObject({ revision: "b", file: "migrations/versions/b.py", line: 10 });
  });

  test("another server is none of its business", async () => {
    const upgrade = "import psycopg2\npsycopg2.connect('host=db.internal dbname=x')";
    const evidence = await onFiles({ base: a, head: { b: { down: "a", upgrade } } });
    expect(evidence.foreign).toMatchObject([{ wanted: "db.internal/x", file: "migrations/versions/b.py", line: 11 }]);
  });

  test("what an application sets on every connection", async () => {
    const pragma = `from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def foreign_keys(connection, record):
    connection.execute("PRAGMA foreign_keys = ON")

`;
    const evidence = await onFiles({ base: a, head: { b: { down: "a", ...table("tb") } }, env: pragma + env });
    expect(evidence.phases.every(({ state }) => state === "ok")).toBe(true);
  });
});

describe("where there is no Postgres server", () => {
  const noServer = new Failure(3, text`There is no server.`, text`Install one.`);
  const judge = async (url: string, postgresIsMeant = false) => {
    const root = await writeFiles(alembicFiles({ a: revision("a", table("ta")) }, syncEnv(url)));
    const server = Promise.reject<Server>(noServer);
    server.catch(() => {});
    return runProject({
      root,
      applied: Promise.resolve({ base: new Set<string>(), changed: [], fromBaseFiles: false, sources: [], editedDowngrades: [] }),
      postgresIsMeant,
      server,
    });
  };

  test("a project on SQLite is judged all the same", async () => {
    const evidence = await judge('"sqlite:///data.db"');
    expect(evidence).toMatchObject({ dialect: "sqlite", serverProvider: "file" });
    expect(evidence!.phases.map(({ state }) => state)).not.toContain("failed");
  });

  test("one on Postgres is told of the server", async () => {
    await expect(judge('"postgresql://db.internal/app"')).rejects.toBe(noServer);
  });

  test("and so is one that is meant to run on Postgres", async () => {
    await expect(judge('"sqlite:///data.db"', true)).rejects.toBe(noServer);
  });
});
