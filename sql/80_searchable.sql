-- What search needs of the tables of item types: indexes.

CREATE FUNCTION @extschema@.search_indexes(
  INOUT type text DEFAULT NULL,
  OUT purpose text, OUT state text, OUT statement text
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'itemize_search_indexes';
COMMENT ON FUNCTION @extschema@.search_indexes(text)
  IS 'the indexes that searches of an item type (null: of all) stand on, whether they are there, and the statements that make them';
