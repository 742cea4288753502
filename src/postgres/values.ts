/** Values of a type that are made up: the n-th of a type is always the same, and as far as the type allows another than all before. */
import type { Shapes, Type } from "./tables.ts";

/**
 * How values are made. `varied`: long texts, large numbers, fractions; whatever a change of type may stumble over.
 * `plain`: small whole numbers, also where a text is asked for, so that casts succeed.
 */
export type Manner = "varied" | "plain";

interface Wanted {
  /** Oid. */
  type: string;
  modifier: number;
  /** As SQL has it, with its length. */
  sql?: string;
  /** Name of the column. */
  name?: string;
  /** Its default, as SQL. */
  default?: string;
}

/** At this number of a column's values stands one that fills its type. */
const LARGE = 4;

const DAY = 86_400_000;
const FIRST_DAY = Date.UTC(2024, 0, 1);
const day = (n: number): string => new Date(FIRST_DAY + n * DAY).toISOString().slice(0, 10);
const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");

/** The n-th whole number for a type of so many bytes; `LARGE` gives one that the next smaller type cannot hold. */
const whole = (n: number, manner: Manner, large: number): string =>
  String(manner === "varied" && n === LARGE ? large + n : n + 1);

/** A text of at most `length` characters. */
function textOf(n: number, manner: Manner, length: number, name: string): string {
  if (length < 8) {
    const digits = n.toString(36).padStart(Math.min(length, 2), manner === "plain" ? "1" : "a");
    return manner === "plain" ? String((n + 1) % 10 ** length) : digits.slice(-length);
  }
  const named = /e_?mail/i.test(name)
    ? `name${n}@example.com`
    : /ur[il]$|website|link/i.test(name)
      ? `https://example.com/${n}`
      : "";
  if (manner === "plain") return named.length > 0 && named.length <= length ? named : String(n + 1);
  const short = (named || `Text ${n}`).slice(-length);
  return n % 8 === LARGE ? `${short}${"x".repeat(Math.max(0, Math.min(length, 300) - short.length))}` : short;
}

function numeric(n: number, manner: Manner, modifier: number): string {
  if (modifier < 0) return manner === "plain" ? String(n + 1) : n === LARGE ? "123456789012.345" : `${n + 1}.25`;
  const precision = ((modifier - 4) >> 16) & 0xffff;
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  const digits = precision - scale;
  if (scale < 0) return String((n % 10 ** Math.min(precision, 6)) * 10 ** -scale);
  const fraction = scale > 0 && manner === "varied" ? `.${"25".padEnd(scale, "0").slice(0, scale)}` : "";
  if (digits <= 0) return `0.${String((n + 1) % 10 ** Math.min(precision, 6)).padStart(scale, "0")}`;
  // Room is left for what people do to amounts, such as turning them into cents.
  const room = digits > 4 ? digits - 2 : digits;
  if (manner === "varied" && n === LARGE) return `${"9".repeat(Math.min(room, 15))}${fraction}`;
  return `${(n + 1) % 10 ** Math.min(digits, 9)}${fraction}`;
}

/** Ends of the n-th of ranges that do not overlap. */
const spans: Record<string, (n: number) => [string, string]> = {
  int4: (n) => [String(n * 10), String(n * 10 + 5)],
  int8: (n) => [String(n * 10), String(n * 10 + 5)],
  numeric: (n) => [String(n * 10), String(n * 10 + 5)],
  float8: (n) => [String(n * 10), String(n * 10 + 5)],
  date: (n) => [day(n * 10), day(n * 10 + 5)],
  timestamp: (n) => [`${day(n * 10)} 08:00:00`, `${day(n * 10 + 5)} 09:00:00`],
  timestamptz: (n) => [`${day(n * 10)} 08:00:00+00`, `${day(n * 10 + 5)} 09:00:00+00`],
};

type Make = (n: number, manner: Manner, wanted: Wanted) => string;

const clock = (n: number): string => `0${n % 10}:${String((n * 7) % 60).padStart(2, "0")}:15`;
const dimensions = ({ modifier }: Wanted): number => (modifier > 0 ? modifier : 3);
const vector: Make = (n, _, wanted) => `[${[n + 1, ...Array.from({ length: dimensions(wanted) - 1 }, () => 0)].join(",")}]`;
const point: Make = (n, _, { sql = "" }) => {
  const srid = /,\s*(\d+)\)/.exec(sql)?.[1];
  const shape = /\((\w+)/.exec(sql)?.[1]?.toLowerCase() ?? "point";
  const z = shape.endsWith("z") ? " 0" : "";
  const at = `${n} 1${z}`;
  const made: Record<string, string> = {
    linestring: `LINESTRING(0 0${z}, ${at})`,
    polygon: `POLYGON((0 0${z}, ${n + 1} 0${z}, ${n + 1} 1${z}, 0 0${z}))`,
    multipolygon: `MULTIPOLYGON(((0 0${z}, ${n + 1} 0${z}, ${n + 1} 1${z}, 0 0${z})))`,
    multipoint: `MULTIPOINT(${at})`,
    multilinestring: `MULTILINESTRING((0 0${z}, ${at}))`,
  };
  const text = made[shape.replace(/z$/, "")] ?? `POINT(${at})`;
  return `${srid === undefined ? "" : `SRID=${srid};`}${z === "" ? text : text.replace("(", " Z (")}`;
};

/** An object or a list, as the default is; where there is none, plain rows have what the others have not. */
const json: Make = (n, manner, { default: usual = "" }) =>
  usual.startsWith("'[") || (manner === "plain" && !usual.startsWith("'{")) ? (n % 2 === 0 ? "[]" : `["${n}"]`) : `{"key": ${n}}`;

const MAKERS: Record<string, Make> = {
  int2: (n, manner) => whole(n, manner, 200),
  int4: (n, manner) => whole(n, manner, 100_000),
  int8: (n, manner) => whole(n, manner, 5_000_000_000),
  oid: (n) => String(n + 1),
  numeric: (n, manner, { modifier }) => numeric(n, manner, modifier),
  float4: (n, manner) => (manner === "plain" ? String(n + 1) : `${n + 1}.5`),
  float8: (n, manner) => (manner === "plain" ? String(n + 1) : `${n + 1}.5`),
  money: (n) => `${n + 1}.00`,
  bool: (n) => (n % 2 === 0 ? "t" : "f"),
  text: (n, manner, { name = "" }) => textOf(n, manner, 300, name),
  citext: (n, manner, { name = "" }) => textOf(n, manner, 300, name),
  varchar: (n, manner, { modifier, name = "" }) => textOf(n, manner, modifier < 0 ? 300 : modifier - 4, name),
  bpchar: (n, manner, { modifier, name = "" }) => textOf(n, manner, modifier < 0 ? 1 : modifier - 4, name),
  name: (n, manner, { name = "" }) => textOf(n, manner, 63, name),
  char: (n) => String.fromCodePoint(97 + (n % 26)),
  bytea: (n) => `\\x${hex(n, 4)}`,
  date: (n) => day(n),
  time: clock,
  timetz: (n) => `${clock(n)}+00`,
  timestamp: (n, manner) => (manner === "plain" ? day(n) : `${day(n)} ${clock(n)}.25`),
  timestamptz: (n, manner) => (manner === "plain" ? `${day(n)} 00:00:00+00` : `${day(n)} ${clock(n)}.25+00`),
  interval: (n) => `${n + 1} days 01:02:03`,
  uuid: (n) => `00000000-0000-4000-8000-${hex(n + 1, 12)}`,
  json,
  jsonb: json,
  xml: (n) => `<a>${n}</a>`,
  jsonpath: (n) => `$.a[${n}]`,
  inet: (n) => `10.0.${n >> 8}.${n & 255}`,
  cidr: (n) => `10.${n >> 8}.${n & 255}.0/24`,
  macaddr: (n) => `08:00:2b:01:${hex(n >> 8, 2)}:${hex(n & 255, 2)}`,
  macaddr8: (n) => `08:00:2b:01:02:03:${hex(n >> 8, 2)}:${hex(n & 255, 2)}`,
  bit: (n, _, { modifier }) => n.toString(2).padStart(Math.max(modifier, 1), "0").slice(-Math.max(modifier, 1)),
  varbit: (n, _, { modifier }) => n.toString(2).slice(modifier > 0 ? -modifier : 0),
  point: (n) => `(${n},1)`,
  line: (n) => `{1,2,${n}}`,
  lseg: (n) => `[(0,0),(1,${n + 1})]`,
  box: (n) => `(${n + 2},${n + 2}),(1,1)`,
  path: (n) => `((0,0),(1,${n + 1}))`,
  polygon: (n) => `((0,0),(1,1),(1,${n + 2}))`,
  circle: (n) => `<(0,0),${n + 1}>`,
  tsvector: (n) => `'word${n}':1`,
  tsquery: (n) => `'word${n}'`,
  pg_lsn: (n) => `0/${hex(n + 1, 1)}`,
  regclass: () => "pg_catalog.pg_class",
  regtype: () => "integer",
  hstore: (n) => `"key"=>"${n}"`,
  ltree: (n) => `top.part${n}`,
  cube: (n) => `(${n})`,
  vector,
  halfvec: vector,
  sparsevec: (n, _, wanted) => `{1:${n + 1}}/${dimensions(wanted)}`,
  geometry: point,
  geography: point,
};

/** Types of extensions, by name. */
const FOREIGN = new Set(["citext", "hstore", "ltree", "cube", "vector", "halfvec", "sparsevec", "geometry", "geography"]);

/**
 * The n-th value of a type, as the text that the type is read from.
 *
 * @returns undefined where nothing is known of the type
 */
export function valueOf(types: Shapes["types"], wanted: Wanted, n: number, manner: Manner): string | undefined {
  const type = types.get(wanted.type);
  if (!type) return undefined;
  const part = (oid: string, modifier: number, at: number): string | undefined =>
    valueOf(types, { type: oid, modifier, ...(wanted.name !== undefined && { name: wanted.name }) }, at, manner);
  if (type.labels) return type.labels[n % type.labels.length];
  if (type.base !== undefined)
    return valueOf(types, { ...wanted, type: type.base, modifier: type.baseModifier, sql: type.sql }, n, manner);
  if (type.element !== undefined) {
    const element = type.element;
    const items =
      manner === "varied" && n > 0
        ? [part(element, wanted.modifier, n), part(element, wanted.modifier, n - 1)]
        : [part(element, wanted.modifier, n)];
    const between = types.get(element)?.name === "box" ? ";" : ",";
    return items.includes(undefined) ? undefined : `{${items.map((item) => quotedInside(item!)).join(between)}}`;
  }
  if (type.attributes) {
    const parts = type.attributes.map(({ type: oid, modifier }) => part(oid, modifier, n));
    return parts.includes(undefined) ? undefined : `(${parts.map((item) => quotedInside(item!)).join(",")})`;
  }
  if (type.subtype !== undefined || type.kind === "m") return rangeOf(types, type, n);
  if (!type.builtIn && !FOREIGN.has(type.name)) return undefined;
  return MAKERS[type.name]?.(n, manner, wanted);
}

function rangeOf(types: Shapes["types"], type: Type, n: number): string | undefined {
  // A multirange's own range type is not looked up: the built-in ones are told by their names.
  const named: Record<string, string> = {
    int4multirange: "int4",
    int8multirange: "int8",
    nummultirange: "numeric",
    datemultirange: "date",
    tsmultirange: "timestamp",
    tstzmultirange: "timestamptz",
  };
  const subtype = type.subtype === undefined ? named[type.name] : types.get(type.subtype)?.name;
  const ends = subtype === undefined ? undefined : spans[subtype]?.(n);
  if (!ends) return undefined;
  const range = `["${ends[0]}","${ends[1]}")`;
  return type.subtype === undefined ? `{${range}}` : range;
}

/** A text inside an array or a composite value. */
const quotedInside = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** A text as SQL. */
export const literal = (text: string): string =>
  text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;
