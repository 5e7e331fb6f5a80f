-- The rows of bench-search, three times: as an item type, as one writes a search by hand, and as the framework that this
-- design comes from kept them. psql variables: generator (a program), rows.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION itemize CASCADE;

CREATE TABLE offer (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  description text NOT NULL,
  lang text NOT NULL,
  kind text NOT NULL,
  beds int NOT NULL,
  price numeric(12,2) NOT NULL,
  currency text NOT NULL,
  location geography(Point, 4326) NOT NULL,
  changed timestamptz NOT NULL);
CREATE TABLE by_hand (LIKE offer INCLUDING ALL);

SELECT itemize.set_rates('{"USD": 1.08, "GBP": 0.85, "JPY": 160}', source => 'bench');
SELECT itemize.define('offer', 'public.offer', key => 'id', fields => '{name,description,beds}', read => 'everyone',
  text => '{"name": "A", "description": "B"}', language => 'lang', location => 'location', price => 'price',
  currency => 'currency', facets => '{kind,beds}', changed => 'changed');
-- The column that ranking reads is there before the rows: adding it later would write them twice.
SELECT statement FROM itemize.search_indexes('offer') WHERE statement LIKE 'ALTER TABLE%' \gexec
SELECT format('COPY offer (id, name, description, lang, kind, beds, price, currency, location, changed) FROM PROGRAM %L',
              :'generator' || ' rows ' || :rows) \gexec
SELECT statement FROM itemize.search_indexes('offer') WHERE statement LIKE 'CREATE INDEX%' \gexec
CREATE INDEX ON offer (kind, changed);

ALTER TABLE by_hand ADD tsv tsvector GENERATED ALWAYS AS (
  setweight(to_tsvector(CASE lang WHEN 'en' THEN regconfig 'english' WHEN 'nl' THEN regconfig 'dutch' ELSE regconfig 'german' END, name), 'A') ||
  setweight(to_tsvector(CASE lang WHEN 'en' THEN regconfig 'english' WHEN 'nl' THEN regconfig 'dutch' ELSE regconfig 'german' END, description), 'B'))
  STORED;
INSERT INTO by_hand SELECT id, name, description, lang, kind, beds, price, currency, location, changed FROM offer ORDER BY id;
CREATE INDEX ON by_hand USING gin (tsv);
CREATE INDEX ON by_hand USING gist (location);
CREATE INDEX ON by_hand (currency, price);
CREATE INDEX ON by_hand (kind, changed);

CREATE TABLE framework AS
SELECT *, CASE lang WHEN 'en' THEN regconfig 'english' WHEN 'nl' THEN regconfig 'dutch' ELSE regconfig 'german' END AS dictionary,
       location::geometry AS place
FROM by_hand ORDER BY id;
ALTER TABLE framework ADD PRIMARY KEY (id);
CREATE INDEX ON framework USING gin (tsv);
CREATE INDEX ON framework USING gist (place);
CREATE INDEX ON framework (currency, price);
CREATE TABLE currency_factor (currency text PRIMARY KEY, factor numeric NOT NULL);
INSERT INTO currency_factor VALUES ('EUR', 1.08), ('USD', 1), ('GBP', 1.08 / 0.85), ('JPY', 1.08 / 160);

VACUUM (ANALYZE) offer;
VACUUM (ANALYZE) by_hand;
VACUUM (ANALYZE) framework;
ANALYZE currency_factor;
CHECKPOINT;
