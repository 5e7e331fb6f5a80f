-- The loaded library against the SQL objects: a mismatch is said before anything is read or written.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE SCHEMA version;
CREATE TABLE version.listing (id int PRIMARY KEY);
SELECT extversion AS installed FROM pg_extension WHERE extname = 'itemize' \gset
CREATE FUNCTION version.refused(call text) RETURNS TABLE (code text, error text, detail_names_both boolean, hint text) LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
  EXECUTE call;
  RETURN QUERY SELECT '00000', 'not refused', NULL::boolean, NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, error = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  detail_names_both := detail LIKE '%library is version ' || itemize.version() || '%' AND detail LIKE '%version 0.0.0.';
  RETURN NEXT;
END $$;

SELECT itemize.version() = :'installed' AS same;

-- As after an upgrade of the package alone; a session of its own, as each looks once.
UPDATE pg_extension SET extversion = '0.0.0' WHERE extname = 'itemize';
\connect -
\x on
SELECT * FROM version.refused($$SELECT itemize.define('listing', 'version.listing', fields => '{id}')$$);
SELECT * FROM version.refused($$SELECT itemize.undefine('listing')$$);
SELECT * FROM version.refused($$SELECT itemize.suggest_definition('version.listing')$$);
\x off
SELECT status, fix FROM itemize.doctor() WHERE check_name = 'version';
-- DDL is not in the way of the ALTER EXTENSION that repairs it.
ALTER TABLE version.listing ADD COLUMN name text;
ALTER TABLE version.listing DROP COLUMN name;

UPDATE pg_extension SET extversion = :'installed' WHERE extname = 'itemize';
SELECT itemize.define('listing', 'version.listing', fields => '{id}');
SELECT status, fix FROM itemize.doctor() WHERE check_name = 'version';

SET client_min_messages = warning;
DROP SCHEMA version CASCADE;
