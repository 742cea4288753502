/** What both versions of a revision did to copies of one database: statements, catalogs and rows compared. Pure. */
import type { Catalog } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import { describeState } from "../postgres/describe.ts";
import { plain, text } from "../text.ts";
import { differing, type Effect } from "./effect.ts";
import type { Step } from "./evidence.ts";
import type { RenderedStatement } from "./protocol.ts";
import type { Holding } from "./row-values.ts";
import { folded, isData, isSetting, parsedUnits, type Unit } from "./sql.ts";

/** What one version did in one direction. */
export interface Doing {
  step: Pick<Step, "statements" | "unreported">;
  catalog: Catalog;
  rows: Holding;
}

const READS = /^(?:select|with|show|values|table|explain)\b/i;
const SQLITE_ASKS = /^pragma\s+(?:\w+\.)?(?:table|index|foreign_key|database)_(?:x?info|list)\b/i;
/** What may change something in spite of that: a part that writes, or a function that is not known to read alone. */
const WRITES =
  /\b(?:insert|update|delete|merge|into)\b|\b(?:setval|nextval|set_config|pg_notify|lo_\w+|dblink\w*|\w*(?:create|add|drop|attach|detach|refresh|run|migrate|backfill|convert|apply|move|alter|fill|populate)\w*)\s*\(/i;

/** Whether a statement only asks: what it is told shows in what follows. */
const isQuestion = (sql: string): boolean => {
  const plain = folded(sql).replaceAll(/'(?:[^']|'')*'/g, "''");
  return SQLITE_ASKS.test(plain) || (READS.test(plain) && !WRITES.test(plain));
};

/** All that was executed, as a rendering has it; what failed and was passed over carries its SQLSTATE. */
export const statementsOf = ({ statements }: Doing["step"]): RenderedStatement[] =>
  statements.map(({ sql, exact = { sql, parameters: [] }, error }) =>
    error ? { ...exact, sql: `${exact.sql}\n-- fails: ${error.sqlstate ?? error.message}` } : exact,
  );

const VARIES = "<varies>";
const TOKEN = /'(?:[^']|'')*'|\w+|\s+|[^\w\s]/g;

/** A key whose tokens at some places are others each time. */
interface Steady {
  tokens: readonly string[];
  varies: ReadonlySet<number>;
}

/** Undefined where more than single values differ. */
function steady(one: string, other: string): Steady | undefined {
  const [tokens, others] = [one.match(TOKEN) ?? [], other.match(TOKEN) ?? []];
  if (tokens.length !== others.length) return undefined;
  return { tokens, varies: new Set(tokens.flatMap((token, index) => (token === others[index] ? [] : [index]))) };
}

/** The key without what varies, as far as another key has the same places. */
function masked(key: string, { tokens, varies }: Steady): string {
  const own = varies.size === 0 ? undefined : key.match(TOKEN);
  return own?.length === tokens.length ? own.map((token, index) => (varies.has(index) ? VARIES : token)).join("") : key;
}

const effectOf = async (doing: Doing): Promise<Unit[]> =>
  parsedUnits(statementsOf(doing.step).filter(({ sql }) => !isQuestion(sql)));

/** Which table's which columns are other values each time. */
type Noise = ReadonlyMap<string, ReadonlySet<string>>;

const named = (rows: Holding) => new Map([...rows.values()].map((held) => [held.name, held]));

const isMoment = (value: string | null, type: string): boolean =>
  value !== null && /^(?:timestamp|date)/.test(type) && Math.abs(Date.parse(value.replace(/\+00$/, "Z")) - Date.now()) < DAY;
const DAY = 86_400_000;

function noiseOf(one: Holding, other: Holding): Noise {
  const noise = new Map<string, Set<string>>();
  const others = named(other);
  for (const held of one.values()) {
    const again = others.get(held.name);
    const columns = held.columns.flatMap(({ name, type }, at) => {
      const now = held.rows?.some((row) => isMoment(row[at] ?? null, type));
      const differs = held.rows?.some((row, index) => row[at] !== again?.rows?.[index]?.[at]);
      return now || differs ? [name] : [];
    });
    if (columns.length > 0) noise.set(held.name, new Set(columns));
  }
  return noise;
}

/** Rows as texts, whatever their order; of values that vary only whether there is one. */
function rowTexts(held: Held, noise: ReadonlySet<string> | undefined): string[] | undefined {
  const order = held.columns.map(({ name }, at) => ({ name, at })).sort((a, b) => a.name.localeCompare(b.name));
  return held.rows
    ?.map((row) =>
      JSON.stringify(
        order.map(({ name, at }) =>
          noise?.has(name) && row[at] !== null ? `${name}: ${VARIES}` : `${name}: ${row[at] ?? "NULL"}`,
        ),
      ),
    )
    .sort();
}

type Held = Holding extends ReadonlyMap<string, infer One> ? One : never;

const MOST_ROWS_SHOWN = 5;
const LONGEST_ROW = 200;

const shortened = (line: string): string => (line.length > LONGEST_ROW ? `${line.slice(0, LONGEST_ROW - 1)}…` : line);

/** Rows that only one of both has, table by table. */
function rowDifferences(before: Holding, after: Holding, noise: Noise): { before: string[]; after: string[] } {
  const lines: { before: string[]; after: string[] } = { before: [], after: [] };
  const others = named(after);
  for (const held of before.values()) {
    const [own, other] = [
      rowTexts(held, noise.get(held.name)),
      others.get(held.name) && rowTexts(others.get(held.name)!, noise.get(held.name)),
    ];
    if (!own || !other || own.join("\n") === other.join("\n")) continue;
    const only = (these: readonly string[], those: readonly string[]) => {
      const left = [...those];
      return these.filter((row) => {
        const at = left.indexOf(row);
        if (at !== -1) left.splice(at, 1);
        return at === -1;
      });
    };
    const shown = (rows: readonly string[]) => {
      const few = rows
        .slice(0, MOST_ROWS_SHOWN)
        .map((row) => shortened(`-- ${held.name}: ${(JSON.parse(row) as string[]).join(", ")}`));
      return rows.length > few.length ? [...few, `-- ${held.name}: … (${rows.length - few.length} more rows)`] : few;
    };
    lines.before.push(...shown(only(own, other)));
    lines.after.push(...shown(only(other, own)));
  }
  return lines;
}

/** Each row that a loop meets gives a statement: the first ones tell. */
const MOST_STATEMENTS = 4;

export const fewOf = (units: readonly Pick<Unit, "sql">[]): string[] => {
  const few = units.slice(0, MOST_STATEMENTS).map(({ sql }) => sql);
  return units.length > few.length ? [...few, `-- … (${units.length - few.length} more statements)`] : few;
};

/**
 * Compares what the old version did, twice, with what the new one did, on copies of one database.
 *
 * @param rows whose rows they met
 */
export async function compareDoings(before: Doing, again: Doing, after: Doing, rows: "seed" | "made-up"): Promise<Effect> {
  const [old, repeated, now] = await Promise.all([before, again, after].map(effectOf));
  const unsteady = text`it does something else each time that it runs`;
  if ([before, again, after].some(({ step }) => (step.unreported ?? 0) > 0))
    return { kind: "unknown", reason: text`it executes too many statements to compare them`, rendered: true };
  if (old!.length !== repeated!.length) return { kind: "unknown", reason: unsteady, rendered: true };
  const patterns = old!.map(({ key }, index) => steady(key, repeated![index]!.key));
  if (patterns.includes(undefined)) return { kind: "unknown", reason: unsteady, rendered: true };
  const [units, second] = [old!, now!].map((side) =>
    side.map((unit, index) => (patterns[index] ? { ...unit, key: masked(unit.key, patterns[index]) } : unit)),
  ) as [Unit[], Unit[]];
  const varying = new Set(compareCatalogs(before.catalog, again.catalog).map(({ kind, name }) => `${kind} ${name}`));
  const catalog = compareCatalogs(before.catalog, after.catalog).filter(({ kind, name }) => !varying.has(`${kind} ${name}`));
  const inRows = rowDifferences(before.rows, after.rows, noiseOf(before.rows, again.rows));
  const sameRows = inRows.before.length + inRows.after.length === 0;
  const keys = (list: readonly Unit[]) => list.map(({ key }) => key);
  const [one, other] = [units, second].map((list) => list.filter(({ sql }) => !isSetting(sql))) as [Unit[], Unit[]];
  const sameStatements = keys(one).sort().join("\n") === keys(other).sort().join("\n");
  const executed = { rows, sameRows, sameCatalog: catalog.length === 0 };
  if (!sameStatements) {
    const parts = differing(one, other);
    return {
      kind: "different",
      before: fewOf(parts[0]),
      after: fewOf(parts[1]),
      data: parts.some((part) => part.some(({ sql }) => isData(sql))) || !sameRows,
      executed,
    };
  }
  if (!sameRows || catalog.length > 0)
    return {
      kind: "different",
      before: inRows.before,
      after: [...inRows.after, ...catalog.map((difference) => `-- ${plain(describeState(difference))}`)],
      data: !sameRows,
      executed,
    };
  if (keys(units).sort().join("\n") === keys(second).sort().join("\n")) return { kind: "same", executed };
  const settings = [units, second].map((list) => list.filter(({ sql }) => isSetting(sql)).map(({ sql }) => sql));
  return { kind: "settings-only", before: settings[0]!, after: settings[1]! };
}
