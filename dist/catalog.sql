-- The whole catalog of the current database: one statement, one row, one column, which is JSON as text.
--
-- Postgres 12 to 18, any role, read only, no temporary objects, no parameters. No percent sign, question mark or colon
-- before a word stands in it, so every Python driver passes it on unchanged.
--
-- What pg_get_viewdef() and its like print depends on session settings, search_path above all. They are saved, set and put
-- back within this statement, as SET LOCAL does it; the lateral joins carry a value from each step to the next, which is
-- what makes their order certain.
--
-- A column that a later Postgres brought stands in `missing` as well: inside the LATERAL query its name means the
-- catalog's own column where there is one, and else the column of `missing`.
--
-- The value is a list of sections [class, rows]. Columns that are no properties are listed in catalog.ts; of all others a
-- name is the name of a property, underscores being spaces, and null means that it is unset.
WITH
saved AS MATERIALIZED (
  SELECT pg_catalog.array_agg(ARRAY[wanted.name, wanted.value, pg_catalog.current_setting(wanted.name)]) AS settings
  FROM (VALUES
    ('search_path', 'pg_catalog, pg_temp'),
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'),
    ('bytea_output', 'hex'),
    ('quote_all_identifiers', 'off'),
    ('standard_conforming_strings', 'on')
  ) AS wanted (name, value)
),
namespace AS MATERIALIZED (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl
  FROM pg_catalog.pg_namespace n
  WHERE NOT pg_catalog.starts_with(n.nspname, 'pg_temp_') AND NOT pg_catalog.starts_with(n.nspname, 'pg_toast')
),
-- What an extension made belongs to it and changes with its version.
member AS MATERIALIZED (
  SELECT k.relname AS class, d.objid
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_class k ON k.oid = d.classid
),
relation AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, n.nspname, c.relkind, c.relispartition
  FROM pg_catalog.pg_class c
  JOIN namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_class' AND e.objid = c.oid)
)
SELECT catalog.document
FROM saved
CROSS JOIN LATERAL (
  SELECT pg_catalog.count(pg_catalog.set_config(saved.settings[step][1], saved.settings[step][2], true)) AS steps
  FROM pg_catalog.generate_series(1, pg_catalog.array_length(saved.settings, 1)) AS step
  OFFSET 0
) AS quiet
CROSS JOIN LATERAL (
  SELECT CASE WHEN quiet.steps > 0 THEN pg_catalog.json_build_array(

    pg_catalog.json_build_array('pg_namespace', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT n.oid, 'schema' AS kind, n.nspname AS name, pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
        n.nspacl AS acl, CASE WHEN n.nspacl IS NOT NULL THEN pg_catalog.acldefault('n', n.nspowner) END AS acl_default
      FROM namespace n
      WHERE (n.oid >= 16384 OR n.nspname = 'public')
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_namespace' AND e.objid = n.oid)
    ) x)),

    pg_catalog.json_build_array('pg_extension', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT e.oid, 'extension' AS kind, e.extname AS name, e.extversion AS version, n.nspname AS schema,
        pg_catalog.pg_get_userbyid(e.extowner) AS owner
      FROM pg_catalog.pg_extension e
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.oid >= 16384
    ) x)),

    -- Tables, foreign tables, views, materialized views.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT r.oid,
        CASE r.relkind
          WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
        r.nspname AS namespace, r.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
        c.relacl AS acl, CASE WHEN c.relacl IS NOT NULL THEN pg_catalog.acldefault('r', c.relowner) END AS acl_default,
        c.reloptions || (SELECT pg_catalog.array_agg('toast.' || o)
          FROM pg_catalog.pg_class t CROSS JOIN LATERAL pg_catalog.unnest(t.reloptions) AS o
          WHERE t.oid = c.reltoastrelid) AS options,
        CASE c.relpersistence WHEN 'u' THEN true END AS unlogged,
        (SELECT am.amname FROM pg_catalog.pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap') AS access_method,
        (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
        CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END AS replica_identity,
        CASE WHEN c.relrowsecurity THEN true END AS row_level_security,
        CASE WHEN c.relforcerowsecurity THEN true END AS row_level_security_for_owner,
        CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END AS of_type,
        CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
        CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid, true) END AS partition_bound,
        (SELECT pg_catalog.array_agg(i.inhparent ORDER BY i.inhseqno)
          FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS parents,
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid, true) END AS definition,
        CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN false END AS populated,
        (SELECT s.srvname FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
          WHERE c.relkind = 'f' AND f.ftrelid = c.oid) AS server,
        (SELECT f.ftoptions FROM pg_catalog.pg_foreign_table f WHERE c.relkind = 'f' AND f.ftrelid = c.oid) AS foreign_options
      FROM relation r
      JOIN pg_catalog.pg_class c ON c.oid = r.oid
      WHERE r.relkind <> 'c'
    ) x)),

    -- Composite types stand for their relation, so that their attributes find them.
    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, 'composite type' AS kind, n.nspname AS namespace, t.typname AS name, t.typrelid AS relation,
        pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner) END AS acl_default
      FROM relation r
      JOIN pg_catalog.pg_type t ON t.typrelid = r.oid
      JOIN namespace n ON n.oid = t.typnamespace
      WHERE r.relkind = 'c'
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_type' AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_attribute', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.* FROM (SELECT NULL::pg_catalog."char" AS attcompression) AS missing
      CROSS JOIN LATERAL (
        SELECT a.attrelid AS of, a.attnum AS number, 'column' AS kind, a.attname AS name,
          pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
          NOT a.attnotnull AS nullable,
          CASE WHEN a.atthasdef AND a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) END AS default,
          CASE a.attgenerated
            WHEN 's' THEN 'stored ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)
            WHEN 'v' THEN 'virtual ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) END AS generated,
          CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
          CASE WHEN a.attcollation <> t.typcollation THEN (
            SELECT CASE WHEN n.nspname <> 'pg_catalog' THEN pg_catalog.quote_ident(n.nspname) || '.' ELSE '' END
              || pg_catalog.quote_ident(k.collname)
            FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace
            WHERE k.oid = a.attcollation) END AS collation,
          CASE WHEN a.attstorage <> t.typstorage THEN
            CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x' THEN 'extended' ELSE 'main' END END AS storage,
          CASE attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
          NULLIF(a.attstattarget, -1) AS statistics_target,
          CASE WHEN a.attinhcount > 0 THEN true END AS inherited,
          a.attoptions AS options, a.attfdwoptions AS foreign_options,
          a.attacl AS acl, CASE WHEN a.attacl IS NOT NULL THEN ARRAY[]::pg_catalog.text[] END AS acl_default
        FROM relation r
        JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
        WHERE a.attnum > 0 AND NOT a.attisdropped
      ) c
    ) x)),

    -- A sequence belongs to the column that owns it; the one behind an identity column is part of that column.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'sequence' AS kind, n.nspname AS namespace, c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
        c.relacl AS acl, CASE WHEN c.relacl IS NOT NULL THEN pg_catalog.acldefault('s', c.relowner) END AS acl_default,
        d.refobjid AS of, d.refobjsubid AS of_number, CASE WHEN d.deptype = 'i' THEN true END AS behind_identity,
        CASE c.relpersistence WHEN 'u' THEN true END AS unlogged,
        pg_catalog.format_type(s.seqtypid, NULL) AS type,
        s.seqstart::pg_catalog.text AS start, s.seqincrement::pg_catalog.text AS increment, s.seqmin::pg_catalog.text AS minimum,
        s.seqmax::pg_catalog.text AS maximum, s.seqcache::pg_catalog.text AS cache, s.seqcycle AS cycle
      FROM pg_catalog.pg_class c
      JOIN namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
      LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid = c.oid AND d.objsubid = 0
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
      WHERE c.oid >= 16384 AND c.relkind = 'S'
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_class' AND e.objid = c.oid)
    ) x)),

    -- Those behind a constraint are part of it.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'index' AS kind, r.nspname AS namespace, c.relname AS name, i.indrelid AS of,
        (SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid) AS origin,
        i.indisunique AS unique,
        pg_catalog.substr(pg_catalog.pg_get_indexdef(c.oid, 0, true), 1 + pg_catalog.length(
          'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || pg_catalog.quote_ident(c.relname)
          || ' ON ' || CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END
          || pg_catalog.quote_ident(r.nspname) || '.' || pg_catalog.quote_ident(r.relname) || ' USING ')) AS definition,
        i.indisvalid AS valid,
        CASE WHEN i.indisclustered THEN true END AS clustered,
        CASE WHEN i.indisreplident THEN true END AS replica_identity,
        (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace
      FROM relation r
      JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, 'enum type' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner) END AS acl_default,
        ARRAY(SELECT l.enumlabel FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder) AS labels
      FROM pg_catalog.pg_type t
      JOIN namespace n ON n.oid = t.typnamespace
      WHERE t.oid >= 16384 AND t.typtype = 'e'
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_type' AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, 'domain' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner) END AS acl_default,
        pg_catalog.format_type(t.typbasetype, t.typtypmod) AS type,
        NOT t.typnotnull AS nullable,
        COALESCE(pg_catalog.pg_get_expr(t.typdefaultbin, 0, true), t.typdefault) AS default,
        CASE WHEN t.typcollation <> b.typcollation THEN (
          SELECT CASE WHEN n.nspname <> 'pg_catalog' THEN pg_catalog.quote_ident(n.nspname) || '.' ELSE '' END
            || pg_catalog.quote_ident(k.collname)
          FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace
          WHERE k.oid = t.typcollation) END AS collation
      FROM pg_catalog.pg_type t
      JOIN namespace n ON n.oid = t.typnamespace
      JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
      WHERE t.oid >= 16384 AND t.typtype = 'd'
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_type' AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT 0::pg_catalog.oid AS rngmultitypid) AS missing
      CROSS JOIN LATERAL (
        SELECT t.oid, 'range type' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
          t.typacl AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner) END AS acl_default,
          pg_catalog.format_type(g.rngsubtype, NULL) AS subtype,
          (SELECT o.opcname FROM pg_catalog.pg_opclass o WHERE o.oid = g.rngsubopc) AS operator_class,
          (SELECT k.collname FROM pg_catalog.pg_collation k WHERE k.oid = g.rngcollation) AS collation,
          NULLIF(g.rngcanonical::pg_catalog.text, '-') AS canonical,
          NULLIF(g.rngsubdiff::pg_catalog.text, '-') AS subtype_difference,
          CASE WHEN rngmultitypid <> 0 THEN pg_catalog.format_type(rngmultitypid, NULL) END AS multirange_type
        FROM pg_catalog.pg_range g
        JOIN pg_catalog.pg_type t ON t.oid = g.rngtypid
        JOIN namespace n ON n.oid = t.typnamespace
        WHERE t.oid >= 16384
          AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_type' AND e.objid = t.oid)
      ) y
    ) x)),

    -- A foreign key to a partitioned table has a copy for each partition, on the same table: those are left out.
    pg_catalog.json_build_array('pg_constraint', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT k.oid,
        CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint' WHEN 'f' THEN 'foreign key'
          WHEN 'c' THEN 'check constraint' WHEN 'x' THEN 'exclusion constraint' ELSE 'not-null constraint' END AS kind,
        k.conname AS name,
        CASE WHEN k.conrelid <> 0 THEN k.conrelid ELSE k.contypid END AS of,
        CASE WHEN k.conrelid = 0 THEN 'pg_type' END AS of_class,
        NULLIF(k.conparentid, 0) AS origin,
        CASE WHEN k.coninhcount > 0 THEN true END AS inherited,
        pg_catalog.pg_get_constraintdef(k.oid, true) AS definition,
        CASE k.contype WHEN 'n' THEN k.conkey[1] END AS column_number,
        CASE WHEN k.contype IN ('f', 'c', 'n') THEN k.convalidated END AS validated,
        CASE WHEN k.condeferred THEN 'initially deferred' WHEN k.condeferrable THEN 'initially immediate' END AS deferrable,
        CASE WHEN k.contype = 'f' AND EXISTS (
          SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O') THEN true END AS triggers_disabled,
        c.oid AS index,
        c.reloptions AS options,
        CASE WHEN NOT i.indisvalid THEN false END AS valid,
        CASE WHEN i.indisclustered THEN true END AS clustered,
        CASE WHEN i.indisreplident THEN true END AS replica_identity,
        (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace
      FROM pg_catalog.pg_constraint k
      LEFT JOIN relation r ON r.oid = k.conrelid
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
      LEFT JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE k.oid >= 16384 AND k.contype IN ('p', 'u', 'f', 'c', 'x', 'n') AND (r.oid IS NOT NULL OR k.contypid <> 0)
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint p WHERE k.contype = 'f' AND p.oid = k.conparentid AND p.conrelid = k.conrelid)
    ) x)),

    pg_catalog.json_build_array('pg_proc', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.pg_node_tree AS prosqlbody) AS missing
      CROSS JOIN LATERAL (
        SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
          n.nspname AS namespace, p.proname AS name, '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS suffix,
          pg_catalog.pg_get_userbyid(p.proowner) AS owner,
          p.proacl AS acl, CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner) END AS acl_default,
          NULLIF(pg_catalog.pg_get_function_arguments(p.oid), '') AS arguments,
          pg_catalog.pg_get_function_result(p.oid) AS returns,
          l.lanname AS language,
          CASE WHEN prosqlbody IS NOT NULL THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END AS body,
          p.probin AS library,
          CASE p.prokind WHEN 'w' THEN true END AS window,
          CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
          p.proisstrict AS strict,
          CASE WHEN p.prosecdef THEN true END AS security_definer,
          CASE WHEN p.proleakproof THEN true END AS leakproof,
          CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
          p.procost AS cost,
          NULLIF(p.prorows, 0) AS rows,
          NULLIF(p.prosupport::pg_catalog.text, '-') AS support,
          p.proconfig AS options,
          (SELECT pg_catalog.array_agg(pg_catalog.format_type(y, NULL)) FROM pg_catalog.unnest(p.protrftypes) AS y) AS transforms
        FROM pg_catalog.pg_proc p
        JOIN namespace n ON n.oid = p.pronamespace
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.oid >= 16384 AND p.prokind <> 'a'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND d.objid = p.oid AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_proc', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT p.oid, 'aggregate' AS kind, n.nspname AS namespace, p.proname AS name,
        '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS suffix,
        pg_catalog.pg_get_userbyid(p.proowner) AS owner,
        p.proacl AS acl, CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner) END AS acl_default,
        NULLIF(pg_catalog.pg_get_function_arguments(p.oid), '') AS arguments,
        pg_catalog.format_type(p.prorettype, NULL) AS returns,
        CASE g.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END AS variety,
        g.aggtransfn::pg_catalog.text AS transition_function,
        pg_catalog.format_type(g.aggtranstype, NULL) AS transition_type,
        g.agginitval AS initial_value,
        NULLIF(g.aggfinalfn::pg_catalog.text, '-') AS final_function,
        CASE WHEN g.aggfinalextra THEN true END AS final_function_extra,
        g.aggfinalmodify AS final_function_modify,
        NULLIF(g.aggcombinefn::pg_catalog.text, '-') AS combine_function,
        NULLIF(g.aggserialfn::pg_catalog.text, '-') AS serial_function,
        NULLIF(g.aggdeserialfn::pg_catalog.text, '-') AS deserial_function,
        NULLIF(g.aggmtransfn::pg_catalog.text, '-') AS moving_transition_function,
        NULLIF(g.aggminvtransfn::pg_catalog.text, '-') AS moving_inverse_function,
        NULLIF(g.aggmfinalfn::pg_catalog.text, '-') AS moving_final_function,
        CASE WHEN g.aggmtranstype <> 0 THEN pg_catalog.format_type(g.aggmtranstype, NULL) END AS moving_transition_type,
        g.aggminitval AS moving_initial_value,
        CASE WHEN g.aggsortop <> 0 THEN g.aggsortop::pg_catalog.regoperator::pg_catalog.text END AS sort_operator,
        CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid
      JOIN namespace n ON n.oid = p.pronamespace
      WHERE p.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_proc' AND e.objid = p.oid)
    ) x)),

    pg_catalog.json_build_array('pg_trigger', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT 0::pg_catalog.oid AS tgparentid) AS missing
      CROSS JOIN LATERAL (
        SELECT t.oid, 'trigger' AS kind, t.tgname AS name, t.tgrelid AS of, NULLIF(tgparentid, 0) AS origin,
          pg_catalog.substr(pg_catalog.pg_get_triggerdef(t.oid, true), 1 + pg_catalog.length(
            'CREATE ' || CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' ELSE '' END
            || 'TRIGGER ' || pg_catalog.quote_ident(t.tgname) || ' ')) AS definition,
          CASE WHEN t.tgconstraint <> 0 THEN true END AS constraint,
          CASE t.tgenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled
        FROM relation r
        JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid
        WHERE NOT t.tgisinternal
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_rewrite', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT w.oid, 'rule' AS kind, w.rulename AS name, w.ev_class AS of,
        pg_catalog.substr(pg_catalog.pg_get_ruledef(w.oid, true), 1 + pg_catalog.length(
          'CREATE RULE ' || pg_catalog.quote_ident(w.rulename) || ' AS')) AS definition,
        CASE w.ev_enabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled
      FROM relation r
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
      WHERE w.rulename <> '_RETURN'
    ) x)),

    pg_catalog.json_build_array('pg_policy', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT p.oid, 'policy' AS kind, p.polname AS name, p.polrelid AS of,
        CASE p.polcmd
          WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,
        CASE WHEN NOT p.polpermissive THEN true END AS restrictive,
        (SELECT pg_catalog.array_agg(r.name ORDER BY r.name) FROM (
          SELECT CASE WHEN o = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(o) END AS name
          FROM pg_catalog.unnest(p.polroles) AS o) AS r) AS roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid, true) AS using,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid, true) AS check
      FROM relation r
      JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
    ) x)),

    pg_catalog.json_build_array('pg_statistic_ext', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.pg_node_tree AS stxexprs, NULL::pg_catalog.int4 AS stxstattarget) AS missing
      CROSS JOIN LATERAL (
        SELECT s.oid, 'statistics' AS kind, n.nspname AS namespace, s.stxname AS name, s.stxrelid AS of,
          pg_catalog.pg_get_userbyid(s.stxowner) AS owner,
          (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname) FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::pg_catalog.int2[])) AS columns,
          pg_catalog.pg_get_expr(stxexprs, s.stxrelid, true) AS expressions,
          (SELECT pg_catalog.array_agg(z.name ORDER BY z.name) FROM (
            SELECT CASE q WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' ELSE 'expressions' END AS name
            FROM pg_catalog.unnest(s.stxkind) AS q) AS z) AS kinds,
          NULLIF(stxstattarget, -1) AS statistics_target
        FROM relation r
        JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = r.oid
        JOIN namespace n ON n.oid = s.stxnamespace
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, CASE WHEN t.typisdefined THEN 'base type' ELSE 'shell type' END AS kind,
        n.nspname AS namespace, t.typname AS name,
        pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner) END AS acl_default,
        t.typlen AS length, t.typbyval AS by_value, t.typalign AS alignment, t.typstorage AS storage, t.typcategory AS category,
        t.typispreferred AS preferred, t.typdelim AS delimiter, t.typdefault AS default,
        NULLIF(t.typinput::pg_catalog.text, '-') AS input_function, NULLIF(t.typoutput::pg_catalog.text, '-') AS output_function,
        NULLIF(t.typreceive::pg_catalog.text, '-') AS receive_function, NULLIF(t.typsend::pg_catalog.text, '-') AS send_function,
        NULLIF(t.typmodin::pg_catalog.text, '-') AS modifier_input_function,
        NULLIF(t.typmodout::pg_catalog.text, '-') AS modifier_output_function,
        NULLIF(t.typanalyze::pg_catalog.text, '-') AS analyze_function,
        CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END AS element
      FROM pg_catalog.pg_type t
      JOIN namespace n ON n.oid = t.typnamespace
      WHERE t.oid >= 16384 AND (t.typtype = 'b' AND t.typarray <> 0 OR t.typtype = 'p' AND NOT t.typisdefined)
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_type' AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_operator', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT o.oid, 'operator' AS kind, pg_catalog.quote_ident(n.nspname) || '.' || o.oprname
          || ' (' || CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END
          || ', ' || CASE WHEN o.oprright = 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END || ')' AS label,
        pg_catalog.pg_get_userbyid(o.oprowner) AS owner,
        NULLIF(o.oprcode::pg_catalog.text, '-') AS function,
        CASE WHEN o.oprresult <> 0 THEN pg_catalog.format_type(o.oprresult, NULL) END AS returns,
        CASE WHEN o.oprcom <> 0 THEN o.oprcom::pg_catalog.regoperator::pg_catalog.text END AS commutator,
        CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::pg_catalog.regoperator::pg_catalog.text END AS negator,
        NULLIF(o.oprrest::pg_catalog.text, '-') AS restrict_function, NULLIF(o.oprjoin::pg_catalog.text, '-') AS join_function,
        CASE WHEN o.oprcanmerge THEN true END AS merges, CASE WHEN o.oprcanhash THEN true END AS hashes
      FROM pg_catalog.pg_operator o
      JOIN namespace n ON n.oid = o.oprnamespace
      WHERE o.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_operator' AND e.objid = o.oid)
    ) x)),

    pg_catalog.json_build_array('pg_opfamily', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT f.oid, 'operator family' AS kind, n.nspname AS namespace, f.opfname AS name, ' USING ' || m.amname AS suffix,
        pg_catalog.pg_get_userbyid(f.opfowner) AS owner,
        ARRAY(SELECT a.amopstrategy || ' ' || a.amopopr::pg_catalog.regoperator
          FROM pg_catalog.pg_amop a WHERE a.amopfamily = f.oid ORDER BY 1) AS operators,
        ARRAY(SELECT a.amprocnum || ' ' || a.amproc::pg_catalog.regprocedure
          FROM pg_catalog.pg_amproc a WHERE a.amprocfamily = f.oid ORDER BY 1) AS functions
      FROM pg_catalog.pg_opfamily f
      JOIN namespace n ON n.oid = f.opfnamespace
      JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod
      WHERE f.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_opfamily' AND e.objid = f.oid)
    ) x)),

    pg_catalog.json_build_array('pg_opclass', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'operator class' AS kind, n.nspname AS namespace, c.opcname AS name, ' USING ' || m.amname AS suffix,
        pg_catalog.pg_get_userbyid(c.opcowner) AS owner,
        pg_catalog.format_type(c.opcintype, NULL) AS type,
        CASE WHEN c.opcdefault THEN true END AS default,
        CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END AS storage,
        (SELECT pg_catalog.quote_ident(k.nspname) || '.' || pg_catalog.quote_ident(f.opfname)
          FROM pg_catalog.pg_opfamily f JOIN pg_catalog.pg_namespace k ON k.oid = f.opfnamespace
          WHERE f.oid = c.opcfamily) AS family
      FROM pg_catalog.pg_opclass c
      JOIN namespace n ON n.oid = c.opcnamespace
      JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_opclass' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_cast', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'cast' AS kind,
        '(' || pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL) || ')' AS label,
        CASE WHEN c.castfunc <> 0 THEN c.castfunc::pg_catalog.regprocedure::pg_catalog.text END AS function,
        CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END AS context,
        CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'input and output functions' ELSE 'binary' END AS method
      FROM pg_catalog.pg_cast c
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass
          AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
    ) x)),

    pg_catalog.json_build_array('pg_collation', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (
        SELECT NULL::pg_catalog.text AS colllocale, NULL::pg_catalog.text AS colliculocale, NULL::pg_catalog.text AS collicurules) AS missing
      CROSS JOIN LATERAL (
        SELECT c.oid, 'collation' AS kind, n.nspname AS namespace, c.collname AS name,
          pg_catalog.pg_get_userbyid(c.collowner) AS owner,
          CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'default' END AS provider,
          c.collcollate AS lc_collate, c.collctype AS lc_ctype, COALESCE(colllocale, colliculocale) AS locale, collicurules AS rules,
          CASE WHEN NOT c.collisdeterministic THEN false END AS deterministic
        FROM pg_catalog.pg_collation c
        JOIN namespace n ON n.oid = c.collnamespace
        WHERE c.oid >= 16384
          AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_collation' AND e.objid = c.oid)
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_conversion', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'conversion' AS kind, n.nspname AS namespace, c.conname AS name,
        pg_catalog.pg_get_userbyid(c.conowner) AS owner,
        pg_catalog.pg_encoding_to_char(c.conforencoding) AS from, pg_catalog.pg_encoding_to_char(c.contoencoding) AS to,
        c.conproc::pg_catalog.text AS function, CASE WHEN c.condefault THEN true END AS default
      FROM pg_catalog.pg_conversion c
      JOIN namespace n ON n.oid = c.connamespace
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_conversion' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_ts_config', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'text search configuration' AS kind, n.nspname AS namespace, c.cfgname AS name,
        pg_catalog.pg_get_userbyid(c.cfgowner) AS owner,
        (SELECT p.prsname FROM pg_catalog.pg_ts_parser p WHERE p.oid = c.cfgparser) AS parser,
        ARRAY(SELECT t.alias || ' ' || m.mapdict::pg_catalog.regdictionary
          FROM pg_catalog.pg_ts_config_map m
          JOIN pg_catalog.ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
          WHERE m.mapcfg = c.oid ORDER BY t.alias, m.mapseqno) AS mappings
      FROM pg_catalog.pg_ts_config c
      JOIN namespace n ON n.oid = c.cfgnamespace
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_ts_config' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_ts_dict', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'text search dictionary' AS kind, n.nspname AS namespace, c.dictname AS name,
        pg_catalog.pg_get_userbyid(c.dictowner) AS owner,
        (SELECT t.tmplname FROM pg_catalog.pg_ts_template t WHERE t.oid = c.dicttemplate) AS template,
        c.dictinitoption AS initialization
      FROM pg_catalog.pg_ts_dict c
      JOIN namespace n ON n.oid = c.dictnamespace
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_ts_dict' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_ts_parser', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'text search parser' AS kind, n.nspname AS namespace, c.prsname AS name,
        c.prsstart::pg_catalog.text AS start_function, c.prstoken::pg_catalog.text AS token_function,
        c.prsend::pg_catalog.text AS end_function,
        NULLIF(c.prsheadline::pg_catalog.text, '-') AS headline_function, c.prslextype::pg_catalog.text AS types_function
      FROM pg_catalog.pg_ts_parser c
      JOIN namespace n ON n.oid = c.prsnamespace
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_ts_parser' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_ts_template', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT c.oid, 'text search template' AS kind, n.nspname AS namespace, c.tmplname AS name,
        NULLIF(c.tmplinit::pg_catalog.text, '-') AS init_function, c.tmpllexize::pg_catalog.text AS lexize_function
      FROM pg_catalog.pg_ts_template c
      JOIN namespace n ON n.oid = c.tmplnamespace
      WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_ts_template' AND e.objid = c.oid)
    ) x)),

    pg_catalog.json_build_array('pg_language', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT l.oid, 'language' AS kind, l.lanname AS name, pg_catalog.pg_get_userbyid(l.lanowner) AS owner,
        l.lanacl AS acl, CASE WHEN l.lanacl IS NOT NULL THEN pg_catalog.acldefault('l', l.lanowner) END AS acl_default,
        l.lanpltrusted AS trusted,
        CASE WHEN l.lanplcallfoid <> 0 THEN l.lanplcallfoid::pg_catalog.regproc::pg_catalog.text END AS handler,
        CASE WHEN l.laninline <> 0 THEN l.laninline::pg_catalog.regproc::pg_catalog.text END AS inline_handler,
        CASE WHEN l.lanvalidator <> 0 THEN l.lanvalidator::pg_catalog.regproc::pg_catalog.text END AS validator
      FROM pg_catalog.pg_language l
      WHERE l.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_language' AND e.objid = l.oid)
    ) x)),

    pg_catalog.json_build_array('pg_transform', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, 'transform' AS kind,
        'for ' || pg_catalog.format_type(t.trftype, NULL) || ' language ' || pg_catalog.quote_ident(l.lanname) AS label,
        NULLIF(t.trffromsql::pg_catalog.text, '-') AS from_sql, NULLIF(t.trftosql::pg_catalog.text, '-') AS to_sql
      FROM pg_catalog.pg_transform t
      JOIN pg_catalog.pg_language l ON l.oid = t.trflang
      WHERE t.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_transform' AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_am', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT m.oid, 'access method' AS kind, m.amname AS name, m.amhandler::pg_catalog.text AS handler,
        CASE m.amtype WHEN 'i' THEN 'index' ELSE 'table' END AS type
      FROM pg_catalog.pg_am m
      WHERE m.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_am' AND e.objid = m.oid)
    ) x)),

    pg_catalog.json_build_array('pg_foreign_data_wrapper', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT w.oid, 'foreign data wrapper' AS kind, w.fdwname AS name, pg_catalog.pg_get_userbyid(w.fdwowner) AS owner,
        w.fdwacl AS acl, CASE WHEN w.fdwacl IS NOT NULL THEN pg_catalog.acldefault('F', w.fdwowner) END AS acl_default,
        CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::pg_catalog.regproc::pg_catalog.text END AS handler,
        CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::pg_catalog.regproc::pg_catalog.text END AS validator,
        w.fdwoptions AS options
      FROM pg_catalog.pg_foreign_data_wrapper w
      WHERE w.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_foreign_data_wrapper' AND e.objid = w.oid)
    ) x)),

    pg_catalog.json_build_array('pg_foreign_server', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT s.oid, 'foreign server' AS kind, s.srvname AS name, pg_catalog.pg_get_userbyid(s.srvowner) AS owner,
        s.srvacl AS acl, CASE WHEN s.srvacl IS NOT NULL THEN pg_catalog.acldefault('S', s.srvowner) END AS acl_default,
        (SELECT w.fdwname FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw) AS wrapper,
        s.srvtype AS type, s.srvversion AS version, s.srvoptions AS options
      FROM pg_catalog.pg_foreign_server s
      WHERE s.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_foreign_server' AND e.objid = s.oid)
    ) x)),

    -- The values of its options are secrets.
    pg_catalog.json_build_array('pg_user_mapping', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT m.umid AS oid, 'user mapping' AS kind, m.srvid AS of, 'pg_foreign_server' AS of_class,
        'for ' || pg_catalog.quote_ident(m.usename) || ' server ' || pg_catalog.quote_ident(m.srvname) AS label,
        (SELECT pg_catalog.array_agg(pg_catalog.split_part(o, '=', 1)) FROM pg_catalog.unnest(m.umoptions) AS o) AS option_names
      FROM pg_catalog.pg_user_mappings m
    ) x)),

    pg_catalog.json_build_array('pg_event_trigger', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT t.oid, 'event trigger' AS kind, t.evtname AS name, pg_catalog.pg_get_userbyid(t.evtowner) AS owner,
        t.evtevent AS event, t.evtfoid::pg_catalog.regproc::pg_catalog.text AS function, t.evttags AS tags,
        CASE t.evtenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled
      FROM pg_catalog.pg_event_trigger t
      WHERE t.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.class = 'pg_event_trigger' AND e.objid = t.oid)
    ) x)),

    -- pg_publication_namespace came with Postgres 15; what it says stands in pg_depend too.
    pg_catalog.json_build_array('pg_publication', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.bool AS pubviaroot, NULL::pg_catalog."char" AS pubgencols) AS missing
      CROSS JOIN LATERAL (
        SELECT p.oid, 'publication' AS kind, p.pubname AS name, pg_catalog.pg_get_userbyid(p.pubowner) AS owner,
          CASE WHEN p.puballtables THEN true END AS all_tables,
          (SELECT pg_catalog.array_agg(n.nspname ORDER BY n.nspname)
            FROM pg_catalog.pg_depend d
            JOIN pg_catalog.pg_depend s ON s.classid = d.classid AND s.objid = d.objid
              AND s.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            JOIN pg_catalog.pg_namespace n ON n.oid = s.refobjid
            WHERE d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND d.refobjid = p.oid) AS schemas,
          p.pubinsert AS insert, p.pubupdate AS update, p.pubdelete AS delete, p.pubtruncate AS truncate,
          CASE WHEN pubviaroot THEN true END AS via_root,
          CASE WHEN pubgencols = 's' THEN 'stored' END AS generated_columns
        FROM pg_catalog.pg_publication p
        WHERE p.oid >= 16384
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_publication_rel', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.pg_node_tree AS prqual, NULL::pg_catalog.int2[] AS prattrs) AS missing
      CROSS JOIN LATERAL (
        SELECT p.oid, 'published table' AS kind, p.prpubid AS of, 'pg_publication' AS of_class, p.prrelid AS follows,
          (SELECT pg_catalog.quote_ident(b.pubname) FROM pg_catalog.pg_publication b WHERE b.oid = p.prpubid)
            || ' ' || p.prrelid::pg_catalog.regclass::pg_catalog.text AS label,
          pg_catalog.pg_get_expr(prqual, p.prrelid, true) AS where,
          (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname) FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = p.prrelid AND a.attnum = ANY (prattrs::pg_catalog.int2[])) AS columns
        FROM relation r
        JOIN pg_catalog.pg_publication_rel p ON p.prrelid = r.oid
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_default_acl', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT d.oid, 'default privileges' AS kind,
        'of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole))
          || COALESCE(' in schema ' || pg_catalog.quote_ident(n.nspname), '') || ' on '
          || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
            WHEN 'n' THEN 'schemas' ELSE 'large objects' END AS label,
        d.defaclacl AS acl,
        CASE WHEN d.defaclnamespace = 0 THEN
          pg_catalog.acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END AS acl_default
      FROM pg_catalog.pg_default_acl d
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
    ) x)),

    pg_catalog.json_build_array('pg_description', (SELECT pg_catalog.json_strip_nulls(pg_catalog.json_agg(x)) FROM (
      SELECT k.relname AS class, d.objoid AS oid, d.objsubid AS number, d.description AS text
      FROM pg_catalog.pg_description d
      JOIN pg_catalog.pg_class k ON k.oid = d.classoid
      WHERE d.objoid >= 16384 OR d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objoid = 2200
    ) x))

  )::pg_catalog.text END AS document
  OFFSET 0
) AS catalog
CROSS JOIN LATERAL (
  SELECT pg_catalog.count(pg_catalog.set_config(saved.settings[step][1], saved.settings[step][3], true)) AS steps
  FROM pg_catalog.generate_series(1, pg_catalog.array_length(saved.settings, 1)) AS step
  WHERE catalog.document IS NOT NULL
  OFFSET 0
) AS restored
