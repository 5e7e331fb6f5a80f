-- Searches: words, places, prices, filters, order, access.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA searching;
SET search_path = searching, public;
\pset null <null>
CREATE TABLE stay (
  id integer PRIMARY KEY, name text NOT NULL, about text, kind text NOT NULL, beds integer,
  price numeric(10, 2), currency text, place geometry(Geometry, 4326),
  changed timestamptz NOT NULL, host integer, city text);
INSERT INTO stay VALUES
  (1, 'Room with a sea view', 'The beach is near', 'room', 1, 80, 'EUR', ST_SetSRID(ST_Point(4.40, 51.22), 4326), '2026-01-01 10:00Z', 7, 'A'),
  (2, 'Garden house', 'Quiet, no sea at all', 'house', 4, 200, 'EUR', ST_SetSRID(ST_Point(4.41, 51.22), 4326), '2026-01-02 10:00Z', 7, 'A'),
  (3, 'Sea & sea again <b>', 'Sea view, sea air', 'house', 6, 150, 'USD', ST_SetSRID(ST_Point(4.50, 51.22), 4326), '2026-01-03 10:00Z', 8, 'B'),
  (4, 'Boat', NULL, 'boat', 2, 9000, 'JPY', ST_SetSRID(ST_Point(179.9, -16.5), 4326), '2026-01-04 10:00Z', 9, 'F'),
  (5, 'Hut', 'On the other side', 'boat', NULL, NULL, 'EUR', ST_SetSRID(ST_Point(-179.9, -16.5), 4326), '2026-01-05 10:00Z', 9, 'F'),
  (6, 'Station', 'At the pole', 'house', 20, 50, NULL, ST_SetSRID(ST_Point(12, 89.9), 4326), '2026-01-06 10:00Z', 9, NULL),
  (7, 'Coast road', 'A line along the sea', 'road', 0, 1, 'EUR', ST_GeomFromText('LINESTRING(4.3 51.2, 4.6 51.2)', 4326), '2026-01-07 10:00Z', 8, 'A'),
  (8, 'Park', 'An area', 'park', 0, 2, 'EUR', ST_GeomFromText('POLYGON((4.44 51.24, 4.46 51.24, 4.46 51.26, 4.44 51.26, 4.44 51.24))', 4326), '2026-01-08 10:00Z', 8, 'A'),
  (9, 'Nowhere', 'No place, no price', 'room', 1, NULL, NULL, NULL, '2026-01-09 10:00Z', NULL, NULL);
SELECT itemize.define('stay', 'searching.stay', fields => '{id,name,beds,host}', text => '{"name": "A", "about": "B"}',
  language => 'en', location => 'place', price => 'price', currency => 'currency', facets => '{kind}', changed => 'changed',
  owner => 'host', parent => 'city', read => 'everyone');
CREATE INDEX ON stay USING gin ((itemize.document('en', 'AB', name, about)));
CREATE INDEX ON stay USING gist ((place::geography));
CREATE INDEX ON stay (currency, price);
SELECT itemize.set_rates('{"USD": 1.25, "JPY": 150}', '2026-01-01', 'test');

-- Words: the better row first; all must match, else any do, and what is excluded stays away.
SELECT key, score > 0 AS scored, relaxed, headline FROM itemize.search('stay', 'sea view');
SELECT key, relaxed FROM itemize.search('stay', 'sea submarine', order_by => 'key');
SELECT key, relaxed FROM itemize.search('stay', 'sea submarine -garden', order_by => 'key');
SELECT count(*) FROM itemize.search('stay', 'submarine');
SELECT count(*) FROM itemize.search('stay', '!!!');
SELECT count(*) FROM itemize.search('stay', '  ');
SELECT key, score, headline FROM itemize.search('stay', '', order_by => 'relevance', max_rows => 1);
-- Headlines quote what items have: "about" is found by, and never shown.
SELECT key, headline FROM itemize.search('stay', 'beach');
SELECT itemize.explain_search('stay', 'beach') LIKE '%substr(t.about%' AS quotes LIMIT 1;
-- By hand, with the expressions of the indexes, the same is found.
SELECT string_agg(s.id::text, ',' ORDER BY s.place::geography <-> p.here) AS by_hand,
  (SELECT string_agg(key, ',') FROM itemize.search('stay', 'sea', lang => 'en', near => ST_Point(4.40, 51.22), within => 10000, price_max => 150, currency => 'USD', order_by => 'distance')) AS searched
FROM stay s, (SELECT ST_Point(4.40, 51.22)::geography AS here) p
WHERE itemize.document('en', 'AB', s.name, s.about) @@ itemize.query('sea', 'en') AND ST_DWithin(s.place::geography, p.here, 10000, false)
  AND (s.currency = 'EUR' AND s.price <= itemize.convert(150, 'USD', 'EUR') OR s.currency = 'USD' AND s.price <= 150);
-- Where it is a field, what matched is marked where the query asks for it: what is excluded or asked of another field is
-- not, of a relaxed query any word is.
BEGIN;
SELECT itemize.define('stay', 'searching.stay', fields => '{id,name,about}', text => '{"name": "A", "about": "B"}', language => 'en',
  facets => '{beds}', read => 'everyone', replace => true);
SELECT key, headline FROM itemize.search('stay', 'beach');
SELECT key, headline FROM itemize.search('stay', 'name:sea', filters => '{"beds": 6}');
SELECT key, headline FROM itemize.search('stay', 'about:sea', filters => '{"beds": 6}');
SELECT key, headline FROM itemize.search('stay', 'name:sea about:air', filters => '{"beds": 6}');
SELECT key, headline FROM itemize.search('stay', 'sea -"air view"', filters => '{"beds": 6}');
SELECT key, relaxed, headline FROM itemize.search('stay', 'name:sea air submarine', filters => '{"beds": 6}');
-- A key's text leaves with the item, too.
SELECT itemize.define('stay', 'searching.stay', fields => '{beds}', text => '{"name": "A", "about": "B"}', language => 'en', read => 'everyone', replace => true);
SELECT key, headline FROM itemize.search('stay', 'beach or garden', order_by => 'key');
CREATE TABLE slug (name text PRIMARY KEY, about text, size int);
INSERT INTO slug VALUES ('sea view', 'by the sea');
SELECT itemize.define('slug', 'searching.slug', fields => '{size}', text => '["name", "about"]', language => 'en', read => 'everyone');
SELECT key, headline FROM itemize.search('slug', 'sea');
ROLLBACK;

-- Places: around a point, in metres on the sphere; rows without one come last.
SELECT key, round(distance) AS metres FROM itemize.search('stay', near => ST_Point(4.40, 51.22), max_rows => 9);
SELECT key, abs(distance - ST_Distance(s.place::geography, ST_Point(4.40, 51.22)::geography, false)) < 1e-6 AS same
FROM itemize.search('stay', near => ST_Point(4.40, 51.22), within => 10000) f JOIN stay s ON s.id::text = f.key ORDER BY 1;
SELECT key FROM itemize.search('stay', 'sea', near => ST_Point(4.40, 51.22), within => 1000);
SELECT key, round(distance) AS metres FROM itemize.search('stay', near => ST_Point(-168, 90), within => 50000);
SELECT key FROM itemize.search('stay', near => ST_Point(180, -16.5), within => 20000, order_by => 'key');
SELECT key FROM itemize.search('stay', near => ST_Point(4.40, 51.22), within => 0);
-- A box: its edges belong to it; lines and polygons that touch it; over the antimeridian; the poles; the whole earth.
SELECT key FROM itemize.search('stay', bbox => '{4.40,51.21,4.41,51.22}');
SELECT key FROM itemize.search('stay', bbox => '{4.35,51.1,4.38,51.3}');
SELECT key FROM itemize.search('stay', bbox => '{4.445,51.245,4.455,51.255}');
SELECT key FROM itemize.search('stay', bbox => '{179,-17,-179,-16}');
SELECT key FROM itemize.search('stay', bbox => '{-179,-17,179,-16}');
SELECT key FROM itemize.search('stay', bbox => '{-180,80,180,90}');
SELECT key FROM itemize.search('stay', bbox => '{-180,-90,180,90}');
SELECT key FROM itemize.search('stay', bbox => '{4.4,51.22,4.4,51.22}');
-- 180 degrees east is 180 west; a location of a domain's type is taken for what it is.
CREATE DOMAIN spot AS geography;
CREATE DOMAIN flat_spot AS geometry(Point, 4326);
CREATE TABLE date_line (id int PRIMARY KEY, place geography(Point), spot spot, flat_spot flat_spot);
INSERT INTO date_line SELECT i, p, p, p FROM (VALUES (1, 180), (2, -180), (3, 179), (4, -179)) AS v (i, x), ST_SetSRID(ST_Point(x, 0), 4326) AS p;
CREATE INDEX ON date_line USING gist (place);
CREATE INDEX ON date_line USING gist (spot);
CREATE INDEX ON date_line USING gist ((flat_spot::geography));
CREATE FUNCTION in_boxes() RETURNS TABLE (box text, keys text) LANGUAGE sql AS
$$ SELECT box, (SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('date_line', bbox => box::float8[]))
   FROM unnest(ARRAY['{-180,-1,-170,1}', '{170,-1,180,1}', '{-180,-1,-180,1}', '{180,0,180,0}', '{180,-1,-180,1}', '{-180,0.5,-170,1}']) AS box $$;
SET enable_seqscan = off;
SELECT itemize.define('date_line', 'date_line', fields => '{id}', location => 'place', read => 'everyone');
SELECT * FROM in_boxes();
SELECT itemize.define('date_line', 'date_line', fields => '{id}', location => 'spot', read => 'everyone', replace => true);
SELECT keys FROM in_boxes();
SELECT count(*) AS by_index FROM itemize.explain_search('date_line', near => ST_Point(180, 0), max_rows => 1) AS line WHERE line LIKE '%Index Scan using date_line_spot_idx%';
SELECT itemize.define('date_line', 'date_line', fields => '{id}', location => 'flat_spot', read => 'everyone', replace => true);
SELECT keys FROM in_boxes();
SELECT count, key FROM itemize.map_clusters('date_line', 9);
RESET enable_seqscan;
-- A polygon.
SELECT key FROM itemize.search('stay', area => ST_MakeEnvelope(4.39, 51.19, 4.42, 51.23, 4326));
SELECT key FROM itemize.search('stay', area => ST_GeomFromText('POLYGON((0 89, 90 85, 179 89, 0 89.95, 0 89))'));
-- Another SRID is transformed; none is taken for degrees.
SELECT key, round(distance) AS metres FROM itemize.search('stay', near => ST_Transform(ST_SetSRID(ST_Point(4.40, 51.22), 4326), 3857), max_rows => 2);
SELECT count(*) AS up_to_the_edge FROM itemize.search('stay', near => ST_SetSRID(ST_Point(20037508.34, -20048966.1), 3857));
SELECT key FROM itemize.search('stay', near => ST_Transform(ST_SetSRID(ST_Point(4.40, 51.22), 4326), 31370), within => 1);
SELECT key FROM itemize.search('stay', near => ST_Transform(ST_SetSRID(ST_Point(4.40, 51.22), 4326), 4269), within => 100);
-- What is no place; details are PostGIS's.
\set VERBOSITY terse
SELECT * FROM itemize.search('stay', near => ST_Point(51.22, 94.40));
SELECT * FROM itemize.search('stay', near => ST_Point(181, 0));
SELECT * FROM itemize.search('stay', near => ST_Point('NaN', 0));
SELECT * FROM itemize.search('stay', near => ST_MakeLine(ST_Point('NaN', 'NaN'), ST_Point(4, 51)));
SELECT * FROM itemize.search('stay', near => ST_Collect(ST_Point(4, 51), ST_Point(4, 'Infinity')));
SELECT * FROM itemize.search('stay', near => ST_GeomFromText('POINT EMPTY'));
SELECT * FROM itemize.search('stay', near => ST_GeomFromText('CIRCULARSTRING(0 0, 1 1, 2 0)'));
SELECT * FROM itemize.search('stay', near => ST_SetSRID(ST_Point(1, 1), 888888));
SELECT * FROM itemize.search('stay', near => ST_SetSRID(ST_Point(1e300, 1), 3857));
SELECT * FROM itemize.search('stay', near => ST_SetSRID(ST_Point(30000000, 1), 3857));
SELECT * FROM itemize.search('stay', near => ST_SetSRID(ST_Point(1, 1e300), 3857));
SELECT * FROM itemize.search('stay', near => ST_GeomFromText('LINESTRING(0 0, 45000000 5, 1 1)', 3857));
SELECT * FROM itemize.search('stay', area => ST_MakeEnvelope(30000000, 0, 30000010, 10, 3857));
SELECT * FROM itemize.search('stay', within => 5);
SELECT * FROM itemize.search('stay', near => ST_Point(0, 0), within => 'NaN');
SELECT * FROM itemize.search('stay', bbox => '{1,2,3}');
SELECT * FROM itemize.search('stay', bbox => '{1,2,3,NULL}');
SELECT * FROM itemize.search('stay', bbox => '{0,10,1,5}');
SELECT * FROM itemize.search('stay', bbox => '{0,0,200,5}');
SELECT * FROM itemize.search('stay', area => ST_Point(0, 0));
SELECT * FROM itemize.search('stay', area => ST_GeomFromText('POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))'));
SELECT * FROM itemize.search('stay', area => ST_MakeEnvelope(-100, 0, 100, 10));
SELECT * FROM itemize.search('stay', near => (SELECT ST_Collect(ST_Point(i % 180, 0)) FROM generate_series(1, 10001) i));
\set VERBOSITY default
SELECT * FROM itemize.search('stay', near => ST_Point(0, 0), within => -1);

-- Prices in the visitor's currency.
SELECT key, price FROM itemize.search('stay', price_min => 60, price_max => 150, currency => 'EUR');
SELECT key, price FROM itemize.search('stay', price_max => 100, currency => 'USD', order_by => 'price');
SELECT key, price FROM itemize.search('stay', currency => 'EUR', order_by => 'price.desc');
SELECT key, price FROM itemize.search('stay', currency => 'EUR', order_by => 'price.nullsfirst', max_rows => 4);
SELECT * FROM itemize.search('stay', price_max => 100);
SELECT * FROM itemize.search('stay', price_max => 'NaN', currency => 'EUR');

-- Filters, times, owner, parent, together.
SELECT key FROM itemize.search('stay', filters => '{"kind": {"in": ["house", "boat"]}, "beds": {"gte": 4}}');
SELECT key FROM itemize.search('stay', since => '2026-01-03 10:00Z', until => '2026-01-06 10:00Z');
SELECT key FROM itemize.search('stay', owner => '7');
SELECT key FROM itemize.search('stay', parent => 'A', owner => '8', order_by => 'beds.desc,key.desc');
SELECT key FROM itemize.search('stay', 'sea', near => ST_Point(4.40, 51.22), within => 10000, price_max => 100, currency => 'EUR', filters => '{"kind": "room"}', owner => '7', parent => 'A', since => '2026-01-01Z');
SELECT * FROM itemize.search('stay', owner => 'seven');

-- Orders.
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => 'beds');
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => 'beds.desc');
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => 'beds.desc.nullsfirst');
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => 'kind.desc, beds.asc');
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => 'changed.desc', max_rows => 3);
SELECT string_agg(key, ',') FROM itemize.search('stay', near => ST_Point(4.40, 51.22), order_by => 'distance.desc');
SELECT string_agg(key, ',') FROM itemize.search('stay', order_by => '"kind"');
SELECT * FROM itemize.search('stay', order_by => 'distance');
SELECT * FROM itemize.search('stay', order_by => 'secret');
SELECT * FROM itemize.search('stay', order_by => 'about');
SELECT * FROM itemize.search('stay', order_by => 'kind.up');
SELECT * FROM itemize.search('stay', order_by => repeat('x', 2000));
SELECT * FROM itemize.search('stay', max_rows => 0);
SELECT * FROM itemize.search('stay', max_rows => 1001);
SELECT * FROM itemize.search('stay', max_rows => NULL);
SELECT * FROM itemize.search(NULL);
SELECT * FROM itemize.search('nothing');
SELECT * FROM itemize.search('stay', repeat('x', 65537));

-- Counts.
SELECT * FROM itemize.search_count('stay', 'sea');
SELECT * FROM itemize.search_count('stay', 'sea submarine', exact => true);
SELECT * FROM itemize.search_count('stay', 'submarine');
SELECT * FROM itemize.search_count('stay', near => ST_Point(4.40, 51.22), within => 10000, filters => '{"kind": "house"}');

-- A type without words, place, price and the like.
CREATE TABLE plain (a integer, b text, v text, PRIMARY KEY (b, a));
INSERT INTO plain VALUES (1, 'x,y', 'one'), (2, 'x', 'two'), (1, 'x', NULL);
SELECT itemize.define('plain', 'searching.plain', fields => '{v}', read => 'everyone');
SELECT key, score, distance, price, headline, relaxed FROM itemize.search('plain');
SELECT key FROM itemize.search('plain', order_by => 'v.desc');
SELECT * FROM itemize.search('plain', 'x');
SELECT * FROM itemize.search('plain', near => ST_Point(0, 0));
SELECT * FROM itemize.search('plain', bbox => '{0,0,1,1}');
SELECT * FROM itemize.search('plain', price_min => 1);
SELECT * FROM itemize.search('plain', since => now());
SELECT * FROM itemize.search('plain', owner => 'x');
SELECT * FROM itemize.search('plain', order_by => 'price');

-- Found in its own transaction, and gone with it.
BEGIN;
INSERT INTO stay VALUES (10, 'Lighthouse', 'sea', 'house', 1, 70, 'EUR', ST_SetSRID(ST_Point(4.40, 51.22), 4326), now(), 7, 'A');
SELECT key FROM itemize.search('stay', 'lighthouse');
UPDATE stay SET name = 'Beacon' WHERE id = 10;
SELECT key FROM itemize.search('stay', 'lighthouse');
SELECT key FROM itemize.search('stay', 'beacon');
ROLLBACK;
SELECT count(*) FROM itemize.search('stay', 'beacon');

-- Who sees what.
CREATE ROLE search_role;
CREATE ROLE search_stranger;
GRANT USAGE ON SCHEMA searching TO search_role;
GRANT SELECT ON stay TO search_role;
SET ROLE search_stranger;
SELECT count(*) FROM itemize.search('stay', 'sea');
RESET ROLE;
SELECT itemize.define('stay', 'searching.stay', fields => '{id,name,beds,host}', text => '{"name": "A", "about": "B"}',
  language => 'en', location => 'place', price => 'price', currency => 'currency', facets => '{kind}', changed => 'changed',
  owner => 'host', parent => 'city', read => 'nobody', replace => true);
SET ROLE search_stranger;
SELECT count(*) FROM itemize.search('stay', 'sea');
SELECT * FROM itemize.search_count('stay', 'sea');
RESET ROLE;
GRANT USAGE ON SCHEMA searching TO search_stranger;
SET ROLE search_stranger;
SELECT count(*) FROM itemize.search('stay', 'sea');
-- Nor is he told of its columns, or of indexes that it lacks.
SELECT * FROM itemize.search('stay', filters => '{"no_column": 1}');
SELECT * FROM itemize.search('stay', order_by => 'no_column');
SELECT * FROM itemize.facets('stay', '["no_column"]');
SELECT * FROM itemize.search_indexes('stay');
SELECT count(*) FROM itemize.search_indexes();
SET request.jwt.claims = '{"sub": "somebody"}';
SELECT * FROM itemize.search_count('stay', filters => '{"no_column": 1}');
RESET request.jwt.claims;
SET ROLE search_role;
SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('stay', 'sea');
SET request.jwt.claims = '{"sub": "somebody"}';
SELECT count(*) FROM itemize.search('stay', 'sea');
SELECT * FROM itemize.search_count('stay', 'sea');
SELECT * FROM itemize.explain_search('stay', 'sea');
RESET request.jwt.claims;
RESET ROLE;
-- Claims that meet the definition show all rows, but only to who is trusted to speak for others.
SELECT itemize.define('stay', 'searching.stay', fields => '{id,name,beds,host}', text => '{"name": "A", "about": "B"}',
  language => 'en', location => 'place', price => 'price', currency => 'currency', facets => '{kind}', changed => 'changed',
  owner => 'host', parent => 'city', read => 'role:editor,admin', replace => true);
SET ROLE search_stranger;
SET request.jwt.claims = '{"role": "editor"}';
SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('stay', 'sea', filters => '{"beds": {"gte": 1}}');
SELECT * FROM itemize.facets('stay', '["kind"]') LIMIT 1;
SET request.jwt.claims = '{"role": "reader"}';
SELECT * FROM itemize.search_count('stay', filters => '{"no_column": 1}');
SET request.jwt.claims = '{';
SELECT count(*) FROM itemize.search('stay', 'sea');
RESET request.jwt.claims;
SELECT count(*) FROM itemize.search('stay', 'sea');
RESET ROLE;
SET SESSION AUTHORIZATION search_stranger;
SET request.jwt.claims = '{"role": "editor"}';
SELECT count(*) FROM itemize.search('stay', 'sea');
SELECT * FROM itemize.search_count('stay');
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]) TO search_stranger;
SET SESSION AUTHORIZATION search_stranger;
SELECT count(*) FROM itemize.search('stay', 'sea');
RESET SESSION AUTHORIZATION;
REVOKE EXECUTE ON FUNCTION itemize.fetch(text, text[]) FROM search_stranger;
RESET request.jwt.claims;
ALTER TABLE stay ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_host ON stay TO search_role USING (host = 8);
SET ROLE search_role;
SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('stay', 'sea');
SELECT * FROM itemize.search_count('stay', exact => true);
SELECT count(*) FROM itemize.search('stay', 'garden');
RESET ROLE;
SELECT itemize.define('stay', 'searching.stay', fields => '{id,name,beds,host}', text => '{"name": "A", "about": "B"}',
  language => 'en', location => 'place', price => 'price', currency => 'currency', facets => '{kind}', changed => 'changed',
  owner => 'host', parent => 'city', read => 'everyone', replace => true);
SET ROLE search_role;
SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('stay', 'sea');
SET request.jwt.claims = '{"sub": "somebody"}';
SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('stay', 'sea');
RESET request.jwt.claims;
-- Objects of the caller's with well-known names are not taken for those that a search means.
RESET ROLE;
GRANT CREATE ON SCHEMA searching TO search_role;
SET ROLE search_role;
CREATE FUNCTION searching.document(text, text, VARIADIC text[]) RETURNS tsvector LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken'; END $$;
CREATE FUNCTION searching.mine(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken'; END $$;
CREATE OPERATOR searching.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = searching.mine);
CREATE OPERATOR searching.> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = searching.mine);
SET search_path = searching, pg_catalog, public;
SELECT string_agg(key, ',') FROM itemize.search('stay', 'sea', owner => '7', order_by => 'beds');
SELECT current_user, current_setting('search_path');
RESET ROLE;
SET search_path = searching, public;

-- What a table's owner wrote into an index is not run by who searches; and words are as rare as the index on the
-- document says, not another one.
CREATE ROLE search_owner;
CREATE SCHEMA owned AUTHORIZATION search_owner;
SET ROLE search_owner;
CREATE TABLE owned.note (id integer PRIMARY KEY, body text NOT NULL, flag integer);
INSERT INTO owned.note SELECT i, CASE WHEN i % 100 = 0 THEN 'cat' ELSE 'dog' END FROM generate_series(1, 1000) i;
CREATE FUNCTION owned.spy(text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF current_user <> 'search_owner' THEN RAISE WARNING 'the owner''s function runs as %', current_user; END IF; RETURN 'spied'::tsvector; END $$;
CREATE INDEX ON owned.note USING gin (owned.spy('x'));
CREATE INDEX ON owned.note USING gin ((itemize.document('en', 'A', body)));
ANALYZE owned.note;
RESET ROLE;
SELECT itemize.define('note', 'owned.note', fields => '{id}', text => '{"body": "A"}', language => 'en', read => 'everyone');
\c -
SET client_min_messages = warning;
SET search_path = searching, public;
\pset null <null>
SELECT key FROM itemize.search('note', 'cat or dog', max_rows => 3);
-- The same of partitions, whose own indexes have the statistics.
CREATE TABLE owned.part (id integer PRIMARY KEY, body text NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE owned.part_1 PARTITION OF owned.part FOR VALUES FROM (0) TO (10);
CREATE TABLE owned.part_2 PARTITION OF owned.part FOR VALUES FROM (10) TO (10000);
CREATE INDEX ON owned.part USING gin ((itemize.document('en', 'A', body)));
INSERT INTO owned.part SELECT id, body FROM owned.note;
ANALYZE owned.part, owned.part_1, owned.part_2;
SELECT itemize.define('part', 'owned.part', fields => '{id}', text => '{"body": "A"}', language => 'en', read => 'everyone');
SELECT key FROM itemize.search('part', 'cat or dog', max_rows => 3);

-- Searches within a search, of more statements than a session keeps: that of the outer one outlives them.
CREATE FUNCTION owned.nest() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
  FOR i IN 1 .. 70 LOOP
    PERFORM FROM itemize.search('part', order_by => (SELECT string_agg(CASE WHEN i & (1 << b) <> 0 THEN 'id.desc' ELSE 'id' END, ',') FROM generate_series(0, 6) b));
  END LOOP;
  RAISE EXCEPTION 'as far as this';
END $$;
SELECT itemize.define('note', 'owned.note', fields => '{id,flag}', text => '{"body": "A"}', language => 'en', read => 'nobody', replace => true);
GRANT USAGE ON SCHEMA owned TO search_role;
GRANT SELECT ON owned.note TO search_role;
ALTER TABLE owned.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY nests ON owned.note TO search_role USING (owned.nest());
SET ROLE search_role;
DO $$ DECLARE context text; BEGIN
  PERFORM FROM itemize.search('note', order_by => 'flag');
EXCEPTION WHEN raise_exception THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RAISE WARNING '%, in %', SQLERRM, substring(context FROM 'SELECT t.flag AS o0');
END $$;
RESET ROLE;

-- Of long texts only so much is read as an excerpt is made of.
BEGIN;
INSERT INTO stay (id, name, kind, changed) SELECT 20 + i, repeat('ä ', 40000 * i) || 'windmill ' || repeat('ö ', 200000), 'text', now() FROM generate_series(1, 2) i;
SELECT key, headline LIKE '%<mark>windmill</mark>%' AS seen FROM itemize.search('stay', 'windmill', order_by => 'key');
ROLLBACK;
SELECT bool_and(line ~ 'pg_catalog.substr\(t.name::pg_catalog.text, 1, [0-9]+\)') AS cut FROM (SELECT itemize.explain_search('stay', 'windmill') AS line LIMIT 1) s;

-- Nothing is compiled for a search, whatever it costs.
SET jit = on;
SET jit_above_cost = 0;
SELECT count(*) FROM itemize.explain_search('stay', 'sea') AS line WHERE line LIKE '%JIT%';
SHOW jit;
RESET jit;
RESET jit_above_cost;

-- An estimate is the planner's, whatever an index is called.
SET enable_seqscan = off;
CREATE TABLE owned.many (id integer PRIMARY KEY, kind integer NOT NULL);
INSERT INTO owned.many SELECT i, 1 FROM generate_series(1, 3000) i;
CREATE INDEX "kinds (cost=0 rows=7777777" ON owned.many (kind) INCLUDE (id);
VACUUM ANALYZE owned.many;
SELECT itemize.define('many', 'owned.many', fields => '{id}', facets => '{kind}', read => 'everyone');
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}');
-- To who does not see all rows it would tell of the others: he learns that there are more than are counted.
SELECT itemize.define('many', 'owned.many', fields => '{id}', facets => '{kind}', read => 'nobody', replace => true);
GRANT SELECT ON owned.many TO search_role;
SET ROLE search_role;
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}');
RESET ROLE;
ALTER TABLE owned.many ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON owned.many TO search_role USING (id <= 1200);
SET ROLE search_role;
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}');
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}', exact => true);
RESET ROLE;
ALTER POLICY low ON owned.many USING (id <= 1000);
SET ROLE search_role;
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}');
RESET ROLE;
-- The same to who may read some columns only.
ALTER TABLE owned.many DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON owned.many FROM search_role;
GRANT SELECT (id, kind) ON owned.many TO search_role;
SET ROLE search_role;
SELECT * FROM itemize.search_count('many', filters => '{"kind": 1}');
RESET ROLE;
REVOKE SELECT (id, kind) ON owned.many FROM search_role;
RESET enable_seqscan;

-- Who may read some columns searches by these, in their order, and is told the price of what he may see. Words and an order by a
-- converted price read the rows as wholes.
CREATE TABLE owned.partly (id integer PRIMARY KEY, name text NOT NULL, fee numeric, currency text, hidden integer);
INSERT INTO owned.partly SELECT i, 'lake ' || i, 10 - i, (ARRAY['EUR', 'USD'])[1 + i % 2], i FROM generate_series(1, 4) i;
CREATE INDEX ON owned.partly (currency, fee);
SELECT itemize.define('partly', 'owned.partly', fields => '{id,name,fee,hidden}', text => '{"name": "A"}', language => 'en', price => 'fee', currency => 'currency', read => 'nobody');
GRANT SELECT (id, name, fee, currency) ON owned.partly TO search_role;
SET ROLE search_role;
SELECT key, price FROM itemize.search('partly', filters => '{"name": {"gte": "lake 2"}}', order_by => 'name.desc', currency => 'EUR');
SELECT key FROM itemize.search('partly', order_by => 'fee', max_rows => 2);
SELECT total, exact FROM itemize.search_count('partly', filters => '{"name": "lake 2"}');
SELECT value, count FROM itemize.facets('partly', '["name"]') WHERE value = 'lake 3';
SELECT key FROM itemize.search('partly', filters => '{"hidden": 1}');
SELECT key FROM itemize.search('partly', order_by => 'hidden');
SELECT key FROM itemize.search('partly', 'lake');
SELECT key FROM itemize.search('partly', order_by => 'price', currency => 'EUR');
RESET ROLE;

-- What has no order is refused as a wish, not as a fault of ours.
ALTER TABLE owned.many ADD extra json;
SELECT itemize.define('many', 'owned.many', fields => '{id,extra}', read => 'everyone', replace => true);
\set VERBOSITY sqlstate
SELECT key FROM itemize.search('many', order_by => 'extra');
\set VERBOSITY default

-- The type of a search's rows is as it was made, or nothing is written into them.
BEGIN;
ALTER TYPE itemize.search_row ADD ATTRIBUTE more text;
SELECT key FROM itemize.search('many', max_rows => 1);
ROLLBACK;
BEGIN;
ALTER TYPE itemize.search_row ALTER ATTRIBUTE score TYPE numeric;
SELECT key FROM itemize.search('many', max_rows => 1);
ROLLBACK;
BEGIN;
ALTER TYPE itemize.search_row DROP ATTRIBUTE headline;
SELECT key FROM itemize.search('many', max_rows => 1);
ROLLBACK;
SELECT key FROM itemize.search('many', max_rows => 1);

-- A NOTICE for what is missing, of conditions and orders, from every function.
DROP INDEX stay_document_idx, stay_currency_price_idx, stay_place_idx;
SET client_min_messages = notice;
SELECT key FROM itemize.search('stay', 'sea view', near => ST_Point(4.40, 51.22), price_max => 100, currency => 'EUR');
SELECT key FROM itemize.search('stay', order_by => 'changed.desc', max_rows => 1);
SELECT key FROM itemize.search('stay', order_by => 'price', currency => 'EUR', max_rows => 1);
SELECT total FROM itemize.search_count('stay', owner => '9');
SELECT count(*) FROM itemize.facets('stay', '["kind"]', parent => 'A');
SELECT count(*) FROM itemize.map_clusters('stay', 3, since => '2026-01-08 00:00Z', bbox => '{4,51,5,52}');
SET client_min_messages = warning;

SELECT bool_and(itemize.undefine(type)) FROM itemize.definitions WHERE source LIKE 'searching.%' OR source LIKE 'owned.%';
DELETE FROM itemize.currency_rate WHERE source = 'test';
DROP SCHEMA searching, owned CASCADE;
DROP ROLE search_role, search_stranger, search_owner;
