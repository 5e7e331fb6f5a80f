-- Counts over what a question finds: by values, ranges and intervals, and on a map. Everybody may call these, as
-- itemize.search: they count the rows that a search shows.

CREATE FUNCTION @extschema@.facets(
  type       text,
  facets     jsonb,
  query      text               DEFAULT NULL,
  lang       text               DEFAULT NULL,
  near       geometry           DEFAULT NULL,
  within     double precision   DEFAULT NULL,
  bbox       double precision[] DEFAULT NULL,
  area       geometry           DEFAULT NULL,
  price_min  numeric            DEFAULT NULL,
  price_max  numeric            DEFAULT NULL,
  currency   text               DEFAULT NULL,
  filters    jsonb              DEFAULT NULL,
  since      timestamptz        DEFAULT NULL,
  until      timestamptz        DEFAULT NULL,
  owner      text               DEFAULT NULL,
  parent     text               DEFAULT NULL,
  max_values integer            DEFAULT 20
) RETURNS TABLE (facet text, value text, low text, high text, count bigint)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 50 COST 10000 AS 'MODULE_PATHNAME', 'itemize_facets';
COMMENT ON FUNCTION @extschema@.facets(text, jsonb, text, text, geometry, double precision, double precision[], geometry, numeric, numeric, text, jsonb, timestamptz, timestamptz, text, text, integer)
  IS 'how many of the rows that a search finds have which values: by value, range, interval or date';

CREATE FUNCTION @extschema@.map_clusters(
  type       text,
  zoom       integer,
  query      text               DEFAULT NULL,
  lang       text               DEFAULT NULL,
  near       geometry           DEFAULT NULL,
  within     double precision   DEFAULT NULL,
  bbox       double precision[] DEFAULT NULL,
  area       geometry           DEFAULT NULL,
  price_min  numeric            DEFAULT NULL,
  price_max  numeric            DEFAULT NULL,
  currency   text               DEFAULT NULL,
  filters    jsonb              DEFAULT NULL,
  since      timestamptz        DEFAULT NULL,
  until      timestamptz        DEFAULT NULL,
  owner      text               DEFAULT NULL,
  parent     text               DEFAULT NULL
) RETURNS TABLE (
  count bigint, longitude double precision, latitude double precision,
  west double precision, south double precision, east double precision, north double precision, key text
)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 200 COST 10000 AS 'MODULE_PATHNAME', 'itemize_map_clusters';
COMMENT ON FUNCTION @extschema@.map_clusters(text, integer, text, text, geometry, double precision, double precision[], geometry, numeric, numeric, text, jsonb, timestamptz, timestamptz, text, text)
  IS 'the places of the rows that a search finds, those close to each other on a map of that zoom as one';
