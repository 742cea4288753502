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
  SELECT d.classid, d.objid
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
),
relation AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, n.nspname, c.relkind, c.relispartition
  FROM pg_catalog.pg_class c
  JOIN namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
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

    pg_catalog.json_build_array('pg_namespace', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT n.oid, 'schema' AS kind, n.nspname AS name, pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
        n.nspacl::text[] AS acl, CASE WHEN n.nspacl IS NOT NULL THEN pg_catalog.acldefault('n', n.nspowner)::text[] END AS acl_default
      FROM namespace n
      WHERE (n.oid >= 16384 OR n.nspname = 'public')
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_namespace'::regclass AND e.objid = n.oid)
    ) x)),

    pg_catalog.json_build_array('pg_extension', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT e.oid, 'extension' AS kind, e.extname AS name, e.extversion AS version, n.nspname AS schema,
        pg_catalog.pg_get_userbyid(e.extowner) AS owner
      FROM pg_catalog.pg_extension e
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.oid >= 16384
    ) x)),

    -- Tables, foreign tables, views, materialized views.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT r.oid,
        CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
        r.nspname AS namespace, r.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
        c.relacl::text[] AS acl, CASE WHEN c.relacl IS NOT NULL THEN pg_catalog.acldefault('r', c.relowner)::text[] END AS acl_default,
        c.reloptions || (SELECT pg_catalog.array_agg('toast.' || o)
          FROM pg_catalog.pg_class t CROSS JOIN LATERAL pg_catalog.unnest(t.reloptions) AS o WHERE t.oid = c.reltoastrelid) AS options,
        CASE c.relpersistence WHEN 'u' THEN true END AS unlogged,
        (SELECT am.amname FROM pg_catalog.pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap') AS access_method,
        (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
        CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END AS replica_identity,
        CASE WHEN c.relrowsecurity THEN true END AS row_level_security,
        CASE WHEN c.relforcerowsecurity THEN true END AS row_level_security_for_owner,
        CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END AS of_type,
        CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
        CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid, true) END AS partition_bound,
        (SELECT pg_catalog.array_agg(i.inhparent::text ORDER BY i.inhseqno)
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
    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT t.oid, 'composite type' AS kind, n.nspname AS namespace, t.typname AS name, t.typrelid AS relation,
        pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl::text[] AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text[] END AS acl_default
      FROM relation r
      JOIN pg_catalog.pg_type t ON t.typrelid = r.oid
      JOIN namespace n ON n.oid = t.typnamespace
      WHERE r.relkind = 'c'
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_attribute', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT c.* FROM (SELECT NULL::"char" AS attcompression) AS missing
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
          CASE WHEN a.attinhcount > 0 AND a.attislocal AND NOT r.relispartition THEN true END AS also_local,
          a.attoptions AS options, a.attfdwoptions AS foreign_options,
          a.attacl::text[] AS acl, CASE WHEN a.attacl IS NOT NULL THEN ARRAY[]::text[] END AS acl_default
        FROM relation r
        JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
        WHERE a.attnum > 0 AND NOT a.attisdropped
      ) c
    ) x)),

    -- A sequence belongs to the column that owns it; the one behind an identity column is part of that column.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT c.oid, 'sequence' AS kind, n.nspname AS namespace, c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
        c.relacl::text[] AS acl, CASE WHEN c.relacl IS NOT NULL THEN pg_catalog.acldefault('s', c.relowner)::text[] END AS acl_default,
        d.refobjid AS of, d.refobjsubid AS of_number, CASE WHEN d.deptype = 'i' THEN true END AS behind_identity,
        CASE c.relpersistence WHEN 'u' THEN true END AS unlogged,
        pg_catalog.format_type(s.seqtypid, NULL) AS type,
        s.seqstart::text AS start, s.seqincrement::text AS increment, s.seqmin::text AS minimum, s.seqmax::text AS maximum,
        s.seqcache::text AS cache, s.seqcycle AS cycle
      FROM pg_catalog.pg_class c
      JOIN namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
      LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
      WHERE c.oid >= 16384 AND c.relkind = 'S'
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
    ) x)),

    -- Those behind a constraint are part of it.
    pg_catalog.json_build_array('pg_class', (SELECT pg_catalog.json_agg(x) FROM (
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

    -- A foreign key to a partitioned table has a copy for each partition, on the same table: those are left out.
    pg_catalog.json_build_array('pg_constraint', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT k.oid,
        CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint' WHEN 'f' THEN 'foreign key'
          WHEN 'c' THEN 'check constraint' WHEN 'x' THEN 'exclusion constraint' ELSE 'not-null constraint' END AS kind,
        k.conname AS name,
        CASE WHEN k.conrelid <> 0 THEN k.conrelid ELSE k.contypid END AS of,
        CASE WHEN k.conrelid = 0 THEN 'pg_type' END AS of_class,
        NULLIF(k.conparentid, 0) AS origin,
        CASE WHEN k.coninhcount > 0 THEN true END AS inherited,
        CASE WHEN k.coninhcount > 0 AND k.conislocal AND NOT r.relispartition THEN true END AS also_local,
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

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT t.oid, 'enum type' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl::text[] AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text[] END AS acl_default,
        (SELECT pg_catalog.array_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid) AS labels
      FROM pg_catalog.pg_type t
      JOIN namespace n ON n.oid = t.typnamespace
      WHERE t.oid >= 16384 AND t.typtype = 'e'
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT t.oid, 'domain' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
        t.typacl::text[] AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text[] END AS acl_default,
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
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
    ) x)),

    pg_catalog.json_build_array('pg_type', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT y.* FROM (SELECT 0::oid AS rngmultitypid) AS missing
      CROSS JOIN LATERAL (
        SELECT t.oid, 'range type' AS kind, n.nspname AS namespace, t.typname AS name, pg_catalog.pg_get_userbyid(t.typowner) AS owner,
          t.typacl::text[] AS acl, CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text[] END AS acl_default,
          pg_catalog.format_type(g.rngsubtype, NULL) AS subtype,
          (SELECT o.opcname FROM pg_catalog.pg_opclass o WHERE o.oid = g.rngsubopc) AS operator_class,
          (SELECT k.collname FROM pg_catalog.pg_collation k WHERE k.oid = g.rngcollation) AS collation,
          NULLIF(g.rngcanonical::text, '-') AS canonical,
          NULLIF(g.rngsubdiff::text, '-') AS subtype_difference,
          CASE WHEN rngmultitypid <> 0 THEN pg_catalog.format_type(rngmultitypid, NULL) END AS multirange_type
        FROM pg_catalog.pg_range g
        JOIN pg_catalog.pg_type t ON t.oid = g.rngtypid
        JOIN namespace n ON n.oid = t.typnamespace
        WHERE t.oid >= 16384
          AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_proc', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.pg_node_tree AS prosqlbody) AS missing
      CROSS JOIN LATERAL (
        SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
          n.nspname AS namespace, p.proname AS name, '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS suffix,
          pg_catalog.pg_get_userbyid(p.proowner) AS owner,
          p.proacl::text[] AS acl, CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner)::text[] END AS acl_default,
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
          NULLIF(p.prosupport::text, '-') AS support,
          p.proconfig AS options,
          (SELECT pg_catalog.array_agg(pg_catalog.format_type(y, NULL)) FROM pg_catalog.unnest(p.protrftypes) AS y) AS transforms
        FROM pg_catalog.pg_proc p
        JOIN namespace n ON n.oid = p.pronamespace
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.oid >= 16384 AND p.prokind <> 'a'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
            AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_proc', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT p.oid, 'aggregate' AS kind, n.nspname AS namespace, p.proname AS name,
        '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS suffix,
        pg_catalog.pg_get_userbyid(p.proowner) AS owner,
        p.proacl::text[] AS acl, CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner)::text[] END AS acl_default,
        NULLIF(pg_catalog.pg_get_function_arguments(p.oid), '') AS arguments,
        pg_catalog.format_type(p.prorettype, NULL) AS returns,
        CASE g.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END AS variety,
        g.aggtransfn::text AS transition_function,
        pg_catalog.format_type(g.aggtranstype, NULL) AS transition_type,
        g.agginitval AS initial_value,
        NULLIF(g.aggfinalfn::text, '-') AS final_function,
        CASE WHEN g.aggfinalextra THEN true END AS final_function_extra,
        g.aggfinalmodify AS final_function_modify,
        NULLIF(g.aggcombinefn::text, '-') AS combine_function,
        NULLIF(g.aggserialfn::text, '-') AS serial_function,
        NULLIF(g.aggdeserialfn::text, '-') AS deserial_function,
        NULLIF(g.aggmtransfn::text, '-') AS moving_transition_function,
        NULLIF(g.aggminvtransfn::text, '-') AS moving_inverse_function,
        NULLIF(g.aggmfinalfn::text, '-') AS moving_final_function,
        CASE WHEN g.aggmtranstype <> 0 THEN pg_catalog.format_type(g.aggmtranstype, NULL) END AS moving_transition_type,
        g.aggminitval AS moving_initial_value,
        CASE WHEN g.aggsortop <> 0 THEN g.aggsortop::regoperator::text END AS sort_operator,
        CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid
      JOIN namespace n ON n.oid = p.pronamespace
      WHERE p.oid >= 16384
        AND NOT EXISTS (SELECT FROM member e WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid)
    ) x)),

    pg_catalog.json_build_array('pg_trigger', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT y.* FROM (SELECT 0::oid AS tgparentid) AS missing
      CROSS JOIN LATERAL (
        SELECT t.oid, 'trigger' AS kind, t.tgname AS name, t.tgrelid AS of, NULLIF(tgparentid, 0) AS origin,
          pg_catalog.substr(pg_catalog.pg_get_triggerdef(t.oid), 1 + pg_catalog.length(
            'CREATE ' || CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' ELSE '' END
            || 'TRIGGER ' || pg_catalog.quote_ident(t.tgname) || ' ')) AS definition,
          CASE WHEN t.tgconstraint <> 0 THEN true END AS constraint,
          CASE t.tgenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled
        FROM relation r
        JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid
        WHERE NOT t.tgisinternal OR tgparentid <> 0 AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_trigger i WHERE i.oid = tgparentid AND i.tgisinternal)
      ) y
    ) x)),

    pg_catalog.json_build_array('pg_rewrite', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT w.oid, 'rule' AS kind, w.rulename AS name, w.ev_class AS of,
        pg_catalog.substr(pg_catalog.pg_get_ruledef(w.oid, true), 1 + pg_catalog.length(
          'CREATE RULE ' || pg_catalog.quote_ident(w.rulename) || ' AS')) AS definition,
        CASE w.ev_enabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled
      FROM relation r
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
      WHERE w.rulename <> '_RETURN'
    ) x)),

    pg_catalog.json_build_array('pg_policy', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT p.oid, 'policy' AS kind, p.polname AS name, p.polrelid AS of,
        CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,
        CASE WHEN NOT p.polpermissive THEN true END AS restrictive,
        (SELECT pg_catalog.array_agg(r.name ORDER BY r.name) FROM (
          SELECT CASE WHEN o = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(o) END AS name
          FROM pg_catalog.unnest(p.polroles) AS o) AS r) AS roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid, true) AS using,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid, true) AS check
      FROM relation r
      JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
    ) x)),

    pg_catalog.json_build_array('pg_statistic_ext', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT y.* FROM (SELECT NULL::pg_catalog.pg_node_tree AS stxexprs, NULL::int AS stxstattarget) AS missing
      CROSS JOIN LATERAL (
        SELECT s.oid, 'statistics' AS kind, n.nspname AS namespace, s.stxname AS name, s.stxrelid AS of,
          pg_catalog.pg_get_userbyid(s.stxowner) AS owner,
          (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname) FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::int2[])) AS columns,
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

    pg_catalog.json_build_array('pg_description', (SELECT pg_catalog.json_agg(x) FROM (
      SELECT k.relname AS class, d.objoid AS oid, d.objsubid AS number, d.description AS text
      FROM pg_catalog.pg_description d
      JOIN pg_catalog.pg_class k ON k.oid = d.classoid
      WHERE d.objoid >= 16384 OR d.classoid = 'pg_catalog.pg_namespace'::regclass AND d.objoid = 2200
    ) x))

  )::text END AS document
  OFFSET 0
) AS catalog
CROSS JOIN LATERAL (
  SELECT pg_catalog.count(pg_catalog.set_config(saved.settings[step][1], saved.settings[step][3], true)) AS steps
  FROM pg_catalog.generate_series(1, pg_catalog.array_length(saved.settings, 1)) AS step
  WHERE catalog.document IS NOT NULL
  OFFSET 0
) AS restored
