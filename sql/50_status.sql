-- What the global sidecar tells the database: the running epoch, and how far the clusters are.

-- One row at most. Not dumped: a restored database has no stream until a sidecar says so.
CREATE TABLE @extschema@.stream (
  epoch text        COLLATE "C" NOT NULL,
  begun timestamptz NOT NULL
);
CREATE UNIQUE INDEX stream_single_row ON @extschema@.stream ((true));
COMMENT ON TABLE @extschema@.stream IS 'the running epoch of the change stream, as the global sidecar reported it';
REVOKE ALL ON @extschema@.stream FROM PUBLIC;

-- Written every few seconds while something happens, and worth nothing after a crash.
CREATE UNLOGGED TABLE @extschema@.report (
  at      timestamptz NOT NULL,
  content jsonb       NOT NULL
);
CREATE UNIQUE INDEX report_single_row ON @extschema@.report ((true));
COMMENT ON TABLE @extschema@.report IS 'what the global sidecar saw last: stream, clusters, consumer groups';
REVOKE ALL ON @extschema@.report FROM PUBLIC;

-- Writes nothing when the epoch is already known: it is called at every connect.
CREATE FUNCTION @extschema@.report_stream(epoch text) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF $1 !~ '^[0-9]+\.[0-9]+\.[0-9]+$' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = pg_catalog.format('"%s" is no epoch', $1),
      HINT = 'An epoch is a system identifier, a timeline and a generation, joined by dots.';
  END IF;
  IF EXISTS (SELECT FROM @extschema@.stream s WHERE s.epoch = $1) THEN RETURN false; END IF;
  INSERT INTO @extschema@.stream AS s (epoch, begun) VALUES ($1, pg_catalog.clock_timestamp())
    ON CONFLICT ((true)) DO UPDATE SET epoch = EXCLUDED.epoch, begun = EXCLUDED.begun;
  RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.report_stream(text) IS 'for the global sidecar: the epoch that it publishes; true when that is news';
REVOKE ALL ON FUNCTION @extschema@.report_stream(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.report_clusters(content json) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO @extschema@.report (at, content) VALUES (pg_catalog.clock_timestamp(), $1::jsonb)
    ON CONFLICT ((true)) DO UPDATE SET at = EXCLUDED.at, content = EXCLUDED.content
$$;
COMMENT ON FUNCTION @extschema@.report_clusters(json) IS 'for the global sidecar: what itemize.status shows of the stream and its clusters';
REVOKE ALL ON FUNCTION @extschema@.report_clusters(json) FROM PUBLIC;
