/** Scratch databases of a project on SQLite: files in a folder of our own, read by a small Python process. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { Failure } from "../failure.ts";
import { memoryFolder, roomInMemory } from "../memory.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { block, text } from "../text.ts";
import { parseSqliteCatalog, sqliteCatalogQuery } from "./catalog.ts";

/** What SQLite may keep beside a database. */
const BESIDE = ["", "-wal", "-shm", "-journal"];

/** Files live in memory where that has this much room, else on disk: each revision commits, and waits for the disk there. */
const LEAST_ROOM = 2 ** 30;

type Row = Record<string, unknown>;
/** `line`: where several statements in one text failed. */
type Answer = { rows?: Row[]; error?: string; line?: number; version?: string };

interface Options {
  /** The project's interpreter and its own arguments. */
  python: readonly string[];
  /** Absolute path of driver/. */
  driver: string;
  directory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/**
 * @returns a Scratch whose connections name a file as their database
 * @throws Failure (exit 3) where Python cannot read SQLite files
 */
export async function openSqliteScratch({
  python: [command, ...rest],
  driver,
  directory,
  env,
  signal,
}: Options): Promise<Scratch> {
  const child = spawn(command!, [...rest, "-I", path.join(driver, "sqlite_files.py")], {
    cwd: directory,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    ...(signal && { signal }),
  });
  let said = "";
  let gone = false;
  child.stderr.setEncoding("utf8").on("data", (data: string) => (said += data));
  child.stdin.on("error", () => {});
  const waiting: ((answer: Answer | undefined) => void)[] = [];
  const next = () => new Promise<Answer | undefined>((resolve) => waiting.push(resolve));
  const version = next();
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(JSON.parse(line) as Answer));
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      said += error.message;
      resolve();
    });
    child.once("close", () => {
      gone = true;
      for (const answer of waiting.splice(0)) answer(undefined);
      resolve();
    });
  });

  const refuse = () => {
    signal?.throwIfAborted();
    return new Failure(
      3,
      text`The SQLite files of the run cannot be read.`,
      text`Python said: ${block(said.trim() || "(nothing)")}`,
    );
  };
  const ask = async (request: { file: string; sql: string; parameters: readonly unknown[] }): Promise<Row[]> => {
    if (gone) throw refuse();
    const answer = next();
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { rows, error, line } = (await answer) ?? {};
    if (error !== undefined) throw Object.assign(new Error(error), { line });
    if (!rows) throw refuse();
    return rows;
  };

  const known = (await version)?.version;
  if (known === undefined) {
    await ended;
    throw refuse();
  }
  const folder = await mkdtemp(path.join(roomInMemory() >= LEAST_ROOM ? memoryFolder : tmpdir(), "alembic-gate-sqlite-"));
  let count = 0;
  const name = (wanted: string): Database => {
    const file = path.join(folder, `${++count}-${wanted.replaceAll(/\W+/g, "_")}.db`);
    return { name: path.basename(file), connection: { host: "", port: 0, user: "", password: "", database: file } };
  };
  const fileOf = ({ connection }: Database) => connection.database;
  let closing: Promise<void> | undefined;
  const close = async () => {
    child.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };

  return {
    dialect: "sqlite",
    inOne: false,
    server: {
      host: "",
      port: 0,
      user: "",
      password: "",
      database: "",
      version: known,
      major: 3,
      provider: "file",
      stop: async () => {},
    },
    create: async (wanted) => name(wanted),
    async clone(from, wanted) {
      const copy = name(wanted);
      for (const end of BESIDE) if (existsSync(fileOf(from) + end)) await copyFile(fileOf(from) + end, fileOf(copy) + end);
      return copy;
    },
    async drop(database) {
      for (const end of BESIDE) await rm(fileOf(database) + end, { force: true });
    },
    async query<R extends Row = Row>(database: Database, sql: string, parameters: readonly unknown[] = []) {
      return (await ask({ file: fileOf(database), sql, parameters })) as R[];
    },
    readCatalog: async (database) =>
      String(Object.values((await ask({ file: fileOf(database), sql: sqliteCatalogQuery(), parameters: [] }))[0]!)[0]),
    catalogQuery: sqliteCatalogQuery,
    parseCatalog: parseSqliteCatalog,
    async tables(database, names) {
      const rows = await ask({
        file: fileOf(database),
        sql: "SELECT name FROM sqlite_master WHERE type = 'table'",
        parameters: [],
      });
      return rows.map((row) => ({ schema: "main", name: String(row.name) })).filter((table) => names.includes(table.name));
    },
    whoBlocks: async () => [],
    roles: async () => [],
    restart: async () => {},
    close: () => (closing ??= close()),
  };
}
