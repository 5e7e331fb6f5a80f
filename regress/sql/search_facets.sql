-- Facets and clusters of a map: counts over exactly the rows that a search finds.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA faceting;
SET search_path = faceting, public;
SET TimeZone = 'America/New_York';
\pset null <null>
DELETE FROM itemize.currency_rate;
SELECT itemize.set_rates('{"USD": 2}', '2026-01-01');
CREATE TYPE kind AS ENUM ('flat', 'house', 'boat');
CREATE TABLE stay (id uuid, part int, name text, kind kind, beds int, rating float8, price numeric(10, 2), currency text, tags text[], season daterange,
  data jsonb, raw json, open boolean, day date, at timestamptz, local timestamp, place geography, secret text, PRIMARY KEY (id, part));
INSERT INTO stay SELECT ('00000000-0000-0000-0000-00000000000' || id)::uuid, 1, name, kind::kind, beds, rating, price, currency, tags::text[], NULL, NULL, '{}', beds > 1, day::date,
  day::timestamptz, day::timestamp, place::geography, 'x'
FROM (VALUES
  (1, 'sea view', 'flat', 1, 4.5, 100, 'EUR', '{wifi,sea,wifi}', '2026-01-31 23:30+00', 'POINT(4.4 51.2)'),
  (2, 'sea side', 'house', 2, 3.1, 150, 'USD', '{wifi}', '2026-02-01 00:30+00', 'POINT(4.5 51.3)'),
  (3, 'old town', 'boat', 4, 'NaN', 10, 'JPY', '{}', '2026-02-28 12:00+00', 'POINT(-70 -33)'),
  (4, 'new town', 'flat', 12, 'Infinity', 75, 'EUR', '{NULL,sea}', '2025-12-31 12:00+00', 'POINT(180 10)'),
  (5, 'harbour', NULL, NULL, NULL, NULL, 'EUR', NULL, NULL, 'POINT(-180 10)'),
  (6, 'pole', 'flat', 1, -0.5, -20, 'EUR', '{sea}', 'infinity', 'POINT(10 90)'),
  (7, 'river', NULL, 3, 2, 200, 'EUR', NULL, NULL, 'LINESTRING(0 0, 2 0)'),
  (8, 'nowhere', NULL, 3, 2, 200, 'EUR', NULL, NULL, NULL)) AS v (id, name, kind, beds, rating, price, currency, tags, day, place);
SELECT itemize.define('stay', 'faceting.stay', text => '{"name": "A"}', location => 'place', price => 'price', currency => 'currency', facets => '{kind,tags}', changed => 'at',
  fields => '{name,beds,rating,price,season,data,raw,open,day,at,local}', read => 'everyone');

-- Values: the most frequent first, of equal ones the least; a list counts once for each different element; no NULL.
SELECT * FROM itemize.facets('stay', '["kind", "tags", "open"]');
SELECT facet, value, count FROM itemize.facets('stay', '["beds"]', max_values => 2);
SELECT facet, value, count FROM itemize.facets('stay', '{"kind": {}, "name": {}}', query => 'sea');
SELECT facet, value, count FROM itemize.facets('stay', '["kind"]', filters => '{"beds": {"lte": 2}}', until => '2026-02-01 00:00+00');
-- Nothing has both words, so any will do, as in a search.
SELECT facet, value, count FROM itemize.facets('stay', '["kind"]', query => 'sea town');
SELECT count(*) FROM itemize.facets('stay', '["kind"]', query => 'nothing');
SELECT count(*) FROM itemize.facets('stay', '["kind"]', query => 'harbour');

-- Ranges: all of them, open at both ends; a bound belongs to the range that it begins.
SELECT low, high, count FROM itemize.facets('stay', '{"beds": {"ranges": [1, 2, 10, 100]}}');
SELECT low, high, count FROM itemize.facets('stay', '{"rating": {"ranges": ["-Infinity", 0, "3.1", "Infinity"]}}');
SELECT low, high, count FROM itemize.facets('stay', '{"day": {"ranges": ["2026-01-01", "2026-02-01"]}}');
SELECT low, high, count FROM itemize.facets('stay', '{"kind": {"ranges": ["house"]}}');
SELECT low, high, count FROM itemize.facets('stay', '{"name": {"ranges": ["m", "p"]}}');
-- A price is in the visitor's currency; what has none there is not counted.
SELECT low, high, count FROM itemize.facets('stay', '{"price": {"ranges": [0, 75, 100]}}', currency => 'EUR');
SELECT low, high, count FROM itemize.facets('stay', '{"price": {"interval": 100}}', currency => 'usd', price_min => 0);
SELECT value, count FROM itemize.facets('stay', '["price"]', currency => 'USD');

-- Histograms: intervals with rows, beginning at multiples of their width; what is no finite number is in none.
SELECT low, high, count FROM itemize.facets('stay', '{"beds": {"interval": 2}}');
SELECT low, high, count FROM itemize.facets('stay', '{"rating": {"interval": "0.5"}}');
SELECT low, high, count FROM itemize.facets('stay', '{"beds": {"buckets": 5}}');
SELECT low, high, count FROM itemize.facets('stay', '{"rating": {"buckets": 10}}');
SELECT low, high, count FROM itemize.facets('stay', '{"beds": {"buckets": 10}}', filters => '{"beds": 12}');
SELECT count(*) FROM itemize.facets('stay', '{"beds": {"buckets": 10}}', filters => '{"beds": 99}');
-- Dates, in UTC or in a time zone that is said.
SELECT low, high, count FROM itemize.facets('stay', '{"at": {"interval": "month"}}');
SELECT low, high, count FROM itemize.facets('stay', '{"at": {"interval": "month", "time_zone": "Europe/Brussels"}}');
SELECT facet, low, high, count FROM itemize.facets('stay', '{"day": {"interval": "year"}, "local": {"interval": "quarter"}}');
SELECT low, high, count FROM itemize.facets('stay', '{"day": {"interval": "week"}}');
SELECT low, high, count FROM itemize.facets('stay', '{"at": {"interval": "day"}}', filters => '{"beds": 2}');
-- Far off there is no calendar: such a row is in no interval, and the others are.
BEGIN;
INSERT INTO stay (id, part, name, day, at, local) VALUES ('00000000-0000-0000-0000-000000000009', 1, 'far', '5874897-01-01', '294276-06-01', '294276-06-01'), ('00000000-0000-0000-0000-000000000010', 1, 'long ago', '4713-01-01 BC', '4713-01-02 BC', '4713-01-02 BC');
SELECT facet, low, high, count FROM itemize.facets('stay', '{"day": {"interval": "year"}, "at": {"interval": "year"}, "local": {"interval": "year"}}');
ROLLBACK;

-- Counts agree with the rows of a search.
SELECT f.value, f.count, (SELECT count(*) FROM itemize.search('stay', filters => jsonb_build_object('kind', f.value))) AS found FROM itemize.facets('stay', '["kind"]') f;

-- What cannot be asked.
SELECT itemize.facets('stay', '["secret"]');
SELECT itemize.facets('stay', '["place"]');
SELECT itemize.facets('stay', '["raw"]');
SELECT itemize.facets('stay', '["price"]');
SELECT itemize.facets('stay', '{"name": {"interval": 2}}');
SELECT itemize.facets('stay', '{"beds": {"interval": "month"}}');
SELECT itemize.facets('stay', '{"day": {"interval": "month", "time_zone": "UTC"}}');
SELECT itemize.facets('stay', '{"at": {"interval": "month", "time_zone": "Mars/Base"}}');
SELECT itemize.facets('stay', '{"beds": {"ranges": [2, 1]}}');
SELECT itemize.facets('stay', '{"beds": {"ranges": ["x"]}}');
SELECT itemize.facets('stay', '{"tags": {"ranges": ["a"]}}');
SELECT itemize.facets('stay', '{"beds": {"interval": 0.0000000001}}', filters => '{"beds": {"lt": 0}}');
SELECT itemize.facets('stay', '[]');
SELECT itemize.facets('stay', NULL);
SELECT itemize.facets('stay', '["kind"]', max_values => 0);
SELECT itemize.facets('nowhere', '["kind"]');
CREATE TABLE many (id int PRIMARY KEY);
INSERT INTO many SELECT generate_series(1, 2000);
SELECT itemize.define('many', 'faceting.many', fields => '{id}', read => 'everyone');
SELECT count(*) FROM itemize.facets('many', '{"id": {"interval": 2}}', filters => '{"id": {"lt": 2000}}');
SELECT count(*) FROM itemize.facets('many', '{"id": {"interval": 1}}');
SELECT count(*) FROM itemize.facets('many', '["id"]', max_values => 1000);

-- Clusters: cells of the map at a zoom, none over the antimeridian; 180 degrees east is 180 west. A row by itself has its key.
SELECT count, longitude, latitude, west, south, east, north, key FROM itemize.map_clusters('stay', 0);
SELECT count, longitude, latitude, key FROM itemize.map_clusters('stay', 22);
SELECT zoom, count(*) AS clusters, sum(count) AS rows, count(key) AS single FROM generate_series(0, 22, 2) zoom, itemize.map_clusters('stay', zoom) GROUP BY 1 ORDER BY 1;
SELECT count, longitude, latitude FROM itemize.map_clusters('stay', 5, bbox => '{170,0,-170,20}');
SELECT count, key IS NULL AS many FROM itemize.map_clusters('stay', 4, query => 'sea');
SELECT count(*) FROM itemize.map_clusters('stay', 4, query => 'nothing');
-- All words are found where no place is: any word is not asked for.
SELECT count, key FROM itemize.map_clusters('stay', 4, query => 'nowhere sea');
INSERT INTO stay (id, part, name) VALUES ('00000000-0000-0000-0000-000000000009', 1, 'nowhere sea');
SELECT key, relaxed FROM itemize.search('stay', 'nowhere sea');
SELECT count, key FROM itemize.map_clusters('stay', 4, query => 'nowhere sea');
DELETE FROM stay WHERE name = 'nowhere sea';
SELECT itemize.map_clusters('stay', 23);
SELECT itemize.map_clusters('stay', NULL);
SELECT itemize.map_clusters('many', 1);

-- Who may not see the rows may not count them; row-level security holds where the definition lets nobody read.
SELECT itemize.define('stay', 'faceting.stay', text => '{"name": "A"}', location => 'place', facets => '{kind,tags}', fields => '{name,beds}', replace => true);
CREATE ROLE facet_visitor;
GRANT USAGE ON SCHEMA faceting TO facet_visitor;
SET ROLE facet_visitor;
\set VERBOSITY sqlstate
SELECT itemize.facets('stay', '["kind"]');
SELECT itemize.map_clusters('stay', 1);
RESET ROLE;
GRANT SELECT ON stay TO facet_visitor;
ALTER TABLE stay ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON stay TO facet_visitor USING (beds = 1);
SET ROLE facet_visitor;
SELECT value, count FROM itemize.facets('stay', '["kind"]');
SELECT low, high, count FROM itemize.facets('stay', '{"beds": {"ranges": [1, 2]}}');
SELECT count, latitude FROM itemize.map_clusters('stay', 1);
SET request.jwt.claims = '{"role": "anybody"}';
SELECT value, count FROM itemize.facets('stay', '["kind"]');
RESET request.jwt.claims;
RESET ROLE;
DROP SCHEMA faceting CASCADE;
DROP ROLE facet_visitor;
DELETE FROM itemize.currency_rate;
