-- Definitions: made, listed, repeated, replaced, removed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE SCHEMA definitions;
SET search_path = definitions;

SELECT itemize.version() = extversion AS library_fits FROM pg_extension WHERE extname = 'itemize';

CREATE TABLE listing (id bigint PRIMARY KEY, name text NOT NULL, price numeric(10,2), note text);

-- The key is the primary key, read is nobody.
SELECT itemize.define('listing', 'listing', fields => '{id,name}');
SELECT type, source, key, fields, read FROM itemize.definitions;
SELECT generation AS first_generation FROM itemize.definitions \gset

-- The same again changes nothing, so that migrations can be run twice.
SELECT itemize.define('listing', 'definitions.listing', key => 'id', fields => ARRAY['id', 'name'], read => 'nobody');
SELECT generation = :first_generation AS unchanged FROM itemize.definitions;

-- Another one needs replace, and says what differs.
SELECT itemize.define('listing', 'listing', fields => '{id,name,price}', read => 'everyone');
SELECT itemize.define('listing', 'listing', fields => '{name,id}');
SELECT type, fields, read, generation = :first_generation AS unchanged FROM itemize.definitions;
SELECT itemize.define('listing', 'listing', fields => '{price,name,id}', read => 'everyone', replace => true);
SELECT type, fields, read, generation > :first_generation AS renewed FROM itemize.definitions;

-- replace makes a new one just as well, and moves a type to another table.
CREATE TABLE "Other Place" ("Id" int PRIMARY KEY, "na,me" text, "{""}" text);
SELECT itemize.define('other', '"Other Place"', fields => '{Id,"na,me"}', replace => true);
CREATE TABLE moved (LIKE listing INCLUDING ALL);
SELECT itemize.define('listing', 'moved', fields => '{id}');
SELECT itemize.define('listing', 'moved', fields => '{id}', replace => true);
SELECT type, source, key, fields, read FROM itemize.definitions ORDER BY type;

-- Composite keys: in the order given, with or without braces.
CREATE TABLE opening (place uuid NOT NULL, day date NOT NULL, hours text, CONSTRAINT opening_pkey PRIMARY KEY (day, place));
SELECT itemize.define('opening', 'opening', fields => '{hours}');
SELECT key FROM itemize.definitions WHERE type = 'opening';
SELECT itemize.define('opening', 'opening', key => 'place, day', fields => '{hours}', replace => true);
SELECT key FROM itemize.definitions WHERE type = 'opening';
SELECT itemize.define('opening', 'opening', key => '{place,day}', fields => '{hours}');

-- Keys beside the primary key, under each usable replica identity.
CREATE TABLE tagged (id int PRIMARY KEY, slug text NOT NULL UNIQUE, title text);
ALTER TABLE tagged REPLICA IDENTITY FULL;
SELECT itemize.define('tagged', 'tagged', key => 'slug', fields => '{title}');
ALTER TABLE tagged REPLICA IDENTITY USING INDEX tagged_slug_key;
SELECT itemize.define('tagged', 'tagged', key => 'slug', fields => '{title}');

-- A primary key that holds the key and more identifies a row, too.
CREATE TABLE versioned (id int NOT NULL UNIQUE, revision int NOT NULL, body text, PRIMARY KEY (id, revision));
SELECT itemize.define('versioned', 'versioned', key => 'id', fields => '{body}');

-- Every type that a key may have.
CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN code AS varchar(8);
CREATE TABLE every_key (a smallint, b integer, c text, d name, e timestamp, f timestamptz, g boolean, h numeric(8,2), PRIMARY KEY (a, b, c, d, e, f, g, h));
SELECT itemize.define('every_key', 'every_key', fields => '{a}');
CREATE TABLE enum_key (a size, b code, PRIMARY KEY (a, b));
SELECT itemize.define('enum_key', 'enum_key', fields => '{a,b}');
SELECT type, key FROM itemize.definitions WHERE type IN ('every_key', 'enum_key') ORDER BY type;

-- Limits: 8 key columns, 200 fields.
SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 200) i \gexec
SELECT itemize.define('wide', 'wide', fields => (SELECT array_agg('c' || i ORDER BY i) FROM generate_series(1, 200) i));
SELECT cardinality(fields) FROM itemize.definitions WHERE type = 'wide';

-- The view names tables by schema under every search_path.
SET search_path = pg_catalog;
SELECT type, source FROM itemize.definitions WHERE type IN ('listing', 'other') ORDER BY type;
SET search_path = definitions;

-- A definition that is rolled back was never there.
BEGIN;
SELECT itemize.undefine('tagged');
SELECT itemize.define('tagged', 'tagged', key => 'slug', fields => '{slug,title}');
SELECT fields FROM itemize.definitions WHERE type = 'tagged';
ROLLBACK;
SELECT fields FROM itemize.definitions WHERE type = 'tagged';

-- Removed, and not there any more.
SELECT itemize.undefine('tagged');
SELECT itemize.undefine('tagged');
SELECT itemize.undefine('tagged', if_exists => true);
SELECT count(*) FROM itemize.item_column WHERE item_type = 'tagged';

-- The owner of a table defines it, whoever owns the extension; nobody else does, nor reads the definitions.
CREATE ROLE regress_itemize_owner;
CREATE ROLE regress_itemize_other;
GRANT USAGE, CREATE ON SCHEMA definitions TO regress_itemize_owner, regress_itemize_other;
SET ROLE regress_itemize_owner;
CREATE TABLE owned (id int PRIMARY KEY, name text);
SELECT itemize.define('owned', 'owned', fields => '{name}');
SELECT * FROM itemize.definitions;
SELECT * FROM itemize.item_type;
SET ROLE regress_itemize_other;
SELECT itemize.undefine('owned');
SELECT itemize.define('owned', 'owned', fields => '{id}', replace => true);
CREATE TABLE mine (id int PRIMARY KEY);
SELECT itemize.define('owned', 'mine', fields => '{id}', replace => true);
SET ROLE regress_itemize_owner;
ALTER TABLE owned RENAME name TO title;
SELECT itemize.define('owned', 'owned', fields => '{title}', replace => true);
SELECT itemize.undefine('owned');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA definitions CASCADE;
DROP ROLE regress_itemize_owner, regress_itemize_other;
SELECT count(*) FROM itemize.definitions;
