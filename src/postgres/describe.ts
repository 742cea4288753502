/** Differences between catalogs, in words. */
import { code, text, type Part, type Text } from "../text.ts";
import type { Difference, Value } from "./catalog.ts";

/** Longer values, and those of several lines, are not spelt out in a sentence. */
const longest = 120;

/**
 * What happened, as a sentence without its subject: adds column `public.users.email` (character varying(50), not null);
 * changes column `public.users.email`: type `character varying(100)` → `character varying(50)`.
 */
export function describe(difference: Difference): Text {
  const { change, kind, name } = difference;
  if (change === "changed") return text`changes ${kind} ${code(name)}: ${changesOf(difference)}`;
  const detail = detailOf(difference);
  return text`${change === "added" ? "adds" : "drops"} ${kind} ${code(name)}${detail.length > 0 ? text` (${detail})` : ""}`;
}

/**
 * How things stand, where `before` is what should be: column `public.users.email` is missing;
 * column `public.users.email`: type was `text`, is now `character varying(50)`.
 */
export function describeState(difference: Difference): Text {
  const { change, kind, name, properties } = difference;
  if (change === "removed") return text`${kind} ${code(name)} is missing`;
  if (change === "added") return text`${kind} ${code(name)} was not there before`;
  return text`${kind} ${code(name)}: ${joined(
    properties.map((property) =>
      short(property)
        ? text`${nameOf(property)} was ${valueOf(property.name, property.before)}, is now ${valueOf(property.name, property.after)}`
        : text`${nameOf(property)} differs`,
    ),
    "; ",
  )}`;
}

/** Kind, whole and all properties as they are on one side. */
const content = ({ kind, parent, properties }: Difference, side: "before" | "after"): string =>
  JSON.stringify([kind, parent, properties.map((property) => JSON.stringify([property.name, property[side]])).sort(order)]);

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether it is told from others of its kind by more than its name. */
const defined = ({ parent, properties }: Difference): boolean =>
  parent !== undefined && properties.some(({ name }) => name === "definition");

/** Like `describe` for many; what only got another name is said in one: renames index `public.a` to `public.b`. */
export function describeAll(differences: readonly Difference[]): Text[] {
  const renamed = new Map<Difference, Difference>();
  for (const removed of differences) {
    if (removed.change !== "removed" || !defined(removed)) continue;
    const added = differences.find(
      (other) =>
        other.change === "added" &&
        defined(other) &&
        ![...renamed.values()].includes(other) &&
        content(other, "after") === content(removed, "before"),
    );
    if (added) renamed.set(removed, added);
  }
  const gone = new Set(renamed.values());
  return differences.flatMap((difference) => {
    const other = renamed.get(difference);
    if (other) return [text`renames ${difference.kind} ${code(difference.name)} to ${code(other.name)}`];
    return gone.has(difference) ? [] : [describe(difference)];
  });
}

/** A value as one line: `none`, `yes`, `('a', 'b')`. */
export function valueText(value: Value): string {
  if (value === null) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value))
    return `(${value.map((item) => (typeof item === "string" ? `'${item.replaceAll("'", "''")}'` : valueText(item))).join(", ")})`;
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

/** A property's name as prose, unless a name from the database is part of it. */
const nameOf = ({ name }: { name: string }): Part =>
  /^(column|attribute|option) |grants to /.test(name) ? code(name) : { text: name };

const valueOf = (property: string, value: Value): Part => {
  if (property.includes("grants to ") && (value === null || Array.isArray(value))) {
    return value === null
      ? { text: "the default" }
      : value.length === 0
        ? { text: "none" }
        : code(value.map(valueText).join(", "));
  }
  return value === null || typeof value === "boolean" ? { text: valueText(value) } : code(valueText(value));
};

const short = ({ before, after }: { before: Value; after: Value }): boolean =>
  [before, after].every((value) => valueText(value).length <= longest && !valueText(value).includes("\n"));

const joined = (texts: readonly Text[], separator: string): Text =>
  texts.flatMap((part, index) => (index === 0 ? part : [{ text: separator }, ...part]));

const changesOf = ({ properties }: Difference): Text =>
  joined(
    properties.map((property) =>
      short(property)
        ? text`${nameOf(property)} ${valueOf(property.name, property.before)} → ${valueOf(property.name, property.after)}`
        : text`${nameOf(property)}`,
    ),
    ", ",
  );

/** What a reader wants to know of something that is new or gone. */
function detailOf({ change, kind, properties }: Difference): Text {
  const values = new Map(properties.map((property) => [property.name, change === "added" ? property.after : property.before]));
  const parts: Text[] = [];
  const plainly = (name: string) => {
    const value = values.get(name) ?? null;
    if (value !== null && short({ before: value, after: null })) parts.push(text`${code(valueText(value))}`);
  };
  const labelled = (name: string, label = name) => {
    const value = values.get(name) ?? null;
    if (value !== null && short({ before: value, after: null })) parts.push(text`${label} ${code(valueText(value))}`);
  };
  if (kind === "index" && values.get("unique")) parts.push(text`unique`);
  plainly("definition");
  plainly("type");
  const labels = values.get("labels");
  if (Array.isArray(labels)) parts.push(text`${code(valueText(labels).slice(1, -1).slice(0, longest))}`);
  if (values.get("nullable") === false) parts.push(text`not null`);
  labelled("default");
  labelled("generated");
  labelled("identity");
  labelled("partition of");
  if (values.get("valid") === false) parts.push(text`invalid`);
  if (values.get("validated") === false) parts.push(text`not validated`);
  labelled("deferrable");
  if (kind === "extension") labelled("version");
  if (["function", "procedure", "aggregate"].includes(kind)) labelled("language");
  return joined(parts, ", ");
}
