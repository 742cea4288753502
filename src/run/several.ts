/** An env.py that migrates several databases in one run: each place that it connects to gets a scratch database of its own. */
import { keyOf, type Catalog, type CatalogObject } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Connection } from "../postgres/server.ts";
import type { Step } from "./evidence.ts";

/** A scratch database that stands for several; the first place that was asked for is the database itself. */
export interface Several extends Scratch {
  /** The database for a place that env.py connects to, `db:5432/billing`; it is made when it is first asked for. */
  connectionFor(database: Database, place: string): Promise<Connection>;
  labelFor(database: Database, place: string): string;
  /** All that stand behind a database, with the name that tells them apart: none for the first; and the place that each stands for. */
  parts(database: Database): { label: string; place?: string; database: Database }[];
}

/** @param make makes a further database, as empty as the first one was */
export function several(scratch: Scratch, make: (name: string) => Promise<Database>): Several {
  const places = new Map<string, Map<string, Database>>();
  const of = (database: Database): Map<string, Database> => {
    const known = places.get(database.name) ?? new Map<string, Database>();
    places.set(database.name, known);
    return known;
  };
  const others = (database: Database) => [...of(database).values()].filter(({ name }) => name !== database.name);
  return {
    ...scratch,
    async connectionFor(database, place) {
      const known = of(database);
      const found = known.get(place) ?? (known.size === 0 ? database : await make(nameOf(place)));
      known.set(place, found);
      return found.connection;
    },
    labelFor: (database, place) => ([...of(database).keys()][0] === place ? "" : nameOf(place)),
    parts: (database) =>
      of(database).size === 0
        ? [{ label: "", database }]
        : [...of(database)].map(([place, part], index) => ({ label: index === 0 ? "" : nameOf(place), place, database: part })),
    async clone(from, name) {
      const copy = await scratch.clone(from, name);
      for (const [place, part] of of(from))
        of(copy).set(place, part.name === from.name ? copy : await scratch.clone(part, `${name}_${nameOf(place)}`));
      return copy;
    },
    async drop(database) {
      const all = [database, ...others(database)];
      places.delete(database.name);
      await Promise.all(all.map((part) => scratch.drop(part)));
    },
    whoBlocks: async (database) =>
      (await Promise.all([database, ...others(database)].map((part) => scratch.whoBlocks(part)))).flat(),
  };
}

/** The database's name in a place. */
const nameOf = (place: string): string => place.slice(place.lastIndexOf("/") + 1);

/** The name of what is in one of several databases: `[billing] public.invoices`; the first one has no label. */
export const labelled = (label: string, name: string): string => (label === "" ? name : `[${label}] ${name}`);

export const labelOf = (name: string): string => /^\[([^\]]*)\] /.exec(name)?.[1] ?? "";

export const withoutLabel = <T extends { name: string }>(object: T, label: string): T =>
  label === "" ? object : { ...object, name: object.name.slice(label.length + 3) };

/** All databases that stand behind one; itself where there is only that. */
export const partsOf = (
  { parts }: Pick<Scratch, "parts">,
  database: Database,
): { label: string; place?: string; database: Database }[] => parts?.(database) ?? [{ label: "", database }];

/** What steps executed in one of several databases. @param place as statements name it */
export const stepsIn = (steps: readonly Step[], place: string | undefined): Pick<Step, "statements">[] =>
  steps.map(({ statements }) => ({ statements: statements.filter(({ database }) => database === place) }));

/** Puts catalogs together; what is in a database that has a label carries it in front of its name. */
export function joined(catalogs: readonly { label: string; catalog: Catalog }[]): Catalog {
  const whole = new Map<string, CatalogObject>();
  for (const { label, catalog } of catalogs) {
    const renamed = (key: string) => {
      const object = catalog.get(key);
      return object ? keyOf({ kind: object.kind, name: labelled(label, object.name) }) : key;
    };
    for (const [key, object] of catalog) {
      const copy: CatalogObject = {
        ...object,
        name: labelled(label, object.name),
        ...(object.parent !== undefined && { parent: renamed(object.parent) }),
        ...(object.origins && { origins: object.origins.map(renamed) }),
      };
      whole.set(renamed(key), copy);
    }
  }
  return whole;
}

/** What a joined catalog has of one database; the objects keep their names. */
export const partOf = (catalog: Catalog, label: string): Catalog =>
  new Map([...catalog].filter(([, { name }]) => (label === "" ? !name.startsWith("[") : name.startsWith(`[${label}] `))));
