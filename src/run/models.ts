/** The models, compared with the database at head; and which of the differences the base branch has as well. */
import type { Difference } from "../postgres/catalog.ts";
import type { Database } from "../postgres/scratch.ts";
import { code, text, type Text } from "../text.ts";
import type { CheckOptions, Comparison, Driver } from "./driver.ts";
import type { Evidence, Models } from "./evidence.ts";
import type { Laboratory } from "./laboratory.ts";
import type { ModelDifference } from "./protocol.ts";

/** How notes call what is found out here. */
export const MODELS = "whether the models match the migrations";

interface Watched {
  /** Has the pull request's files loaded. */
  lab: Laboratory;
  /** The models, compared with a database at head; undefined where env.py gives none. */
  head: Promise<Comparison | undefined>;
  /** What the pull request's revisions do to the catalog. */
  schema: readonly Difference[];
  /** Files with models that the pull request changes. */
  changed: readonly string[];
  /** There is no base branch whose models could be compared. */
  everythingIsNew: boolean;
  /** Where the pull request changes more than it adds: a copy of B0, and what compares it with the base branch's own models. */
  onBase?: (tables: readonly string[], changed: readonly string[]) => Promise<Comparison | Text>;
}

interface Watch {
  /** Resolves when the base branch's own models were compared with the copy of B0, if need be; never rejects. */
  copyIsFree: Promise<unknown>;
  /** Told of a database that stands at B0 again. */
  cameBack(database: Database): Promise<void>;
  /**
   * Writes down what was found.
   *
   * @param again makes B0 once more; undefined where that fails
   */
  settle(evidence: Evidence, again: () => Promise<Database | undefined>): Promise<void>;
}

/** Models in there are meant for nobody's database. */
const OF_TESTS = /(^|\/)(tests?|testing|examples?)\/|(^|\/)(test_[^/]*|[^/]*_test|conftest)\.py$/;

/** Files that may have models: all that the pull request changes but its revisions, and what is meant for nobody's database. */
export const filesOfModels = (changed: readonly string[], revisions: readonly { file: string }[]): string[] =>
  changed.filter((file) => file.endsWith(".py") && !OF_TESTS.test(file) && !revisions.some((revision) => revision.file === file));

/** Looks at the base branch's models where those at head differ from the database. */
export function watchModels({ lab, head, schema, changed, everythingIsNew, onBase }: Watched): Watch {
  const asked = head.then((found) => (found && found.differences.length > 0 && !everythingIsNew ? found : undefined));
  const own = asked.then((found) => found && onBase?.(tablesOf(found), changed));
  // The models are the same on both sides: what the revisions did not touch was there before.
  const needed = onBase
    ? Promise.resolve(false)
    : asked.then((found) => found !== undefined && found.differences.some(({ table }) => touches(schema, table)));
  for (const promise of [own, needed]) promise.catch(() => {});
  let base: Comparison | Text | undefined;

  const compareHere = async (database: Database) => {
    const comparison = await lab.check(database, { tables: tablesOf((await asked)!), brief: true });
    base = comparison && !comparison.raised ? comparison : text`the models could not be compared with the base branch's database`;
  };
  return {
    copyIsFree: own.catch(() => {}),
    async cameBack(database) {
      if (!base && (await needed)) await compareHere(database);
    },
    async settle(evidence, again) {
      const found = await head;
      const why = found ? whyNot(found) : text`env.py gives Alembic no ${code("target_metadata")}`;
      if (why) evidence.notes.push({ what: MODELS, reason: why });
      if (!found || why) return;
      if (!base && (await needed)) {
        const database = await again();
        if (database) await compareHere(database);
      }
      const same = onBase ? undefined : await asked;
      const other =
        (await own) ?? base ?? ((await needed) ? text`the base branch's database could not be made again` : (same ?? nothing));
      evidence.models = sorted(found, other, schema, changed);
      if (evidence.models.baseUnknown)
        evidence.notes.push({
          what: "which differences of the models the base branch has already",
          reason: evidence.models.baseUnknown,
        });
    },
  };
}

const nothing: Pick<Comparison, "differences" | "declared"> = { differences: [], declared: {} };

function whyNot({ raised, contexts }: Comparison): Text | undefined {
  if (raised) return text`Alembic's autogenerate could not compare them: ${code(`${raised.type}: ${raised.message}`)}`;
  return contexts === 0 ? text`env.py gives Alembic no ${code("target_metadata")}` : undefined;
}

/** What makes two differences the same, on the base branch and at head. */
const keyOf = ({ kind, change, table, name, property }: ModelDifference): string =>
  JSON.stringify([kind, change, table, name, property]);

const tablesOf = ({ differences }: Comparison): string[] => [
  ...new Set(differences.flatMap(({ table }) => (table === null ? [] : [table]))),
];

/** The label of what is in another database than the first, `[billing] `. */
const databaseOf = (name: string): string => /^\[[^\]]*\] /.exec(name)?.[0] ?? "";

/** Whether a table, or something of it, was changed in the catalog. Rather too often yes: names are compared without their schema. */
function touches(schema: readonly Difference[], table: string | null): boolean {
  if (table === null) return true;
  const database = databaseOf(table);
  const name = table.slice(Math.max(table.lastIndexOf("."), database.length - 1) + 1);
  const words = (value: unknown): string[] => String(value).split(/[^\p{L}\p{N}_$]+/u);
  return schema.some(
    ({ name: changed, properties }) =>
      databaseOf(changed) === database &&
      (words(changed).includes(name) ||
        properties.some(({ before, after }) => [...words(before), ...words(after)].includes(name))),
  );
}

/** Tells old differences from new ones. Where nothing is known of the base branch, what the pull request touches is taken for new. */
function sorted(
  head: Comparison,
  base: Pick<Comparison, "differences" | "declared"> | Text,
  schema: readonly Difference[],
  changed: readonly string[],
): Models {
  if (!("differences" in base)) {
    const isNew = ({ file, table, kind }: ModelDifference) =>
      kind === "module" || (file !== undefined && changed.includes(file)) || touches(schema, table);
    return { differences: head.differences.map((one) => ({ ...one, old: !isNew(one) })), baseUnknown: base };
  }
  const known = new Set(base.differences.map(keyOf));
  // Neither the table nor its model changed: autogenerate was told to look closer, and what it sees was there before.
  const untouched = ({ kind, table }: ModelDifference) =>
    kind !== "module" && table !== null && !touches(schema, table) && head.declared[table] === base.declared[table];
  return { differences: head.differences.map((one) => ({ ...one, old: known.has(keyOf(one)) || untouched(one) })) };
}

/** Processes with the base branch's files loaded that several may use, one after the other. */
export interface Shared {
  take(): Promise<Driver | undefined>;
  give(driver: Driver): void;
  /** Copies one, for two that use them at once. */
  double(): Promise<void>;
  stop(): Promise<void>;
}

export function shared(start: () => Promise<Driver | undefined>): Shared {
  const idle: Driver[] = [];
  let doubled = Promise.resolve();
  const double = async () => {
    const driver = idle.pop() ?? (await start());
    const copy = await driver?.copy();
    idle.push(...[driver, copy].filter((one) => one !== undefined));
  };
  return {
    async take() {
      await doubled;
      return idle.pop() ?? start();
    },
    give: (driver) => void idle.push(driver),
    double: () => (doubled = double()),
    async stop() {
      await Promise.all(idle.map((driver) => driver.stop()));
    },
  };
}

/** Compares the base branch's own models with its database. A text says why that tells nothing. */
export async function compareBase(processes: Shared, options: CheckOptions): Promise<Comparison | Text> {
  const driver = await processes.take();
  if (!driver) return text`the base branch's own files cannot be loaded here`;
  const comparison = await driver.check({ ...options, brief: true });
  processes.give(driver);
  return whyUnreliable(comparison) ?? comparison;
}

/** Why what was compared on the base branch says nothing; undefined where it does. */
function whyUnreliable({ raised, strays, sources }: Comparison): Text | undefined {
  if (raised) return text`the base branch's models could not be compared: ${code(`${raised.type}: ${raised.message}`)}`;
  if (strays.length > 0)
    return text`the base branch's own files import the pull request's models, ${code(strays[0]!)}, not those beside them`;
  if (sources.length === 0) return text`no model of the base branch was imported from its own files`;
  return undefined;
}
