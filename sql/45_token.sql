-- Positions for SQL sessions, and items of a standby with the position that they are of.

-- Runs as the extension's owner: who asks need not see itemize.stream.
CREATE FUNCTION @extschema@.token() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'itemize_token';
COMMENT ON FUNCTION @extschema@.token() IS
'position of this session''s last commit, for Itemize-Min-Position; of all commits so far when it has made none';

CREATE FUNCTION @extschema@.position() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'itemize_position';
COMMENT ON FUNCTION @extschema@.position() IS 'position of everything that anybody has committed so far';

CREATE FUNCTION @extschema@.fetch_replayed(type text, keys text[])
RETURNS TABLE (key text, item json, member_lengths text, generation bigint, replayed pg_lsn, history text)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'itemize_fetch_replayed';
COMMENT ON FUNCTION @extschema@.fetch_replayed(text, text[]) IS
'itemize.fetch on a standby: replayed is the position of the log that the items are exactly of, history its system identifier and timeline';
REVOKE ALL ON FUNCTION @extschema@.fetch_replayed(text, text[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.replayed(OUT replayed pg_lsn, OUT history text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'itemize_replayed';
COMMENT ON FUNCTION @extschema@.replayed() IS
'how far a standby is: every statement begun later sees at least that; and its history, the system identifier and timeline';
