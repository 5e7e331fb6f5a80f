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

-- Runs as the extension's owner: who writes need not see the definitions, and the answer to his write is judged by the rule
-- of that moment.
CREATE FUNCTION @extschema@.read_rule(type text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN d.read <> 'owner' THEN d.read
              WHEN d.owner ~ '^[A-Za-z0-9_]+$' AND d.owner = ANY (d.fields) THEN 'owner:' || d.owner
              ELSE 'owner:' END
         || coalesce(';' || replace(d.cache_control, ' ', ''), '')
  FROM @extschema@.definitions d WHERE d.type = $1
$$;
COMMENT ON FUNCTION @extschema@.read_rule(text) IS
'who may read the items of a type, and what is said to caches, in the words that the change stream has for it; null when there is no such type';

-- Answers to requests with an Idempotency-Key. Not dumped: a restored database has made none of these requests.
CREATE TABLE @extschema@.kept_answer (
  scope   text        COLLATE "C" NOT NULL,
  request text        COLLATE "C" NOT NULL,
  expires timestamptz NOT NULL,
  answer  text        NOT NULL,
  CONSTRAINT kept_answer_pkey PRIMARY KEY (scope)
);
CREATE INDEX kept_answer_expires_index ON @extschema@.kept_answer (expires);
COMMENT ON TABLE @extschema@.kept_answer IS 'answers to writes over HTTP by digests of the caller with his Idempotency-Key, and of the request';
REVOKE ALL ON @extschema@.kept_answer FROM PUBLIC;

-- For the role that writers log in with, before and after it is the caller's: a caller's own role can call neither.
CREATE FUNCTION @extschema@.begin_once(scope text, request text, OUT state text, OUT answer text)
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  kept record;
BEGIN
  -- To the end of the transaction, which is over for others only when what it has kept can be seen.
  IF NOT pg_try_advisory_xact_lock(hashtextextended($1, 0)) THEN
    state := 'in flight';
    RETURN;
  END IF;
  -- A statement of its own: what it sees was committed after the lock was there.
  SELECT k.request, k.answer INTO kept FROM @extschema@.kept_answer k WHERE k.scope = $1 AND k.expires > clock_timestamp();
  IF NOT FOUND THEN
    state := 'new';
  ELSIF kept.request <> $2 THEN
    state := 'another';
  ELSE
    state := 'kept';
    answer := kept.answer;
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.begin_once(text, text) IS
'whether a request has been answered before (kept, with the answer), is being made (in flight), or its key is of another; keeps others from making it';

CREATE FUNCTION @extschema@.keep_answer(scope text, request text, answer text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- Whoever keeps one clears away some that are over: so there are never many.
  DELETE FROM @extschema@.kept_answer k WHERE k.ctid = ANY (ARRAY(
    SELECT e.ctid FROM @extschema@.kept_answer e WHERE e.expires <= clock_timestamp() AND e.scope <> $1
    ORDER BY e.expires LIMIT 10 FOR UPDATE SKIP LOCKED));
  INSERT INTO @extschema@.kept_answer AS k (scope, request, expires, answer)
    VALUES ($1, $2, clock_timestamp() + interval '24 hours', $3)
    ON CONFLICT ON CONSTRAINT kept_answer_pkey
    DO UPDATE SET request = EXCLUDED.request, expires = EXCLUDED.expires, answer = EXCLUDED.answer
    WHERE k.expires <= clock_timestamp();
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'an answer to this request is kept already',
      HINT = 'Ask itemize.begin_once first: it says so.';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_answer(text, text, text) IS 'keeps the answer to a request for 24 hours, in the transaction that makes it';
REVOKE ALL ON FUNCTION @extschema@.begin_once(text, text), @extschema@.keep_answer(text, text, text) FROM PUBLIC;
