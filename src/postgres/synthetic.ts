/**
 * Rows that are made up: they satisfy types, lengths, NOT NULL, unique, foreign key and simple CHECK constraints, and within these they
 * are as awkward as production may be: NULLs wherever they are allowed, equal values wherever nothing forbids them, long texts.
 */
import { code, text, type Text } from "../text.ts";
import { quote } from "./client.ts";
import { textsLike, textsOfLike } from "./patterns.ts";
import { DEFAULT, NULL, postgresRows, type Row, type RowDialect } from "./row-dialect.ts";
import type { Column, Query, Shapes, Table, Unique } from "./tables.ts";
import type { Manner } from "./values.ts";

export type { Manner, Query };

export interface Filling {
  /** Parents before children. */
  filled: { oid: string; table: string; rows: number }[];
  /** Tables into which no row could be put. */
  unfilled: { table: string; reason: Text }[];
}

/** How the rows of a table go: each number stands for a set of values, equal numbers for equal rows, null for a row of NULLs. */
const ROWS: Record<Manner, readonly (number | null)[]> = {
  varied: [null, 1, 2, 2, 2, 3, 4, 5],
  plain: [0, 1, 2, 3],
};

/** A table has no more made-up rows than this, however many labels an enum has. */
const MOST_ROWS = 40;
/** How often another value is tried where a row would repeat what is unique. */
const MOST_TRIES = 60;
/** Combinations of values that are tried on CHECK constraints. */
const MOST_COMBINATIONS = 3000;
/** Rows of a parent that children are given to. */
const MOST_PARENTS = 40;

/** A database to fill, and all that is known of it. */
interface Site {
  query: Query;
  dialect: RowDialect;
  shapes: Shapes;
  manner: Manner;
}

/**
 * Fills tables, and all that they refer to.
 *
 * @param query on the database; each call commits
 * @param oids of the tables
 * @param manner `plain` rows have no NULLs and no equal values, and small numbers only
 */
export async function fill(
  query: Query,
  oids: readonly string[],
  manner: Manner,
  dialect: RowDialect = postgresRows,
): Promise<Filling> {
  const filling: Filling = { filled: [], unfilled: [] };
  if (oids.length === 0) return filling;
  const shapes = await dialect.readShapes(query, oids);
  const site: Site = { query, dialect, shapes, manner };
  await dialect.prepare(query, shapes);
  const { order, stuck } = parentsFirst(shapes.tables);
  for (const table of stuck)
    filling.unfilled.push({
      table: table.name,
      reason: text`it refers to itself through other tables, and no row may be the first`,
    });
  for (const table of order) {
    const outcome = await fillTable(site, table);
    if (typeof outcome === "number") filling.filled.push({ oid: table.oid, table: table.name, rows: outcome });
    else filling.unfilled.push({ table: table.name, reason: outcome });
  }
  return filling;
}

/** Which columns of a foreign key may be NULL, so that the row needs no parent. */
const nullableOf = (table: Table, columns: readonly number[]): Column[] =>
  table.columns.filter((column) => columns.includes(column.number) && !column.notNull);

/** The tables in an order in which they can be filled; `stuck` are those that need each other. */
function parentsFirst(tables: ReadonlyMap<string, Table>): { order: Table[]; stuck: Table[] } {
  const order: Table[] = [];
  const open = new Set(tables.values());
  const waits = (table: Table, forNullable: boolean): boolean =>
    table.foreignKeys.some(
      ({ parent, columns }) =>
        parent !== table.oid &&
        [...open].some(({ oid }) => oid === parent) &&
        (forNullable || nullableOf(table, columns).length === 0),
    );
  while (open.size > 0) {
    const next = [...open].find((table) => !waits(table, true)) ?? [...open].find((table) => !waits(table, false));
    if (!next) break;
    order.push(next);
    open.delete(next);
  }
  return { order, stuck: [...open] };
}

/** Columns that get their values together: those of a foreign key, those of CHECK constraints, or one by itself. */
interface Unit {
  columns: Column[];
  /**
   * The n-th set of values, as SQL, in the order of the columns.
   *
   * @param taken values that other units gave to these columns already
   * @returns undefined where there is none
   */
  values(n: number | null, taken: ReadonlyMap<number, string>): string[] | undefined;
}

/** How many rows were put in, or why there are none. */
async function fillTable(site: Site, table: Table): Promise<number | Text> {
  const { query, dialect, shapes, manner } = site;
  if (table.kind === "f") return text`it is a foreign table`;
  if (table.kind !== "r" && table.kind !== "p") return text`it is no table`;
  const found = await unitsOf(site, table);
  if ("reason" in found) return found.reason;
  const { units } = found;
  const labels = table.columns.map(({ type }) => shapes.types.get(type)?.labels?.length ?? 0);
  const more = Math.min(MOST_ROWS, Math.max(...labels, 0)) - ROWS[manner].length;
  const numbers = [...ROWS[manner], ...Array.from({ length: Math.max(0, more) }, (_, index) => index + 6)];
  let error: Error | undefined;
  for (const offset of [0, 100]) {
    const rows = rowsOf(
      table,
      units,
      numbers.map((number) => (number === null || offset === 0 ? number : number + offset)),
    );
    if (rows.length === 0) return text`its unique constraints leave no room for a row`;
    let inserted = 0;
    try {
      inserted = await dialect.insert(query, table, rows);
    } catch {
      for (const row of rows) {
        inserted += await dialect.insert(query, table, [row]).catch((one: Error) => {
          error ??= one;
          return 0;
        });
      }
    }
    if (inserted > 0) return inserted;
  }
  if (error !== undefined) return text`${error.message}`;
  // A trigger of another table may have filled it.
  const there = await dialect.count(query, table);
  if (there > 0) return there;
  return text`what is inserted does not stay`;
}

/** Rows that repeat nothing unique. */
function rowsOf(table: Table, units: readonly Unit[], numbers: readonly (number | null)[]): Row[] {
  const rows: Row[] = [];
  for (const [index, number] of numbers.entries()) {
    const bumps = new Map<Unit, number>();
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const row = rowOf(units, number, bumps);
      if (!row) break;
      const broken = table.uniques.find((unique) => rows.some((other) => repeats(unique, row, other)));
      if (!broken) {
        rows.push(row);
        break;
      }
      // Another member of the constraint in each row: what is left equal shows what a stricter constraint would find.
      const members = units.filter(({ columns }) => columns.some((column) => broken.columns.includes(column.number)));
      const member = members[(index + tries) % members.length];
      if (!member) break;
      bumps.set(member, (bumps.get(member) ?? 0) + 1);
    }
  }
  return rows;
}

function rowOf(units: readonly Unit[], number: number | null, bumps: ReadonlyMap<Unit, number>): Row | undefined {
  const row = new Map<number, string>();
  for (const unit of units) {
    const bump = bumps.get(unit) ?? 0;
    const values = unit.values(number === null && bump === 0 ? null : (number ?? 0) + bump, row);
    if (!values) return undefined;
    for (const [index, value] of values.entries()) row.set(unit.columns[index]!.number, value);
  }
  return row;
}

function repeats({ columns, nullsEqual }: Unique, row: Row, other: Row): boolean {
  return (
    columns.length > 0 &&
    columns.every((number) => {
      const [value, is] = [row.get(number), other.get(number)];
      // What the server gives by itself is another each time, as far as anybody can tell.
      return value === is && value !== undefined && value !== DEFAULT && (nullsEqual || value !== NULL);
    })
  );
}

/** Units in the order in which they are asked, or why there cannot be a row. */
async function unitsOf(site: Site, table: Table): Promise<{ units: Unit[] } | { reason: Text }> {
  const { query, dialect, shapes, manner } = site;
  const units: Unit[] = [];
  const taken = new Set<number>();
  const unique = new Set(table.uniques.flatMap(({ columns }) => columns));
  // Those of one column first: what they say of a tenant holds for those of several.
  const foreignKeys = [...table.foreignKeys].sort((a, b) => a.columns.length - b.columns.length);
  const ownKeys = new Set<string>();

  const parents = new Map<Table["foreignKeys"][number], string[][]>();
  for (const key of foreignKeys) {
    const parent = shapes.tables.get(key.parent);
    const rows = parent ? await dialect.keysOf(query, parent, key.parentColumns, MOST_PARENTS) : [];
    parents.set(key, rows);
    if (rows.length > 0 || nullableOf(table, key.columns).length > 0) continue;
    if (key.parent !== table.oid)
      return { reason: text`its parent ${code(shapes.tables.get(key.parent)?.name ?? key.parent)} has no row to refer to` };
    // Each row refers to itself.
    for (const name of key.parentColumns) ownKeys.add(name);
  }

  for (const group of await checkedGroups(site, table, parents)) {
    if ("reason" in group) return group;
    units.push(group);
    for (const { number } of group.columns) taken.add(number);
  }

  const own: { key: Table["foreignKeys"][number]; columns: Column[] }[] = [];
  for (const [key, rows] of parents) {
    const columns = columnsOf(table, key.columns);
    if (key.parent === table.oid && rows.length === 0 && nullableOf(table, key.columns).length === 0) {
      own.push({ key, columns });
      for (const { number } of columns) taken.add(number);
      continue;
    }
    if (columns.length === 1 && taken.has(columns[0]!.number)) continue;
    units.push(referring(table, key.columns, rows));
    for (const { number } of units.at(-1)!.columns) taken.add(number);
  }

  for (const column of table.columns) {
    if (column.generated || taken.has(column.number)) continue;
    if (column.counted && !ownKeys.has(column.name)) continue;
    const value = await makerOf(site, column);
    const nullable = !column.notNull;
    if (column.counted) {
      units.push({ columns: [column], values: (n) => [dialect.literal(String(5000 + (n ?? 0)), column)] });
      continue;
    }
    if (!value && column.default === undefined && !nullable)
      return { reason: text`nobody can make up a value of the type ${code(column.sql)} of ${code(column.name)}` };
    const explicit = unique.has(column.number) || ownKeys.has(column.name);
    units.push({
      columns: [column],
      values(n) {
        if (n === null && nullable && manner === "varied") return [NULL];
        const at = n ?? 0;
        // Defaults in every third row, so that both are there.
        if (column.default !== undefined && (!value || (!explicit && at % 3 === 0))) return [DEFAULT];
        const made = value?.(at);
        return [made === undefined ? (column.default === undefined ? NULL : DEFAULT) : dialect.literal(made, column)];
      },
    });
  }
  for (const { key, columns } of own) {
    const referred = columnsByName(table, key.parentColumns);
    units.push({ columns, values: (_, row) => referred.map(({ number }) => row.get(number) ?? NULL) });
  }
  return { units };
}

const columnsOf = (table: Table, numbers: readonly number[]): Column[] =>
  numbers.map((number) => table.columns.find((column) => column.number === number)!);
const columnsByName = (table: Table, names: readonly string[]): Column[] =>
  names.map((name) => table.columns.find((column) => column.name === name)!);

/** A foreign key, some of whose columns may have their values already. */
function referring(table: Table, numbers: readonly number[], rows: readonly string[][]): Unit {
  const nullable = nullableOf(table, numbers);
  // Without a parent only what may be NULL is decided here.
  const columns = rows.length === 0 ? nullable : columnsOf(table, numbers);
  return {
    columns,
    values(n, taken) {
      const given = columns.map(({ number }) => taken.get(number));
      const fitting = rows.filter((row) => row.every((value, index) => given[index] === undefined || given[index] === value));
      if (n !== null && fitting.length > 0) return fitting[n % fitting.length];
      const open = nullable.filter(({ number }) => (taken.get(number) ?? NULL) === NULL);
      if (open.length === 0) return fitting[0];
      return columns.map((column, index) => given[index] ?? (open.includes(column) ? NULL : rows[0]![index]!));
    },
  };
}

/** Makes the n-th value of a column; undefined where nobody can. */
async function makerOf(site: Site, column: Column): Promise<((n: number) => string | undefined) | undefined> {
  const { dialect, shapes, manner } = site;
  const make = (n: number) => dialect.value(shapes.types, column, n, manner);
  if (make(0) === undefined) return undefined;
  const checks: string[] = [];
  for (let type = shapes.types.get(column.type); type?.base !== undefined; type = shapes.types.get(type.base))
    checks.push(...(type.checks ?? []));
  if (checks.length === 0) return make;
  // In a domain's condition VALUE is what is checked; to a query it is the name of a column.
  let base = shapes.types.get(column.type)!;
  let modifier = -1;
  while (base.base !== undefined) {
    modifier = base.baseModifier;
    base = shapes.types.get(base.base)!;
  }
  const plain: Column = { ...column, name: "value", type: base.oid, modifier, sql: base.sql };
  const pool = candidates(site, plain, checks);
  const found = await solve(
    site,
    [plain],
    pool.map((value) => [value]),
    checks,
  );
  const values = found?.map(([value]) => value!);
  return values && values.length > 0 ? (n) => values[n % values.length] : undefined;
}

/** Groups of columns that CHECK constraints and the bounds of partitions tie together. */
async function checkedGroups(
  site: Site,
  table: Table,
  parents: ReadonlyMap<Table["foreignKeys"][number], string[][]>,
): Promise<(Unit | { reason: Text })[]> {
  const conditions = conditionsOf(table);
  if (conditions.some(({ expression }) => expression === ""))
    return [{ reason: text`it has no partition that would take a row` }];
  const groups: { columns: Set<number>; conditions: typeof conditions }[] = [];
  for (const condition of conditions) {
    const touching = groups.filter(({ columns }) => condition.columns.some((number) => columns.has(number)));
    const whole = { columns: new Set(condition.columns), conditions: [condition] };
    for (const group of touching) {
      for (const number of group.columns) whole.columns.add(number);
      whole.conditions.push(...group.conditions);
      groups.splice(groups.indexOf(group), 1);
    }
    if (whole.columns.size > 0) groups.push(whole);
  }
  const units: (Unit | { reason: Text })[] = [];
  for (const group of groups) {
    const columns = table.columns.filter(({ number, generated, counted }) => group.columns.has(number) && !generated && !counted);
    if (columns.length === 0 || columns.length < group.columns.size) continue;
    const expressions = group.conditions.map(({ expression }) => expression);
    const pools = columns.map((column): (string | null)[] => {
      const key = [...parents.keys()].find(({ columns }) => columns.includes(column.number));
      const rows = key && parents.get(key)!.map((row) => unquoted(row[key.columns.indexOf(column.number)]!));
      const values =
        rows && rows.length > 0 ? [...new Set(rows)] : key && !column.notNull ? [] : candidates(site, column, expressions);
      return column.notNull ? values : [...values.slice(0, 1), null, ...values.slice(1)];
    });
    const found = await solve(site, columns, combinations(pools), expressions);
    const names = group.conditions.map(({ name }) => name).join(", ");
    if (!found || found.length === 0) {
      units.push({ reason: text`no values were found that satisfy ${code(names)}` });
      continue;
    }
    units.push(solved(site, columns, found));
  }
  return units;
}

/** The text that a value of SQL stands for; numbers may stand there as they are. */
function unquoted(sql: string): string {
  if (sql.startsWith("E'")) return sql.slice(2, -1).replaceAll("''", "'").replaceAll("\\\\", "\\");
  return sql.startsWith("'") ? sql.slice(1, -1).replaceAll("''", "'") : sql;
}

function solved({ dialect, manner }: Site, columns: Column[], found: readonly (string | null)[][]): Unit {
  const nulls = (row: readonly (string | null)[]) => row.filter((value) => value === null).length;
  const sql = (row: readonly (string | null)[]) =>
    row.map((value, at) => (value === null ? NULL : dialect.literal(value, columns[at]!)));
  const emptiest = found.reduce((best, row) => (nulls(row) > nulls(best) ? row : best), found[0]!);
  const full = found.filter((row) => nulls(row) === 0);
  const usual = full.length > 0 ? full : found;
  // Neighbours differ in their last column only: a stride shows more.
  const stride = Math.max(1, Math.floor(usual.length / 7) | 1);
  return {
    columns,
    values: (n) =>
      sql(
        n === null && manner === "varied"
          ? emptiest
          : usual[((n ?? 0) * stride + Math.floor((n ?? 0) / usual.length)) % usual.length]!,
      ),
  };
}

/** All conditions on a row. One that is "" nothing satisfies. */
function conditionsOf(table: Table): { name: string; columns: number[]; expression: string }[] {
  const mentioned = (expression: string) =>
    table.columns
      .filter(({ name }) =>
        new RegExp(`(?<![\\w$'])"?${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"?(?![\\w$'])`).test(expression),
      )
      .map(({ number }) => number);
  const conditions = [...table.checks];
  if (table.bound !== undefined)
    conditions.push({ name: "the partition's bounds", columns: mentioned(table.bound), expression: table.bound });
  if (table.partitions) {
    const { columns, expressions } = table.partitions;
    const whole = expressions.includes(null) ? undefined : expressions.map((one) => `(${one})`).join(" OR ");
    if (expressions.length === 0) conditions.push({ name: "partitions", columns, expression: "" });
    else if (whole !== undefined)
      conditions.push({ name: "the bounds of its partitions", columns: mentioned(whole), expression: whole });
  }
  return conditions;
}

/** At most so many combinations of values, every value of each pool in some. */
function combinations(pools: readonly (string | null)[][]): (string | null)[][] {
  const share = Math.max(2, Math.floor(MOST_COMBINATIONS ** (1 / pools.length)));
  const size = pools.reduce((product, pool) => product * pool.length, 1);
  const cut = size <= MOST_COMBINATIONS ? pools : pools.map((pool) => pool.slice(0, share));
  return cut.reduce<(string | null)[][]>(
    (rows, pool) => rows.flatMap((row) => pool.map((value) => [...row, value])).slice(0, MOST_COMBINATIONS),
    [[]],
  );
}

/** Those rows that satisfy all conditions; undefined where the server cannot tell. */
async function solve(
  { query, dialect }: Site,
  columns: readonly Column[],
  rows: readonly (string | null)[][],
  conditions: readonly string[],
): Promise<(string | null)[][] | undefined> {
  if (rows.length === 0) return [];
  const values = rows.map(
    (row, index) =>
      `(${index}, ${row.map((value, at) => dialect.typed(value === null ? NULL : dialect.literal(value, columns[at]!), columns[at]!)).join(", ")})`,
  );
  const names = ["alembic gate", ...columns.map(({ name }) => name)].map(quote).join(", ");
  const where = conditions.map((condition) => `(${condition}) IS NOT FALSE`).join(" AND ");
  try {
    const found = await query(
      `WITH made (${names}) AS (VALUES ${values.join(", ")}) SELECT "alembic gate" AS number FROM made WHERE ${where} ORDER BY 1`,
    );
    return found.map(({ number }) => rows[Number(number)]!);
  } catch {
    return undefined;
  }
}

/** Texts that people's conditions on texts often ask for. */
const USUAL_TEXTS = [
  ..."a A abc ABC Abc a-b a_b ab AB EUR en EN en-US 1 12 123 12345 1234567890 +4915112345678 deadbeef #aabbcc".split(" "),
  ..."a@example.com https://example.com example.com /a /a/b 2024-01-01 10:00 1.0 1.0.0 127.0.0.1 {} []".split(" "),
  "00000000-0000-4000-8000-000000000001",
  "a".repeat(32),
  "a".repeat(40),
  "a".repeat(64),
];
const USUAL_JSON = ["{}", "[]", '{"key": 1}', "[1]", '["a"]', '"a"', "1", "true"];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const INTEGERS: Record<string, number> = { int2: 32_767, int4: 2_147_483_647, int8: Number.MAX_SAFE_INTEGER };
const NUMBERS = new Set(["int2", "int4", "int8", "numeric", "float4", "float8", "money"]);
const TEXTS = new Set(["text", "varchar", "bpchar", "citext", "name"]);
const TIMES = new Set(["date", "timestamp", "timestamptz"]);

/** Values that a column may take, those first that its conditions name. */
function candidates({ dialect, shapes, manner }: Site, column: Column, conditions: readonly string[]): string[] {
  let type = shapes.types.get(column.type);
  while (type?.base !== undefined) type = shapes.types.get(type.base);
  if (!type) return [];
  if (type.labels) return type.labels;
  const whole = conditions.join(" ");
  const strings = [...whole.matchAll(/'((?:[^']|'')*)'/g)].map(([, string]) => string!.replaceAll("''", "'"));
  const numbers = [
    ...whole
      .replaceAll(/'(-?\d+(?:\.\d+)?)'::/g, "$1::")
      .replaceAll(/'(?:[^']|'')*'/g, "")
      .matchAll(/(?<![\w.])-?\d+(?:\.\d+)?/g),
  ].map(([number]) => Number(number));
  const made = Array.from({ length: 8 }, (_, n) => dialect.value(shapes.types, column, n, manner)).filter(
    (value) => value !== undefined,
  );
  const { name } = type;
  const extra: string[] = [];
  if (NUMBERS.has(name)) {
    const largest = INTEGERS[name];
    const near = numbers.flatMap((number) => [
      number,
      number + 1,
      number - 1,
      (number + (numbers[0] ?? 0)) / 2,
      number + 10,
      number - 10,
    ]);
    const precise =
      name === "numeric" && column.modifier >= 0
        ? 10 ** ((((column.modifier - 4) >> 16) & 0xffff) - ((column.modifier - 4) & 0x7ff))
        : Infinity;
    for (const number of [...near, 0, 1, 10, 100, -1]) {
      if (largest === undefined ? Math.abs(number) < precise : Number.isInteger(number) && Math.abs(number) <= largest)
        extra.push(String(number));
    }
    if (largest === undefined) extra.push("0.5");
  } else if (TEXTS.has(name)) {
    const longest = name === "name" ? 63 : column.modifier > 4 ? column.modifier - 4 : 2000;
    const lengths = numbers.flatMap((number) => (number > 0 && number <= 1000 ? [number, number + 1, number - 1] : []));
    const patterns = [...whole.matchAll(/(!?~~?\*?)\s*\(*'((?:[^']|'')*)'/g)].flatMap(([, operator, string]) => {
      const pattern = string!.replaceAll("''", "'");
      return operator!.includes("~~") ? textsOfLike(pattern) : textsLike(pattern);
    });
    extra.push(
      ...patterns,
      ...strings,
      ...USUAL_TEXTS,
      ...lengths.flatMap((length) => ["a".repeat(length), "1".repeat(length), "A".repeat(length)]),
      "",
    );
    return [
      ...new Set([
        ...patterns.filter((text) => text.length <= longest),
        ...strings.filter((string) => string.length <= longest),
        ...made,
        ...extra.filter((value) => value.length <= longest),
      ]),
    ];
  } else if (TIMES.has(name))
    extra.push(...strings.filter((string) => /^\d{4}-\d\d-\d\d/.test(string)), "2000-01-01", "1970-01-02", "2100-01-01");
  else if (name === "json" || name === "jsonb") extra.push(...strings.filter(isJson), ...USUAL_JSON);
  else if (type.element !== undefined) {
    const element = dialect.value(shapes.types, { type: type.element, modifier: column.modifier }, 0, manner);
    const lengths = [0, 1, 2, 3, ...numbers.filter((number) => Number.isInteger(number) && number > 0 && number <= 50)];
    if (element !== undefined)
      extra.push(
        ...lengths.map((length) => `{${Array.from({ length }, () => `"${element.replace(/["\\]/g, "\\$&")}"`).join(",")}}`),
      );
    const elementType = shapes.types.get(type.element);
    if (elementType && TEXTS.has(elementType.name))
      extra.push(...strings.filter((string) => /^\w+$/.test(string)).map((string) => `{"${string}"}`));
  }
  return [...new Set([...extra.slice(0, 12), ...made, ...extra])];
}
