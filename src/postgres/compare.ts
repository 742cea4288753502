/** What differs between two catalogs. */
import type { Catalog, CatalogObject, Difference, Value } from "./catalog.ts";

/** A span of time, both ends included. */
export interface Span {
  since: Date;
  until: Date;
}

/** What matters most to a reader comes first; kinds that are not named here come last. */
const importance = (
  "schema, extension, table, foreign table, column, primary key, unique constraint, foreign key, check constraint, " +
  "exclusion constraint, not-null constraint, index, sequence, enum type, domain, composite type, range type, view, " +
  "materialized view, function, procedure, aggregate, trigger, rule, policy"
).split(", ");

/**
 * What must be done to `before` to get `after`, most important first, then by name.
 *
 * What belongs to an added or removed object goes with it and is not named, and so goes what an object only does because
 * its origin does it (a partition's column). A renamed object is one removed and one added.
 *
 * Two points in time that both lie within the run are no difference: a default such as `str(datetime.now())` gives another
 * literal each time it is run.
 *
 * @param run when the migrations ran; by default, the last hour
 */
export function compareCatalogs(before: Catalog, after: Catalog, run: Span = lastHour()): Difference[] {
  const differences: Difference[] = [];
  for (const [key, object] of before)
    if (!after.has(key) && !follows(object, before, after)) differences.push(whole("removed", object));
  for (const [key, object] of after) {
    const old = before.get(key);
    if (!old) {
      if (!follows(object, after, before)) differences.push(whole("added", object));
      continue;
    }
    const moved = old.parent !== object.parent && renamed(whereabouts(old, before), whereabouts(object, after), after);
    const properties = changes(old, object, run).filter(
      ({ name, before: was, after: is }) =>
        !(moved && belonging.has(name)) &&
        !object.origins?.some((origin) => {
          const [then, now] = [before.get(origin)?.properties, after.get(origin)?.properties];
          return then && now && equal(then[name], was) && equal(now[name], is);
        }),
    );
    if (properties.length > 0) differences.push({ change: "changed", ...named(object), properties });
  }
  return differences.sort(
    (a, b) => rank(a) - rank(b) || order(a.kind, b.kind) || order(a.name, b.name) || order(b.change, a.change),
  );
}

const rank = ({ kind }: Difference): number => (importance.includes(kind) ? importance.indexOf(kind) : importance.length);

const lastHour = (): Span => ({ since: new Date(Date.now() - 3_600_000), until: new Date() });

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const named = ({ kind, name, parent }: CatalogObject) => ({ kind, name, ...(parent !== undefined && { parent }) });

/** Whether an object is only there because of another one that the other catalog does not have either. */
const follows = ({ parent, origins }: CatalogObject, here: Catalog, there: Catalog): boolean =>
  [parent, ...(origins ?? [])].some((key) => key !== undefined && here.has(key) && !there.has(key));

/** Properties that say what an object belongs to. */
const belonging = new Set(["table", "owned by"]);

/** What an object belongs to in the end, and the name of the part of it that it belongs to. */
function whereabouts({ parent }: CatalogObject, catalog: Catalog): { root: CatalogObject; part: string } | undefined {
  const nearest = parent === undefined ? undefined : catalog.get(parent);
  let root = nearest;
  while (root?.parent !== undefined) root = catalog.get(root.parent);
  return root && nearest && { root, part: nearest.name.slice(root.name.length) };
}

/** Whether both are the same, of which one name is gone. */
const renamed = (was: ReturnType<typeof whereabouts>, is: ReturnType<typeof whereabouts>, after: Catalog): boolean =>
  was !== undefined && was.root.oid === is?.root.oid && was.part === is.part && !after.has(`${was.root.kind} ${was.root.name}`);

function whole(change: "added" | "removed", object: CatalogObject): Difference {
  const properties = Object.entries(object.properties).map(([name, value]) =>
    change === "added" ? { name, before: null, after: value } : { name, before: value, after: null },
  );
  return { change, ...named(object), properties };
}

function changes(before: CatalogObject, after: CatalogObject, run: Span): Difference["properties"] {
  const names = new Set([...Object.keys(before.properties), ...Object.keys(after.properties)]);
  const changed: Difference["properties"] = [];
  for (const name of names) {
    const [was, is] = [before.properties[name] ?? null, after.properties[name] ?? null];
    if (!equal(was, is) && !equal(timeless(was, run), timeless(is, run))) changed.push({ name, before: was, after: is });
  }
  return changed;
}

function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b || typeof a !== "object" || typeof b !== "object" || a === null || b === null) return (a ?? null) === (b ?? null);
  return JSON.stringify(a) === JSON.stringify(b);
}

const moment = /\b(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d(?::?\d\d)?)?)?(?![\d:-])/g;

/** The value with all points in time of the run made one. */
function timeless(value: Value, run: Span): Value {
  if (typeof value === "string")
    return value.replace(moment, (literal, date, time, zone) => (within(run, date, time, zone) ? "now" : literal));
  if (Array.isArray(value)) return value.map((item) => timeless(item, run));
  return value;
}

const day = 86_400_000;
const quarter = 900_000;

/** Without a zone it may be the time of any place: zones differ from UTC by quarters of an hour, at most 14 hours. */
function within({ since, until }: Span, date: string, time: string | undefined, zone: string | undefined): boolean {
  const start = Date.parse(`${date}T00:00Z`);
  if (time === undefined) return start + day > since.getTime() && start <= until.getTime();
  const offset = zone?.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours, minutes) => `${hours}:${minutes ?? "00"}`);
  const at = Date.parse(`${date}T${time}${offset ?? "Z"}`);
  const inside = (at: number) => at >= Math.floor(since.getTime() / 1000) * 1000 && at <= until.getTime() + 1000;
  if (offset) return inside(at);
  for (let shift = -14 * 3_600_000; shift <= 14 * 3_600_000; shift += quarter) if (inside(at + shift)) return true;
  return false;
}
