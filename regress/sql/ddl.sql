-- Definitions follow DDL on their tables, or stand in its way with a hint.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS postgis;
RESET client_min_messages;
CREATE SCHEMA ddl;
SET search_path = ddl, public;

-- Says what became of the definition, and whether it was renewed since it was last asked.
CREATE TABLE seen (type text PRIMARY KEY, generation bigint);
CREATE FUNCTION state(OUT type text, OUT source text, OUT key text[], OUT fields text[], OUT attnums smallint[], OUT renewed boolean)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT d.type, d.source, d.key, d.fields,
    (SELECT array_agg(c.attnum ORDER BY c.purpose DESC, c.ordinal) FROM itemize.item_column c WHERE c.item_type = d.type),
    d.generation > s.generation FROM itemize.definitions d LEFT JOIN seen s ON s.type = d.type ORDER BY d.type;
  DELETE FROM seen;
  INSERT INTO seen SELECT d.type, d.generation FROM itemize.definitions d;
END $$;

CREATE TABLE listing (id int PRIMARY KEY, name text, price numeric(8,2), note text, other text);
SELECT itemize.define('listing', 'listing', fields => '{id,name,price,note}');
SELECT * FROM state();

-- renamed columns, tables and schemas
ALTER TABLE listing RENAME COLUMN name TO title;
SELECT * FROM state();
ALTER TABLE listing RENAME COLUMN id TO "Listing Id";
SELECT * FROM state();
BEGIN;
ALTER TABLE listing RENAME COLUMN title TO swap;
ALTER TABLE listing RENAME COLUMN note TO title;
ALTER TABLE listing RENAME COLUMN swap TO note;
COMMIT;
SELECT * FROM state();
ALTER TABLE listing RENAME TO place;
CREATE SCHEMA elsewhere;
ALTER TABLE place SET SCHEMA elsewhere;
SELECT * FROM state();
ALTER SCHEMA elsewhere RENAME TO ddl_elsewhere;
SELECT * FROM state();
ALTER VIEW ddl_elsewhere.place RENAME COLUMN "Listing Id" TO id;
SELECT * FROM state();

-- what has nothing to do with the definition
ALTER TABLE ddl_elsewhere.place ADD COLUMN extra int, DROP COLUMN other;
ALTER TABLE ddl_elsewhere.place ALTER COLUMN extra TYPE bigint, ALTER COLUMN title SET DEFAULT 'x';
CREATE INDEX place_title ON ddl_elsewhere.place (title);
CREATE UNIQUE INDEX place_extra ON ddl_elsewhere.place (extra);
DROP INDEX ddl_elsewhere.place_title, ddl_elsewhere.place_extra;
ALTER TABLE ddl_elsewhere.place ADD UNIQUE (extra);
ALTER TABLE ddl_elsewhere.place DROP CONSTRAINT place_extra_key;
SELECT * FROM state();

-- retyped columns read differently, even where no row is written
ALTER TABLE ddl_elsewhere.place ALTER COLUMN price TYPE text;
SELECT * FROM state();
ALTER TABLE ddl_elsewhere.place ALTER COLUMN id TYPE bigint;
SELECT * FROM state();
ALTER TABLE ddl_elsewhere.place ALTER COLUMN price TYPE geometry USING NULL;
ALTER TABLE ddl_elsewhere.place ALTER COLUMN id TYPE numeric;
SELECT * FROM state();

-- dropped fields leave; the last one takes the definition with it
ALTER TABLE ddl_elsewhere.place DROP COLUMN price;
SELECT * FROM state();
ALTER TABLE ddl_elsewhere.place DROP COLUMN note, ADD COLUMN note int;
SELECT * FROM state();
BEGIN;
ALTER TABLE ddl_elsewhere.place DROP COLUMN note, DROP COLUMN title;
SELECT itemize.define('listing', 'ddl_elsewhere.place', fields => '{extra}', replace => true);
ALTER TABLE ddl_elsewhere.place DROP COLUMN extra;
SELECT count(*) FROM itemize.item_column WHERE item_type !~ '^itemize_';
ROLLBACK;
SELECT * FROM state();

-- what the key stands on stays
ALTER TABLE ddl_elsewhere.place DROP COLUMN id;
ALTER TABLE ddl_elsewhere.place DROP CONSTRAINT listing_pkey;
ALTER TABLE ddl_elsewhere.place REPLICA IDENTITY NOTHING;
ALTER TABLE ddl_elsewhere.place SET UNLOGGED;
ALTER TABLE ddl_elsewhere.place REPLICA IDENTITY FULL;
SELECT * FROM state();
CREATE TABLE slugged (id int PRIMARY KEY, slug text NOT NULL, title text);
CREATE UNIQUE INDEX slugged_slug ON slugged (slug);
ALTER TABLE slugged REPLICA IDENTITY USING INDEX slugged_slug;
SELECT itemize.define('slugged', 'slugged', key => 'slug', fields => '{title}');
DROP INDEX slugged_slug;
DROP INDEX CONCURRENTLY slugged_slug;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'slugged_slug'::regclass;
ALTER TABLE slugged ALTER slug DROP NOT NULL;
ALTER TABLE slugged REPLICA IDENTITY DEFAULT;
ALTER TABLE slugged REPLICA IDENTITY FULL;
ALTER TABLE slugged ALTER slug DROP NOT NULL;
DROP INDEX slugged_slug;
DROP INDEX CONCURRENTLY slugged_slug;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'slugged_slug'::regclass;
CREATE UNIQUE INDEX slugged_again ON slugged (slug);
DROP INDEX CONCURRENTLY slugged_slug;
ALTER TABLE slugged DROP CONSTRAINT slugged_pkey;
SELECT type, key FROM state();

-- types that change behind the columns' back
CREATE TYPE size AS ENUM ('small', 'large');
CREATE TYPE extent AS (width int, sizes size[]);
CREATE DOMAIN big_size AS size;
CREATE TABLE typed (id int PRIMARY KEY, a extent, b big_size, c text);
SELECT itemize.define('typed', 'typed', fields => '{a,b,c}');
CREATE TABLE untouched (id int PRIMARY KEY);
SELECT itemize.define('untouched', 'untouched', fields => '{id}');
SELECT type FROM state();
ALTER TYPE size ADD VALUE 'huge';
SELECT type, renewed FROM state();
ALTER TYPE size RENAME VALUE 'large' TO 'big';
SELECT type, renewed FROM state();
ALTER TYPE extent ADD ATTRIBUTE height int;
SELECT type, renewed FROM state();
ALTER TYPE extent RENAME ATTRIBUTE height TO depth;
SELECT type, renewed FROM state();
DROP TYPE extent CASCADE;
SELECT type, fields, renewed FROM state();

-- inherited tables: the command names the parent only
CREATE TABLE parent (name text, size int);
CREATE TABLE child (id int PRIMARY KEY) INHERITS (parent);
SELECT itemize.define('child', 'child', fields => '{name,size}');
ALTER TABLE parent RENAME name TO title;
ALTER TABLE parent ALTER size TYPE bigint;
SELECT type, fields, renewed FROM state() WHERE type = 'child';
ALTER TABLE parent DROP COLUMN size;
SELECT type, fields FROM state() WHERE type = 'child';

-- DDL of a user who has no right on the definitions, also inside of a function
CREATE ROLE regress_itemize_ddl;
GRANT USAGE, CREATE ON SCHEMA ddl TO regress_itemize_ddl;
SET ROLE regress_itemize_ddl;
SET search_path = ddl;
CREATE TABLE theirs (id int PRIMARY KEY, a text, b text, c text);
SELECT itemize.define('theirs', 'theirs', fields => '{a,b,c}');
ALTER TABLE theirs RENAME a TO renamed;
DO $$ BEGIN EXECUTE 'ALTER TABLE theirs DROP COLUMN b'; END $$;
RESET ROLE;
SELECT type, fields FROM state() WHERE type = 'theirs';
SET ROLE regress_itemize_ddl;
DROP TABLE theirs;
RESET ROLE;
SET search_path = ddl, public;

-- tables that go
DROP TABLE typed;
DROP SCHEMA ddl_elsewhere CASCADE;
CREATE ROLE regress_itemize_leaver;
GRANT USAGE, CREATE ON SCHEMA ddl TO regress_itemize_leaver;
SET ROLE regress_itemize_leaver;
CREATE TABLE left_behind (id int PRIMARY KEY);
SELECT itemize.define('left_behind', 'left_behind', fields => '{id}');
RESET ROLE;
DROP OWNED BY regress_itemize_leaver;
SELECT type FROM state();

-- DDL that has nothing to do with items goes its way, also with a definition that is broken already
SET session_replication_role = replica;
ALTER TABLE slugged DROP COLUMN slug;
DROP TABLE untouched;
RESET session_replication_role;
SELECT * FROM itemize.definition_problems() ORDER BY 1, 2;
CREATE TABLE bystander (id int PRIMARY KEY, a text UNIQUE);
ALTER TABLE bystander RENAME a TO b;
ALTER TABLE bystander DROP COLUMN b;
DROP TABLE bystander;
CREATE TEMPORARY TABLE bystander (id int PRIMARY KEY);
ALTER TABLE bystander ADD COLUMN a int;
DROP TABLE bystander;
CREATE EXTENSION hstore SCHEMA ddl;
DROP EXTENSION hstore;
SELECT type FROM state();

-- The event triggers are called by DDL only.
SELECT itemize.follow_ddl();

-- Dropping itemize itself, with definitions, and making it anew.
SET client_min_messages = warning;
DROP EXTENSION itemize;
ALTER TABLE slugged RENAME title TO name;
DROP TABLE slugged;
CREATE EXTENSION itemize;
SELECT count(*) FROM itemize.definitions;
DROP SCHEMA ddl CASCADE;
DROP ROLE regress_itemize_ddl, regress_itemize_leaver;
