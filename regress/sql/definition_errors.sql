-- Wrong input to itemize.define: an error with a hint, and nothing changed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS postgis;
RESET client_min_messages;
CREATE SCHEMA definition_errors;
SET search_path = definition_errors, public;
CREATE FUNCTION refused(call text) RETURNS TABLE (code text, error text, hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'SELECT itemize.define(' || call || ')';
  RETURN QUERY SELECT '00000', 'not refused', NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, error = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN NEXT;
END $$;
\x on

CREATE TABLE good (id int PRIMARY KEY, name text, "Name" text);

-- names
SELECT * FROM refused($$'Good', 'good', fields => '{name}'$$);
SELECT * FROM refused($$'', 'good', fields => '{name}'$$);
SELECT * FROM refused($$'1st', 'good', fields => '{name}'$$);
SELECT * FROM refused($$repeat('a', 64), 'good', fields => '{name}'$$);
SELECT * FROM refused($$NULL, 'good', fields => '{name}'$$);

-- tables that are not there, or no tables
SELECT * FROM refused($$'good', NULL, fields => '{name}'$$);
SELECT * FROM refused($$'good', '', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'nowhere', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'no_schema.good', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'good; DROP TABLE good', fields => '{name}'$$);
CREATE VIEW a_view AS SELECT * FROM good;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM good;
CREATE SEQUENCE a_sequence;
CREATE TEMPORARY TABLE temporary (id int PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE FOREIGN DATA WRAPPER regress_itemize_wrapper;
CREATE SERVER regress_itemize_server FOREIGN DATA WRAPPER regress_itemize_wrapper;
CREATE FOREIGN TABLE a_foreign_table (id int NOT NULL) SERVER regress_itemize_server;
SELECT r.* FROM unnest('{a_view,a_matview,a_sequence,good_pkey,temporary,unlogged,parent,a_foreign_table,pg_class,itemize.item_type,information_schema.sql_features}'::text[]) t,
  LATERAL refused(format($$'good', %L, key => 'id', fields => '{id}'$$, t)) r;

-- columns
SELECT * FROM refused($$'good', 'good'$$);
SELECT * FROM refused($$'good', 'good', fields => '{}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{NULL}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{{id},{name}}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{nothing}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{NAME}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{ctid}'$$);
SELECT * FROM refused($$'good', 'good', fields => '{id,name,id}'$$);
SELECT * FROM refused($$'good', 'good', key => 'id,id', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'good', key => '', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'good', key => '{id', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'good', fields => (SELECT array_agg('c' || i) FROM generate_series(1, 201) i)$$);

-- keys and identities
CREATE TABLE no_key (id int, name text);
SELECT * FROM refused($$'good', 'no_key', fields => '{name}'$$);
SELECT * FROM refused($$'good', 'no_key', key => 'id', fields => '{name}'$$);
ALTER TABLE no_key ALTER id SET NOT NULL;
SELECT * FROM refused($$'good', 'no_key', key => 'id', fields => '{name}'$$);
CREATE UNIQUE INDEX no_key_partial ON no_key (id) WHERE id > 0;
SELECT * FROM refused($$'good', 'no_key', key => 'id', fields => '{name}'$$);
ALTER TABLE no_key ADD CONSTRAINT no_key_deferrable UNIQUE (id) DEFERRABLE;
SELECT * FROM refused($$'good', 'no_key', key => 'id', fields => '{name}'$$);
CREATE UNIQUE INDEX no_key_whole ON no_key (id);
SELECT * FROM refused($$'good', 'no_key', key => 'id', fields => '{name}'$$);
CREATE TABLE deferrable_key (id int PRIMARY KEY DEFERRABLE);
SELECT * FROM refused($$'good', 'deferrable_key', fields => '{id}'$$);
CREATE TABLE nothing_key (id int PRIMARY KEY);
ALTER TABLE nothing_key REPLICA IDENTITY NOTHING;
SELECT * FROM refused($$'good', 'nothing_key', fields => '{id}'$$);
CREATE TABLE other_identity (id int PRIMARY KEY, slug text NOT NULL UNIQUE, extra int);
SELECT * FROM refused($$'good', 'other_identity', key => 'slug', fields => '{id}'$$);
ALTER TABLE other_identity REPLICA IDENTITY USING INDEX other_identity_slug_key;
SELECT * FROM refused($$'good', 'other_identity', fields => '{id}'$$);
CREATE TABLE nine (a int, b int, c int, d int, e int, f int, g int, h int, i int, PRIMARY KEY (a, b, c, d, e, f, g, h, i));
SELECT * FROM refused($$'good', 'nine', fields => '{a}'$$);

-- types that cannot be a key's
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE key_types (a numeric PRIMARY KEY, b char(4) NOT NULL UNIQUE, c float8 NOT NULL UNIQUE, d int[] NOT NULL UNIQUE, e jsonb NOT NULL UNIQUE,
  f bytea NOT NULL UNIQUE, g text COLLATE caseless NOT NULL UNIQUE, h int4range NOT NULL UNIQUE);
ALTER TABLE key_types REPLICA IDENTITY FULL;
SELECT c AS column, r.code, r.error FROM unnest('{a,b,c,d,e,f,g,h}'::text[]) c,
  LATERAL refused(format($$'good', 'key_types', key => %L, fields => '{a}'$$, c)) r;
SELECT hint FROM refused($$'good', 'key_types', fields => '{a}'$$);

-- types that cannot be a field's
CREATE TYPE place AS (name text, at geometry);
CREATE DOMAIN somewhere AS geometry(Point);
CREATE TABLE field_types (id int PRIMARY KEY, a geometry, b geometry(Point), c geometry(Point, 3857), d geography(Point, 4267), e place,
  f somewhere, g geometry[], ok1 geometry(Point, 4326), ok2 geography, ok3 geography(Point), ok4 geometry(PointZ, 4326)[]);
SELECT c AS column, r.* FROM unnest('{a,b,c,d,e,f,g}'::text[]) c, LATERAL refused(format($$'good', 'field_types', fields => '{%s}'$$, c)) r;

-- read
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'owner'$$);
SELECT * FROM refused($$'good', 'good', fields => '{id}', read => 'owner', owner => 'name'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'owner', owner => 'name'$$);
CREATE TABLE owners (id int PRIMARY KEY, a numeric, b char(4), c text COLLATE caseless, "d d" text, e timestamptz, f text[], ok text);
ALTER TABLE owners REPLICA IDENTITY FULL;
SELECT c AS column, r.* FROM unnest('{a,b,c,d d,e,f}'::text[]) c,
  LATERAL refused(format($$'good', 'owners', fields => '{%1$s}', read => 'owner', owner => %1$L$$, c)) r;
SELECT itemize.define('owned', 'owners', fields => '{id,ok}', read => 'owner', owner => 'ok');
ALTER TABLE owners REPLICA IDENTITY DEFAULT;
ALTER TABLE owners ALTER ok TYPE text COLLATE caseless;
ALTER TABLE owners ALTER ok TYPE numeric USING 1;
SELECT itemize.define('owned', 'owners', fields => '{id,ok,a}', read => 'owner', owner => 'a', replace => true);
SELECT itemize.define('owned', 'owners', fields => '{id,ok}', read => 'owner', replace => true);
ALTER TABLE owners DROP ok;
SELECT * FROM itemize.definition_problems() WHERE type = 'owned';
SELECT itemize.undefine('owned');
CREATE TABLE owned_parts (id int, host text, PRIMARY KEY (id)) PARTITION BY LIST (id);
CREATE TABLE owned_part PARTITION OF owned_parts FOR VALUES IN (1);
SELECT itemize.define('owned_parts', 'owned_parts', fields => '{id,host}', read => 'owner', owner => 'host');
ALTER TABLE owned_part REPLICA IDENTITY FULL;
SELECT itemize.define('owned_parts', 'owned_parts', fields => '{id,host}', read => 'owner', owner => 'host');
ALTER TABLE owned_part REPLICA IDENTITY DEFAULT;
CREATE TABLE owned_next PARTITION OF owned_parts FOR VALUES IN (2);
SELECT itemize.undefine('owned_parts');
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'all'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:editor, admin'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:editor,'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:editor,anonymous'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:' || repeat('x', 59)$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => NULL$$);

-- what caches are told
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => ''$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'private,'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'max-age=60; private'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'max-age=2147483648'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'max-age'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'private="name"'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => E'private,\tx\001'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => 'max-age=1, MAX-AGE=2'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'everyone', cache_control => 'public, private'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'authenticated', cache_control => 'public'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', read => 'role:a', cache_control => 's-maxage=60'$$);
SELECT * FROM refused($$'good', 'good', fields => '{name}', cache_control => repeat('no-cache,', 23)$$);

-- an argument that this version would not act on
SELECT * FROM refused($$'good', 'good', fields => '{name}', url => 'x'$$);

-- one type a table
SELECT itemize.define('field_types', 'field_types', fields => '{ok1,ok2,ok3,ok4}');
SELECT * FROM refused($$'again', 'field_types', fields => '{id}'$$);
SELECT * FROM refused($$'again', 'field_types', fields => '{id}', replace => true$$);

BEGIN READ ONLY;
SELECT * FROM refused($$'good', 'good', fields => '{name}'$$);
COMMIT;

\x off
SELECT type, source, fields FROM itemize.definitions;
SET client_min_messages = warning;
DROP SCHEMA definition_errors CASCADE;
DROP FOREIGN DATA WRAPPER regress_itemize_wrapper CASCADE;
SELECT count(*) AS definitions, (SELECT count(*) FROM itemize.item_column WHERE item_type NOT LIKE 'itemize\_%') AS columns FROM itemize.definitions;
