-- The plans of searches: the indexes that they use, told by itemize.explain_search. Sequential scans are made costly, so that
-- the tables may be small: what is tested is that the indexes can serve.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA planning;
SET search_path = planning, public;
CREATE TABLE doc (
  id integer PRIMARY KEY, name text NOT NULL, about text, kind text NOT NULL, price numeric(10, 2) NOT NULL,
  currency text NOT NULL, place geometry(Point, 4326) NOT NULL, changed timestamptz NOT NULL, host integer NOT NULL);
INSERT INTO doc
SELECT i, 'common w' || i % 500, 'x' || i % 7, 'k' || i % 4, i % 1000, (ARRAY['EUR', 'USD', 'JPY'])[1 + i % 3],
       ST_SetSRID(ST_Point(i % 100 / 10.0, i / 100 / 10.0), 4326), '2026-01-01Z'::timestamptz + i * interval '1 minute', i % 50
FROM generate_series(1, 5000) i;
SELECT itemize.define('doc', 'planning.doc', fields => '{id,name}', text => '{"name": "A", "about": "B"}', language => 'en',
  location => 'place', price => 'price', currency => 'currency', facets => '{kind}', changed => 'changed', owner => 'host', read => 'everyone');
CREATE INDEX doc_text ON doc USING gin ((itemize.document('en', 'AB', name, about)));
CREATE INDEX doc_place ON doc USING gist ((place::geography));
CREATE INDEX doc_price ON doc (currency, price);
CREATE INDEX doc_changed ON doc (changed);
VACUUM ANALYZE doc;
SELECT itemize.set_rates('{"USD": 1.25, "JPY": 150}', '2026-01-01', 'test');
SET enable_seqscan = off;
SET max_parallel_workers_per_gather = 0;

-- The nodes of a plan from the top down, each with its index, without costs and conditions. Which nodes stand around an index
-- scan is for each version of the server to decide; what matters is named in the tests.
CREATE FUNCTION nodes(plan text[]) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(regexp_replace(line, '^ *(->  )?(.*?)  \(cost=.*$', '\2'), ' > ' ORDER BY n) FROM unnest(plan) WITH ORDINALITY p(line, n) WHERE line ~ '\(cost=' $$;

-- Of a search that finds the rows with a value apart from those without: the lines about those `with` or `without`.
CREATE FUNCTION lines_of(which text, plan text[]) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(line ORDER BY n) FROM unnest(plan) WITH ORDINALITY p(line, n)
  WHERE coalesce((SELECT line FROM unnest(plan) WITH ORDINALITY t(line, m) WHERE m <= n AND line LIKE '-- %' ORDER BY m DESC LIMIT 1), '-- the rows with a ') LIKE '-- the rows ' || which || ' a %' $$;

-- Words: the GIN index; the best rows are looked up again by where they lie.
SELECT nodes ~ 'Limit > (.* > )?Sort > .*Bitmap Index Scan on doc_text' AS by_index, nodes ~ 'Tid Scan on doc' AS looked_up_again
FROM nodes(ARRAY(SELECT itemize.explain_search('doc', 'w77', max_rows => 5)));
-- Nearest first: the GiST index in its order; nothing but the rows of the page is sorted.
SELECT nodes ~ 'Sort > Limit > Index Scan using doc_place on doc' AS in_order FROM nodes(ARRAY(SELECT itemize.explain_search('doc', near => ST_Point(5, 2), max_rows => 5)));
SELECT nodes ~ 'Sort > Limit > Index Scan using doc_place on doc' AS in_order
FROM nodes(ARRAY(SELECT itemize.explain_search('doc', near => ST_Point(5, 2), max_rows => 5, after => (SELECT cursor FROM itemize.search('doc', near => ST_Point(5, 2), max_rows => 1)))));
-- A radius, a box, a polygon: the GiST index.
SELECT count(*) AS uses_index FROM itemize.explain_search('doc', near => ST_Point(5, 2), within => 5000, order_by => 'kind') line WHERE line ~ 'Scan (using|on) doc_place';
SELECT count(*) AS uses_index FROM itemize.explain_search('doc', bbox => '{5,2,5.2,2.2}') line WHERE line ~ 'Scan (using|on) doc_place';
SELECT count(*) AS uses_index FROM itemize.explain_search('doc', area => ST_MakeEnvelope(5, 2, 5.2, 2.2, 4326)) line WHERE line ~ 'Scan (using|on) doc_place';
-- Words and a place: the two indexes together, or the rarer of them.
SET enable_indexscan = off;
SELECT nodes ~ 'Bitmap Index Scan on doc_(place|text)' AS by_index, nodes ~ 'Seq Scan' AS reads_all FROM nodes(ARRAY(SELECT itemize.explain_search('doc', 'x3', near => ST_Point(5, 2), within => 20000)));
RESET enable_indexscan;
-- A range of prices in another currency: the index on (currency, price), one range for each currency.
SELECT count(*) AS ranges FROM itemize.explain_search('doc', price_min => 10, price_max => 11, currency => 'USD') line WHERE line ~ 'Bitmap Index Scan on doc_price';
-- An order by converted price: each currency's rows in the order of the index, no sort but of these few.
SELECT nodes ~ 'Sort > .*Limit > Index Scan using doc_price on doc' AS in_order FROM nodes(ARRAY(SELECT itemize.explain_search('doc', order_by => 'price', currency => 'USD', max_rows => 5)));
SELECT nodes ~ 'Sort > .*Limit > Index Scan Backward using doc_price on doc' AS in_order FROM nodes(ARRAY(SELECT itemize.explain_search('doc', order_by => 'price.desc', currency => 'USD', max_rows => 5, after =>
  (SELECT cursor FROM itemize.search('doc', order_by => 'price.desc', currency => 'USD', max_rows => 1)))));
SELECT key, price FROM itemize.search('doc', order_by => 'price.desc', currency => 'USD', max_rows => 3);
-- Orders by key and by columns that are NOT NULL: their indexes, forward and backward, also on later pages.
SELECT nodes ~ 'Index (Only )?Scan using doc_pkey on doc' AS in_order, nodes ~ 'Sort' AS sorts FROM nodes(ARRAY(SELECT itemize.explain_search('doc', max_rows => 5)));
SELECT nodes ~ 'Index (Only )?Scan using doc_pkey on doc' AS in_order, nodes ~ 'Sort' AS sorts
FROM nodes(ARRAY(SELECT itemize.explain_search('doc', max_rows => 5, after => (SELECT cursor FROM itemize.search('doc', max_rows => 1)))));
-- Rows of one moment may be sorted by their key (Incremental Sort); all rows are not.
SELECT nodes ~ 'Index Scan Backward using doc_changed on doc' AS in_order, nodes ~ '(^|> )Sort' AS sorts FROM nodes(ARRAY(SELECT itemize.explain_search('doc', order_by => 'changed.desc', max_rows => 5)));
SELECT nodes ~ 'Index Scan using doc_changed on doc' AS in_order, nodes ~ '(^|> )Sort' AS sorts
FROM nodes(ARRAY(SELECT itemize.explain_search('doc', since => '2026-01-01Z', until => '2026-01-01 00:10Z', order_by => 'changed', max_rows => 5)));
-- Prices that are NOT NULL and all in the question's currency are a column like any other.
CREATE TABLE fare (id integer PRIMARY KEY, price numeric(10, 2) NOT NULL);
INSERT INTO fare SELECT i, i % 1000 FROM generate_series(1, 5000) i;
CREATE INDEX fare_price ON fare (price);
VACUUM ANALYZE fare;
SELECT itemize.define('fare', 'planning.fare', fields => '{id,price}', price => 'price', currency => 'EUR', read => 'everyone');
SELECT by, count(*) FILTER (WHERE line LIKE '%Index Scan % fare_price on fare%') AS scans, count(*) FILTER (WHERE line LIKE '%Index Cond: %price%') AS conditions
FROM unnest('{price,price.desc}'::text[]) by, itemize.explain_search('fare', order_by => by, currency => 'eur', max_rows => 5, after =>
  (SELECT cursor FROM itemize.search('fare', order_by => by, currency => 'eur', max_rows => 1))) line GROUP BY by ORDER BY by;
SELECT string_agg(f.key, ',') AS on_from_there FROM (SELECT cursor FROM itemize.search('fare', order_by => 'price.desc', max_rows => 4) OFFSET 3) p,
  itemize.search('fare', order_by => 'price.desc', max_rows => 3, after => p.cursor) f;
-- Nearest first, the rows without a place come last, in the order of their key: no distance is looked for among them.
CREATE TABLE spot (id integer PRIMARY KEY, place geometry(Point, 4326));
INSERT INTO spot SELECT i, CASE WHEN i <= 10 THEN ST_SetSRID(ST_Point(i, 1), 4326) WHEN i = 50 THEN 'SRID=4326;POINT EMPTY' END FROM generate_series(1, 100) i;
CREATE INDEX ON spot USING gist ((place::geography));
VACUUM ANALYZE spot;
SELECT itemize.define('spot', 'planning.spot', fields => '{id}', location => 'place', read => 'everyone');
WITH RECURSIVE page AS (
  (SELECT key, cursor, row_number() OVER () AS n, 1 AS p FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 9))
  UNION ALL SELECT f.*, p + 1 FROM page, LATERAL (SELECT key, cursor, row_number() OVER () AS n FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 9, after => page.cursor)) f WHERE page.n = 9)
SELECT count(*), array_agg(key::integer ORDER BY p, n) = array_agg(key::integer ORDER BY key::integer) AS in_order FROM page;
SELECT count(*) FILTER (WHERE line LIKE '%Index Scan using spot_pkey%') AS by_key, count(*) FILTER (WHERE line LIKE '%Sort%') AS sorts
FROM itemize.explain_search('spot', near => ST_Point(0, 1), max_rows => 5, after => (SELECT cursor FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 20) OFFSET 19)) line;
-- Columns that may be null, and prices: rows with a value are found by any index on it, in both directions and on later pages;
-- those without one come last, in the order of their key.
CREATE TABLE visit (id integer PRIMARY KEY, level integer, at timestamptz, note text, price integer);
INSERT INTO visit SELECT i, NULLIF(i % 1000, 7), CASE WHEN i <= 4990 THEN '2026-01-01Z'::timestamptz + i % 1700 * interval '1 minute' END, NULLIF(md5((i % 900)::text), md5('5')), NULLIF(i % 800, 3)
FROM generate_series(1, 5000) i;
CREATE INDEX visit_level ON visit (level);
CREATE INDEX visit_at ON visit (at DESC NULLS LAST);
CREATE INDEX visit_note ON visit (note DESC);
CREATE INDEX visit_price ON visit ((price::numeric));
VACUUM ANALYZE visit;
SELECT itemize.define('visit', 'planning.visit', fields => '{id,level,at,note,price}', changed => 'at', price => 'price', currency => 'EUR', read => 'everyone');
SELECT by, page, nodes ~ ('Index Scan (Backward )?using visit_' || regexp_replace(by, '\..*', '')) AS by_index, nodes ~ '(^|> )Sort' AS sorts, page = 1 OR begins_there AS begins_there
FROM unnest('{level,level.desc,at,at.desc,note,note.desc,price,price.desc}'::text[]) WITH ORDINALITY o(by, n), generate_series(1, 2) page,
  LATERAL (SELECT array_agg(line) AS plan, bool_or(line ~ 'Index Cond: .*[<>]') AS begins_there FROM itemize.explain_search('visit', order_by => by, max_rows => 5,
    after => (SELECT cursor FROM itemize.search('visit', order_by => by, max_rows => 3) LIMIT CASE page WHEN 1 THEN 0 ELSE 1 END)) line) p, nodes(lines_of('with', plan)) ORDER BY n, page;
-- The statement for those without one is explained as well, and finds them by the same index.
SELECT by, count(*) FILTER (WHERE line LIKE '-- the rows with a value %') AS with_value, count(*) FILTER (WHERE line LIKE '-- the rows without a value %') AS without,
  count(*) FILTER (WHERE line LIKE 'SELECT %') AS statements, nodes(lines_of('without', array_agg(line ORDER BY m))) ~ ('Index Scan.* (using|on) visit_' || regexp_replace(by, '\..*', '')) AS by_index
FROM unnest('{level,level.desc,at,note.desc,price.desc,level.nullsfirst,at.desc.nullsfirst}'::text[]) WITH ORDINALITY o(by, n),
  itemize.explain_search('visit', order_by => by, max_rows => 5) WITH ORDINALITY e(line, m) GROUP BY by, n ORDER BY n;
-- Those that cannot be converted, of prices in several currencies, no index tells: each row's price is looked at.
SELECT bool_or(line ~ 'Filter: .*price_in') AS looks_at_each, bool_or(line ~ 'doc_price') AS by_index
FROM unnest(lines_of('without', ARRAY(SELECT itemize.explain_search('doc', order_by => 'price', currency => 'USD', max_rows => 5)))) line;
-- The same where these come first, on the pages behind them.
SELECT by, nodes ~ ('Index Scan (Backward )?using visit_' || regexp_replace(by, '\..*', '')) AS by_index, nodes ~ '(^|> )Sort' AS sorts, begins_there
FROM unnest('{level.nullsfirst,level.desc.nullsfirst,at.nullsfirst,at.desc.nullsfirst,note.nullsfirst,note.desc.nullsfirst,price.nullsfirst,price.desc.nullsfirst}'::text[]) WITH ORDINALITY o(by, n),
  LATERAL (SELECT array_agg(line) AS plan, bool_or(line ~ 'Index Cond: .*[<>]') AS begins_there FROM itemize.explain_search('visit', order_by => by, max_rows => 5,
    after => (SELECT cursor FROM itemize.search('visit', order_by => by, max_rows => 20) OFFSET 19)) line) p, nodes(lines_of('with', plan)) ORDER BY n;
-- On the first page those without a value are found first, but where an index has the order of all rows.
SELECT by, line ~ 'level IS NOT DISTINCT FROM NULL' AS apart FROM unnest('{level.nullsfirst,level.desc.nullsfirst}'::text[]) by, LATERAL
  (SELECT line FROM itemize.explain_search('visit', order_by => by) line WHERE line NOT LIKE '-- %' LIMIT 1) e;
CREATE FUNCTION visits(by text, page integer) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE keys text[] = '{}'; found text[]; behind text;
BEGIN
  LOOP
    SELECT array_agg(s.key), (array_agg(s.cursor))[count(*)] INTO found, behind FROM itemize.search('visit', order_by => by, max_rows => page, after => behind) s;
    EXIT WHEN found IS NULL;
    keys := keys || found;
  END LOOP;
  RETURN keys;
END $$;
SELECT visits('level.desc', 333) = array_agg(id::text ORDER BY level DESC NULLS LAST, id) AS level_desc, visits('at.desc', 1000) = array_agg(id::text ORDER BY at DESC NULLS LAST, id) AS at_desc,
  visits('note', 999) = array_agg(id::text ORDER BY note, id) AS note, visits('price.desc', 777) = array_agg(id::text ORDER BY price DESC NULLS LAST, id) AS price_desc FROM visit;
SELECT visits('level.nullsfirst', 333) = array_agg(id::text ORDER BY level NULLS FIRST, id) AS level, visits('level.desc.nullsfirst', 3) = array_agg(id::text ORDER BY level DESC NULLS FIRST, id) AS level_desc,
  visits('at.nullsfirst', 7) = array_agg(id::text ORDER BY at NULLS FIRST, id) AS at, visits('price.desc.nullsfirst,key.desc', 5) = array_agg(id::text ORDER BY price DESC NULLS FIRST, id DESC) AS price_desc FROM visit;
-- Where there are no conditions the plan is kept, too: until an index goes, and for one number of rows.
SELECT string_agg(key, ',') AS nearest FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 3);
INSERT INTO spot VALUES (200, ST_SetSRID(ST_Point(0.5, 1), 4326));
SELECT string_agg(key, ',') AS nearest FROM itemize.search('spot', near => ST_Point(9.4, 1), max_rows => 3);
DROP INDEX spot_place_idx;
SELECT string_agg(key, ',') AS nearest FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 3);
SELECT string_agg(key, ',') AS nearest FROM itemize.search('spot', near => ST_Point(0, 1), max_rows => 2);
-- A stored column takes the expression's place.
ALTER TABLE doc ADD COLUMN words tsvector GENERATED ALWAYS AS (itemize.document('en', 'AB', name, about)) STORED;
CREATE INDEX doc_words ON doc USING gin (words);
ANALYZE doc;
SELECT nodes ~ 'Bitmap Index Scan on doc_words' AS by_column FROM nodes(ARRAY(SELECT itemize.explain_search('doc', 'w77', max_rows => 5)));
SELECT bool_or(line ~ 'itemize.document') AS computes FROM itemize.explain_search('doc', 'w77') line;

-- The statement stands first; values are parameters in it.
SELECT count(*) AS lines_with_the_value FROM itemize.explain_search('doc', 'w77', owner => '4711') WITH ORDINALITY e(line, n) WHERE n = 1 AND line ~ '77|4711';
SELECT line ~ '^SELECT .* FROM ONLY planning.doc AS t .*\$[0-9]' AS statement FROM itemize.explain_search('doc', 'w77', owner => '7') line LIMIT 1;

-- A session keeps what was parsed, and plans for the values at hand: a rare word and a common one are not treated alike.
SET enable_seqscan = on;
SELECT bool_or(line ~ 'Seq Scan on doc') AS reads_all FROM generate_series(1, 8) i, itemize.explain_search('doc', 'w77', order_by => 'changed') line;
SELECT bool_or(line ~ 'Bitmap Index Scan on doc_words') AS uses_index FROM itemize.explain_search('doc', 'common', max_rows => 1, order_by => 'key') line;

-- Where columns alone are asked for, a session keeps plans for the values that it is asked again. Nothing but time is to be noticed:
-- not who asks, nor which rows he sees, nor that the index is gone.
CREATE ROLE planning_host;
CREATE ROLE planning_guest;
GRANT CREATE, USAGE ON SCHEMA planning TO planning_host, planning_guest;
CREATE TABLE room (id integer PRIMARY KEY, kind text NOT NULL, beds integer NOT NULL, host text NOT NULL);
INSERT INTO room SELECT i, 'k' || i % 4, i % 5, CASE WHEN i <= 50 THEN 'a' ELSE 'b' END FROM generate_series(1, 100) i;
CREATE INDEX room_kind ON room (kind, id);
ALTER TABLE room OWNER TO planning_host;
VACUUM ANALYZE room;
SELECT itemize.define('room', 'planning.room', fields => '{id}', facets => '{kind,beds}', read => 'everyone');
CREATE FUNCTION rooms(kind text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(key, ',') FROM itemize.search('room', filters => jsonb_build_object('kind', kind, 'beds', '{"gte": 2}'::jsonb), order_by => 'key', max_rows => 5) $$;
GRANT SELECT ON room TO planning_guest;
SET enable_seqscan = off;
SELECT rooms(kind) FROM unnest('{k1,k1,k1,k2,k1}'::text[]) kind;
-- It is kept: it goes on with the index that no new plan would use.
BEGIN;
SET LOCAL enable_seqscan = on;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT pg_stat_get_xact_numscans('room_kind'::regclass) AS before \gset
SELECT rooms('k1');
SELECT pg_stat_get_xact_numscans('room_kind'::regclass) - :before AS scans;
SELECT pg_stat_get_xact_numscans('room_kind'::regclass) AS before \gset
SELECT rooms('k3');
SELECT pg_stat_get_xact_numscans('room_kind'::regclass) - :before AS scans;
ROLLBACK;
INSERT INTO room VALUES (0, 'k1', 4, 'a');
DELETE FROM room WHERE id = 9;
SELECT rooms('k1');
DROP INDEX room_kind;
SELECT rooms('k1');
ALTER TABLE room ALTER beds TYPE bigint;
SELECT rooms('k1');
-- Policies that come later, and another role's.
ALTER TABLE room ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON room USING (host = current_setting('planning.host', true));
SELECT rooms('k1') AS for_everyone FROM generate_series(1, 3);
SELECT itemize.define('room', 'planning.room', fields => '{id}', facets => '{kind,beds}', read => 'nobody', replace => true);
SELECT rooms('k1') AS as_superuser FROM generate_series(1, 3);
SET ROLE planning_guest;
SELECT rooms('k1') AS nothing FROM generate_series(1, 3);
SET planning.host = 'b';
SELECT rooms('k1') AS those_of_b FROM generate_series(1, 3);
SET planning.host = 'a';
SELECT rooms('k1') AS those_of_a;
-- The owner sees all, until the policies are for him as well.
SET ROLE planning_host;
SELECT rooms('k1') AS of_the_owner FROM generate_series(1, 3);
ALTER TABLE room FORCE ROW LEVEL SECURITY;
SET planning.host = 'b';
SELECT rooms('k1') AS those_of_b FROM generate_series(1, 3);
RESET ROLE;
-- As everyone the owner is asked past the policies; as himself he is not.
SELECT itemize.define('room', 'planning.room', fields => '{id}', facets => '{kind,beds}', read => 'everyone', replace => true);
SET ROLE planning_host;
SELECT rooms('k1') AS for_everyone FROM generate_series(1, 3);
RESET ROLE;
SELECT itemize.define('room', 'planning.room', fields => '{id}', facets => '{kind,beds}', read => 'nobody', replace => true);
SET ROLE planning_host;
SELECT rooms('k1') AS those_of_b;
RESET ROLE;
REVOKE SELECT ON room FROM planning_guest;
SET ROLE planning_guest;
SELECT rooms('k1');
RESET ROLE;
SET enable_seqscan = on;

-- Partitions.
CREATE TABLE part (id integer, kind text NOT NULL, name text, PRIMARY KEY (kind, id)) PARTITION BY LIST (kind);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
INSERT INTO part SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 'name w' || i % 10 FROM generate_series(1, 100) i;
SELECT itemize.define('part', 'planning.part', fields => '{id,name}', text => '{"name": "A"}', language => 'en', read => 'everyone');
CREATE INDEX ON part USING gin ((itemize.document('en', 'A', name)));
SELECT count(*), count(DISTINCT key), bool_and(headline = 'name <mark>w' || right(key, 1) || '</mark>') AS own_headlines FROM itemize.search('part', 'w3', max_rows => 100);
SELECT key FROM itemize.search('part', 'w3', filters => '{"kind": "b"}', max_rows => 2);

SELECT bool_and(itemize.undefine(type)) FROM itemize.definitions WHERE source LIKE 'planning.%';
DELETE FROM itemize.currency_rate WHERE source = 'test';
DROP SCHEMA planning CASCADE;
DROP ROLE planning_host;
DROP ROLE planning_guest;
