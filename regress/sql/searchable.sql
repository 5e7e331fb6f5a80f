-- What is searched of items: defined, checked, followed through DDL, and indexed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS citext;
RESET client_min_messages;
CREATE SCHEMA searchable;
SET search_path = searchable, public;
CREATE FUNCTION refused(call text) RETURNS TABLE (code text, error text, hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'SELECT itemize.define(' || call || ')';
  RETURN QUERY SELECT '00000', 'not refused', NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, error = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN NEXT;
END $$;
-- The indexes that a plan uses, when it has to.
CREATE FUNCTION indexes_of(query text) RETURNS SETOF text LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    RETURN QUERY SELECT substring(line FROM 'Index (?:Only )?Scan (?:Backward )?(?:on|using) (\w+)') WHERE line ~ 'Index (Only )?Scan';
  END LOOP;
END $$;

CREATE TYPE size AS ENUM ('small', 'large');
CREATE TABLE listing (
  id int PRIMARY KEY, name text, description varchar(900), summary character(40), code citext, lang text, price numeric(10,2),
  currency text, location geography(Point), room_type text, beds int, tags text[], owner_id uuid, place_id int, updated_at timestamptz,
  sizes size, extra json, shape geometry, shape3857 geometry(Point, 3857), precise float8);

-- A whole definition. Its NOTICE says which statements are missing; a repeat changes nothing.
SET client_min_messages = warning;
SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone',
  text => '{"description": "B", "name": "A", "summary": "C", "code": "C"}', language => 'lang', location => 'location',
  price => 'price', currency => 'currency', facets => '{room_type,tags,sizes}', owner => 'owner_id', parent => 'place_id',
  changed => 'updated_at');
RESET client_min_messages;
\x on
SELECT text, language, location, price, currency, facets, owner, parent, changed FROM itemize.definitions;
\x off
SELECT purpose, ordinal, column_name, detail FROM itemize.item_column WHERE purpose = 'text' ORDER BY ordinal;
SELECT generation AS first_generation FROM itemize.definitions \gset

-- Another search needs replace and says what differs; the items stay as they are, and so does the generation.
SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone', text => '["name", "description"]', language => 'en');
SELECT itemize.define('listing', 'listing', fields => '{id}', read => 'everyone');
SET client_min_messages = warning;
SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone', text => '["name", "description", "summary", "code", "room_type"]',
  language => 'pt-BR', price => 'price', currency => 'EUR', replace => true);
RESET client_min_messages;
SELECT text, language, price, currency, facets, location, generation = :first_generation AS same_items FROM itemize.definitions;
SELECT column_name, detail FROM itemize.item_column WHERE purpose = 'text' ORDER BY ordinal;
SELECT itemize.define('listing', 'listing', fields => '{id}', read => 'everyone', replace => true);
SELECT text, language, price, currency, facets, generation > :first_generation AS other_items FROM itemize.definitions;

-- Wrong arguments.
\pset format unaligned
SELECT wrong, code, error, hint FROM unnest(ARRAY[
  $$text => '{}'$$, $$text => '[]'$$, $$text => '{"name": "E"}'$$, $$text => '{"name": 1}'$$, $$text => '["name", 1]'$$, $$text => '[["name"]]'$$,
  $$text => 'null'$$, $$text => '["name", "name"]'$$, $$text => '"nothing"'$$, $$text => '["tags"]'$$, $$text => '["extra"]'$$, $$text => '["beds"]'$$,
  $$text => '["sizes"]'$$, $$language => 'en'$$, $$text => '"name"', language => 'lnag'$$, $$text => '"name"', language => 'beds'$$,
  $$location => 'name'$$, $$location => 'shape'$$, $$location => 'shape3857'$$, $$price => 'price'$$, $$currency => 'EUR'$$,
  $$price => 'precise', currency => 'EUR'$$, $$price => 'name', currency => 'EUR'$$, $$price => 'price', currency => 'eur'$$,
  $$price => 'price', currency => 'EUX'$$, $$price => 'price', currency => 'beds'$$, $$facets => '{}'$$, $$facets => '{extra}'$$, $$facets => '{beds,beds}'$$, $$owner => 'extra'$$,
  $$parent => ''$$, $$changed => 'name'$$, $$changed => 'ctid'$$]) AS wrong, LATERAL refused($$'listing', 'listing', fields => '{id}', replace => true, $$ || wrong);
\pset format aligned

-- What may be searched: one column by each of the types that define takes.
CREATE DOMAIN words AS text;
CREATE DOMAIN amount AS numeric(12,4);
CREATE TABLE every_type (id int PRIMARY KEY, a words, b name, c int, d bigint, e smallint, f amount, g timestamp, h date, i geometry(Polygon, 4326), j char(3), k jsonb);
SELECT r.* FROM unnest(ARRAY[
  $$text => '["a","b"]'$$, $$price => 'c', currency => 'j'$$, $$price => 'd', currency => 'j'$$, $$price => 'e', currency => 'USD'$$, $$price => 'f', currency => 'USD'$$,
  $$changed => 'g'$$, $$changed => 'h'$$, $$location => 'i'$$, $$facets => '{i,j,k}'$$]) AS good,
  LATERAL refused($$'every_type', 'every_type', fields => '{id}', replace => true, $$ || good) r;
SELECT itemize.undefine('every_type');
-- A language without a configuration is none the less one.
SELECT itemize.define('every_type', 'every_type', fields => '{id}', text => '["a"]', language => l, build => true, replace => true)
FROM unnest('{ja,und,pt-BR,sr-Latn-RS}'::text[]) l;
SELECT itemize.undefine('every_type');

-- The statements that make the indexes; each is run as it stands.
SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone',
  text => '{"description": "B", "name": "A", "summary": "C", "code": "C"}', language => 'lang', location => 'location',
  price => 'price', currency => 'currency', facets => '{room_type,tags,sizes}', owner => 'owner_id', parent => 'place_id',
  changed => 'updated_at', replace => true);
SELECT purpose, state, statement FROM itemize.search_indexes('listing');
SELECT statement FROM itemize.search_indexes('listing') WHERE state IN ('missing', 'optional') \gexec
SELECT purpose, state FROM itemize.search_indexes('listing');
SELECT status, detail FROM itemize.doctor() WHERE check_name = 'search_indexes';

-- They are the indexes that plain SQL uses.
SELECT indexes_of($$SELECT FROM listing WHERE itemize.document(lang, 'ABcc', name, description, summary::text, code::text) @@ itemize.query('view')$$);
SELECT indexes_of($$SELECT FROM listing ORDER BY location <-> ST_Point(4.4, 51.2)::geography LIMIT 5$$);
SELECT indexes_of($$SELECT FROM listing WHERE ST_DWithin(location, ST_Point(4.4, 51.2)::geography, 5000, false)$$);
SELECT indexes_of($$SELECT FROM listing WHERE currency = 'EUR' AND price BETWEEN 10 AND 20.5$$);
SELECT indexes_of($$SELECT FROM listing WHERE updated_at > '2026-01-01'$$);
SELECT indexes_of($$SELECT FROM listing WHERE tags @> '{sea}'$$);

-- Under another name, and with more columns behind, an index serves as well; a partial one, one of another method or
-- order, or one that is not valid does not.
DROP INDEX listing_price_idx, listing_owner_idx, listing_parent_idx, listing_changed_idx, listing_location_idx, listing_text_idx;
CREATE INDEX some_price ON listing (currency, price, id);
CREATE INDEX some_owner ON listing (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX some_parent ON listing USING hash (place_id);
CREATE INDEX some_change ON listing (id, updated_at);
CREATE INDEX some_location ON listing USING gist ((location::geometry));
CREATE INDEX some_text ON listing USING gin (itemize.document(lang, 'ABcc', name, description, summary::text, code::text));
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'some_text'::regclass;
SELECT purpose, state, statement FROM itemize.search_indexes('listing') WHERE purpose NOT IN ('facets', 'text column');
SELECT detail, fix FROM itemize.doctor() WHERE check_name = 'search_indexes' AND detail LIKE '%invalid%';
SELECT statement FROM itemize.search_indexes('listing') WHERE state IN ('missing', 'invalid') \gexec
SELECT count(*) FROM itemize.search_indexes('listing') WHERE state NOT IN ('present', 'recommended');

-- A stored column with the document. Until it has an index of its own, the one of the expression goes on to serve.
SELECT statement FROM itemize.search_indexes('listing') WHERE state = 'recommended' \gexec
SELECT purpose, state, statement FROM itemize.search_indexes('listing') WHERE purpose LIKE 'text%';
DROP INDEX some_text;
SELECT purpose, state, statement FROM itemize.search_indexes('listing') WHERE purpose LIKE 'text%';
SELECT statement FROM itemize.search_indexes('listing') WHERE state = 'missing' \gexec
SELECT indexes_of($$SELECT FROM listing WHERE search_document @@ itemize.query('view')$$);
-- One of other weights is none.
ALTER TABLE listing DROP COLUMN search_document;
ALTER TABLE listing ADD COLUMN search_document tsvector GENERATED ALWAYS AS (itemize.document(lang, 'ABCD', name, description, summary::text, code::text)) STORED;
SELECT purpose, state, statement FROM itemize.search_indexes('listing') WHERE purpose LIKE 'text%';
ALTER TABLE listing DROP COLUMN search_document;
SELECT statement FROM itemize.search_indexes('listing') WHERE state = 'missing' \gexec

-- DDL: renamed columns are followed and keep their indexes; what cannot be searched any more leaves, or is refused.
SELECT generation AS before FROM itemize.definitions \gset
ALTER TABLE listing RENAME description TO "De""scription";
ALTER TABLE listing RENAME price TO nightly;
SELECT text, price FROM itemize.definitions;
SELECT purpose, state FROM itemize.search_indexes('listing') WHERE purpose IN ('text', 'price');
ALTER TABLE listing ALTER nightly TYPE float8;
ALTER TABLE listing ALTER nightly TYPE int;
SELECT purpose, state, statement FROM itemize.search_indexes('listing') WHERE purpose = 'price';
ALTER TABLE listing ALTER name TYPE varchar(200);
ALTER TABLE listing ALTER lang TYPE json USING NULL;
ALTER TABLE listing DROP COLUMN summary, DROP COLUMN room_type;
ALTER TABLE listing DROP COLUMN currency;
SELECT text, language, price, currency, facets FROM itemize.definitions;
ALTER TABLE listing DROP COLUMN lang;
SELECT language, statement FROM itemize.definitions, itemize.search_indexes(type) WHERE state = 'missing';
ALTER TABLE listing DROP COLUMN "De""scription", DROP COLUMN code;
SELECT text, fields, generation > :before AS other_items FROM itemize.definitions;
-- A constant goes with what it is about.
SELECT itemize.define('listing', 'listing', fields => '{id}', text => '"name"', language => 'en', price => 'nightly', currency => 'EUR', replace => true, build => true);
SELECT generation AS before FROM itemize.definitions \gset
ALTER TABLE listing DROP COLUMN nightly;
ALTER TABLE listing DROP COLUMN name;
SELECT text, language, price, currency, generation = :before AS same_items FROM itemize.definitions;
SELECT count(*) FROM itemize.item_column WHERE item_type = 'listing' AND purpose NOT IN ('key', 'field');
-- Behind the triggers' back.
SELECT itemize.define('listing', 'listing', fields => '{id}', facets => '{beds}', changed => 'updated_at', replace => true);
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE listing DROP COLUMN beds;
ALTER TABLE listing ALTER updated_at TYPE text;
SET LOCAL session_replication_role = origin;
SELECT * FROM itemize.definition_problems();
SELECT * FROM itemize.search_indexes();
SELECT * FROM itemize.search_indexes('listing');
ROLLBACK;
SELECT * FROM itemize.search_indexes('nothing');

-- A partitioned table: the index of each partition concurrently, then attached.
CREATE TABLE stay (id int, day date, title text, price int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE stay_2026 PARTITION OF stay FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (id);
CREATE TABLE stay_2026_low PARTITION OF stay_2026 FOR VALUES FROM (1) TO (1000);
CREATE TABLE stay_2027 (price int, title text, day date NOT NULL, id int NOT NULL, PRIMARY KEY (id, day));
ALTER TABLE stay ATTACH PARTITION stay_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE INDEX own ON stay_2027 ((price::numeric));
SELECT itemize.define('stay', 'stay', fields => '{title}', text => '"title"', language => 'en', price => 'price', currency => 'EUR');
SELECT purpose, state, statement FROM itemize.search_indexes('stay') WHERE state = 'missing';
SELECT statement FROM itemize.search_indexes('stay') WHERE state = 'missing' LIMIT 3 \gexec
SELECT purpose, state, statement FROM itemize.search_indexes('stay') WHERE state NOT IN ('present', 'recommended');
SELECT statement FROM itemize.search_indexes('stay') WHERE state IN ('missing', 'invalid') \gexec
SELECT purpose, state FROM itemize.search_indexes('stay');
CREATE TABLE stay_2028 PARTITION OF stay FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
SELECT purpose, state FROM itemize.search_indexes('stay');
SELECT indexes_of($$SELECT FROM stay WHERE itemize.document('en', 'A', title) @@ itemize.query('view', 'en')$$) AS index ORDER BY 1;

-- build => true builds small tables itself, and of larger ones says so.
SELECT itemize.define('every_type', 'every_type', fields => '{id}', text => '["a","b"]', price => 'c', currency => 'j', location => 'i', build => true);
SELECT purpose, state FROM itemize.search_indexes('every_type');
SELECT indexes_of($$SELECT FROM every_type WHERE ST_DWithin(i::geography, ST_Point(4.4, 51.2)::geography, 5000, false)$$);
SELECT indexes_of($$SELECT FROM every_type WHERE j::text = 'EUR' AND c::numeric BETWEEN 10 AND 20.5$$);
DROP TABLE stay;
CREATE TABLE stay (id int, day date, title text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE stay_2026 PARTITION OF stay FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT itemize.define('stay', 'stay', fields => '{title}', text => '"title"', build => true);
SELECT purpose, state FROM itemize.search_indexes('stay');
CREATE TABLE large (id int PRIMARY KEY, title text) WITH (fillfactor = 10, autovacuum_enabled = off);
INSERT INTO large SELECT i, repeat('x', 700) FROM generate_series(1, 8300) i;
SELECT itemize.define('large', 'large', fields => '{title}', text => '"title"', language => 'en', build => true);
-- What is stored out of line counts.
CREATE TABLE long_texts (id int PRIMARY KEY, title text);
ALTER TABLE long_texts ALTER title SET STORAGE EXTERNAL;
INSERT INTO long_texts SELECT i, repeat('x ', 3500000) FROM generate_series(1, 10) i;
SELECT itemize.define('long_texts', 'long_texts', fields => '{id}', text => '"title"', language => 'en', build => true);

-- Names of indexes fit, and do not meet.
CREATE TABLE a_table_whose_name_is_as_long_as_a_name_may_be_in_this_server_x (id int PRIMARY KEY, a_column_whose_name_is_long_too_so_that_both_are_cut_in_joining text);
CREATE TABLE a_table_whose_name_is_as_long_as_a_name_may_be_in_this_server_y (id int PRIMARY KEY, a_column_whose_name_is_long_too_so_that_both_are_cut_in_joining text);
CREATE TABLE large_text_idx (id int);
SELECT itemize.define('x', 'a_table_whose_name_is_as_long_as_a_name_may_be_in_this_server_x', fields => '{id}', owner => 'id', facets => '{a_column_whose_name_is_long_too_so_that_both_are_cut_in_joining}');
SELECT itemize.define('y', 'a_table_whose_name_is_as_long_as_a_name_may_be_in_this_server_y', fields => '{id}', owner => 'id', facets => '{a_column_whose_name_is_long_too_so_that_both_are_cut_in_joining}');
SELECT statement FROM itemize.search_indexes() WHERE state IN ('optional', 'missing') AND type IN ('x', 'y', 'large');

-- The owner of a table builds its indexes, and may ask what there is.
CREATE ROLE regress_itemize_owner;
GRANT USAGE, CREATE ON SCHEMA searchable TO regress_itemize_owner;
SET ROLE regress_itemize_owner;
CREATE TABLE owned (id int PRIMARY KEY, title text);
SELECT itemize.define('owned', 'owned', fields => '{title}', text => '"title"', language => 'en', build => true);
SELECT purpose, state FROM itemize.search_indexes('owned');
-- Asking runs nothing of the table's owner.
CREATE FUNCTION mine() RETURNS tsvector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'run as %', current_user; RETURN ''; END $$;
SET client_min_messages = warning;
CREATE INDEX ON owned USING gin (mine());
CREATE INDEX ON owned (title) WHERE mine() = '';
ALTER TABLE owned ADD COLUMN theirs tsvector GENERATED ALWAYS AS (mine()) STORED;
RESET client_min_messages;
RESET ROLE;
\c -
SELECT purpose, state FROM itemize.search_indexes('owned');

SET client_min_messages = warning;
DROP SCHEMA searchable CASCADE;
DROP ROLE regress_itemize_owner;
SELECT count(*) AS definitions, (SELECT count(*) FROM itemize.item_column WHERE item_type NOT LIKE 'itemize\_%') AS columns FROM itemize.definitions;
