-- The score of a document for a query.

CREATE FUNCTION @extschema@.rank(document tsvector, query tsquery, parameters bytea DEFAULT NULL) RETURNS real
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'itemize_rank';
COMMENT ON FUNCTION @extschema@.rank(tsvector, tsquery, bytea) IS
'score from 0 to below 1 (BM25) of a document for a query; parameters are what a search tells of its words'' rarity';
