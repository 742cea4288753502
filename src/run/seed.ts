/** The project's own rows: a file of SQL, or a command that connects to the database itself. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Connection } from "../postgres/server.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Interpreter } from "../project/interpreter.ts";
import { projectEnvironment } from "../project/project-environment.ts";
import { block, code, text, type Text } from "../text.ts";
import type { Seed } from "./rows.ts";
import { lineOf } from "./sql-pieces.ts";

interface SeedOptions {
  /** Absolute root of the pull request's files. */
  root: string;
  /** Absolute folder in which commands of the project are run. */
  directory: string;
  /** What the base branch's file says, where the pull request changes it: the rows are put into a database of the base branch. */
  before?: string;
  scratch: Scratch;
  interpreter: Pick<Interpreter, "command">;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  settings: { timeout: number };
}

/** Whether the setting names a file. */
export const isSeedFile = (seed: string): boolean => /^\S+\.sql$/.test(seed);

/** @param seed the setting: a file relative to the root, or a command */
export function seedOf(seed: string, options: SeedOptions): Seed {
  if (!isSeedFile(seed)) return (database, others = []) => runCommand(seed, database.connection, others, options);
  const fromFile = async (database: Database) => {
    const { root, before } = options;
    const sql = before ?? (await readFile(path.join(root, seed), "utf8").catch(() => undefined));
    if (sql === undefined) return text`${code(seed)} cannot be read`;
    const { scratch } = options;
    try {
      // pg_dump brackets its output with these two commands of psql.
      await scratch.query(database, sql.replaceAll(/^\\(un)?restrict .*$/gm, ""));
      if (scratch.dialect === "postgresql") await scratch.query(database, "DISCARD ALL");
      return undefined;
    } catch (error) {
      const line = lineOf(error as Error, sql);
      return text`${code(line === undefined ? seed : `${seed}:${line}`)}: ${(error as Error).message}`;
    }
  };
  return Object.assign(fromFile, { firstOnly: true as const });
}

const LONGEST_OUTPUT = 4000;

/** Runs a command of the shell; it finds the database as libpq and most applications do. */
async function runCommand(
  command: string,
  connection: Connection,
  others: readonly { label: string; database: Database }[],
  { directory, interpreter, env, signal, settings, scratch }: SeedOptions,
): Promise<Text | undefined> {
  const { host, port, user, password, database } = connection;
  const urlOf = ({ host, port, user, password, database }: Connection): string =>
    scratch.dialect === "sqlite"
      ? `sqlite:///${database}`
      : `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const named = others.map(({ label, database }) => [
    `DATABASE_URL_${label.toUpperCase().replaceAll(/\W/g, "_")}`,
    urlOf(database.connection),
  ]);
  const folder = path.dirname(interpreter.command[0] ?? "");
  const child = spawn(command, {
    shell: true,
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    signal,
    timeout: settings.timeout * 1000,
    env: {
      ...projectEnvironment(env),
      PATH: [...(path.isAbsolute(folder) ? [folder] : []), env.PATH ?? ""].join(path.delimiter),
      DATABASE_URL: urlOf(connection),
      ...Object.fromEntries(named),
      ...(scratch.dialect === "postgresql" && {
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: database,
      }),
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (said = (said + chunk).slice(-LONGEST_OUTPUT)));
  const end = await new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (status, killed) =>
      resolve(status === 0 ? undefined : killed ? `was ended by ${killed}` : `ended with status ${status}`),
    );
  });
  signal.throwIfAborted();
  return end === undefined ? undefined : text`${code(command)} ${end}, and said: ${block(said.trim() || "(nothing)")}`;
}
