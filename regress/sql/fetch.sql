-- Items by key and in key order.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA fetching;
SET search_path = fetching, public;
CREATE TABLE one (id bigint PRIMARY KEY, name text, secret text);
INSERT INTO one SELECT i, 'name ' || i, 'secret' FROM generate_series(-2, 2000) i;
SELECT itemize.define('one', 'fetching.one', fields => '{name,id}');
\pset null <null>

-- Missing keys are reported, in the order asked; the same key may be asked twice; secret never shows.
SELECT key, item, member_lengths, generation = (SELECT generation FROM itemize.definitions WHERE type = 'one') AS current FROM itemize.fetch('one', '{3,99999,-2,3}');
SELECT key, item FROM itemize.fetch('one', '{}');
SELECT count(*), count(item) FROM itemize.fetch('one', ARRAY(SELECT i::text FROM generate_series(1, 10000) i));
-- A key counts in its canonical text only, and what is no key at all is missing, never an error.
SELECT left(key, 30) AS key, item IS NULL AS missing FROM itemize.fetch('one', ARRAY['03', '+3', ' 3', '3 ', '3%20', '%33', 'x', '', '3,4', '%', '%zz', '99999999999999999999', '1e1', '%00', '%ff', repeat('9', 5000), '3']);
SELECT itemize.item_json('one', '1'), itemize.item_json('one', 'nope');
-- Errors.
SELECT * FROM itemize.fetch('nowhere', '{1}');
SELECT * FROM itemize.fetch('one', '{1,NULL}');
SELECT * FROM itemize.fetch('one', ARRAY(SELECT i::text FROM generate_series(1, 10001) i));
SELECT * FROM itemize.list('one', 0);
SELECT * FROM itemize.list('one', 1001);
SELECT * FROM itemize.list('one', 10, 'x');
SELECT * FROM itemize.list(NULL);

-- Paging in key order: every row once.
SELECT key FROM itemize.list('one', 3);
SELECT key FROM itemize.list('one', 3, after => '0');
WITH RECURSIVE page AS (
  SELECT array_agg(key) AS keys FROM itemize.list('one', 700)
  UNION ALL SELECT (SELECT array_agg(l.key) FROM itemize.list('one', 700, p.keys[cardinality(p.keys)]) l) FROM page p WHERE p.keys IS NOT NULL)
SELECT count(*), count(DISTINCT k), min(k::bigint), max(k::bigint) FROM page, unnest(keys) k;

-- Composite keys: values percent-encoded, joined by commas.
CREATE TABLE two (a text, b integer, c date, v jsonb, PRIMARY KEY (b, a, c));
INSERT INTO two VALUES ('x,y', 1, '2024-01-01', '{"k": 1}'), ('é/ä', 1, '2024-01-02', NULL), ('', 2, '2024-01-03', '[]'), ('%', -1, 'infinity', '0');
SELECT itemize.define('two', 'fetching.two', key => 'a,b,c', fields => '{a,v}');
SELECT key, item FROM itemize.list('two');
SELECT key, item FROM itemize.fetch('two', '{"x%2Cy,1,2024-01-01","x%2cy,1,2024-01-01","x,y,1,2024-01-01","%C3%A9%2F%C3%A4,1,2024-01-02",",2,2024-01-03","%25,-1,infinity","x%2Cy,1"}');
SELECT key FROM itemize.list('two', 10, 'x%2Cy,1,2024-01-01');

-- Keys of every type that a key may have.
CREATE TYPE colour AS ENUM ('red', 'light "blue"');
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TABLE keys (s smallint, i integer, b bigint, t text, v varchar(20), u uuid, d date, ts timestamp, tz timestamptz, bo boolean, e colour, c code, PRIMARY KEY (s));
INSERT INTO keys VALUES (1, 2, 3, 'täxt', 'v c', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29', '2024-02-29 12:00:00.5', '2024-02-29 12:00+02', true, 'light "blue"', 'k:1');
DO $$
DECLARE column_name text; key text; found boolean;
BEGIN
  FOREACH column_name IN ARRAY '{s,i,b,t,v,u,d,ts,tz,bo,e,c}'::text[] LOOP
    EXECUTE format('CREATE TABLE fetching.by_%s AS SELECT * FROM fetching.keys', column_name);
    EXECUTE format('ALTER TABLE fetching.by_%s ADD PRIMARY KEY (%1$s)', column_name);
    BEGIN
      PERFORM itemize.define('by_' || column_name, 'fetching.by_' || column_name, fields => '{s}');
      SELECT l.key INTO key FROM itemize.list('by_' || column_name) l;
      SELECT f.item IS NOT NULL INTO found FROM itemize.fetch('by_' || column_name, ARRAY[key]) f;
      RAISE WARNING '% is found by %: %', column_name, key, found;
    EXCEPTION WHEN OTHERS THEN RAISE WARNING '% is refused: %', column_name, SQLERRM;
    END;
  END LOOP;
END $$;

-- What an item is does not depend on who asks; who may ask is granted. Row-level security does not hide items here.
CREATE ROLE fetch_reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.item_json(text, text), itemize.list(text, integer, text) TO fetch_reader;
CREATE ROLE fetch_nobody;
ALTER TABLE one ENABLE ROW LEVEL SECURITY;
ALTER TABLE one FORCE ROW LEVEL SECURITY;
SET ROLE fetch_reader;
SELECT itemize.item_json('one', '7');
SELECT count(*) FROM itemize.list('one', 5);
SELECT current_user;
SELECT * FROM fetching.one;
RESET ROLE;
SET ROLE fetch_nobody;
SELECT itemize.item_json('one', '7');
SELECT * FROM itemize.fetch('one', '{7}');
SELECT * FROM itemize.list('one');
RESET ROLE;
-- After an error within, the caller is still himself.
SET ROLE fetch_reader;
SELECT * FROM itemize.list('one', 1, 'bad');
SELECT current_user, current_setting('DateStyle') LIKE 'ISO, YMD' AS settings_leaked;
RESET ROLE;

-- Inside one statement, fetch sees what the statement's snapshot sees.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT item FROM itemize.fetch('one', '{1}');
UPDATE one SET name = 'mine' WHERE id = 1;
SELECT item FROM itemize.fetch('one', '{1}');
ROLLBACK;
-- The definition is that of the snapshot as well: one made since is not mixed with rows from before it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT item FROM itemize.fetch('one', '{1}');
\setenv PGDATABASE_OF_TEST :DBNAME
\! psql -qAtX -c "SET client_min_messages = warning; CREATE TABLE fetching.other (id bigint PRIMARY KEY, word text); INSERT INTO fetching.other VALUES (1, 'other'); SELECT itemize.define('one', 'fetching.other', fields => '{word}', replace => true)" "$PGDATABASE_OF_TEST"
SELECT item FROM itemize.fetch('one', '{1}');
COMMIT;
SELECT item FROM itemize.fetch('one', '{1}');
SELECT itemize.define('one', 'fetching.one', fields => '{name,id}', replace => true);
-- A table renamed, a column renamed: the next call follows.
ALTER TABLE one RENAME TO "One, renamed";
ALTER TABLE "One, renamed" RENAME COLUMN name TO "the ""name""";
SELECT item FROM itemize.fetch('one', '{1}');
-- Only the table's own rows, not those of tables that inherit from it.
CREATE TABLE child () INHERITS ("One, renamed");
INSERT INTO child VALUES (5000, 'child', 'x');
SELECT key, item FROM itemize.fetch('one', '{5000}');

SELECT bool_and(itemize.undefine(type)) FROM itemize.definitions WHERE source LIKE 'fetching.%';
REVOKE ALL ON FUNCTION itemize.fetch(text, text[]), itemize.item_json(text, text), itemize.list(text, integer, text) FROM fetch_reader;
DROP ROLE fetch_reader, fetch_nobody;
DROP SCHEMA fetching CASCADE;
