-- Roles, tables and the item type of the latency benchmark.
SET client_min_messages = warning;
CREATE EXTENSION itemize CASCADE;
CREATE ROLE itemize_global LOGIN REPLICATION;
CREATE ROLE itemize_reader LOGIN;
GRANT USAGE ON SCHEMA itemize TO itemize_reader;
GRANT SELECT ON itemize.definitions TO itemize_reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text) TO itemize_reader;
GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO itemize_global;

CREATE TABLE place (
  id         bigint PRIMARY KEY,
  name       text NOT NULL,
  price      numeric,
  location   geography(Point, 4326),
  updated_at timestamptz
);
INSERT INTO place SELECT id, 'Place number ' || id, 20 + id, ST_Point(4.4 + id / 1000.0, 51.2), now()
FROM generate_series(1, 100) id;
-- The same table, but for what itemize does with it.
CREATE TABLE notice (LIKE place INCLUDING ALL);
INSERT INTO notice TABLE place;
SELECT itemize.define('place', 'place', fields => '{id,name,price,location,updated_at}', read => 'everyone');
