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

const keyOf = ({ kind, name }: Pick<CatalogObject, "kind" | "name">): string => `${kind} ${name}`;

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

/** An object's properties, or the part of them that begins with a prefix. */
interface Target {
  object: CatalogObject;
  prefix: string;
}

/** @param json what `catalogQuery` returned */
export function parseCatalog(json: string): Catalog {
  const sections: [className: string, rows: Row[] | null][] = JSON.parse(json);
  const catalog = new Map<string, CatalogObject>();
  /** By class, oid and, for columns, number. */
  const targets = new Map<string, Target>();
  const parentsOf = new Map<string, string[]>();
  const add = (object: CatalogObject) => catalog.set(keyOf(object), object);
  const set = ({ object, prefix }: Target, properties: Record<string, Value>) => {
    for (const [name, value] of Object.entries(properties)) object.properties[prefix + name] = value;
  };

  for (const [className, rows] of sections) {
    if (className === "pg_description") continue;
    for (const row of rows ?? []) {
      const of = row.of ? `${row.of_class ?? "pg_class"} ${row.of}` : undefined;
      const owner = of === undefined ? undefined : (targets.get(`${of} ${row.of_number ?? 0}`) ?? targets.get(`${of} 0`));
      if (of !== undefined && !owner) continue;
      const properties = propertiesOf(className, row);
      if (className === "pg_attribute" && folded.has(owner!.object.kind)) {
        const word = owner!.object.kind === "composite type" ? "attribute" : "column";
        const { type, nullable: _, ...rest } = properties;
        owner!.object.properties[`${word} ${identifier(row.name)}`] = type!;
        const target = { object: owner!.object, prefix: `${word} ${identifier(row.name)} ` };
        set(target, rest);
        targets.set(`pg_class ${row.of} ${row.number}`, target);
        continue;
      }
      if (row.behind_identity) {
        const target = { object: owner!.object, prefix: "identity " };
        set(target, identityOf(row, properties));
        targets.set(`${className} ${row.oid} 0`, target);
        continue;
      }
      if (row.kind === "not-null constraint" && automaticNotNull.test(row.name)) {
        const target = targets.get(`${of} ${row.column_number ?? 0}`);
        if (target && row.validated === false) target.object.properties["not null validated"] = false;
        if (target && typeof row.definition === "string" && row.definition.includes(" NO INHERIT"))
          target.object.properties["not null inherited"] = false;
        continue;
      }
      // Names of these do not tell what they belong to.
      if (owner && row.namespace) properties[row.kind === "sequence" ? "owned by" : "table"] = owner.object.name;
      const object: CatalogObject = {
        kind: row.kind,
        name:
          row.label ??
          (row.namespace ? `${identifier(row.namespace)}.` : owner ? `${owner.object.name}.` : "") +
            identifier(row.name) +
            (row.suffix ?? ""),
        ...(owner && { parent: keyOf(owner.object) }),
        oid: Number(row.oid ?? row.of),
        properties,
      };
      add(object);
      const target = { object, prefix: "" };
      if (className === "pg_attribute") targets.set(`pg_class ${row.of} ${row.number}`, target);
      else targets.set(`${className} ${row.oid} 0`, target);
      if (row.relation) targets.set(`pg_class ${row.relation} 0`, target);
      if (row.index) targets.set(`pg_class ${row.index} 0`, { object, prefix: "index " });
      if (row.parents) parentsOf.set(row.oid!, row.parents);
    }
  }

  const objectOf = (className: string, oid: string) => targets.get(`${className} ${oid} 0`)?.object;
  for (const [className, rows] of sections) {
    for (const row of rows ?? []) {
      if (className === "pg_description") {
        const target = targets.get(`${row.class} ${row.oid} ${row.number}`);
        if (target) set(target, { comment: row.text ?? null });
        continue;
      }
      if (row.parents) {
        const parents = row.parents.map((oid) => objectOf(className, oid)?.name ?? oid);
        const { properties } = objectOf(className, row.oid!)!;
        if (row.partition_bound) properties["partition of"] = parents[0]!;
        else properties.inherits = parents;
      }
      if (!row.origin && !row.follows && !row.inherited) continue;
      const object =
        className === "pg_attribute" ? targets.get(`pg_class ${row.of} ${row.number}`)?.object : objectOf(className, row.oid!);
      if (!object) continue;
      const origins = row.origin
        ? [objectOf(className, row.origin)]
        : row.follows
          ? [objectOf("pg_class", row.follows)]
          : (parentsOf.get(row.of!) ?? []).map((oid) => {
              const parent = objectOf("pg_class", oid);
              return parent && catalog.get(`${row.kind} ${parent.name}.${identifier(row.name)}`);
            });
      object.origins = origins.filter((origin) => origin !== undefined).map(keyOf);
    }
  }
  return catalog;
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
