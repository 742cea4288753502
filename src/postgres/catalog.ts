/** The catalog of one database, as data. */

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export interface CatalogObject {
  /** `table`, `column`, `index`, `enum type`, `function`, … */
  kind: string;
  /** As people write it: `public.users`, `public.users.email`, `public.f(integer)`. */
  name: string;
  /** Key of the object that it belongs to and goes away with: a column's table. */
  parent?: string;
  oid: number;
  /** All that is compared, by name. */
  properties: Record<string, Value>;
}

/** By key, which is kind and name. */
export type Catalog = ReadonlyMap<string, CatalogObject>;

export interface Difference {
  change: "added" | "removed" | "changed";
  kind: string;
  name: string;
  parent?: string;
  /** For `changed`: which properties, before and after. */
  properties: { name: string; before: Value; after: Value }[];
}
