-- Search. Everybody may call these: what of an item type somebody sees is decided in them, by the definition's rule, or
-- by the privileges and policies of the table.

-- Cursors are sealed with this key, so that one that comes back is as it was made. Not dumped: each database has a key of
-- its own. 244 random bits of the server's strong generator.
CREATE TABLE @extschema@.cursor_key (
  key bytea NOT NULL CHECK (pg_catalog.octet_length(key) OPERATOR(pg_catalog.=) 32)
);
ALTER TABLE @extschema@.cursor_key ALTER key SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.cursor_key IS 'one row: the key by which searches know their cursors';
REVOKE ALL ON @extschema@.cursor_key FROM PUBLIC;
INSERT INTO @extschema@.cursor_key
SELECT pg_catalog.decode(pg_catalog.replace(pg_catalog.concat(pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid()), '-', ''), 'hex');

-- A type of its own: what RETURNS TABLE declares is looked up column by column, several times in each call.
CREATE TYPE @extschema@.search_row AS (
  key text, score real, distance double precision, price numeric, headline text, cursor text, relaxed boolean
);
COMMENT ON TYPE @extschema@.search_row IS 'a row of itemize.search';

-- A type without a schema is PostGIS's: the schemas of required extensions are on the search_path of this script.
CREATE FUNCTION @extschema@.search(
  type      text,
  query     text               DEFAULT NULL,
  lang      text               DEFAULT NULL,
  near      geometry           DEFAULT NULL,
  within    double precision   DEFAULT NULL,
  bbox      double precision[] DEFAULT NULL,
  area      geometry           DEFAULT NULL,
  price_min numeric            DEFAULT NULL,
  price_max numeric            DEFAULT NULL,
  currency  text               DEFAULT NULL,
  filters   jsonb              DEFAULT NULL,
  since     timestamptz        DEFAULT NULL,
  until     timestamptz        DEFAULT NULL,
  owner     text               DEFAULT NULL,
  parent    text               DEFAULT NULL,
  order_by  text               DEFAULT NULL,
  max_rows  integer            DEFAULT 20,
  after     text               DEFAULT NULL
) RETURNS SETOF @extschema@.search_row
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 20 COST 10000 AS 'MODULE_PATHNAME', 'itemize_search';
COMMENT ON FUNCTION @extschema@.search(text, text, text, geometry, double precision, double precision[], geometry, numeric, numeric, text, jsonb, timestamptz, timestamptz, text, text, text, integer, text)
  IS 'the best rows of an item type for words, a place, a price and filters, a page at a time';

CREATE FUNCTION @extschema@.search_count(
  type      text,
  query     text               DEFAULT NULL,
  lang      text               DEFAULT NULL,
  near      geometry           DEFAULT NULL,
  within    double precision   DEFAULT NULL,
  bbox      double precision[] DEFAULT NULL,
  area      geometry           DEFAULT NULL,
  price_min numeric            DEFAULT NULL,
  price_max numeric            DEFAULT NULL,
  currency  text               DEFAULT NULL,
  filters   jsonb              DEFAULT NULL,
  since     timestamptz        DEFAULT NULL,
  until     timestamptz        DEFAULT NULL,
  owner     text               DEFAULT NULL,
  parent    text               DEFAULT NULL,
  exact     boolean            DEFAULT false
) RETURNS TABLE (total bigint, exact boolean)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1 COST 10000 AS 'MODULE_PATHNAME', 'itemize_search_count';
COMMENT ON FUNCTION @extschema@.search_count(text, text, text, geometry, double precision, double precision[], geometry, numeric, numeric, text, jsonb, timestamptz, timestamptz, text, text, boolean)
  IS 'how many rows a search finds: counted where they are few or it is asked for, else as the planner estimates';

CREATE FUNCTION @extschema@.explain_search(
  type      text,
  query     text               DEFAULT NULL,
  lang      text               DEFAULT NULL,
  near      geometry           DEFAULT NULL,
  within    double precision   DEFAULT NULL,
  bbox      double precision[] DEFAULT NULL,
  area      geometry           DEFAULT NULL,
  price_min numeric            DEFAULT NULL,
  price_max numeric            DEFAULT NULL,
  currency  text               DEFAULT NULL,
  filters   jsonb              DEFAULT NULL,
  since     timestamptz        DEFAULT NULL,
  until     timestamptz        DEFAULT NULL,
  owner     text               DEFAULT NULL,
  parent    text               DEFAULT NULL,
  order_by  text               DEFAULT NULL,
  max_rows  integer            DEFAULT 20,
  after     text               DEFAULT NULL
) RETURNS SETOF text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_explain_search';
COMMENT ON FUNCTION @extschema@.explain_search(text, text, text, geometry, double precision, double precision[], geometry, numeric, numeric, text, jsonb, timestamptz, timestamptz, text, text, text, integer, text)
  IS 'the statement that a search runs, and its plan';
