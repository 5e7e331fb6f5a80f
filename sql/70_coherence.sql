-- Whether a copy holds what the database holds: checksums of items by key. Like itemize.fetch this reads past row-level
-- security; a checksum of a key's item tells whether a guess of the row is right.

CREATE FUNCTION @extschema@.checksum(type text, keys text[], buckets integer DEFAULT 1)
RETURNS TABLE (bucket integer, key_count integer, item_count integer, checksum bigint, generation bigint)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'itemize_checksum';
COMMENT ON FUNCTION @extschema@.checksum(text, text[], integer) IS
'for each bucket of the keys (at most 10,000) one checksum of their items, whatever the order of the keys';
REVOKE ALL ON FUNCTION @extschema@.checksum(text, text[], integer) FROM PUBLIC;
