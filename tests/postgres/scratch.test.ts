import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { roomInMemory } from "../../src/memory.ts";
import { connect } from "../../src/postgres/client.ts";
import { openScratch, type Database, type Scratch } from "../../src/postgres/scratch.ts";
import { startServer, type Server } from "../../src/postgres/server.ts";
import { plain } from "../../src/text.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer({ choice: "auto", env: process.env });
});
afterAll(() => server?.stop());

/** A session of the project's, as its drivers make them. */
function session({ connection }: Database) {
  const client = connect(connection);
  onTestFinished(() => client.end({ timeout: 0 }));
  return client;
}

/** Waits for something to become true. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

/** The scratch databases on the server. */
const databases = async () => {
  const client = connect(server);
  const rows = await client<
    { datname: string }[]
  >`select datname from pg_database where datname like 'alembic_gate_%' order by 1`;
  await client.end();
  return rows.map(({ datname }) => datname);
};

describe("on a server of our own", () => {
  let scratch: Scratch;
  let original: Database;

  beforeAll(async () => {
    scratch = await openScratch(server);
    original = await scratch.create("Upgrade of 3f2a!");
  });
  afterAll(() => scratch?.close());

  test("names are legal, unique and told by the connection", async () => {
    expect(original.name).toMatch(/^alembic_gate_[0-9a-f]{8}_upgrade_of_3f2a_$/);
    expect(await session(original)`select current_database() as name`).toEqual([{ name: original.name }]);
    const long = await scratch.clone(original, "x".repeat(80));
    const longer = await scratch.clone(original, "x".repeat(81));
    expect(long.name).toHaveLength(63);
    expect(longer.name).toMatch(/x_2$/);
    expect(await scratch.query(longer, "select current_database() as name")).toEqual([{ name: longer.name }]);
    await Promise.all([scratch.drop(long), scratch.drop(longer)]);
  });

  test("a query takes parameters, or several statements", async () => {
    await scratch.query(original, "create table t (id int, note text); insert into t values (1, 'a'), (2, 'b')");
    expect(await scratch.query(original, "select note from t where id = $1", [2])).toEqual([{ note: "b" }]);
    await expect(scratch.query(original, "select * from missing")).rejects.toMatchObject({ code: "42P01" });
  });

  test("a clone has what the original had, and then goes its own way", async () => {
    const clone = await scratch.clone(original, "clone");
    await scratch.query(clone, "insert into t values (3, 'c')");
    expect(await scratch.query(clone, "select count(*)::int as rows from t")).toEqual([{ rows: 3 }]);
    expect(await scratch.query(original, "select count(*)::int as rows from t")).toEqual([{ rows: 2 }]);
    await scratch.drop(clone);
    await expect(scratch.query(clone, "select 1")).rejects.toThrow("is not a database of this run");
    await expect(session(clone)`select 1`).rejects.toThrow("ECONNREFUSED");
  });

  test("roles that one database knows are not in the way of another", async () => {
    await scratch.query(original, "create role app; grant select on t to app; alter table t owner to app");
    const clone = await scratch.clone(original, "roles");
    // With both in one cluster the clone's table would depend on the role.
    await scratch.query(original, "alter table t owner to postgres; drop owned by app; drop role app");
    expect(await scratch.roles(original)).toEqual(["postgres"]);
    expect(await scratch.roles(clone)).toEqual(["app", "postgres"]);
    expect(await scratch.query(clone, "select tableowner from pg_tables where tablename = 't'")).toEqual([{ tableowner: "app" }]);
    const fresh = await scratch.create("fresh");
    expect(await scratch.roles(fresh)).toEqual(["postgres"]);
    expect(await scratch.query(fresh, "select to_regclass('t') as t")).toEqual([{ t: null }]);
    await Promise.all([scratch.drop(clone), scratch.drop(fresh)]);
  });

  test("settings of a database are cloned, settings of a server are not", async () => {
    await scratch.query(original, `alter database "${original.name}" set lock_timeout = '7s'`);
    await scratch.query(original, "alter system set shared_preload_libraries = 'missing'");
    const clone = await scratch.clone(original, "settings");
    expect(await session(clone)`show lock_timeout`).toEqual([{ lock_timeout: "7s" }]);
    await scratch.drop(clone);
  });

  test("what is not committed is not cloned", async () => {
    const idle = session(original);
    await idle`begin`;
    await idle`insert into t values (9, 'open')`;
    const clone = await scratch.clone(original, "open");
    expect(await scratch.query(clone, "select id from t where id = 9")).toEqual([]);
    await idle`rollback`;
    await scratch.drop(clone);
  });

  test("a clone waits until nobody writes, and is whole", async () => {
    await scratch.query(original, "create table ledger (id int, twice int)");
    const writer = session(original);
    const started = Date.now();
    let written = 0;
    const writing = (async () => {
      for (; Date.now() - started < 400; written++)
        await writer`insert into ledger select i, 2 * i from generate_series(1, 100) i`;
    })();
    const clone = await scratch.clone(original, "written");
    await writing;
    expect(written).toBeGreaterThan(10);
    expect(await scratch.query(clone, "select count(*)::int as rows from ledger where twice = 2 * id")).toEqual([
      { rows: written * 100 },
    ]);
    await scratch.drop(clone);
  });

  test("two clones that are made at once are both whole, while others look at the original", async () => {
    await scratch.query(original, "create table counted as select i from generate_series(1, 10000) i");
    const reader = session(original);
    const clones = Promise.all([
      scratch.clone(original, "first"),
      scratch.clone(original, "second"),
      scratch.clone(original, "third"),
    ]);
    const done = clones.then(() => true);
    let read = 0;
    for (; !(await Promise.race([done, Promise.resolve(false)])); read++) {
      scratch.expectReading!(original);
      await reader`select sum(i) from counted`;
      await scratch.readCatalog(original);
    }
    expect(read).toBeGreaterThan(1);
    const made = await clones;
    expect(new Set(made.map(({ connection }) => connection.host)).size).toBe(3);
    for (const clone of made) {
      expect(await scratch.query(clone, "select sum(i)::int as sum from counted")).toEqual([{ sum: 50_005_000 }]);
      await scratch.query(clone, "drop table counted");
    }
    expect(await scratch.query(original, "select sum(i)::int as sum from counted")).toEqual([{ sum: 50_005_000 }]);
    await Promise.all(made.map((clone) => scratch.drop(clone)));
  });

  test("a clone has what was committed last, however soon it is asked for", async () => {
    await scratch.query(original, "create table soon (i int)");
    const writer = session(original);
    for (let i = 1; i <= 5; i++) {
      await writer`insert into soon values (${i})`;
      const clone = await scratch.clone(original, "soon");
      expect(await scratch.query(clone, "select max(i) as last from soon")).toEqual([{ last: i }]);
      await scratch.drop(clone);
    }
  });

  test("who blocks whom is told, even where our own connection waits", async () => {
    const holder = session(original);
    await holder`begin`;
    await holder`lock table t`;
    const waiting = scratch.query(original, "select count(*) from t");
    await until(async () => (await scratch.whoBlocks(original)).length === 2);
    expect(await scratch.whoBlocks(original)).toEqual(
      expect.arrayContaining([
        { statement: "lock table t", state: "idle in transaction" },
        {
          statement: "select count(*) from t",
          state: "active",
          waitingFor: "AccessShareLock on t",
          blockedBy: "lock table t (idle in transaction)",
        },
      ]),
    );
    await holder`rollback`;
    await waiting;
    expect(await scratch.whoBlocks(original)).not.toContainEqual(
      expect.objectContaining({ statement: "select count(*) from t" }),
    );
  });

  test("dropping disconnects who is still there", async () => {
    const doomed = await scratch.create("doomed");
    const open = session(doomed);
    await open`select 1`;
    await scratch.drop(doomed);
    await expect(open`select 1`).rejects.toThrow(/CONNECTION_|terminating|ECONN/);
  });
});

describe("on a server of our own, all in one cluster", () => {
  async function open() {
    const own = await server.another!("empty");
    const scratch = await openScratch(own, { together: true });
    onTestFinished(async () => {
      await scratch.close();
      await own.stop();
    });
    return { scratch, original: await scratch.create("original") };
  }

  test("a clone has what the original had, and then goes its own way", async () => {
    const { scratch, original } = await open();
    await scratch.query(original, "create table t as select i from generate_series(1, 1000) i");
    const clones = await Promise.all([scratch.clone(original, "first"), scratch.clone(original, "second")]);
    expect(clones.map(({ connection }) => connection)).toEqual(
      clones.map(({ name }) => ({ ...original.connection, database: name })),
    );
    await scratch.query(clones[0], "drop table t");
    expect(await scratch.query(clones[1], "select count(*)::int as rows from t")).toEqual([{ rows: 1000 }]);
    expect(await scratch.query(original, "select count(*)::int as rows from t")).toEqual([{ rows: 1000 }]);
    await expect(scratch.haveMet!()).resolves.toBe(false);
  });

  test.each([
    "create role somebody",
    "grant pg_monitor to postgres",
    "alter role postgres set search_path = public",
    "alter database NAME set lock_timeout = 7",
    "grant connect on database NAME to public",
    "comment on database NAME is 'ours'",
    "create database alien",
    "alter system set work_mem = '5MB'",
  ])("what belongs to none of them is noticed: %s", async (sql) => {
    const { scratch, original } = await open();
    await scratch.query(original, "create table t (id int)");
    await expect(scratch.haveMet!()).resolves.toBe(false);
    await scratch.query(original, sql.replace("NAME", `"${original.name}"`));
    await expect(scratch.haveMet!()).resolves.toBe(true);
  });

  test("who has to leave one for a copy is noticed", async () => {
    const { scratch, original } = await open();
    const left = session(original);
    await left`select 1`;
    await scratch.clone(original, "clone");
    await expect(scratch.haveMet!()).resolves.toBe(true);
  });

  test.runIf(roomInMemory() > 2 ** 30)("of many that nobody needs any more the oldest make room", async () => {
    const { scratch, original } = await open();
    for (let number = 1; number <= 10; number++) await scratch.drop(await scratch.create(`try_${number}`));
    const there = await scratch.query(original, "select datname from pg_database where datname ~ 'try' order by oid");
    expect(there.map(({ datname }) => String(datname).replace(/.*try_/, ""))).toEqual(["3", "4", "5", "6", "7", "8", "9", "10"]);
  });
});

describe("on a given server", () => {
  let given: Server;
  const said: string[] = [];

  beforeAll(async () => {
    given = await startServer({ choice: `postgres://postgres:${server.password}@127.0.0.1:${server.port}/postgres`, env: {} });
  });

  test("databases are cloned on it, connections that are left open are ended, and we say so", async () => {
    const scratch = await openScratch(given, { say: (note) => said.push(plain(note)) });
    onTestFinished(() => scratch.close());
    const original = await scratch.create("given");
    await scratch.query(original, "create table t (id int)");
    const left = session(original);
    await left`select 'a pool' as left_behind`;
    const clone = await scratch.clone(original, "clone");
    expect(clone.connection).toMatchObject({ host: "127.0.0.1", port: server.port, database: clone.name });
    expect(await scratch.query(clone, "select count(*)::int as rows from t")).toEqual([{ rows: 0 }]);
    expect(said.splice(0)).toEqual([expect.stringContaining("select 'a pool' as left_behind")]);
  });

  test("a clone of what nobody uses is quick and silent", async () => {
    const scratch = await openScratch(given, { say: (note) => said.push(plain(note)) });
    onTestFinished(() => scratch.close());
    const original = await scratch.create("quiet");
    await scratch.query(original, "select 1");
    await scratch.clone(original, "clone");
    expect(said).toEqual([]);
  });

  test("two clones that are made at once are both whole", async () => {
    const scratch = await openScratch(given);
    onTestFinished(() => scratch.close());
    const original = await scratch.create("shared");
    await scratch.query(original, "create table t as select i from generate_series(1, 1000) i");
    const made = await Promise.all([scratch.clone(original, "first"), scratch.clone(original, "second")]);
    for (const clone of made) {
      expect(await scratch.query(clone, "select count(*)::int as rows from t")).toEqual([{ rows: 1000 }]);
      await scratch.query(clone, "drop table t");
    }
    expect(await scratch.query(original, "select count(*)::int as rows from t")).toEqual([{ rows: 1000 }]);
  });

  test("what is still being made at the end does not stay", async () => {
    const others = await databases();
    const scratch = await openScratch(given);
    const late = [scratch.create("late"), scratch.create("later")];
    await scratch.close();
    await Promise.all(late);
    expect(await databases()).toEqual(others);
    await expect(scratch.create("too late")).rejects.toThrow("the run is over");
  });

  test("only databases of this run are dropped, and roles that stay are named", async () => {
    const others = await databases();
    const scratch = await openScratch(given, { say: (note) => said.push(plain(note)) });
    const roles = new Set(["phase_a", "phase_b", "phase_c"]);
    const first = await scratch.create("roles");
    await scratch.query(
      first,
      "create role phase_a; create role phase_c; create table t (id int); alter table t owner to phase_a",
    );
    await scratch.restart((role) => role !== "phase_c");
    expect(await databases()).toEqual(others);
    const again = await scratch.create("roles");
    await scratch.query(again, "create role phase_b");
    expect((await scratch.roles(again)).filter((role) => roles.has(role))).toEqual(["phase_b", "phase_c"]);
    expect(await databases()).toHaveLength(others.length + 1);
    await Promise.all([scratch.close(), scratch.close()]);
    expect(await databases()).toEqual(others);
    expect(said.splice(0)).toEqual(["Roles belong to the whole server, so these stay there: phase_b and phase_c"]);
  });

  test("an abort ends running queries, and close still tidies up", async () => {
    const others = await databases();
    const abort = new AbortController();
    const scratch = await openScratch(given, { signal: abort.signal });
    const database = await scratch.create("aborted");
    const slow = scratch.query(database, "select pg_sleep(60)");
    setTimeout(() => abort.abort(), 50);
    await expect(slow).rejects.toThrow(/CONNECTION_/);
    await scratch.close();
    expect(await databases()).toEqual(others);
  });
});
