-- Prices in a visitor's currency over rows in many: exact at the bounds, whatever the rates; rows that cannot be compared.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA pricing;
SET search_path = pricing, public;
\pset null <null>
DELETE FROM itemize.currency_rate;
-- Rates whose quotients do not end, one that is long; KWD has none.
SELECT itemize.set_rates('{"USD": 1.1684, "JPY": 186.75, "GBP": 3, "CHF": 7, "SEK": 10.892000000000000000000000000001}', '2026-04-13', 'test');
SELECT itemize.set_rates('{"USD": 1.1684}', '2026-04-13', 'test'), itemize.set_rates('{"USD": 2}', now() + interval '1 year', 'not yet');
SELECT currency, rate, source FROM itemize.current_rates ORDER BY currency;
SELECT currency, rate FROM itemize.rates_at('2026-04-12') ORDER BY currency;
-- Nothing but a query: the planner sees into it.
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || statement; END $$;
SELECT bool_or(line ~ 'Function Scan') AS is_called FROM plan_of('SELECT * FROM itemize.current_rates') line;

-- itemize.convert
SELECT itemize.convert(100, 'EUR', 'USD') AS to_usd, itemize.convert(116.84, 'usd', 'eur') AS to_eur, itemize.convert(1, 'GBP', 'CHF') AS endless,
  itemize.convert(3, 'GBP', 'CHF') AS even, itemize.convert(0.1, 'KWD', 'KWD') AS itself, itemize.convert(NULL, 'EUR', 'USD') AS nothing;
SELECT c.code, itemize.convert(a.amount, c.code, c.code, rounded => true) FROM (VALUES ('EUR'), ('JPY'), ('KWD'), ('XAU'), ('CLF')) AS c (code),
  (VALUES (1.23456789), (-0.5)) AS a (amount) ORDER BY 1, 2;
SELECT itemize.convert(1, 'EUR', 'USD', '2020-01-01');
SELECT itemize.convert(1, 'EUR', 'KWD', 'infinity');
SELECT itemize.convert(1, 'EUR', 'XXX');
SELECT itemize.set_rates('{"ABC": 1}');
SELECT itemize.set_rates('{"USD": 0}');
SELECT itemize.set_rates('{"USD": "NaN"}');
SELECT itemize.set_rates('{"USD": 1e40}');
SELECT itemize.set_rates('{"USD": null}');
SELECT itemize.set_rates('{"EUR": 1.01}');
SELECT itemize.set_rates('[1]');
INSERT INTO itemize.currency_rate VALUES ('EUR', '2026-04-13', 2);
INSERT INTO itemize.currency_rate VALUES ('GBP', '2026-04-14', 'NaN');
-- Who may not write rates can read them.
CREATE ROLE price_visitor;
SET ROLE price_visitor;
SELECT itemize.set_rates('{"USD": 1}');
INSERT INTO itemize.currency_rate VALUES ('USD', '2026-04-14', 2);
SELECT itemize.convert(1, 'EUR', 'USD'), (SELECT count(*) FROM itemize.current_rates);
RESET ROLE;
DROP ROLE price_visitor;

CREATE TABLE stay (id int PRIMARY KEY, price numeric, currency text, note text);
INSERT INTO stay VALUES (1, 100, 'EUR', '100 euros'), (2, 116.84, 'USD', '100 euros'), (3, 18675, 'JPY', '100 euros'), (4, 300, 'GBP', '100 euros'),
  (5, 700, 'CHF', '100 euros'), (6, 10, 'KWD', 'no rate'), (7, NULL, 'EUR', 'no price'), (8, 50, NULL, 'no currency'), (9, 50, 'eur', 'no code'),
  (10, 99.99, 'EUR', 'less'), (11, 100.01, 'EUR', 'more'), (12, 116.83, 'USD', 'less'), (13, 18676, 'JPY', 'more'),
  (14, 1, 'GBP', 'a third of a euro'), (15, 0.42857142857142857142, 'GBP', 'below 1/7 of a euro'), (16, 0.42857142857142857143, 'GBP', 'above it'),
  (17, -5, 'EUR', 'negative'), (18, 1089.2, 'SEK', 'below 100 euros'), (19, 1089.20000000000000000001, 'SEK', 'just above'), (20, 1089.2000000000000000001, 'SEK', 'just above');
SELECT itemize.define('stay', 'pricing.stay', fields => '{id,price,currency,note}', price => 'price', currency => 'currency', read => 'everyone');
CREATE FUNCTION found(low numeric, high numeric, currency text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(key, ',' ORDER BY key::int), '-') FROM itemize.search('stay', price_min => low, price_max => high, currency => currency, max_rows => 100) $$;

-- Exactly at a bound is in; the least beyond is out.
SELECT currency, found(bound, bound, currency) AS at, found(bound, NULL, currency) AS from_on, found(NULL, bound, currency) AS up_to
FROM (VALUES ('EUR', 100), ('USD', 116.84), ('JPY', 18675), ('GBP', 300), ('chf', 700)) AS v (currency, bound);
SELECT found(99.99, 99.99, 'EUR'), found(100.01, 100.01, 'EUR'), found(100.000000000000000001, 101, 'EUR'), found(99, 99.999999999999999999, 'EUR');
-- A seventh of a euro is 3/7 of a pound at these rates, which no decimal is.
SELECT found(1, 1, 'CHF') AS nothing, found(0, 1, 'CHF') AS below, found(1, 2, 'CHF') AS above;
SELECT found(2, 1, 'EUR') AS nothing, found(-10, 0, 'USD') AS negative, found(NULL, NULL, 'EUR') AS no_bounds, found(10, 10, 'KWD') AS own;
-- By rational numbers: price * own rate, against bound * their rate.
SELECT bool_and((id::text = ANY(string_to_array(found(low, high, 'CHF'), ','))) = (price * 7 >= low * rate AND price * 7 <= high * rate)) AS agree, count(*)
FROM (SELECT s.id, s.price, r.rate, i / 7.0 AS low, i / 3.0 + 1 AS high FROM stay s JOIN itemize.current_rates r USING (currency), generate_series(0, 700, 100) i
      WHERE s.price IS NOT NULL) AS pairs;

-- In order, which is exact; what has no price in that currency comes last. The price is shown as what can be paid.
SELECT key, price FROM itemize.search('stay', currency => 'USD', order_by => 'price', max_rows => 100);
SELECT string_agg(key, ',') FROM itemize.search('stay', currency => 'USD', order_by => 'price.desc', max_rows => 100);
SELECT count(*) FILTER (WHERE f.price = itemize.convert(s.price, s.currency, 'CHF', rounded => true)) AS as_convert, count(f.price) AS prices
FROM itemize.search('stay', currency => 'CHF', max_rows => 100) f JOIN stay s ON s.id::text = f.key WHERE s.currency <> 'KWD';
-- The page after goes on where one ended.
WITH RECURSIVE page AS (
  (SELECT key, cursor, 1 AS n FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 1))
  UNION ALL SELECT f.key, f.cursor, p.n + 1 FROM page p, LATERAL itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 1, after => p.cursor) f)
SELECT count(*), count(DISTINCT key) FROM page;
-- To the minor units of the currency: none of the yen, three of the dinar, and what is not paid is not rounded.
SELECT c.code, s.price FROM (VALUES ('JPY'), ('KWD'), ('XAU')) c (code), itemize.search('stay', currency => c.code, filters => '{"id": 14}') s ORDER BY 1;
SELECT itemize.set_rates('{"KWD": 0.36, "XAU": 0.00025}', '2026-04-13', 'metal');
SELECT c.code, s.price FROM (VALUES ('JPY'), ('KWD'), ('XAU')) c (code), itemize.search('stay', currency => c.code, filters => '{"id": 14}') s ORDER BY 1;
DELETE FROM itemize.currency_rate WHERE source = 'metal';

-- Rates that change between two pages: the pages go on by those of the first.
CREATE TABLE exact_order AS SELECT string_agg(key, ',') AS keys FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 100);
SELECT string_agg(key, ',') AS keys, (array_agg(cursor))[4] AS behind FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 4) \gset
SELECT itemize.set_rates('{"USD": 40, "SEK": 0.5, "GBP": 0.01}');
SELECT concat_ws(',', :'keys', string_agg(key, ',')) = (SELECT keys FROM exact_order) AS as_begun FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 100, after => :'behind');
SELECT string_agg(key || ' ' || price, ', ') AS by_rates_of_the_first_page FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 20, after => :'behind') WHERE key IN ('2', '12');
SELECT string_agg(key || ' ' || price, ', ') AS by_rates_of_now FROM itemize.search('stay', currency => 'CHF', order_by => 'price', max_rows => 20) WHERE key IN ('2', '12');
-- Rates that are there no more as they were.
BEGIN;
SELECT itemize.set_rates('{"USD": 1.17}', '2026-04-13', 'test');
SELECT count(*) FROM itemize.search('stay', currency => 'CHF', order_by => 'price', after => :'behind');
ROLLBACK;
BEGIN;
SELECT itemize.set_rates('{"USD": 1.17}', '2026-04-14', 'newer than the first page''s, and said late');
SELECT count(*) > 0 AS goes_on FROM itemize.search('stay', currency => 'CHF', order_by => 'price', after => :'behind');
ROLLBACK;
DELETE FROM itemize.currency_rate WHERE valid_from > '2026-04-14' AND source IS NULL;
SELECT count(*) > 0 AS goes_on FROM itemize.search('stay', currency => 'CHF', order_by => 'price', after => :'behind');
-- Orders that are not by a converted price have nothing to do with it.
SELECT cursor AS behind FROM itemize.search('stay', currency => 'CHF', order_by => 'key', max_rows => 1) \gset
BEGIN;
SELECT itemize.set_rates('{"USD": 1.17}', '2026-04-13', 'test');
SELECT count(*) FROM itemize.search('stay', currency => 'CHF', order_by => 'key', after => :'behind');
ROLLBACK;

-- What cannot be asked.
SELECT found(1, 2, NULL);
SELECT found(1, 2, 'XXX');
SELECT found('NaN', 2, 'EUR');
SELECT found('1e131071', NULL, 'USD');
SELECT found('1e-16383', '1e131000', 'JPY');
SELECT count(*) FROM itemize.search('stay', order_by => 'price');
SELECT count(*), count(price) FROM itemize.search('stay', max_rows => 100);
SET client_min_messages = notice;
SELECT count(*) FROM itemize.search('stay', price_min => 1, currency => 'KWD', order_by => 'price') WHERE key = '6';
SELECT count(*) FROM itemize.search('stay', currency => 'KWD', order_by => 'price', max_rows => 1000) WHERE key = '6';
SET client_min_messages = warning;

-- The bounds are on the columns, so an index on both serves.
CREATE INDEX ON stay (currency, price);
SET enable_seqscan = off;
SELECT regexp_replace(line, '^ *-> *| *\(cost.*', '', 'g') AS node, count(*) FROM itemize.explain_search('stay', price_min => 90, price_max => 110, currency => 'EUR', order_by => 'note') AS line
WHERE line LIKE '%->%' GROUP BY 1 HAVING count(*) > 1;
RESET enable_seqscan;

-- In order by the index, whatever the column's type; and behind prices that are hardly any, or have no end, pages go on.
SELECT itemize.set_rates('{"BHD": 0.00001, "IDR": 18000}', '2026-04-14', 'test');
CREATE TABLE trifle (id int PRIMARY KEY, price int, currency char(3));
INSERT INTO trifle SELECT i, 1 + i / 50, CASE WHEN i > 100 THEN 'JPY' ELSE 'IDR' END FROM generate_series(1, 120) i;
CREATE INDEX ON trifle ((currency::text), (price::numeric));
CREATE TABLE extreme (id int PRIMARY KEY, price numeric, currency text);
INSERT INTO extreme SELECT i, ('{0,-5,0.001,Infinity,-Infinity,NaN,1e60}'::numeric[])[1 + i % 7], CASE WHEN i % 2 = 0 THEN 'EUR' ELSE 'IDR' END FROM generate_series(1, 120) i;
CREATE INDEX ON extreme (currency, price);
SELECT itemize.define(t, 'pricing.' || t, fields => '{id,price}', price => 'price', currency => 'currency', read => 'everyone') FROM unnest('{trifle,extreme}'::text[]) t;
CREATE FUNCTION paged(item text, by text) RETURNS TABLE (rows bigint, keys bigint) LANGUAGE sql AS $$
WITH RECURSIVE page AS (
  (SELECT key, cursor, row_number() OVER () AS n FROM itemize.search(item, currency => 'BHD', order_by => by, max_rows => 7))
  UNION ALL SELECT f.* FROM page p, LATERAL (SELECT key, cursor, row_number() OVER () AS n FROM itemize.search(item, currency => 'BHD', order_by => by, max_rows => 7, after => p.cursor)) f WHERE p.n = 7)
SELECT count(*), count(DISTINCT key) FROM page $$;
SELECT t, by, (paged(t, by)).* FROM unnest('{trifle,extreme}'::text[]) t, unnest('{price,price.desc}'::text[]) by;
-- Where so little is left of prices that they are equal when they are converted, their key orders them.
BEGIN;
SELECT itemize.set_rates('{"BHD": "0.000000000000001", "IDR": "1000000000000000"}', '2026-04-15', 'test');
TRUNCATE trifle;
INSERT INTO trifle SELECT i, 51 - i, 'IDR' FROM generate_series(1, 50) i;
SELECT by, (paged('trifle', by)).* FROM unnest('{price,price.desc}'::text[]) by;
ROLLBACK;
SET enable_seqscan = off;
SELECT count(*) FROM itemize.explain_search('trifle', currency => 'BHD', order_by => 'price') AS line WHERE line LIKE '%Index Scan using trifle_currency_price_idx%';
RESET enable_seqscan;

-- More currencies than are written out one by one give the same rows.
CREATE TABLE before AS SELECT bound, found(bound, bound + 17, 'USD') AS keys FROM generate_series(-10, 200, 15) bound;
INSERT INTO itemize.currency_rate SELECT code, '2026-04-13', 1000000 FROM itemize.currency WHERE code NOT IN ('EUR', 'USD', 'JPY', 'GBP', 'CHF', 'SEK', 'KWD');
SELECT count(*) > 64 AS many FROM itemize.current_rates;
SELECT count(*) AS bounds, count(*) FILTER (WHERE found(bound, bound + 17, 'USD') <> keys) AS different FROM before;
SELECT found(116.84, 116.84, 'USD') AS at, found(1, NULL, 'CHF') = '1,2,3,4,5,10,11,12,13,14,16,18,19,20' AS low_only;

-- One currency for all rows.
CREATE TABLE ticket (id int PRIMARY KEY, price int);
INSERT INTO ticket SELECT i, i FROM generate_series(1, 20) i;
SELECT itemize.define('ticket', 'pricing.ticket', fields => '{id,price}', price => 'price', currency => 'GBP', read => 'everyone');
SELECT string_agg(key, ',') FROM itemize.search('ticket', price_min => 3, price_max => 5);
SELECT string_agg(key, ',') FROM itemize.search('ticket', price_min => 3, price_max => 5, currency => 'gbp');
SELECT string_agg(key || ' ' || price, ', ') FROM itemize.search('ticket', price_min => 7, price_max => 14, currency => 'CHF');
SELECT string_agg(key, ',') FROM itemize.search('ticket', price_min => 7.000000000000000001, price_max => 13.999999999999999999, currency => 'CHF');
SELECT count(*) FROM itemize.search('ticket', price_max => 5, currency => 'KWD');
DELETE FROM itemize.currency_rate;
SELECT count(*) FROM itemize.search('ticket', price_max => 5, currency => 'EUR');
SELECT count(*) FROM itemize.search('ticket', price_max => 5, currency => 'GBP');
DROP SCHEMA pricing CASCADE;
