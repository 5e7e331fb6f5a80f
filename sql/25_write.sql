-- Items written by key, as JSON. Each runs as its caller: privileges, row-level security and constraints of the table
-- decide, so anybody may call them.

CREATE FUNCTION @extschema@.create_item(type text, fields jsonb, OUT key text, OUT item json)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_create_item';
COMMENT ON FUNCTION @extschema@.create_item(text, jsonb) IS 'makes an item of JSON: its key, and the item as it now is';

CREATE FUNCTION @extschema@.update_item(type text, key text, patch jsonb) RETURNS json
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_update_item';
COMMENT ON FUNCTION @extschema@.update_item(text, text, jsonb)
  IS 'applies a JSON merge patch (RFC 7396) to an item: the item as it now is; null when there is none';

CREATE FUNCTION @extschema@.replace_item(type text, key text, fields jsonb, OUT item json, OUT created boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_replace_item';
COMMENT ON FUNCTION @extschema@.replace_item(text, text, jsonb)
  IS 'gives the item of a key these fields, and the others their defaults; makes it where there is none';

CREATE FUNCTION @extschema@.delete_item(type text, key text) RETURNS json
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_delete_item';
COMMENT ON FUNCTION @extschema@.delete_item(text, text) IS 'deletes an item: the item as it was; null when there was none';

CREATE FUNCTION @extschema@.lock_item(type text, key text) RETURNS json
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_lock_item';
COMMENT ON FUNCTION @extschema@.lock_item(text, text)
  IS 'an item, kept from other writers to the end of the transaction; null when there is none that the caller may change';
