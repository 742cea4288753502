/** The catalog of one database, as data. */
import { readFileSync } from "node:fs";
import { sortTargets } from "./viewdef.ts";

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export interface CatalogObject {
  /** `table`, `column`, `index`, `enum type`, `function`, … */
  kind: string;
  /** As people write it: `public.users`, `public.users.email`, `public.f(integer)`. */
  name: string;
  /** Key of the object that it belongs to and goes away with: a column's table. */
  parent?: string;
  /** Keys of the objects that it follows in all that happens to them: the partitioned table's index, the inherited column. */
  origins?: string[];
  /** A column has that of its table. */
  oid: number;
  /** All that is compared, by name. What is unset, or as it is by default, is absent. */
  properties: Record<string, Value>;
}

/** By key, which is kind and name. */
export type Catalog = ReadonlyMap<string, CatalogObject>;

export interface Difference {
  change: "added" | "removed" | "changed";
  kind: string;
  name: string;
  parent?: string;
  /** For `changed`: which properties, before and after. For `added` all are after, for `removed` all are before; null is unset. */
  properties: { name: string; before: Value; after: Value }[];
}

let query: string | undefined;

/**
 * The statement that reads the whole catalog: one row, one column, text for `parseCatalog`.
 *
 * It needs no parameters and may be sent as it is through any driver, inside an open transaction too, where it leaves
 * neither rows nor settings; only the locks of a reader (ACCESS SHARE on what views read) stay until the transaction ends.
 * From another connection it waits for a transaction that holds such a table exclusively.
 */
export function catalogQuery(): string {
  query ??= readFileSync(new URL("./catalog.sql", import.meta.url), "utf8");
  return query;
}

/** An identifier as people write it: quoted only where it would mean another one without. */
export const identifier = (name: string): string => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** The key of an object in a catalog. */
export const keyOf = ({ kind, name }: Pick<CatalogObject, "kind" | "name">): string => `${kind} ${name}`;

/** A row of the query. Besides these it has properties: a column each, underscores being spaces. */
interface Row {
  oid?: string;
  kind: string;
  /** Schema. */
  namespace?: string;
  name: string;
  /** What follows the name: a function's arguments. */
  suffix?: string;
  /** The whole name, for what has no plain one. */
  label?: string;
  /** Oid of what it belongs to, whose class is pg_class where none is said, and number of a column of it. */
  of?: string;
  of_class?: string;
  of_number?: number;
  /** Number of a column. */
  number?: number;
  /** Oid, in the same class, of what it is a copy of. */
  origin?: string;
  /** Oid of a table that it goes away with, besides what it belongs to. */
  follows?: string;
  /** Made by inheritance, under the same name as the original. */
  inherited?: true;
  /** Oids of inherited tables, or of the partitioned one. */
  parents?: string[];
  /** Oid of the relation behind a composite type. */
  relation?: string;
  /** Oid of the index behind a constraint. */
  index?: string;
  behind_identity?: true;
  column_number?: number;
  acl?: string[];
  acl_default?: string[];
  /** `name=value` */
  options?: string[];
  foreign_options?: string[];
  /** Of a comment: the class of what it is on, and what it says. */
  class?: string;
  text?: string;
  [property: string]: Value | undefined;
}

const special = new Set(
  (
    "oid kind namespace name suffix label of of_class of_number number origin follows inherited parents relation index " +
    "behind_identity column_number acl acl_default options foreign_options class text"
  ).split(" "),
);

type Section = [className: string, rows: Row[] | null];

/** An object's properties, or the part of them that begins with a prefix. */
interface Target {
  object: CatalogObject;
  prefix: string;
}

/** Targets by class, oid and, for columns, number: `pg_class 16400 2`. */
type Targets = Map<string, Target>;

const place = (className: string, oid: string | undefined, number = 0): string => `${className} ${oid} ${number}`;

/** @param json what `catalogQuery` returned */
export function parseCatalog(json: string): Catalog {
  const sections: Section[] = JSON.parse(json);
  const catalog = new Map<string, CatalogObject>();
  const targets: Targets = new Map();
  for (const [className, rows] of sections) {
    for (const row of rows ?? []) {
      if (className === "pg_description") comment(row, targets);
      else read(className, row, catalog, targets);
    }
  }
  link(sections, catalog, targets);
  return catalog;
}

const set = ({ object, prefix }: Target, properties: Record<string, Value>): void => {
  for (const [name, value] of Object.entries(properties)) object.properties[prefix + name] = value;
};

/** Comments are the last section: what they are on has been read. */
function comment(row: Row, targets: Targets): void {
  const target = targets.get(place(row.class!, row.oid, row.number));
  if (target) set(target, { comment: row.text! });
}

/** Makes an object of a row, or properties of the object that the row is a part of. What it belongs to has been read before. */
function read(className: string, row: Row, catalog: Map<string, CatalogObject>, targets: Targets): void {
  const of = row.of_class ?? "pg_class";
  const whole = row.of && (targets.get(place(of, row.of, row.of_number)) ?? targets.get(place(of, row.of)))?.object;
  if (row.of && !whole) return;
  const properties = propertiesOf(className, row);
  const here = className === "pg_attribute" ? place("pg_class", row.of, row.number) : place(className, row.oid);

  if (whole && className === "pg_attribute" && folded.has(whole.kind)) {
    const column = `${whole.kind === "composite type" ? "attribute" : "column"} ${identifier(row.name)}`;
    const { type, nullable: _, ...rest } = properties;
    const target = { object: whole, prefix: `${column} ` };
    targets.set(here, target);
    whole.properties[column] = type!;
    set(target, rest);
  } else if (whole && row.behind_identity) {
    const target = { object: whole, prefix: "identity " };
    targets.set(here, target);
    set(target, identityOf(row, properties));
  } else if (row.kind === "not-null constraint" && automaticNotNull.test(row.name)) {
    const target = targets.get(place(of, row.of, row.column_number));
    if (target && row.validated === false) set(target, { "not null validated": false });
    if (target && typeof properties.definition === "string" && properties.definition.endsWith(" NO INHERIT"))
      set(target, { "not null inherited": false });
  } else {
    // Names with a schema do not tell what they belong to.
    if (whole && row.namespace) properties[row.kind === "sequence" ? "owned by" : "table"] = whole.name;
    const qualifier = row.namespace ? `${identifier(row.namespace)}.` : whole ? `${whole.name}.` : "";
    const object: CatalogObject = {
      kind: row.kind,
      name: row.label ?? qualifier + identifier(row.name) + (row.suffix ?? ""),
      ...(whole && { parent: keyOf(whole) }),
      oid: Number(row.oid ?? row.of),
      properties,
    };
    catalog.set(keyOf(object), object);
    targets.set(here, { object, prefix: "" });
    if (row.relation) targets.set(place("pg_class", row.relation), { object, prefix: "" });
    if (row.index) targets.set(place("pg_class", row.index), { object, prefix: "index " });
  }
}

/** Names the tables that tables inherit from, and finds the origins of what is there because of something else. */
function link(sections: readonly Section[], catalog: Catalog, targets: Targets): void {
  const objectOf = (className: string, oid: string) => targets.get(place(className, oid))?.object;
  const parentsOf = new Map<string, CatalogObject[]>();
  for (const [className, rows] of sections) {
    for (const row of rows ?? []) {
      const object = targets.get(
        className === "pg_attribute" ? place("pg_class", row.of, row.number) : place(className, row.oid),
      )?.object;
      if (!object) continue;
      const from = (className: string, ...oids: string[]) =>
        oids.map((oid) => objectOf(className, oid)).filter((object) => object !== undefined);
      if (row.parents) {
        const parents = from("pg_class", ...row.parents);
        parentsOf.set(row.oid!, parents);
        if (row.partition_bound) object.properties["partition of"] = parents[0]?.name ?? null;
        else object.properties.inherits = parents.map(({ name }) => name);
      }
      if (row.origin) object.origins = from(className, row.origin).map(keyOf);
      else if (row.follows) object.origins = from("pg_class", row.follows).map(keyOf);
      else if (row.inherited) {
        const keys = (parentsOf.get(row.of!) ?? []).map(({ name }) =>
          keyOf({ kind: row.kind, name: `${name}.${identifier(row.name)}` }),
        );
        object.origins = keys.filter((key) => catalog.has(key));
      }
    }
  }
}

/** Columns of these have no life of their own: they are properties. */
const folded = new Set(["view", "materialized view", "composite type"]);

/** Names that Postgres 18 gives by itself, after any renaming of table or column: `users_email_not_null`, `…_not_null1`. */
const automaticNotNull = /_not_null\d*$/;

const names = new Map<string, string | undefined>();

/** The property that a column of the query holds, if it does. */
function propertyOf(column: string): string | undefined {
  if (!names.has(column)) names.set(column, special.has(column) ? undefined : column.replaceAll("_", " "));
  return names.get(column);
}

function propertiesOf(className: string, row: Row): Record<string, Value> {
  const properties: Record<string, Value> = {};
  for (const column in row) {
    const name = propertyOf(column);
    if (name !== undefined) properties[name] = row[column]!;
  }
  for (const option of [...(row.options ?? []), ...(row.foreign_options ?? [])]) {
    const at = option.indexOf("=");
    properties[`option ${option.slice(0, at)}`] = option.slice(at + 1);
  }
  if (row.acl) Object.assign(properties, grants(row.acl, row.acl_default ?? []));
  if (typeof properties.definition === "string") {
    const definition = properties.definition.trim().replace(/;$/, "");
    properties.definition = row.kind.endsWith("view") ? sortTargets(definition) : definition;
    if (className === "pg_constraint") {
      // What follows the definition proper has properties of its own.
      const [, proper, enforced] = /^(.*?)(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?(?:( NOT ENFORCED)| NOT VALID)?$/s.exec(
        definition,
      )!;
      properties.definition = proper!;
      if (enforced) properties.enforced = false;
    }
  }
  return properties;
}

/** What is not as a plain `GENERATED AS IDENTITY` makes it. */
function identityOf(row: Row, properties: Record<string, Value>): Record<string, Value> {
  const { owner: _owner, type, start, increment, minimum, maximum, cache, cycle, ...rest } = properties;
  const largest: Record<string, string> = { smallint: "32767", integer: "2147483647", bigint: "9223372036854775807" };
  const usual: [name: string, value: Value | undefined, usual: Value | undefined][] = [
    ["start", start, "1"],
    ["increment", increment, "1"],
    ["minimum", minimum, "1"],
    ["maximum", maximum, typeof type === "string" ? largest[type] : undefined],
    ["cache", cache, "1"],
    ["cycle", cycle, false],
  ];
  return {
    sequence: `${identifier(row.namespace!)}.${identifier(row.name)}`,
    ...Object.fromEntries(usual.filter(([, value, usual]) => value !== usual).map(([name, value]) => [name, value!])),
    ...rest,
  };
}

const privileges: Record<string, string> = {
  r: "SELECT",
  a: "INSERT",
  w: "UPDATE",
  d: "DELETE",
  D: "TRUNCATE",
  x: "REFERENCES",
  t: "TRIGGER",
  m: "MAINTAIN",
  X: "EXECUTE",
  U: "USAGE",
  C: "CREATE",
  c: "CONNECT",
  T: "TEMPORARY",
  s: "SET",
  A: "ALTER SYSTEM",
};

/** `grants to app: [SELECT, INSERT]` for everybody whose privileges are not the default ones, whoever granted them. */
function grants(acl: readonly string[], byDefault: readonly string[]): Record<string, Value> {
  const now = privilegesOf(acl);
  const usual = privilegesOf(byDefault);
  const properties: Record<string, Value> = {};
  for (const grantee of new Set([...now.keys(), ...usual.keys()])) {
    const granted = now.get(grantee) ?? [];
    if (granted.join() !== (usual.get(grantee) ?? []).join()) properties[`grants to ${grantee}`] = granted;
  }
  return properties;
}

const spelt = (letter: string): string => privileges[letter[0]!]! + (letter[1] ? " WITH GRANT OPTION" : "");

/** Reads access control items, `grantee=ar*w/grantor`: a star is the grant option, an empty grantee is everybody. */
function privilegesOf(acl: readonly string[]): Map<string, string[]> {
  const letters = new Map<string, Set<string>>();
  for (const item of acl) {
    const [, quoted, plain, granted] = /^(?:"((?:[^"]|"")*)"|([^"=]*))=((?:[A-Za-z]\*?)*)\//.exec(item)!;
    const grantee = quoted?.replaceAll('""', '"') ?? (plain || "PUBLIC");
    const of = letters.get(grantee) ?? new Set();
    letters.set(grantee, of);
    for (const letter of granted!.match(/[A-Za-z]\*?/g) ?? []) of.add(letter);
  }
  return new Map(
    [...letters].map(([grantee, of]) => [
      grantee,
      Object.keys(privileges)
        .flatMap((letter) => [letter, `${letter}*`])
        .filter((letter) => of.has(letter))
        .map(spelt),
    ]),
  );
}

/**
 * The catalog without some tables and all that belongs to them: version tables.
 *
 * @param tables `schema: null` is a table of that name in any schema
 */
export function withoutTables(catalog: Catalog, tables: readonly { schema: string | null; name: string }[]): Catalog {
  const gone = new Set<string>();
  for (const [key, { kind, name }] of catalog) {
    if (kind !== "table") continue;
    const named = tables.some((table) =>
      table.schema === null
        ? name.endsWith(`.${identifier(table.name)}`)
        : name === `${identifier(table.schema)}.${identifier(table.name)}`,
    );
    if (named) gone.add(key);
  }
  const goes = (key: string): boolean => {
    if (gone.has(key)) return true;
    const parent = catalog.get(key)?.parent;
    return parent !== undefined && goes(parent);
  };
  return new Map([...catalog].filter(([key]) => !goes(key)));
}
