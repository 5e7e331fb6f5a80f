-- Filters of searches: each operator, on each kind of column, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA filtering;
SET search_path = filtering, public;
\pset null <null>
CREATE TYPE kind AS ENUM ('flat', 'house', 'boat');
CREATE DOMAIN stars AS smallint CHECK (VALUE BETWEEN 1 AND 5);
CREATE TABLE stay (id int PRIMARY KEY, name text, short varchar(10), fixed char(5), kind kind, beds int, stars stars, rating float8,
  price numeric(10, 2), tags text[], rooms int[], season daterange, data jsonb, raw json, open boolean, code uuid, day date, at timestamptz,
  place geometry(Point, 4326), secret text);
INSERT INTO stay VALUES
  (1, 'Loft 100%', 'loft', 'lo', 'flat', 2, 4, 4.5, 100, '{wifi,"sea, view"}', '{1,2}', '[2026-05-01,2026-10-01)', '{"a": 1, "b": [1, 2]}', '{}', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-01-31', '2026-01-31 23:30+00', ST_SetSRID(ST_Point(4, 51), 4326), 'x'),
  (2, 'Villa_1', 'villa', 'vi', 'house', 6, 5, 3.5, 250.50, '{pool}', '{3}', '[2026-01-01,)', '{"a": "1"}', '{}', false, NULL, '2026-02-01', '2026-02-01 00:30+00', NULL, 'x'),
  (3, 'boat', 'boat', 'bo', 'boat', 2, 1, 'NaN', 99.99, '{}', '{}', 'empty', '[1, 2]', NULL, NULL, NULL, 'infinity', NULL, NULL, 'x'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT itemize.define('stay', 'filtering.stay', read => 'everyone', facets => '{kind}',
  fields => '{id,name,short,fixed,kind,beds,stars,rating,price,tags,rooms,season,data,raw,open,code,day,at,place}');
-- Keys of what a filter finds; everything must agree with the condition in SQL.
CREATE FUNCTION found(filters jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(key, ',' ORDER BY key::int), '-') FROM itemize.search('stay', filters => filters, order_by => 'key') $$;
CREATE FUNCTION agrees(filters jsonb, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE wanted text;
BEGIN
  EXECUTE 'SELECT coalesce(string_agg(id::text, '','' ORDER BY id), ''-'') FROM stay WHERE ' || condition INTO wanted;
  RETURN CASE WHEN found(filters) = wanted THEN wanted ELSE format('%s, and not %s', found(filters), wanted) END;
END $$;

SELECT agrees(f, c), f, c FROM (VALUES
  ('{}'::jsonb, 'true'),
  ('{"kind": "flat"}', $$kind = 'flat'$$),
  ('{"kind": {"neq": "flat"}}', $$kind <> 'flat'$$),
  ('{"kind": {"gt": "flat"}}', $$kind > 'flat'$$),
  ('{"beds": 2}', 'beds = 2'),
  ('{"beds": "2"}', 'beds = 2'),
  ('{"beds": {"gte": 2, "lt": 6}}', 'beds >= 2 AND beds < 6'),
  ('{"beds": {"gt": 2, "lte": "6"}}', 'beds > 2 AND beds <= 6'),
  ('{"stars": {"gte": 4}}', 'stars >= 4'),
  ('{"stars": {"lt": 30000}}', 'stars < 30000'),
  ('{"rating": {"gt": 3.5}}', 'rating > 3.5'),
  ('{"rating": "NaN"}', $$rating = 'NaN'$$),
  ('{"price": 250.5}', 'price = 250.50'),
  ('{"price": {"lt": 99.990000001}}', 'price < 99.990000001'),
  ('{"name": "Villa_1"}', $$name = 'Villa_1'$$),
  ('{"short": {"in": ["loft", "boat"]}}', $$short IN ('loft', 'boat')$$),
  ('{"fixed": "lo"}', $$fixed = 'lo'$$),
  ('{"open": true}', 'open = true'),
  ('{"open": {"is": true}}', 'open IS TRUE'),
  ('{"open": {"is": "false"}}', 'open IS FALSE'),
  ('{"open": {"not": {"is": true}}}', 'open IS NOT TRUE'),
  ('{"code": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}', $$code = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'$$),
  ('{"day": {"gte": "2026-02-01", "lt": "infinity"}}', $$day >= '2026-02-01' AND day < 'infinity'$$),
  ('{"at": {"lt": "2026-02-01 01:00+01"}}', $$at < '2026-02-01 01:00+01'$$),
  ('{"id": {"in": [1, "3", 99]}}', 'id IN (1, 3, 99)')) AS v (f, c);

-- Not in is unequal to all; a comparison with NULL is neither true nor false, whatever is around it.
SELECT agrees(f, c), f, c FROM (VALUES
  ('{"beds": {"in": [2, 6]}}'::jsonb, 'beds IN (2, 6)'),
  ('{"beds": {"not": {"in": [2, 3]}}}', 'beds NOT IN (2, 3)'),
  ('{"beds": {"not": {"in": [2, 6]}}}', 'beds NOT IN (2, 6)'),
  ('{"beds": {"in": []}}', 'beds = ANY(''{}'')'),
  ('{"beds": {"not": {"in": []}}}', 'beds <> ALL(''{}'')'),
  ('{"beds": {"not": {"eq": 2}}}', 'NOT beds = 2'),
  ('{"not": {"beds": 2, "kind": "flat"}}', $$NOT (beds = 2 AND kind = 'flat')$$),
  ('{"beds": {"is": null}}', 'beds IS NULL'),
  ('{"beds": {"is": "not_null"}}', 'beds IS NOT NULL'),
  ('{"or": [{"beds": {"neq": 2}}, {"beds": {"is": null}}]}', 'beds IS DISTINCT FROM 2'),
  ('{"or": [{"beds": 6}, {"kind": "boat", "beds": 2}], "id": {"gt": 1}}', $$(beds = 6 OR kind = 'boat' AND beds = 2) AND id > 1$$),
  ('{"and": [{"or": [{"id": 1}, {"id": 2}]}, {"not": {"or": [{"id": 2}, {"id": 3}]}}]}', '(id = 1 OR id = 2) AND NOT (id = 2 OR id = 3)'),
  ('{"raw": {"is": "not_null"}}', 'raw IS NOT NULL'),
  ('{"place": "SRID=4326;POINT(4 51)"}', 'place = ST_SetSRID(ST_Point(4, 51), 4326)'),
  ('{"place": {"neq": "SRID=4326;POINT(4 51)"}}', 'NOT place = ST_SetSRID(ST_Point(4, 51), 4326)')) AS v (f, c);

-- Patterns; what is no sign there stands for itself.
SELECT agrees(f, c), f, c FROM (VALUES
  ('{"name": {"like": "%o%"}}'::jsonb, $$name LIKE '%o%'$$),
  ('{"name": {"like": "B%"}}', $$name LIKE 'B%'$$),
  ('{"name": {"ilike": "B%"}}', $$name ILIKE 'B%'$$),
  ('{"name": {"like": "%\\%"}}', $$name LIKE '%\%'$$),
  ('{"name": {"not": {"like": "%\\_%"}}}', $$name NOT LIKE '%\_%'$$),
  ('{"short": {"like": "____"}}', $$short LIKE '____'$$),
  ('{"name": "''; DROP TABLE stay; --"}', $$name = '''; DROP TABLE stay; --'$$)) AS v (f, c);

-- Lists, ranges and JSON.
SELECT agrees(f, c), f, c FROM (VALUES
  ('{"tags": {"cs": ["sea, view"]}}'::jsonb, $$tags @> ARRAY['sea, view']$$),
  ('{"tags": {"cs": []}}', $$tags @> '{}'$$),
  ('{"tags": {"cd": ["wifi", "sea, view", "pool"]}}', $$tags <@ ARRAY['wifi', 'sea, view', 'pool']$$),
  ('{"tags": {"ov": "{pool,wifi}"}}', $$tags && ARRAY['pool', 'wifi']$$),
  ('{"tags": {"eq": ["pool"]}}', $$tags = '{pool}'$$),
  ('{"rooms": {"cs": [2]}}', $$rooms @> '{2}'$$),
  ('{"rooms": {"not": {"ov": [1, 3]}}}', $$NOT rooms && '{1,3}'$$),
  ('{"season": {"cs": "[2026-06-01,2026-06-02]"}}', $$season @> '[2026-06-01,2026-06-02]'$$),
  ('{"season": {"ov": "[2026-01-01,2026-01-02]"}}', $$season && '[2026-01-01,2026-01-02]'$$),
  ('{"data": {"cs": {"b": [2]}}}', $$data @> '{"b": [2]}'$$),
  ('{"data": {"cs": [2]}}', $$data @> '[2]'$$),
  ('{"data": {"cd": {"a": "1", "z": null}}}', $$data <@ '{"a": "1", "z": null}'$$),
  ('{"data": "{\"a\": \"1\"}"}', $$data = '{"a": "1"}'$$)) AS v (f, c);

-- Refusals, each with its field.

SELECT found('{"secret": "x"}');
SELECT found('{"nowhere": "x"}');
\set VERBOSITY sqlstate
SELECT found('{"place": "nowhere"}');
\set VERBOSITY default

SELECT found('{"beds": "two"}');
SELECT found('{"beds": 2.5}');
SELECT found('{"beds": {"in": [1, 99999999999]}}');
SELECT found('{"kind": "castle"}');
SELECT found('{"day": "2026-02-30"}');
SELECT found('{"rooms": {"cs": ["x"]}}');
SELECT found('{"beds": {"like": "2%"}}');
SELECT found('{"beds": {"is": true}}');
SELECT found('{"tags": {"in": ["a"]}}');
SELECT found('{"data": {"ov": [1]}}');
SELECT found('{"raw": {"eq": "{}"}}');
SELECT found('{"beds": {"above": 2}}');
SELECT found('{"beds": null}');
SELECT found('{"beds": [1, 2]}');
SELECT found('[1]');
SELECT found(jsonb_build_object('name', repeat('x', 70000)));
SELECT found(jsonb_build_object('id', jsonb_build_object('in', (SELECT jsonb_agg(i) FROM generate_series(1, 1001) i))));

-- Some bytes of JSON may be a text of a hundred megabytes: it is not made.
SELECT found((SELECT jsonb_build_object('id', jsonb_build_object('in', jsonb_agg(1e131071))) FROM generate_series(1, 800)));
SELECT found('{"rating": {"lt": 1e300}}'), found('{"name": {"like": "%\\\\"}}');
SELECT found('{"name": {"like": "c\\"}}');
SELECT found('{"name": {"not": {"ilike": "a\\\\\\"}}}');
-- The conditions are on the columns themselves: indexes serve.
CREATE INDEX ON stay (beds);
CREATE INDEX ON stay USING gin (tags);
SET enable_seqscan = off;
SELECT btrim(line) AS line FROM itemize.explain_search('stay', filters => '{"beds": {"in": [1, 2]}}', order_by => 'name') AS line WHERE line LIKE '%Index%Cond%';
SELECT btrim(line) AS line FROM itemize.explain_search('stay', filters => '{"beds": {"gte": 1, "lt": 2}}', order_by => 'name') AS line WHERE line LIKE '%Index%Cond%';
SELECT btrim(line) AS line FROM itemize.explain_search('stay', filters => '{"tags": {"cs": ["wifi"]}}', order_by => 'name') AS line WHERE line LIKE '%Index%Cond%';
RESET enable_seqscan;
-- A pattern over a nondeterministic collation is refused before a row is looked at.
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE TABLE loosely (id int PRIMARY KEY, name text COLLATE loose);
SELECT itemize.define('loosely', 'filtering.loosely', read => 'everyone', fields => '{name}');
SELECT itemize.search('loosely', filters => '{"name": {"like": "a%"}}');
-- CHECKs of a domain within a column's type are the owner's code: they run as him, whoever asks.
CREATE ROLE regress_filter_owner;
GRANT USAGE, CREATE ON SCHEMA filtering TO regress_filter_owner;
SET ROLE regress_filter_owner;
CREATE FUNCTION whom(value text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING '% is checked as %', value, current_user; RETURN true; END $$;
CREATE DOMAIN checked AS text CHECK (filtering.whom(VALUE));
CREATE TABLE owned (id int PRIMARY KEY, words checked[], parent checked[]);
SET client_min_messages = error;
INSERT INTO owned VALUES (1, '{a}', '{a}'), (2, '{b}', '{b}');
SET client_min_messages = warning;
SELECT itemize.define('owned', 'filtering.owned', read => 'everyone', fields => '{id,words}', parent => 'parent');
RESET ROLE;
SELECT key FROM itemize.search('owned', filters => '{"words": {"cs": ["b"]}}');
SELECT key FROM itemize.search('owned', parent => '{b}');
SELECT cursor FROM itemize.search('owned', order_by => 'words', max_rows => 1) \gset
SELECT key FROM itemize.search('owned', order_by => 'words', after => :'cursor');
SELECT current_user = session_user AS is_himself_again;
DO $$ BEGIN PERFORM itemize.search('owned', filters => '{"words": "{"}'); EXCEPTION WHEN invalid_text_representation THEN RAISE WARNING '%, and himself again: %', sqlerrm, current_user = session_user; END $$;

DROP SCHEMA filtering CASCADE;
DROP ROLE regress_filter_owner;
