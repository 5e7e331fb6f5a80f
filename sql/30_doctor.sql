-- The doctor: what the stream needs, what of it is there, and the statement that mends the rest.

CREATE FUNCTION @extschema@.doctor(
  OUT check_name text, OUT status text, OUT detail text, OUT fix text, OUT restart boolean
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $doctor$
WITH installed AS (
  SELECT e.extversion AS version FROM pg_extension e WHERE e.extname = 'itemize'
), setting AS (
  -- A value set but not yet in effect must not be asked for twice: restart stays true, the statement goes.
  SELECT s.name, s.setting, s.context = 'postmaster' AS at_start, s.pending_restart FROM pg_settings s
), wanted_plugins AS (
  SELECT s.setting, s.at_start,
         'itemize' = ANY (SELECT trim(both ' "' FROM part) FROM unnest(string_to_array(s.setting, ',')) part) AS has_ours,
         -- ALTER SYSTEM wants each name quoted by itself: one literal with commas would become one name.
         (SELECT string_agg(quote_literal(trim(both ' "' FROM part)), ', ' ORDER BY at)
          FROM unnest(string_to_array(s.setting || CASE WHEN trim(s.setting) = '' THEN '' ELSE ',' END || 'itemize', ','))
               WITH ORDINALITY parts(part, at)) AS names
  FROM setting s WHERE s.name = 'output_plugin_libraries'
), slot AS (
  SELECT r.slot_name, r.active, r.wal_status, r.database, r.restart_lsn,
         CASE WHEN r.restart_lsn IS NULL OR pg_is_in_recovery() THEN NULL
              ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), r.restart_lsn) END AS retained
  FROM pg_replication_slots r WHERE r.plugin = 'itemize'
), login AS (
  SELECT r.rolname, r.oid, r.rolreplication FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper
), fetch_function AS (
  SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = '@extschema@' AND p.proname = 'fetch'
), reader AS (
  SELECT l.rolname, has_function_privilege(l.oid, '@extschema@.checksum(text, text[], integer)', 'EXECUTE') AS may_compare,
         has_function_privilege(l.oid, '@extschema@.fetch_replayed(text, text[])', 'EXECUTE') AS may_use_standby,
         has_function_privilege(l.oid, '@extschema@.replayed()', 'EXECUTE') AS may_search_standby FROM login l
  WHERE EXISTS (SELECT FROM fetch_function) AND (SELECT bool_and(has_function_privilege(l.oid, f.oid, 'EXECUTE')) FROM fetch_function f)
), standby AS (
  SELECT pg_is_in_recovery() OR EXISTS (
    SELECT FROM pg_stat_replication w WHERE w.pid NOT IN (
      SELECT r.active_pid FROM pg_replication_slots r WHERE r.slot_type = 'logical' AND r.active_pid IS NOT NULL)) AS is_there
), checks(place, check_name, status, detail, fix, restart) AS (
  SELECT 10, 'version', CASE WHEN i.version = @extschema@.version() THEN 'ok' ELSE 'missing' END,
         format('library %s, SQL objects %s', @extschema@.version(), i.version),
         CASE WHEN i.version <> @extschema@.version() THEN 'ALTER EXTENSION itemize UPDATE;' END, false
  FROM installed i

  UNION ALL
  SELECT 20, 'encoding', CASE WHEN e.encoding = 'UTF8' THEN 'ok' ELSE 'missing' END,
         format('database %I has encoding %s', current_database(), e.encoding),
         CASE WHEN e.encoding <> 'UTF8'
              THEN 'CREATE DATABASE ... WITH ENCODING ''UTF8'' TEMPLATE template0; -- and move the tables there' END, false
  FROM (SELECT pg_encoding_to_char(d.encoding)::text AS encoding FROM pg_database d WHERE d.datname = current_database()) e

  UNION ALL
  SELECT 30, 'wal_level', CASE WHEN s.setting = 'logical' THEN 'ok' ELSE 'missing' END,
         'wal_level is ' || s.setting || CASE WHEN s.pending_restart THEN ', another value waits for a restart' ELSE '' END,
         CASE WHEN s.setting <> 'logical' THEN 'ALTER SYSTEM SET wal_level = ''logical'';' END, s.setting <> 'logical'
  FROM setting s WHERE s.name = 'wal_level'

  UNION ALL
  SELECT 40, 'output_plugin_libraries', CASE WHEN w.has_ours THEN 'ok' ELSE 'missing' END,
         'output_plugin_libraries is ' || w.setting,
         CASE WHEN NOT w.has_ours
              THEN format('ALTER SYSTEM SET output_plugin_libraries = %s;', w.names)
                   || CASE WHEN w.at_start THEN '' ELSE ' SELECT pg_reload_conf();' END END,
         NOT w.has_ours AND w.at_start
  FROM wanted_plugins w
  UNION ALL
  SELECT 40, 'output_plugin_libraries', 'ok', 'this server loads any output plugin', NULL, false
  WHERE NOT EXISTS (SELECT FROM wanted_plugins)

  UNION ALL
  SELECT 50, 'shared_preload_libraries', 'ok',
         'not needed: this version of itemize has no background workers', NULL, false

  UNION ALL
  SELECT 60, 'max_replication_slots',
         CASE WHEN EXISTS (SELECT FROM slot) OR s.setting::int > n.used THEN 'ok' ELSE 'missing' END,
         format('%s of %s slots used', n.used, s.setting),
         CASE WHEN NOT EXISTS (SELECT FROM slot) AND s.setting::int <= n.used
              THEN format('ALTER SYSTEM SET max_replication_slots = %s;', n.used + 4) END,
         NOT EXISTS (SELECT FROM slot) AND s.setting::int <= n.used
  FROM setting s, (SELECT count(*) AS used FROM pg_replication_slots) n WHERE s.name = 'max_replication_slots'

  UNION ALL
  SELECT 70, 'max_wal_senders',
         CASE WHEN EXISTS (SELECT FROM slot WHERE active) OR s.setting::int > n.used THEN 'ok' ELSE 'missing' END,
         format('%s of %s walsenders used', n.used, s.setting),
         CASE WHEN NOT EXISTS (SELECT FROM slot WHERE active) AND s.setting::int <= n.used
              THEN format('ALTER SYSTEM SET max_wal_senders = %s;', n.used + 4) END,
         NOT EXISTS (SELECT FROM slot WHERE active) AND s.setting::int <= n.used
  FROM setting s, (SELECT count(*) AS used FROM pg_stat_replication) n WHERE s.name = 'max_wal_senders'

  UNION ALL
  SELECT 80, 'max_slot_wal_keep_size', CASE WHEN s.setting::bigint >= 0 THEN 'ok' ELSE 'warning' END,
         CASE WHEN s.setting::bigint >= 0 THEN format('a slot holds back at most %s MB of WAL', s.setting)
              ELSE 'unlimited: WAL behind a consumer that is gone fills the disk' END,
         CASE WHEN s.setting::bigint < 0
              THEN 'ALTER SYSTEM SET max_slot_wal_keep_size = ''10GB''; SELECT pg_reload_conf();' END, false
  FROM setting s WHERE s.name = 'max_slot_wal_keep_size'

  UNION ALL
  SELECT 90, 'slot', 'warning', 'no slot of this database uses the plugin itemize; the global sidecar makes it at its start',
         '-- start the global sidecar: it makes the slot and reads it; one that nobody reads only holds back WAL', false
  WHERE NOT EXISTS (SELECT FROM slot WHERE slot.database = current_database())
  UNION ALL
  SELECT 91, 'slot', CASE WHEN slot.wal_status IN ('lost', 'unreserved') THEN 'missing' WHEN NOT slot.active THEN 'warning' ELSE 'ok' END,
         format('slot %I is %s, WAL %s%s', slot.slot_name, CASE WHEN slot.active THEN 'active' ELSE 'not active' END,
                coalesce(slot.wal_status, 'unknown'), coalesce(', holds back ' || pg_size_pretty(slot.retained), '')),
         CASE WHEN slot.wal_status = 'lost'
              THEN format('SELECT pg_drop_replication_slot(%L); -- the global sidecar makes it anew, clusters resync', slot.slot_name)
              WHEN slot.wal_status = 'unreserved' OR NOT slot.active
              THEN format('-- start the global sidecar, or give the slot up: SELECT pg_drop_replication_slot(%L);', slot.slot_name) END,
         false
  FROM slot WHERE slot.database = current_database()

  UNION ALL
  SELECT 95, 'pause', 'warning', format('nothing is published until %s at the latest: paused by %s%s', p.until, p.by, coalesce(', ' || p.reason, '')),
         'SELECT @extschema@.resume();', false
  FROM @extschema@.paused() p

  UNION ALL
  SELECT 100, 'replication_role',
         CASE WHEN r.names IS NULL THEN 'missing' WHEN r.reporters IS NULL THEN 'warning' ELSE 'ok' END,
         CASE WHEN r.names IS NULL THEN 'the global sidecar has no role of its own to log in with'
              WHEN r.reporters IS NULL THEN 'REPLICATION LOGIN, but may not report the stream: ' || r.names
              ELSE 'REPLICATION LOGIN without being superuser, may report the stream: ' || r.reporters END,
         CASE WHEN r.names IS NULL THEN 'CREATE ROLE itemize_global LOGIN REPLICATION PASSWORD ''...''; ' ELSE '' END
         || CASE WHEN r.reporters IS NULL
                 THEN format('GRANT EXECUTE ON FUNCTION @extschema@.report_stream(text), @extschema@.report_clusters(json) TO %I;',
                             coalesce(r.candidate, 'itemize_global')) END, false
  FROM (SELECT string_agg(l.rolname, ', ' ORDER BY l.rolname) AS names,
               (array_agg(l.rolname ORDER BY l.rolname <> 'itemize_global', l.rolname))[1] AS candidate,
               string_agg(l.rolname, ', ' ORDER BY l.rolname) FILTER (WHERE l.may_report) AS reporters
        FROM (SELECT x.rolname, (SELECT bool_and(has_function_privilege(x.oid, p.oid, 'EXECUTE'))
                                 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                                 WHERE n.nspname = '@extschema@' AND p.proname IN ('report_stream', 'report_clusters')) AS may_report
              FROM login x WHERE x.rolreplication) l) r

  UNION ALL
  SELECT 110, 'reader_role', CASE WHEN r.names IS NULL THEN 'missing' ELSE 'ok' END,
         coalesce('may run itemize.fetch without being superuser: ' || r.names, 'the extended sidecar has no role to read items with'),
         CASE WHEN r.names IS NULL
              THEN 'CREATE ROLE itemize_reader LOGIN PASSWORD ''...'';'
                   ' GRANT EXECUTE ON FUNCTION @extschema@.fetch(text, text[]), @extschema@.list(text, integer, text),'
                   ' @extschema@.checksum(text, text[], integer), @extschema@.fetch_replayed(text, text[]) TO itemize_reader;'
                   ' GRANT SELECT ON @extschema@.definitions TO itemize_reader;' END, false
  FROM (SELECT string_agg(x.rolname, ', ' ORDER BY x.rolname) AS names FROM reader x) r
  UNION ALL
  SELECT 111, 'reader_role', 'warning', format('%I may not run itemize.checksum: the copies it fills are not compared with the database', x.rolname),
         format('GRANT EXECUTE ON FUNCTION @extschema@.checksum(text, text[], integer) TO %I;', x.rolname), false
  FROM reader x WHERE NOT x.may_compare
  UNION ALL
  SELECT 112, 'reader_role', 'warning', format('%I may not run itemize.fetch_replayed: no items are read from a standby', x.rolname),
         format('GRANT EXECUTE ON FUNCTION @extschema@.fetch_replayed(text, text[]) TO %I; -- on the primary', x.rolname), false
  FROM reader x, standby WHERE NOT x.may_use_standby AND standby.is_there
  UNION ALL
  -- PUBLIC's, unless somebody revoked it.
  SELECT 113, 'reader_role', 'warning', format('%I may not run itemize.replayed: no search is run on a standby', x.rolname),
         format('GRANT EXECUTE ON FUNCTION @extschema@.replayed() TO %I; -- on the primary', x.rolname), false
  FROM reader x, standby WHERE NOT x.may_search_standby AND standby.is_there

  UNION ALL
  SELECT 120, 'postgis', CASE WHEN e.extversion IS NOT NULL THEN 'ok' ELSE 'warning' END,
         CASE WHEN e.extversion IS NOT NULL THEN 'PostGIS ' || e.extversion
              WHEN a.name IS NOT NULL THEN 'not installed in this database; needed for items with a place'
              ELSE 'not available on this server; needed for items with a place' END,
         CASE WHEN e.extversion IS NULL AND a.name IS NOT NULL THEN 'CREATE EXTENSION postgis;'
              WHEN e.extversion IS NULL THEN '-- install the PostGIS package of this server, then: CREATE EXTENSION postgis;' END, false
  FROM (VALUES ('postgis'::name)) wanted(name)
  LEFT JOIN pg_available_extensions a ON a.name = wanted.name
  LEFT JOIN pg_extension e ON e.extname = wanted.name

  UNION ALL
  SELECT 130, 'hot_standby_feedback', CASE WHEN s.setting = 'on' THEN 'ok' ELSE 'warning' END,
         'hot_standby_feedback is ' || s.setting || ' on this standby',
         CASE WHEN s.setting <> 'on' THEN 'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();' END, false
  FROM setting s WHERE s.name = 'hot_standby_feedback' AND pg_is_in_recovery()

  UNION ALL
  SELECT 140, 'event_triggers', CASE WHEN t.enabled = 4 THEN 'ok' ELSE 'missing' END,
         CASE WHEN t.enabled = 4 THEN 'definitions follow DDL' ELSE 'definitions do not follow DDL: event triggers are disabled or gone' END,
         CASE WHEN t.enabled < 4
              THEN 'ALTER EVENT TRIGGER itemize_ddl_command_start ENABLE; ALTER EVENT TRIGGER itemize_ddl_command_end ENABLE;'
                   ' ALTER EVENT TRIGGER itemize_sql_drop ENABLE; ALTER EVENT TRIGGER itemize_guard_drops ENABLE;' END, false
  FROM (SELECT count(*) AS enabled FROM pg_event_trigger g
        WHERE g.evtname IN ('itemize_ddl_command_start', 'itemize_ddl_command_end', 'itemize_sql_drop', 'itemize_guard_drops')
          AND g.evtenabled IN ('O', 'A')) t

  UNION ALL
  SELECT 150, 'definitions', 'ok', 'every definition fits its table', NULL, false
  WHERE NOT EXISTS (SELECT FROM @extschema@.definition_problems())
  UNION ALL
  SELECT 151, 'definitions', 'missing', format('item type %s: %s', p.type, p.problem),
         format('SELECT @extschema@.undefine(%L); -- or %s', p.type, coalesce(p.hint, 'mend its table')), false
  FROM @extschema@.definition_problems() p

  UNION ALL
  SELECT 160, 'search_indexes', 'ok', 'no search lacks an index', NULL, false
  WHERE NOT EXISTS (SELECT FROM @extschema@.search_indexes() x WHERE x.state IN ('missing', 'invalid'))
  UNION ALL
  SELECT 161, 'search_indexes', 'warning', format('item type %s: an index for %s is %s', x.type, x.purpose, x.state), x.statement || ';', false
  FROM @extschema@.search_indexes() x WHERE x.state IN ('missing', 'invalid')
)
SELECT c.check_name, c.status, c.detail, c.fix, c.restart FROM checks c ORDER BY c.place, c.detail
$doctor$;
COMMENT ON FUNCTION @extschema@.doctor() IS 'what itemize needs of this server and database, whether it is there, and the statement that mends it';
REVOKE ALL ON FUNCTION @extschema@.doctor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.doctor(), @extschema@.definition_problems() TO pg_monitor;
