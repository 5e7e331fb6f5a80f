-- The doctor names what is missing, and the statement that mends it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE SCHEMA doctor;
SET search_path = doctor;

SELECT DISTINCT check_name FROM itemize.doctor() ORDER BY check_name;
SELECT check_name, status, detail, fix, restart FROM itemize.doctor()
WHERE check_name IN ('shared_preload_libraries', 'event_triggers', 'definitions');
SELECT check_name, status, fix FROM itemize.doctor() WHERE check_name IN ('version', 'encoding');

-- What is fine needs no fix; what is not has one.
SELECT check_name FROM itemize.doctor() WHERE (status = 'ok') <> (fix IS NULL) OR status NOT IN ('ok', 'missing', 'warning') OR restart IS NULL;

-- wal_level is as the server says, and its fix asks for a restart
SELECT (status = 'ok') = (current_setting('wal_level') = 'logical') AS fits, restart = (status <> 'ok') AS restart_fits,
  coalesce(fix, 'ALTER SYSTEM SET wal_level = ''logical'';') AS fix
FROM itemize.doctor() WHERE check_name = 'wal_level';

-- Where the server knows output_plugin_libraries, its value is kept and ours is added.
SELECT d.status = CASE WHEN s.setting IS NULL OR s.setting ~ '\mitemize\M' THEN 'ok' ELSE 'missing' END AS fits,
  CASE WHEN s.setting IS NULL OR s.setting ~ '\mitemize\M' THEN d.fix IS NULL ELSE d.fix LIKE 'ALTER SYSTEM SET output_plugin_libraries = %, ''itemize'';%' END AS fix_fits
FROM itemize.doctor() d LEFT JOIN pg_settings s ON s.name = 'output_plugin_libraries' WHERE d.check_name = 'output_plugin_libraries';

-- Roles: the lines it gives make it content.
SELECT check_name, status, fix FROM itemize.doctor() WHERE check_name LIKE '%role' ORDER BY check_name;
CREATE ROLE regress_itemize_global LOGIN REPLICATION;
SELECT status, detail, fix FROM itemize.doctor() WHERE check_name = 'replication_role';
GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO regress_itemize_global;
CREATE ROLE regress_itemize_reader LOGIN;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text) TO regress_itemize_reader;
GRANT SELECT ON itemize.definitions TO regress_itemize_reader;
SELECT check_name, status, detail, fix FROM itemize.doctor() WHERE check_name LIKE '%role' ORDER BY check_name, status;
GRANT EXECUTE ON FUNCTION itemize.checksum(text, text[], integer) TO regress_itemize_reader;
SELECT check_name, status, detail, fix FROM itemize.doctor() WHERE check_name LIKE '%role' ORDER BY check_name;

-- Definitions that their tables no longer bear out, as DDL past the event triggers leaves them.
CREATE TABLE kept (id int PRIMARY KEY, name text);
CREATE TABLE gone (id int PRIMARY KEY, name text);
CREATE TABLE bare (id int PRIMARY KEY, name text);
SELECT itemize.define(t, t, fields => '{id,name}') FROM unnest('{kept,gone,bare}'::text[]) t;
SELECT status, detail FROM itemize.doctor() WHERE check_name = 'definitions';
SET session_replication_role = replica;
ALTER TABLE bare DROP CONSTRAINT bare_pkey;
ALTER TABLE kept DROP COLUMN name;
DROP TABLE gone;
RESET session_replication_role;
SELECT status, detail, fix, restart FROM itemize.doctor() WHERE check_name = 'definitions';

-- Event triggers that are switched off: each of them is missed, and the fix mends it.
ALTER EVENT TRIGGER itemize_sql_drop DISABLE;
SELECT status, detail, fix FROM itemize.doctor() WHERE check_name = 'event_triggers';
DO $$
DECLARE
  name text;
  found record;
BEGIN
  EXECUTE (SELECT fix FROM itemize.doctor() WHERE check_name = 'event_triggers');
  FOR name IN SELECT evtname FROM pg_event_trigger WHERE evtname LIKE 'itemize%' ORDER BY evtname LOOP
    EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', name);
    SELECT status, fix INTO found FROM itemize.doctor() WHERE check_name = 'event_triggers';
    RAISE NOTICE 'without %: %', name, found.status;
    EXECUTE found.fix;
  END LOOP;
END
$$;
SELECT status, detail, fix FROM itemize.doctor() WHERE check_name = 'event_triggers';

-- Not for everyone.
SET ROLE regress_itemize_reader;
SELECT * FROM itemize.doctor();
RESET ROLE;
GRANT pg_monitor TO regress_itemize_reader;
SET ROLE regress_itemize_reader;
SELECT count(*) > 10 AS many FROM itemize.doctor();
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA doctor CASCADE;
SELECT itemize.undefine('gone', if_exists => true);
DROP OWNED BY regress_itemize_global, regress_itemize_reader;
DROP ROLE regress_itemize_global, regress_itemize_reader;
SELECT count(*) FROM itemize.definitions;
