-- Items by key. The same bytes as the change stream carries. Nobody may call these but whom it is granted to:
-- they read past row-level security, as what an item is does not depend on who asks.

CREATE FUNCTION @extschema@.fetch(type text, keys text[])
RETURNS TABLE (key text, item json, member_lengths text, generation bigint)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'itemize_fetch';
COMMENT ON FUNCTION @extschema@.fetch(text, text[]) IS
'the items of many keys (at most 10,000), in the order of the keys; item is null for a key that has none';

CREATE FUNCTION @extschema@.item_json(type text, key text) RETURNS json
LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_item_json';
COMMENT ON FUNCTION @extschema@.item_json(text, text) IS 'one item as the change stream carries it; null when there is none';

CREATE FUNCTION @extschema@.list(type text, max_rows integer DEFAULT 100, after text DEFAULT NULL)
RETURNS TABLE (key text, item json, member_lengths text, generation bigint)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'itemize_list';
COMMENT ON FUNCTION @extschema@.list(text, integer, text) IS
'items in key order, at most max_rows (1 to 1000) of them, beginning after the key given';

REVOKE ALL ON FUNCTION @extschema@.fetch(text, text[]), @extschema@.item_json(text, text),
  @extschema@.list(text, integer, text) FROM PUBLIC;
