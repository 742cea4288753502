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
      short(property) ? text`${property.name} was ${valueOf(property.name, property.before)}, is now ${valueOf(property.name, property.after)}` : text`${property.name} differs`,
    ),
    "; ",
  )}`;
}

/** Like `describe` for many; what only got another name is said in one: renames index `public.a` to `public.b`. */
export function describeAll(differences: readonly Difference[]): Text[] {
  const renamed = new Map<Difference, Difference>();
  const content = (difference: Difference, side: "before" | "after") =>
    JSON.stringify([difference.kind, difference.parent, difference.properties.map((property) => [property.name, property[side]]).sort()]);
  const defined = (difference: Difference) => difference.parent !== undefined && difference.properties.some(({ name }) => name === "definition");
  for (const removed of differences) {
    if (removed.change !== "removed" || !defined(removed)) continue;
    const added = differences.find(
      (other) => other.change === "added" && defined(other) && ![...renamed.values()].includes(other) && content(other, "after") === content(removed, "before"),
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
  if (Array.isArray(value)) return `(${value.map((item) => (typeof item === "string" ? `'${item.replaceAll("'", "''")}'` : valueText(item))).join(", ")})`;
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

const valueOf = (property: string, value: Value): Part => {
  if (property.includes("grants to ") && (value === null || Array.isArray(value))) {
    return value === null ? { text: "the default" } : value.length === 0 ? { text: "none" } : code(value.join(", "));
  }
  return value === null || typeof value === "boolean" ? { text: valueText(value) } : code(valueText(value));
};

const short = ({ before, after }: { before: Value; after: Value }): boolean =>
  [before, after].every((value) => valueText(value).length <= longest && !valueText(value).includes("\n"));

const joined = (texts: readonly Text[], separator: string): Text => texts.flatMap((part, index) => (index === 0 ? part : [{ text: separator }, ...part]));

const changesOf = ({ properties }: Difference): Text =>
  joined(
    properties.map((property) =>
      short(property) ? text`${property.name} ${valueOf(property.name, property.before)} → ${valueOf(property.name, property.after)}` : text`${property.name}`,
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
