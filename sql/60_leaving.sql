-- Leaving safely: nothing is dropped under a slot, the stream can be held, and an item can be erased.

CREATE FUNCTION @extschema@.guard_drops() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_guard_drops';
COMMENT ON FUNCTION @extschema@.guard_drops() IS 'event trigger: loads the library, which refuses to drop the extension while a slot uses it';
CREATE EVENT TRIGGER itemize_guard_drops ON ddl_command_start
  WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
  EXECUTE FUNCTION @extschema@.guard_drops();
COMMENT ON EVENT TRIGGER itemize_guard_drops IS 'the extension is not dropped while a replication slot uses it';

-- A row while the stream is held. Not dumped: a restored database begins to publish.
CREATE TABLE @extschema@.pause (
  since  timestamptz NOT NULL,
  until  timestamptz NOT NULL,
  by     text        NOT NULL,
  reason text
);
CREATE UNIQUE INDEX pause_single_row ON @extschema@.pause ((true));
COMMENT ON TABLE @extschema@.pause IS 'a row while the stream is held by itemize.pause';
REVOKE ALL ON @extschema@.pause FROM PUBLIC;

-- For an operator: what an owner of a table may not do, since it concerns all tables.
CREATE FUNCTION @extschema@.pause(reason text DEFAULT NULL, longest interval DEFAULT '1 hour') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ends timestamptz;
BEGIN
  IF longest IS NULL OR longest <= interval '0' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'a pause must have an end: "longest" must be more than nothing',
      HINT = 'What is not published is held back as WAL. Say how long at most, as in longest => ''3 hours''.';
  END IF;
  ends := clock_timestamp() + longest;
  INSERT INTO @extschema@.pause AS p (since, until, by, reason)
    VALUES (clock_timestamp(), ends, session_user, $1)
    ON CONFLICT ((true)) DO UPDATE SET until = EXCLUDED.until, by = EXCLUDED.by, reason = EXCLUDED.reason,
      since = CASE WHEN p.until > clock_timestamp() THEN p.since ELSE EXCLUDED.since END;
  RETURN ends;
END
$$;
COMMENT ON FUNCTION @extschema@.pause(text, interval) IS 'the global sidecar publishes nothing until resume is called, or the time given is over';

CREATE FUNCTION @extschema@.resume() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  held boolean;
BEGIN
  DELETE FROM @extschema@.pause AS p RETURNING p.until > clock_timestamp() INTO held;
  RETURN coalesce(held, false);
END
$$;
COMMENT ON FUNCTION @extschema@.resume() IS 'ends what itemize.pause began; false when nothing was paused';
REVOKE ALL ON FUNCTION @extschema@.pause(text, interval), @extschema@.resume() FROM PUBLIC;

-- Everybody may know it: the sidecar does not need one more right.
CREATE FUNCTION @extschema@.paused(OUT since timestamptz, OUT until timestamptz, OUT by text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p.since, p.until, p.by, p.reason FROM @extschema@.pause p WHERE p.until > clock_timestamp()
$$;
COMMENT ON FUNCTION @extschema@.paused() IS 'a row while the stream is paused';

CREATE FUNCTION @extschema@.erase(type text, VARIADIC keys text[]) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_erase';
COMMENT ON FUNCTION @extschema@.erase(text, text[]) IS
'deletes the rows of these items, with the rights of the caller; how many there were';
