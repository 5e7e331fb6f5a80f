-- Checksums of items: the same for the same items in any order, another for any other state of them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA summing;
SET search_path = summing, public;
\pset null <null>
CREATE TABLE thing (id int PRIMARY KEY, name text, secret text, about text);
INSERT INTO thing SELECT i, 'name ' || i, 'secret', CASE WHEN i % 100 = 0 THEN repeat(md5(i::text), 500) END FROM generate_series(1, 2000) i;
SELECT itemize.define('thing', 'summing.thing', fields => '{id,name,about}');
CREATE TABLE word (w text PRIMARY KEY, n int);
SELECT itemize.define('word', 'summing.word', fields => '{n}');

-- A key without an item is XXH64 of its text: the vectors of the reference implementation for 'a' and 'abc'.
SELECT bucket, key_count, item_count, checksum, generation = (SELECT generation FROM itemize.definitions WHERE type = 'word') AS current
FROM itemize.checksum('word', '{a}');
SELECT checksum FROM itemize.checksum('word', '{abc}');
-- They add up modulo 2^64, and a key that is asked for twice counts twice.
SELECT checksum = -3292477735350538661 + 4952883123889572249 AS sum, key_count FROM itemize.checksum('word', '{a,abc}');
SELECT checksum = 4952883123889572249::numeric * 3 - 18446744073709551616 AS three, key_count FROM itemize.checksum('word', '{abc,abc,abc}');
SELECT * FROM itemize.checksum('word', '{}');

-- Neither order nor the way of asking counts.
CREATE FUNCTION total(keys text[], buckets int DEFAULT 1) RETURNS numeric LANGUAGE sql AS
$$ SELECT mod(sum(checksum::numeric), 18446744073709551616) FROM itemize.checksum('thing', keys, buckets) $$;
CREATE VIEW every AS SELECT array_agg(i::text ORDER BY i) AS up, array_agg(i::text ORDER BY i DESC) AS down, array_agg(i::text ORDER BY md5(i::text)) AS mixed
FROM generate_series(1, 3000) i;
SELECT total(up) = total(down) AS down, total(up) = total(mixed) AS mixed FROM every;
SELECT count(*), sum(key_count), sum(item_count), min(bucket) >= 0 AND max(bucket) < 64 AS within FROM every, itemize.checksum('thing', mixed, 64);
SELECT count(*) AS differing FROM every, itemize.checksum('thing', up, 64) u JOIN itemize.checksum('thing', down, 64) d USING (bucket)
WHERE (u.*) IS DISTINCT FROM (d.*);
CREATE TABLE before AS SELECT c.* FROM every, itemize.checksum('thing', up, 64) c;

-- What is not in the fields does not count; any change of what is does, in its key's bucket only.
CREATE FUNCTION changed() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM summing.every, summing.before b JOIN itemize.checksum('thing', up, 64) c USING (bucket) WHERE b.checksum <> c.checksum $$;
UPDATE thing SET secret = 'other';
SELECT changed();
BEGIN; UPDATE thing SET name = 'Name 7' WHERE id = 7; SELECT changed(); ROLLBACK;
BEGIN; UPDATE thing SET name = NULL WHERE id = 7; SELECT changed(); ROLLBACK;
BEGIN; DELETE FROM thing WHERE id = 7; SELECT changed(); ROLLBACK;
BEGIN; INSERT INTO thing VALUES (2500); SELECT changed(); ROLLBACK;
BEGIN; UPDATE thing SET about = overlay(about PLACING 'X' FROM 9000) WHERE id = 700; SELECT changed(); ROLLBACK;
BEGIN; UPDATE thing a SET name = b.name FROM thing b WHERE (a.id, b.id) IN ((7, 8), (8, 7));
SELECT changed() BETWEEN 1 AND 2 AS swap_is_seen; ROLLBACK;
SELECT changed();

-- A key counts in its canonical text only; another text is a key without an item.
SELECT item_count FROM itemize.checksum('thing', '{1,01,1%20,x,"1,2"}');

-- Errors.
SELECT * FROM itemize.checksum('nowhere', '{1}');
SELECT * FROM itemize.checksum('thing', '{1,NULL}');
SELECT * FROM itemize.checksum('thing', ARRAY(SELECT i::text FROM generate_series(1, 10001) i));
SELECT * FROM itemize.checksum('thing', '{1}', 0);
SELECT * FROM itemize.checksum('thing', '{1}', 10001);
SELECT * FROM itemize.checksum('thing', NULL);

-- Nobody may call it until it is granted, and then it needs no right on the table.
CREATE ROLE regress_itemize_summer;
SELECT has_function_privilege('regress_itemize_summer', 'itemize.checksum(text, text[], integer)', 'EXECUTE') AS granted;
GRANT EXECUTE ON FUNCTION itemize.checksum(text, text[], integer) TO regress_itemize_summer;
SET ROLE regress_itemize_summer;
SELECT key_count, item_count FROM itemize.checksum('thing', '{1,2,9999}');
RESET ROLE;
DROP OWNED BY regress_itemize_summer;
DROP ROLE regress_itemize_summer;
SELECT itemize.undefine('thing'), itemize.undefine('word');
SET client_min_messages = error;
DROP SCHEMA summing CASCADE;
