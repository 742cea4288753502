/** The catalog of one SQLite file, in the shape of that of Postgres. */
import { keyOf, type Catalog, type CatalogObject, type Value } from "../postgres/catalog.ts";

/**
 * One row, one column: JSON for `parseSqliteCatalog`. It may be run inside an open transaction.
 *
 * What SQLite keeps for itself (`sqlite_sequence`, indexes behind constraints) has no name of its own.
 */
export const sqliteCatalogQuery = (): string => `SELECT json_object(
  'objects', (SELECT json_group_array(json_array(type, name, tbl_name, sql)) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'columns', (SELECT json_group_array(json_array(m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden))
    FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'indexes', (SELECT json_group_array(json_array(m.name, i.name, i."unique", i.origin, i.partial,
      (SELECT json_group_array(json_array(x.name, x."desc", x.coll)) FROM pragma_index_xinfo(i.name) x WHERE x.key)))
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'keys', (SELECT json_group_array(json_array(m.name, f.id, f.seq, f."table", f."from", f."to", f.on_update, f.on_delete))
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'))`;

interface Rows {
  objects: [type: string, name: string, table: string, sql: string | null][];
  columns: [table: string, name: string, type: string, notNull: number, byDefault: string | null, key: number, hidden: number][];
  indexes: [
    table: string,
    name: string,
    unique: number,
    origin: "c" | "u" | "pk",
    partial: number,
    columns: [name: string | null, descending: number, collation: string][],
  ][];
  keys: [
    table: string,
    id: number,
    seq: number,
    to: string,
    from: string,
    target: string | null,
    update: string,
    delete_: string,
  ][];
}

/** As people write it: quoted only where it would mean another one without. */
export const identifier = (name: string): string => (/^[A-Za-z_][\w$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

const qualified = (...names: string[]): string => ["main", ...names.map(identifier)].join(".");

/** @param json what the query gave */
export function parseSqliteCatalog(json: string): Catalog {
  const { objects, columns, indexes, keys } = JSON.parse(json) as Rows;
  const catalog = new Map<string, CatalogObject>();
  const add = (kind: string, name: string, properties: Record<string, Value>, parent?: CatalogObject): CatalogObject => {
    const object: CatalogObject = { kind, name, oid: catalog.size, properties, ...(parent && { parent: keyOf(parent) }) };
    catalog.set(keyOf(object), object);
    return object;
  };
  const tables = new Map<string, CatalogObject>();
  for (const [type, name, , sql] of objects) {
    if (type === "table")
      tables.set(name, add("table", qualified(name), tableProperties(name, sql ?? "", { columns, indexes, keys })));
  }
  for (const [table, name, type, notNull, byDefault, , hidden] of columns) {
    const properties = {
      type: type.toUpperCase(),
      nullable: notNull === 0,
      ...(byDefault !== null && { default: byDefault }),
      ...(hidden > 1 && { generated: hidden === 2 ? "virtual" : "stored" }),
    };
    add("column", qualified(table, name), properties, tables.get(table));
  }
  const textOf = new Map(objects.map(([type, name, , sql]) => [`${type} ${name}`, folded(sql ?? "")]));
  for (const [table, name, unique, origin, partial, parts] of indexes) {
    if (origin !== "c") continue;
    const definition = textOf.get(`index ${name}`) ?? "";
    const expressions = partial === 1 || parts.some(([column]) => column === null);
    const properties = {
      table: qualified(table),
      unique: unique === 1,
      columns: parts.map(([column, descending, collation]) =>
        [
          column === null ? "(expression)" : identifier(column),
          ...(descending ? ["DESC"] : []),
          ...(collation === "BINARY" ? [] : [collation]),
        ].join(" "),
      ),
      // ASC is what every column has that says nothing: Alembic leaves it out where it makes an index again.
      ...(expressions && { definition: definition.replace(/^.*?\bON\b/i, "ON").replaceAll(/ ASC(?=[,)])/gi, "") }),
    };
    add("index", qualified(name), properties, tables.get(table));
  }
  for (const [type, name, table, sql] of objects) {
    if (type === "view") add("view", qualified(name), { definition: folded(sql ?? "") });
    if (type === "trigger") add("trigger", qualified(table, name), { definition: folded(sql ?? "") }, tables.get(table));
  }
  return catalog;
}

/** What a table has besides its columns: constraints as SQLite tells them, and those that only stand in its text. */
function tableProperties(table: string, sql: string, { columns, indexes, keys }: Omit<Rows, "objects">): Record<string, Value> {
  const primary = columns.filter(([of, , , , , key]) => of === table && key > 0).sort((a, b) => a[5] - b[5]);
  const unique = indexes.filter(([of, , , origin]) => of === table && origin === "u");
  const foreign = new Map<number, Rows["keys"]>();
  for (const key of keys) if (key[0] === table) foreign.set(key[1], [...(foreign.get(key[1]) ?? []), key]);
  const references = [...foreign.values()].map((parts) => {
    const [, , , to, , , update, remove] = parts[0]!;
    const ordered = parts.toSorted((a, b) => a[2] - b[2]);
    const target = ordered.map((part) => part[5] ?? "").join(", ");
    const actions = [
      ...(update === "NO ACTION" ? [] : [` ON UPDATE ${update}`]),
      ...(remove === "NO ACTION" ? [] : [` ON DELETE ${remove}`]),
    ];
    return `(${ordered.map((part) => part[4]).join(", ")}) → ${to}(${target})${actions.join("")}`;
  });
  const { names, checks, tail } = constraintsIn(sql);
  const lists: Record<string, string[]> = {
    "primary key": primary.map(([, name]) => name),
    "unique constraints": unique.map(([, , , , , parts]) => `(${parts.map(([name]) => name ?? "").join(", ")})`).sort(),
    "foreign keys": references.sort(),
    "check constraints": checks.sort(),
    "constraint names": names.sort(),
    options: tail,
  };
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}

/** Text in quotes of each kind, comments, or one character. */
export const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|[\s\S]/g;

/** The text with comments left out, white space folded, and identifiers without needless quotes. */
const folded = (sql: string): string =>
  sql
    .replaceAll(TOKEN, (token) => {
      if (/^(?:--|\/\*)/.test(token)) return " ";
      const quoted = /^["`[](\w+)["`\]]$/.exec(token)?.[1];
      return quoted ?? token;
    })
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([(),]) ?/g, "$1")
    .trim();

/** What only the text of CREATE TABLE tells: checks, names of constraints, and what stands behind it (STRICT, WITHOUT ROWID). */
function constraintsIn(sql: string): { names: string[]; checks: string[]; tail: string[] } {
  const text = folded(sql);
  const names = [...text.matchAll(/\bCONSTRAINT (\w+) (CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|REFERENCES)\b/gi)];
  const checks = [...text.matchAll(/\bCHECK\(/gi)].map(({ index }) => balanced(text, index + "CHECK".length));
  const tail = text
    .slice(text.lastIndexOf(")") + 1)
    .split(",")
    .map((option) => option.trim().toUpperCase());
  const increments = /\bAUTOINCREMENT\b/i.test(text) ? ["AUTOINCREMENT"] : [];
  return {
    names: names.map(([, name]) => name!),
    checks,
    tail: [...increments, ...tail.filter((option) => option !== "")].sort(),
  };
}

/** From a parenthesis to the one that closes it. */
export function balanced(text: string, start: number): string {
  let depth = 0;
  for (const { 0: token, index } of text.slice(start).matchAll(TOKEN)) {
    if (token === "(") depth++;
    if (token === ")" && --depth === 0) return text.slice(start, start + index + 1);
  }
  return text.slice(start);
}
