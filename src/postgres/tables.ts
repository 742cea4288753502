/** What a table asks of its rows: columns, types and constraints, as far as rows that are made up must know them. */

/** Runs SQL and returns its rows. */
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;

export interface Column {
  number: number;
  name: string;
  /** Oid of the type. */
  type: string;
  modifier: number;
  /** The type as SQL has it: `character varying(20)`. */
  sql: string;
  notNull: boolean;
  default?: string;
  /** The server gives it a value by itself, and no other may be given. */
  generated: boolean;
  /** Identity or serial: the next number of a sequence. */
  counted: boolean;
}

/** A condition on rows, as SQL with bare column names. */
interface Check {
  name: string;
  columns: number[];
  expression: string;
}

interface ForeignKey {
  columns: number[];
  /** Oid of the parent. */
  parent: string;
  parentColumns: string[];
}

/** Columns whose values, taken together, differ in all rows; `loose` where that holds of expressions or of some of the rows. */
export interface Unique {
  columns: number[];
  loose: boolean;
  nullsEqual: boolean;
}

export interface Table {
  oid: string;
  /** As SQL has it: `public."Odd name"`. */
  name: string;
  kind: string;
  columns: Column[];
  checks: Check[];
  foreignKeys: ForeignKey[];
  uniques: Unique[];
  /** Columns of the primary key. */
  key: number[];
  /** What each of its partitions takes, where it is partitioned; null: everything else. */
  partitions?: { columns: number[]; expressions: (string | null)[] };
  /** What it takes as a partition itself. */
  bound?: string;
}

export interface Type {
  oid: string;
  name: string;
  /** `pg_catalog` for what comes with Postgres. */
  builtIn: boolean;
  /** pg_type.typtype: b base, c composite, d domain, e enum, r range, m multirange. */
  kind: string;
  sql: string;
  element?: string;
  /** Of a domain: what it is made of. */
  base?: string;
  baseModifier: number;
  notNull: boolean;
  labels?: string[];
  checks?: string[];
  attributes?: { type: string; modifier: number }[];
  subtype?: string;
}

export interface Shapes {
  /** By oid: the tables that were asked for, and all that they refer to. */
  tables: Map<string, Table>;
  types: Map<string, Type>;
}

const QUERY = `
WITH RECURSIVE need(oid) AS (
  SELECT x::oid FROM unnest(string_to_array($1, ',')) x
  UNION
  SELECT k.confrelid FROM need n JOIN pg_constraint k ON k.conrelid = n.oid AND k.contype = 'f'
), col AS (
  SELECT a.*, pg_get_expr(d.adbin, d.adrelid) AS expression
  FROM need n JOIN pg_attribute a ON a.attrelid = n.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
), kind(oid) AS (
  SELECT atttypid FROM col
  UNION
  SELECT p.oid FROM kind k JOIN pg_type t ON t.oid = k.oid
  LEFT JOIN pg_range r ON r.rngtypid = t.oid
  LEFT JOIN LATERAL (
    SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) m ON true
  JOIN pg_type p ON p.oid IN (t.typelem, t.typbasetype, r.rngsubtype, m.atttypid)
)
SELECT json_build_object(
  'tables', (SELECT json_agg(json_strip_nulls(json_build_object(
    'oid', c.oid::text, 'name', quote_ident(s.nspname) || '.' || quote_ident(c.relname), 'kind', c.relkind,
    'columns', COALESCE((SELECT json_agg(json_build_object(
        'number', a.attnum, 'name', a.attname, 'type', a.atttypid::text, 'modifier', a.atttypmod,
        'sql', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'default', a.expression,
        'generated', a.attgenerated <> '', 'counted', a.attidentity <> '' OR COALESCE(a.expression ~ '^nextval\\(', false)
      ) ORDER BY a.attnum) FROM col a WHERE a.attrelid = c.oid), '[]'),
    'checks', COALESCE((SELECT json_agg(json_build_object('name', k.conname, 'columns', COALESCE(k.conkey, '{}'),
        'expression', pg_get_expr(k.conbin, k.conrelid)) ORDER BY k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'), '[]'),
    'foreignKeys', COALESCE((SELECT json_agg(json_build_object('columns', k.conkey, 'parent', k.confrelid::text,
        'parentColumns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number)) ORDER BY k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'), '[]'),
    'uniques', COALESCE((SELECT json_agg(json_build_object(
        'columns', (SELECT COALESCE(json_agg(u.number), '[]') FROM (
            SELECT v.number::int AS number FROM unnest(string_to_array(i.indkey::text, ' ')) WITH ORDINALITY v(number, place)
              WHERE v.place <= i.indnkeyatts AND v.number <> '0'
            UNION SELECT d.refobjsubid FROM pg_depend d WHERE i.indexprs IS NOT NULL AND d.classid = 'pg_class'::regclass
              AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
          ) u),
        'loose', i.indexprs IS NOT NULL OR i.indpred IS NOT NULL,
        'nullsEqual', COALESCE((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)))
      FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique), '[]'),
    'key', COALESCE((SELECT to_json(k.conkey) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'), '[]'),
    'partitions', CASE WHEN c.relkind = 'p' THEN json_build_object(
      'columns', (SELECT json_agg(v.number::int) FROM pg_partitioned_table p, unnest(string_to_array(p.partattrs::text, ' ')) v(number)
        WHERE p.partrelid = c.oid AND v.number <> '0'),
      'expressions', COALESCE((SELECT json_agg(pg_get_partition_constraintdef(t.relid)) FROM pg_partition_tree(c.oid) t WHERE t.isleaf
        AND t.relid <> c.oid), '[]')) END,
    'bound', CASE WHEN c.relispartition THEN pg_get_partition_constraintdef(c.oid) END
  ))) FROM need n JOIN pg_class c ON c.oid = n.oid JOIN pg_namespace s ON s.oid = c.relnamespace),
  'types', (SELECT json_agg(json_strip_nulls(json_build_object(
    'oid', t.oid::text, 'name', t.typname, 'builtIn', s.nspname = 'pg_catalog', 'kind', t.typtype, 'sql', format_type(t.oid, NULL),
    'element', CASE WHEN t.typcategory = 'A' THEN t.typelem::text END,
    'base', CASE WHEN t.typtype = 'd' THEN t.typbasetype::text END, 'baseModifier', t.typtypmod, 'notNull', t.typnotnull,
    'labels', CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) END,
    'checks', (SELECT json_agg(pg_get_expr(k.conbin, 0)) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
    'attributes', CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_object('type', a.atttypid::text, 'modifier', a.atttypmod)
      ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
    'subtype', (SELECT r.rngsubtype::text FROM pg_range r WHERE r.rngtypid = t.oid)
  ))) FROM kind k JOIN pg_type t ON t.oid = k.oid JOIN pg_namespace s ON s.oid = t.typnamespace)
)::text AS shapes`;

/** Reads what these tables, and all that they refer to, ask of their rows. */
export async function readShapes(query: Query, oids: readonly string[]): Promise<Shapes> {
  const [row] = await query(QUERY, [oids.join(",")]);
  const { tables, types } = JSON.parse(String(row!.shapes)) as { tables: Table[] | null; types: Type[] | null };
  return {
    tables: new Map(tables?.map((table) => [table.oid, table])),
    types: new Map(types?.map((type) => [type.oid, type])),
  };
}
