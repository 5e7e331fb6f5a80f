-- Searches whose plans have parallel workers find what others find: each worker reads its own caches of languages, rates and
-- definitions, with the leader's settings and as the leader's role.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA parallelism;
SET search_path = parallelism, public;
CREATE TABLE doc (
  id integer PRIMARY KEY, name text NOT NULL, kind text NOT NULL, price numeric(10, 2) NOT NULL, currency text NOT NULL, lang text NOT NULL, place geometry(Point, 4326), host text NOT NULL);
INSERT INTO doc
SELECT i, 'the houses of w' || i % 50, 'k' || i % 4, i % 1000, (ARRAY['EUR', 'USD', 'JPY'])[1 + i % 3], (ARRAY['en', 'nl'])[1 + i % 2],
       ST_SetSRID(ST_Point(i % 100 / 10.0, i / 100 / 10.0), 4326), 'h' || i % 2
FROM generate_series(1, 4000) i;
SELECT itemize.define('doc', 'parallelism.doc', fields => '{id,name}', text => '{"name": "A"}', language => 'lang', location => 'place', price => 'price', currency => 'currency',
  facets => '{kind}', read => 'everyone');
SELECT itemize.set_rates('{"USD": 1.25, "JPY": 150}', '2026-01-01', 'test');
VACUUM ANALYZE doc;

CREATE FUNCTION questions(OUT question text, OUT answer text) RETURNS SETOF record LANGUAGE sql AS $$
  SELECT 'words', string_agg(key || ' ' || score, ',') FROM itemize.search('doc', 'house w7', lang => 'en', max_rows => 100)
  UNION ALL SELECT 'price', string_agg(key || ' ' || price, ',') FROM itemize.search('doc', order_by => 'price.desc', price_max => 500, currency => 'USD', max_rows => 100)
  UNION ALL SELECT 'radius', string_agg(key || ' ' || distance, ',') FROM itemize.search('doc', near => ST_Point(5, 2), within => 30000, max_rows => 100)
  UNION ALL SELECT 'facets', string_agg(f::text, ',') FROM itemize.facets('doc', '{"kind": {}}', 'house', lang => 'en') f
  UNION ALL SELECT 'count', c::text FROM itemize.search_count('doc', 'house', lang => 'en', filters => '{"kind": "k1"}') c $$;
CREATE TABLE serial AS SELECT * FROM questions();
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT bool_or(line ~ 'Gather') AS words_in_parallel FROM itemize.explain_search('doc', 'house w7', lang => 'en', max_rows => 100) line;
SELECT bool_or(line ~ 'Gather') AS price_in_parallel FROM itemize.explain_search('doc', order_by => 'price.desc', price_max => 500, currency => 'USD', max_rows => 100) line;
SELECT question, p.answer IS NOT NULL AS answered, p.answer = s.answer AS same FROM questions() p JOIN serial s USING (question) ORDER BY question;

-- Policies, which are about a role and a setting.
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (host = current_setting('parallelism.host', true));
SELECT itemize.define('doc', 'parallelism.doc', fields => '{id,name}', text => '{"name": "A"}', language => 'lang', location => 'place', price => 'price', currency => 'currency',
  facets => '{kind}', read => 'nobody', replace => true);
CREATE ROLE parallelism_guest;
GRANT USAGE ON SCHEMA parallelism TO parallelism_guest;
GRANT SELECT ON doc TO parallelism_guest;
SET ROLE parallelism_guest;
SET parallelism.host = 'h1';
SELECT count(*), bool_and(key::integer % 2 = 1) AS own FROM itemize.search('doc', 'house w7', lang => 'en', max_rows => 1000);
SET parallelism.host = 'h0';
SELECT count(*), bool_and(key::integer % 2 = 0) AS own FROM itemize.search('doc', 'house w8', lang => 'en', max_rows => 1000);
RESET ROLE;
-- One column is enough to search by it, and no more than by it.
REVOKE SELECT ON doc FROM parallelism_guest;
GRANT SELECT (id, name, kind) ON doc TO parallelism_guest;
ALTER TABLE doc DISABLE ROW LEVEL SECURITY;
SET ROLE parallelism_guest;
SELECT count(*) FROM itemize.search('doc', filters => '{"kind": "k1"}', max_rows => 10);
SELECT count(*) FROM itemize.search('doc', price_max => 10, currency => 'EUR');
SELECT count(*) FROM itemize.search('doc', near => ST_Point(5, 2), within => 30000);
RESET ROLE;

SELECT itemize.undefine('doc');
DELETE FROM itemize.currency_rate WHERE source = 'test';
DROP SCHEMA parallelism CASCADE;
DROP ROLE parallelism_guest;
