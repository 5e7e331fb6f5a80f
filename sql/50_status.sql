-- What the global sidecar tells the database: the running epoch, and how far the clusters are.

-- One row at most. Not dumped: a restored database has no stream until a sidecar says so.
CREATE TABLE @extschema@.stream (
  epoch text        COLLATE "C" NOT NULL,
  begun timestamptz NOT NULL
);
CREATE UNIQUE INDEX stream_single_row ON @extschema@.stream ((true));
COMMENT ON TABLE @extschema@.stream IS 'the running epoch of the change stream, as the global sidecar reported it';
REVOKE ALL ON @extschema@.stream FROM PUBLIC;
-- It is in every token; the global sidecar asks for it when its Redis has lost it.
GRANT SELECT (epoch) ON @extschema@.stream TO PUBLIC;

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

-- The same states, by the same limits, as itemize-sidecar status shows (sidecar/src/global/status.cpp). plpgsql, as the report cannot even be opened on a standby.
CREATE FUNCTION @extschema@.status(
  OUT part text, OUT name text, OUT state text, OUT at pg_lsn, OUT lag_bytes bigint, OUT detail text, OUT todo text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $status$
DECLARE
  much_lag CONSTANT bigint := 67108864;
  late_seconds CONSTANT float8 := 15;
  stamp CONSTANT text := 'YYYY-MM-DD HH24:MI:SSTZH:TZM';
  tip pg_lsn := CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END;
  slots int := 0;
  told jsonb;
  told_at timestamptz;
  age interval;
  slot record;
  consumer record;
  pause record;
  paused boolean := false;
  late boolean;
BEGIN
  IF NOT pg_is_in_recovery() THEN
    SELECT r.content, r.at INTO told, told_at FROM @extschema@.report r;
    age := clock_timestamp() - told_at;
  END IF;
  SELECT true INTO paused FROM @extschema@.paused();
  paused := coalesce(paused, false);
  FOR slot IN
    SELECT r.slot_name, r.active, r.wal_status, r.confirmed_flush_lsn, r.safe_wal_size, pg_wal_lsn_diff(tip, r.restart_lsn) AS retained
    FROM pg_replication_slots r WHERE r.plugin = 'itemize' AND r.database = current_database() ORDER BY r.slot_name
  LOOP
    slots := slots + 1;
    part := 'slot';
    name := slot.slot_name;
    at := slot.confirmed_flush_lsn;
    lag_bytes := greatest(pg_wal_lsn_diff(tip, at), 0)::bigint;
    state := CASE WHEN slot.wal_status = 'lost' THEN 'lost' WHEN slot.wal_status = 'unreserved' THEN 'endangered'
                  WHEN NOT slot.active THEN 'not read' WHEN lag_bytes > much_lag THEN 'behind' ELSE 'ok' END;
    detail := format('holds back %s of WAL, %s more before it is in danger', pg_size_pretty(slot.retained),
                     coalesce(pg_size_pretty(slot.safe_wal_size), 'any amount'));
    todo := CASE state
      WHEN 'lost' THEN 'start the global sidecar: it makes the slot anew, and clusters resync'
      WHEN 'endangered' THEN 'look at the global sidecar now, or raise max_slot_wal_keep_size'
      WHEN 'not read' THEN 'start the global sidecar, or drop the slot when nothing shall read it any more'
      WHEN 'behind' THEN CASE WHEN NOT paused THEN 'see the log of the global sidecar: it does not keep up' END
      END;
    RETURN NEXT;
  END LOOP;
  IF slots = 0 THEN
    part := 'slot'; name := NULL; state := 'missing'; at := NULL; lag_bytes := NULL;
    detail := 'no slot of this database uses the plugin itemize';
    todo := 'start the global sidecar';
    RETURN NEXT;
  END IF;
  FOR pause IN SELECT p.since, p.until, p."by" AS who, p.reason FROM @extschema@.paused() p LOOP
    part := 'pause'; name := pause.who; state := 'paused'; at := NULL; lag_bytes := NULL;
    detail := format('since %s, until %s at the latest%s', to_char(pause.since, stamp), to_char(pause.until, stamp), coalesce(': ' || pause.reason, ''));
    todo := 'SELECT itemize.resume() when the stream shall go on';
    RETURN NEXT;
  END LOOP;
  IF told IS NULL THEN
    part := 'stream'; name := NULL; state := 'unknown'; at := NULL; lag_bytes := NULL;
    detail := CASE WHEN pg_is_in_recovery() THEN 'known on the primary only' ELSE 'the global sidecar has not reported' END;
    todo := CASE WHEN NOT pg_is_in_recovery() THEN 'start the global sidecar, and see itemize.doctor() for the right to report' END;
    RETURN NEXT;
    RETURN;
  END IF;
  part := 'stream';
  name := told->>'epoch';
  at := (told->>'published')::pg_lsn;
  lag_bytes := greatest(pg_wal_lsn_diff(tip, at), 0)::bigint;
  -- On a quiet database it reports every five minutes.
  state := CASE WHEN age > interval '11 minutes' THEN 'unknown'
                WHEN told ? 'slot' AND NOT EXISTS (SELECT FROM pg_replication_slots r WHERE r.slot_name = told->>'slot' AND r.active) THEN 'standing'
                ELSE 'ok' END;
  detail := format('%s entries, %s, the oldest %s; reported %s ago', told->>'entries', pg_size_pretty((told->>'bytes')::bigint),
                   make_interval(secs => round((told->>'oldest_seconds')::numeric)::float8), make_interval(secs => round(extract(epoch FROM age))::float8));
  todo := CASE state
    WHEN 'unknown' THEN 'look at the global sidecar: it has not reported for long'
    WHEN 'standing' THEN 'nobody publishes: start the global sidecar, or see its log'
    END;
  RETURN NEXT;
  FOR consumer IN
    SELECT 'cluster' AS part, c.value AS it FROM jsonb_array_elements(told->'clusters') c
    UNION ALL SELECT 'group', g.value FROM jsonb_array_elements(told->'groups') g
  LOOP
    part := consumer.part;
    name := consumer.it->>'name';
    at := (consumer.it->>'applied')::pg_lsn;
    lag_bytes := (consumer.it->>'lag_bytes')::bigint;
    late := (consumer.it->>'silent_seconds')::float8 > late_seconds;
    state := CASE WHEN NOT late THEN CASE WHEN lag_bytes > much_lag THEN 'behind' ELSE 'ok' END
                  WHEN consumer.part = 'group' THEN 'idle'
                  WHEN (consumer.it->>'live')::boolean THEN 'late' ELSE 'silent' END;
    detail := format('reported itself %s s before the stream''s report', round((consumer.it->>'silent_seconds')::numeric));
    todo := CASE
      WHEN consumer.part = 'group' THEN NULL
      WHEN late THEN 'start its local sidecar; a cluster that is gone for good is forgotten after a day'
      WHEN state = 'behind' THEN 'see the log of its local sidecar: it does not keep up'
      END;
    RETURN NEXT;
  END LOOP;
END
$status$;
COMMENT ON FUNCTION @extschema@.status() IS 'slot, stream, clusters and consumer groups: where they are, how far behind, and what to do';
REVOKE ALL ON FUNCTION @extschema@.status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.status() TO pg_monitor;
