/** What the revisions start from, where that is not an empty database: a file of SQL, or the base branch's models. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../failure.ts";
import type { Database } from "../postgres/scratch.ts";
import type { Settings } from "../settings.ts";
import { block, code, listOf, text } from "../text.ts";
import type { Driver } from "./driver.ts";
import type { Script } from "./laboratory.ts";

/** @throws Failure (exit code 2) where it cannot be read */
export async function readScript(root: string, file: string, setting: string): Promise<Script> {
  try {
    return { file, sql: await readFile(path.join(root, file), "utf8") };
  } catch {
    throw new Failure(
      2,
      text`The file ${code(file)}, which ${code(setting)} names, cannot be read.`,
      text`Its path is relative to the repository's root.`,
    );
  }
}

/**
 * The file that `baseline` names, and the revision at which it stands.
 *
 * @throws Failure (exit code 2) where one of them is missing
 */
export async function readBaseline(
  root: string,
  { baseline, baselineRevision }: Pick<Settings, "baseline" | "baselineRevision">,
): Promise<(Script & { revision: string }) | undefined> {
  if (baseline === undefined || baseline === "models") return undefined;
  if (baselineRevision === undefined)
    throw new Failure(
      2,
      text`${code("baseline")} is given without ${code("baseline-revision")}.`,
      text`Name the revision at which the database stood that the file was dumped from.`,
    );
  return { ...(await readScript(root, baseline, "baseline")), revision: baselineRevision };
}

const instead = text`Give a schema instead, with the revision at which it stands: ${block('baseline = "schema.sql"\nbaseline-revision = "…"', "toml")}`;

/**
 * Makes the tables of the base branch's models: what `create_all()` leaves stands for all revisions that the base branch has.
 *
 * @param task `process` has the base branch's files loaded, or others with the same models; undefined where they cannot be loaded
 * @returns the database, and the revision at which it stands
 * @throws Failure where there are no models, or no single revision that they could stand for
 */
export async function makeFromModels({
  database,
  base,
  process,
}: {
  database: Database;
  base: ReadonlySet<string>;
  process: Driver | undefined;
}): Promise<{ database: Database; revision: string }> {
  if (!process)
    throw new Failure(
      1,
      text`${code("baseline: models")} needs the base branch's files, and they cannot be loaded here.`,
      instead,
    );
  const { revisions } = await process.loaded;
  const parents = new Set(revisions.flatMap(({ id, down, dependsOn }) => (base.has(id) ? [...down, ...dependsOn] : [])));
  const heads = revisions.flatMap(({ id }) => (base.has(id) && !parents.has(id) ? [id] : []));
  if (heads.length === 0)
    throw new Failure(
      2,
      text`${code("baseline: models")} stands for the revisions of a base branch, and there are none to compare with.`,
      text`Name the base branch with ${code("--base")}, or leave ${code("baseline")} out.`,
    );
  if (heads.length > 1)
    throw new Failure(
      2,
      text`${code("baseline: models")} stands for one head, but the base branch has ${listOf(heads.toSorted())}.`,
      instead,
    );
  const { raised, contexts } = await process.check({ connection: database.connection, create: true });
  if (raised)
    throw new Failure(
      1,
      text`The tables of the base branch's models cannot be made: ${code(`${raised.type}: ${raised.message}`)}`,
      text`Extensions and roles that they need go into a file of SQL, ${block('CREATE EXTENSION IF NOT EXISTS "uuid-ossp";', "sql")} that is named in ${code("alembic-gate.toml")}: ${block('setup-sql = ["setup.sql"]', "toml")} ${block(raised.traceback, "pytb")}`,
    );
  if (contexts === 0)
    throw new Failure(
      2,
      text`${code("baseline: models")} is given, but env.py gives Alembic no ${code("target_metadata")}, so there are no models.`,
      instead,
    );
  return { database, revision: heads[0]! };
}
