/** How rows are made up on SQLite. */
import { quote } from "../postgres/client.ts";
import { DEFAULT, NULL, type Row, type RowDialect } from "../postgres/row-dialect.ts";
import { valueOf } from "../postgres/values.ts";
import { isNumeric, readSqliteShapes } from "./tables.ts";

/** Numbers of rows that are made up begin here: what revisions insert with a number of their own is not to be in the way. */
const FIRST = 1001;

const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

export const sqliteRows: RowDialect = {
  readShapes: readSqliteShapes,
  prepare: async () => {},
  value(types, wanted, n, manner) {
    // As SQLAlchemy writes them.
    const { name } = types.get(wanted.type)!;
    if (name === "hex") return `00000000000040008000${(n + 1).toString(16).padStart(12, "0")}`;
    const made = valueOf(types, wanted, n, manner);
    if (made === undefined) return undefined;
    if (name === "bool") return made === "t" ? "1" : "0";
    if (name === "bytea") return made.slice(2);
    if (name === "time") return `${made}.000000`;
    if (name !== "timestamp") return made;
    const [day, time = "00:00:00"] = made.split(" ");
    return `${day} ${time.split(".")[0]}.${time.includes(".") ? "250000" : "000000"}`;
  },
  literal(value, { type, sql }) {
    if (type === "bytea") return `X'${value}'`;
    return isNumeric(sql) && NUMBER.test(value) ? value : text(value);
  },
  typed: (sql) => sql,
  async insert(query, table, rows) {
    const before = await stateOf(query, table.oid);
    const number = table.columns.find(({ counted }) => counted);
    let next = Math.max(before.last + 1, FIRST);
    // A column that is left out has its default: rows that leave out the same ones go in together.
    const groups = new Map<string, { names: string[]; rows: string[] }>();
    for (const row of rows) {
      const given: Row = number && !row.has(number.number) ? new Map([...row, [number.number, String(next++)]]) : row;
      const columns = table.columns.filter((column) => (given.get(column.number) ?? DEFAULT) !== DEFAULT);
      const names = columns.map(({ name }) => quote(name));
      const group = groups.get(names.join()) ?? { names, rows: [] };
      groups.set(names.join(), group);
      group.rows.push(`(${columns.map((column) => given.get(column.number)!).join(", ")})`);
    }
    const into = `INSERT INTO ${quote(table.oid)}`;
    const statements = [...groups.values()].flatMap(({ names, rows }) =>
      names.length > 0
        ? [`${into} (${names.join(", ")}) VALUES ${rows.join(", ")} ON CONFLICT DO NOTHING`]
        : rows.map(() => `${into} DEFAULT VALUES`),
    );
    await query(["BEGIN", ...statements, "COMMIT"].join(";\n"));
    return (await stateOf(query, table.oid)).rows - before.rows;
  },
  async count(query, table) {
    return (await stateOf(query, table.oid)).rows;
  },
  async keysOf(query, parent, names, most) {
    const columns = names.map(quote);
    const given = columns.map((column) => `${column} IS NOT ${NULL}`).join(" AND ");
    const rows = await query(
      `SELECT ${columns.map((column, index) => `quote(${column}) AS k${index}`).join(", ")} FROM ${quote(parent.oid)} WHERE ${given} ORDER BY ${columns.join(", ")} LIMIT ${most}`,
    );
    return rows.map((row) => names.map((_, index) => String(row[`k${index}`])));
  },
};

/** How many rows there are, and the last number of one; tables without such numbers have none. */
async function stateOf(query: Parameters<RowDialect["count"]>[0], table: string): Promise<{ rows: number; last: number }> {
  const [found] = await query(`SELECT count(*) AS number FROM ${quote(table)}`);
  const [last] = await query(`SELECT max(rowid) AS number FROM ${quote(table)}`).catch(() => []);
  return { rows: Number(found!.number), last: Number(last?.number ?? 0) };
}
