-- Definitions: made, removed, listed, proposed, and kept true to their tables.

CREATE FUNCTION @extschema@.define(
  name     text,
  source   text,
  key      text    DEFAULT NULL,
  fields   text[]  DEFAULT NULL,
  read     text    DEFAULT 'nobody',
  replace  boolean DEFAULT false,
  text     jsonb   DEFAULT NULL,
  language text    DEFAULT NULL,
  location text    DEFAULT NULL,
  price    text    DEFAULT NULL,
  currency text    DEFAULT NULL,
  facets   text[]  DEFAULT NULL,
  owner    text    DEFAULT NULL,
  parent   text    DEFAULT NULL,
  url      text    DEFAULT NULL,
  changed  text    DEFAULT NULL,
  build    boolean DEFAULT false,
  cache_control text DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_define';
COMMENT ON FUNCTION @extschema@.define(text, text, text, text[], text, boolean, jsonb, text, text, text, text, text[], text, text, text, text, boolean, text)
  IS 'registers a table of the caller''s as an item type';

CREATE FUNCTION @extschema@.undefine(name text, if_exists boolean DEFAULT false) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_undefine';
COMMENT ON FUNCTION @extschema@.undefine(text, boolean) IS 'removes the definition of an item type; its table stays as it is';

CREATE FUNCTION @extschema@.suggest_definition(source text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'itemize_suggest_definition';
COMMENT ON FUNCTION @extschema@.suggest_definition(text)
  IS 'a call of itemize.define for a table, from its keys, types and comments, without columns that look private';

-- A table's name as text, and not as regclass, says its schema under every search_path.
CREATE VIEW @extschema@.definitions AS
SELECT d.name AS type,
       CASE WHEN c.oid IS NULL THEN NULL
            ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END AS source,
       ARRAY(SELECT k.column_name FROM @extschema@.item_column k
             WHERE k.item_type OPERATOR(pg_catalog.=) d.name AND k.purpose OPERATOR(pg_catalog.=) 'key'
             ORDER BY k.ordinal) AS key,
       ARRAY(SELECT f.column_name FROM @extschema@.item_column f
             WHERE f.item_type OPERATOR(pg_catalog.=) d.name AND f.purpose OPERATOR(pg_catalog.=) 'field'
             ORDER BY f.ordinal) AS fields,
       d.read,
       d.generation,
       (SELECT pg_catalog.jsonb_object_agg(s.column_name, s.detail) FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'text') AS text,
       (SELECT coalesce(s.column_name, s.detail) FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'language') AS language,
       (SELECT s.column_name FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'location') AS location,
       (SELECT s.column_name FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'price') AS price,
       (SELECT coalesce(s.column_name, s.detail) FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'currency') AS currency,
       ARRAY(SELECT s.column_name FROM @extschema@.item_column s
             WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'facet'
             ORDER BY s.ordinal) AS facets,
       (SELECT s.column_name FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'owner') AS owner,
       (SELECT s.column_name FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'parent') AS parent,
       (SELECT s.column_name FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'changed') AS changed,
       (SELECT s.detail FROM @extschema@.item_column s
        WHERE s.item_type OPERATOR(pg_catalog.=) d.name AND s.purpose OPERATOR(pg_catalog.=) 'cache_control') AS cache_control
FROM @extschema@.item_type d
LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.source
LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE d.read OPERATOR(pg_catalog.<>) 'internal';
COMMENT ON VIEW @extschema@.definitions IS 'item types: their tables, keys, fields, who may read them, and what is searched of them';
REVOKE ALL ON @extschema@.definitions FROM PUBLIC;

CREATE FUNCTION @extschema@.definition_problems(OUT type text, OUT problem text, OUT hint text) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'itemize_definition_problems';
COMMENT ON FUNCTION @extschema@.definition_problems() IS 'definitions that their tables no longer bear out';
REVOKE ALL ON FUNCTION @extschema@.definition_problems() FROM PUBLIC;

CREATE FUNCTION @extschema@.search_indexes(
  INOUT type text DEFAULT NULL,
  OUT purpose text, OUT state text, OUT statement text
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'itemize_search_indexes';
COMMENT ON FUNCTION @extschema@.search_indexes(text)
  IS 'the indexes that searches of an item type (null: of all of the caller''s tables) stand on, whether they are there, and the statements that make them';

-- A restored dump brings attribute numbers of another database: they are derived anew from the columns' names. Always,
-- as a restore may run with session_replication_role = replica.
CREATE FUNCTION @extschema@.item_column_inserted() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_item_column_inserted';
COMMENT ON FUNCTION @extschema@.item_column_inserted() IS 'trigger: derives the attribute number of a restored definition''s column';
CREATE TRIGGER item_column_inserted BEFORE INSERT ON @extschema@.item_column
  FOR EACH ROW EXECUTE FUNCTION @extschema@.item_column_inserted();
ALTER TABLE @extschema@.item_column ENABLE ALWAYS TRIGGER item_column_inserted;

CREATE FUNCTION @extschema@.item_type_inserted() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_item_type_inserted';
COMMENT ON FUNCTION @extschema@.item_type_inserted() IS 'trigger: derives the attribute numbers of a restored definition';
CREATE TRIGGER item_type_inserted AFTER INSERT ON @extschema@.item_type
  FOR EACH ROW EXECUTE FUNCTION @extschema@.item_type_inserted();
ALTER TABLE @extschema@.item_type ENABLE ALWAYS TRIGGER item_type_inserted;

CREATE FUNCTION @extschema@.prepare_ddl() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_prepare_ddl';
COMMENT ON FUNCTION @extschema@.prepare_ddl() IS 'event trigger: before a partition or an index of a defined table goes';
CREATE EVENT TRIGGER itemize_ddl_command_start ON ddl_command_start
  WHEN TAG IN ('ALTER TABLE', 'DROP TABLE', 'DROP INDEX')
  EXECUTE FUNCTION @extschema@.prepare_ddl();
COMMENT ON EVENT TRIGGER itemize_ddl_command_start IS 'item definitions are made ready for changed partitions and dropped indexes';

CREATE FUNCTION @extschema@.follow_ddl() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_follow_ddl';
COMMENT ON FUNCTION @extschema@.follow_ddl() IS 'event trigger: definitions follow changed columns, types and partitions';
-- A column of a table is renamed by ALTER VIEW and its like, too.
CREATE EVENT TRIGGER itemize_ddl_command_end ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
               'ALTER FOREIGN TABLE', 'ALTER TYPE')
  EXECUTE FUNCTION @extschema@.follow_ddl();
COMMENT ON EVENT TRIGGER itemize_ddl_command_end IS 'item definitions follow changed columns, types and partitions';

CREATE FUNCTION @extschema@.follow_drops() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_follow_drops';
COMMENT ON FUNCTION @extschema@.follow_drops() IS 'event trigger: definitions follow dropped columns, tables and partitions';
CREATE EVENT TRIGGER itemize_sql_drop ON sql_drop
  EXECUTE FUNCTION @extschema@.follow_drops();
COMMENT ON EVENT TRIGGER itemize_sql_drop IS 'item definitions follow dropped columns, tables and partitions';
