-- Pages: cursors of every kind of order, under writes, and what is no cursor.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA paging;
SET search_path = paging, public;
\pset null <null>
-- Ties, nulls, floats that no short text has, NaN and infinity, a key of two columns.
CREATE TYPE grade AS ENUM ('poor', 'fair', 'good');
CREATE TABLE thing (
  id integer NOT NULL, part text NOT NULL, name text NOT NULL, level integer, ratio double precision, small real,
  amount numeric, at timestamptz, day date, word text, grade grade, flag boolean, uid uuid, place geography(Point, 4326),
  price numeric(10, 2), currency text, PRIMARY KEY (part, id));
INSERT INTO thing
SELECT i, chr(97 + i % 3), CASE WHEN i % 2 = 0 THEN 'red thing' ELSE 'red thing, red again' END, NULLIF(i % 7, 3),
       CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' ELSE (i % 5) / 3.0::float8 END,
       CASE WHEN i % 4 > 0 THEN (i % 9) / 7.0::real END,
       CASE WHEN i % 6 > 0 THEN (i % 13) / 9.0 END, '2026-01-01Z'::timestamptz + (i % 17) * interval '1.000001 hours',
       CASE WHEN i % 5 > 0 THEN '2026-01-01'::date + i % 4 END, CASE WHEN i % 8 > 0 THEN repeat('ä', i % 6) || 'x' END,
       (ARRAY['poor', 'fair', 'good', NULL]::grade[])[1 + i % 4], NULLIF(i % 3, 2) = 0, md5((i % 10)::text)::uuid,
       CASE WHEN i % 10 > 0 THEN ST_Point((i % 21) / 7.0, (i % 8) / 3.0)::geography END,
       CASE WHEN i % 12 > 0 THEN (i % 50) + 0.25 END, (ARRAY['EUR', 'USD', 'JPY', NULL])[1 + i % 4]
FROM generate_series(1, 300) i;
-- Of a composite value the parts may be null, and it is there.
CREATE TYPE pair AS (a integer, b integer);
ALTER TABLE thing ADD twin pair;
UPDATE thing SET twin = CASE id % 5 WHEN 1 THEN ROW(NULL, NULL)::pair WHEN 2 THEN ROW(1, NULL)::pair WHEN 3 THEN ROW(NULL, id % 3)::pair WHEN 4 THEN ROW(id % 2, id % 3)::pair END;
CREATE INDEX ON thing (twin);
SELECT itemize.define('thing', 'paging.thing', text => '{"name": "A"}', language => 'en', location => 'place',
  price => 'price', currency => 'currency', changed => 'at', read => 'everyone',
  fields => '{id,part,name,level,ratio,small,amount,at,day,word,grade,flag,uid,place,price,currency,twin}');
SELECT itemize.set_rates('{"USD": 1.25, "JPY": 150}', '2026-01-01', 'test');
CREATE INDEX ON thing USING gin ((itemize.document('en', 'A', name)));
CREATE INDEX ON thing USING gist (place);
CREATE INDEX ON thing (currency, price);
-- Columns that may be null, with indexes in either order of the nulls.
CREATE INDEX ON thing (level);
CREATE INDEX ON thing (ratio DESC NULLS LAST);
CREATE INDEX ON thing (amount NULLS FIRST);
CREATE INDEX ON thing (word DESC);

-- All keys, page by page. After each page `disturb` is run: an SQL text with %1$s for the page's number.
CREATE FUNCTION walk(order_by text, page integer, query text DEFAULT NULL, near geometry DEFAULT NULL, within float8 DEFAULT NULL, disturb text DEFAULT NULL)
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE keys text[] = '{}'; found text[]; behind text; pages integer = 0; most integer = CASE WHEN disturb IS NULL THEN 1000 ELSE 40 END;
BEGIN
  LOOP
    SELECT array_agg(s.key), (array_agg(s.cursor))[count(*)] INTO found, behind
    FROM itemize.search('thing', walk.query, near => walk.near, within => walk.within, currency => 'EUR', order_by => walk.order_by, max_rows => page, after => behind) s;
    EXIT WHEN found IS NULL OR pages = most;
    keys := keys || found;
    pages := pages + 1;
    IF disturb IS NOT NULL THEN EXECUTE format(disturb, pages); END IF;
  END LOOP;
  RETURN keys;
END $$;

-- Whatever the order and the size of the pages: the rows of one large page, in the same order.
SELECT o AS order_by, page, walk(o, page, q, p, w) =
  (SELECT array_agg(key) FROM itemize.search('thing', q, near => p, within => w, currency => 'EUR', order_by => o, max_rows => 1000)) AS same
FROM (VALUES (NULL, NULL, NULL::geometry, NULL::float8), ('key.desc', NULL, NULL, NULL), ('level', NULL, NULL, NULL), ('level.desc', NULL, NULL, NULL),
  ('level.nullsfirst', NULL, NULL, NULL), ('level.desc.nullsfirst', NULL, NULL, NULL), ('ratio', NULL, NULL, NULL), ('ratio.desc', NULL, NULL, NULL),
  ('small.desc,ratio,level.desc', NULL, NULL, NULL), ('amount,small.desc.nullsfirst', NULL, NULL, NULL), ('changed.desc', NULL, NULL, NULL),
  ('at,day.desc', NULL, NULL, NULL), ('word.desc,grade', NULL, NULL, NULL), ('grade.desc,flag.nullsfirst,word', NULL, NULL, NULL),
  ('uid,flag.desc', NULL, NULL, NULL), ('price', NULL, NULL, NULL), ('price.desc', NULL, NULL, NULL), ('price.nullsfirst,level', NULL, NULL, NULL),
  ('level,key.desc', NULL, NULL, NULL), ('twin', NULL, NULL, NULL), ('twin.desc', NULL, NULL, NULL), ('twin.desc.nullsfirst,level', NULL, NULL, NULL), ('name.desc', NULL, NULL, NULL), ('part,level', NULL, NULL, NULL),
  (NULL, 'red', NULL, NULL), ('relevance.asc', 'red', NULL, NULL), ('level,relevance', 'red', NULL, NULL), ('price,relevance', 'red', NULL, NULL),
  (NULL, 'red blue', NULL, NULL), (NULL, NULL, ST_Point(1, 1), NULL), ('distance.desc', NULL, ST_Point(1, 1), NULL),
  ('distance', NULL, ST_Point(1, 1), 150000), ('level,distance', NULL, ST_Point(1, 1), NULL), (NULL, 'red', ST_Point(1, 1), 150000),
  ('distance', 'red', ST_Point(1, 1), NULL)) c(o, q, p, w), (VALUES (1), (7), (299)) s(page)
WHERE page > 1 OR o IS NULL OR o IN ('ratio.desc', 'price', 'small.desc,ratio,level.desc')
ORDER BY q NULLS FIRST, p NULLS FIRST, w NULLS FIRST, o NULLS FIRST, page;
-- The same order as by hand.
SELECT walk('level.desc', 7) = array_agg(k ORDER BY level DESC NULLS LAST, part, id) AS level_desc, walk('level', 7) = array_agg(k ORDER BY level, part, id) AS level,
  walk('ratio.desc', 7) = array_agg(k ORDER BY ratio DESC NULLS LAST, part, id) AS ratio_desc, walk('ratio', 7) = array_agg(k ORDER BY ratio, part, id) AS ratio,
  walk('amount.desc,day.desc', 7) = array_agg(k ORDER BY amount DESC NULLS LAST, day DESC NULLS LAST, part, id) AS amount_desc,
  walk('word.desc,key.desc', 7) = array_agg(k ORDER BY word DESC NULLS LAST, part DESC, id DESC) AS word_desc, walk('word', 7) = array_agg(k ORDER BY word, part, id) AS word,
  walk('twin.desc', 7) = array_agg(k ORDER BY twin DESC NULLS LAST, part, id) AS twin_desc, walk('twin', 1) = array_agg(k ORDER BY twin, part, id) AS twin,
  walk('level.desc.nullsfirst', 7) = array_agg(k ORDER BY level DESC, part, id) AS nulls_first
FROM (SELECT *, concat(part, ',', id) AS k FROM thing) t;

-- Relaxed once, relaxed on all pages, also when by then a row has all the words.
BEGIN;
SELECT cursor AS behind FROM itemize.search('thing', 'red blue', order_by => 'key', max_rows => 2) ORDER BY key DESC LIMIT 1 \gset
INSERT INTO thing (id, part, name) VALUES (999, 'z', 'red and blue');
SELECT count(*), bool_and(relaxed) FROM itemize.search('thing', 'red blue', order_by => 'key', max_rows => 1000, after => :'behind');
ROLLBACK;

-- Under writes: rows are added, removed, and moved in the order; those of even ids stay as they are.
CREATE FUNCTION unharmed(order_by text, query text, near geometry) RETURNS TABLE (none_twice boolean, none_left_out boolean) LANGUAGE plpgsql AS $$
DECLARE keys text[];
BEGIN
  keys := walk(order_by, 20, query, near, NULL, $d$
    DELETE FROM thing WHERE id %% 2 = 1 AND id %% 16 = 3 + %1$s;
    UPDATE thing SET level = -level, ratio = (id * %1$s) %% 11, price = (id * %1$s) %% 101, at = at - %1$s * interval '1 hour', place = ST_Point((id %% 13) / 9.0, %1$s / 9.0)::geography,
      name = CASE WHEN %1$s %% 2 = 0 THEN 'red' ELSE 'red red red and green, which is long' END WHERE id %% 2 = 1 AND %1$s < 12;
    INSERT INTO thing (id, part, name, level, ratio, price, currency, at) SELECT 1000 + 2 * i + 100 * %1$s + 1, 'b', 'red', i %% 7, i, i, 'EUR', now() FROM generate_series(1, 10) i WHERE %1$s < 12;$d$);
  SELECT NOT EXISTS (SELECT FROM unnest(keys) k WHERE split_part(k, ',', 2)::int % 2 = 0 GROUP BY k HAVING count(*) > 1),
    (SELECT count(DISTINCT k) FROM unnest(keys) k WHERE split_part(k, ',', 2)::int % 2 = 0) = 150 INTO none_twice, none_left_out;
  RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = format('%s: none twice %s, none left out %s', order_by, none_twice, none_left_out);
END $$;
DO $$
DECLARE o text; q text; p geometry;
BEGIN
  FOR o, q, p IN VALUES ('level.desc', NULL, NULL::geometry), ('ratio', NULL, NULL), ('price', NULL, NULL), ('changed.desc', NULL, NULL),
    ('relevance', 'red', NULL), ('distance', NULL, ST_Point(1, 1)), ('key', NULL, NULL) LOOP
    BEGIN
      PERFORM * FROM unharmed(o, q, p);
    EXCEPTION WHEN raise_exception THEN RAISE WARNING '%', SQLERRM; -- and all of it is undone
    END;
  END LOOP;
END $$;

-- Statistics renewed between two pages move nothing: a score goes by what was known on the first.
SELECT cursor AS behind, key AS last FROM itemize.search('thing', 'red again', max_rows => 20) OFFSET 19 \gset
INSERT INTO thing (id, part, name) SELECT 2000 + i, 'a', 'again and again' FROM generate_series(1, 3000) i;
ANALYZE thing;
SELECT count(*) AS rest FROM itemize.search('thing', 'red again', max_rows => 1000, after => :'behind');
DELETE FROM thing WHERE id > 1000;
ANALYZE thing;
SELECT count(*) AS all FROM itemize.search('thing', 'red again', max_rows => 1000);

-- What is no cursor, or not of this question.
SELECT cursor AS behind FROM itemize.search('thing', order_by => 'level', max_rows => 1) \gset
SELECT key FROM itemize.search('thing', order_by => 'level', max_rows => 2, after => :'behind');
SELECT key FROM itemize.search('thing', order_by => 'level', max_rows => 2, after => '');
SELECT * FROM itemize.search('thing', order_by => 'level.desc', after => :'behind');
SELECT * FROM itemize.search('thing', order_by => 'level', owner => NULL, since => '2026-01-01Z', after => :'behind');
SELECT * FROM itemize.search('thing', order_by => 'level', filters => '{}', after => :'behind');
SELECT * FROM itemize.search('thing', order_by => 'level', after => 'x');
SELECT * FROM itemize.search('thing', order_by => 'level', after => 'ääää');
SELECT * FROM itemize.search('thing', order_by => 'level', after => repeat('A', 100));
SELECT * FROM itemize.search('thing', order_by => 'level', after => :'behind' || 'A');
SELECT * FROM itemize.search('thing', order_by => 'level', after => repeat('A', 8193));
-- Not one character of it may differ.
DO $$
DECLARE good text; accepted integer = 0;
BEGIN
  SELECT cursor INTO good FROM itemize.search('thing', order_by => 'level', max_rows => 1);
  FOR i IN 1 .. length(good) LOOP
    BEGIN
      PERFORM FROM itemize.search('thing', order_by => 'level', after => overlay(good PLACING CASE substr(good, i, 1) WHEN 'Q' THEN 'g' ELSE 'Q' END FROM i FOR 1));
      accepted := accepted + 1;
    EXCEPTION WHEN invalid_parameter_value THEN NULL;
    END;
  END LOOP;
  RAISE WARNING '% changed cursors were taken', accepted;
END $$;
-- A value that is too long for a cursor: its row is found, and nothing goes on behind it.
UPDATE thing SET word = repeat('y', 5000) WHERE id = 1;
SELECT count(*) FROM itemize.search('thing', order_by => 'word', max_rows => 400);
SELECT f.key FROM (SELECT cursor FROM itemize.search('thing', order_by => 'word.desc', max_rows => 400) WHERE key LIKE '%,1') p, itemize.search('thing', order_by => 'word.desc', after => p.cursor) f;
SELECT count(*) FROM itemize.search('thing', order_by => 'word.desc', max_rows => 40);
-- The key is nobody's to read.
CREATE ROLE cursor_stranger;
SET ROLE cursor_stranger;
SELECT * FROM itemize.cursor_key;
SELECT count(*) FROM itemize.search('thing', order_by => 'level', max_rows => 1000, after => :'behind');
RESET ROLE;
BEGIN;
DELETE FROM itemize.cursor_key;
SELECT * FROM itemize.search('thing');
ROLLBACK;

SELECT itemize.undefine('thing');
DELETE FROM itemize.currency_rate WHERE source = 'test';
DROP SCHEMA paging CASCADE;
DROP ROLE cursor_stranger;
