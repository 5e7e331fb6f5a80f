-- What the global sidecar tells the database: who may, and what is kept.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE ROLE regress_itemize_reporter;

SET ROLE regress_itemize_reporter;
SELECT itemize.report_stream('7.1.5');
SELECT itemize.report_clusters('{}');
SELECT * FROM itemize.stream;
SELECT * FROM itemize.report;
RESET ROLE;
GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO regress_itemize_reporter;

SET ROLE regress_itemize_reporter;
SELECT itemize.report_stream('7.1.5') AS news;
SELECT itemize.report_stream('7.1.5') AS news;
RESET ROLE;
SELECT epoch, begun <= clock_timestamp() AS begun FROM itemize.stream;
-- The same again writes nothing: no transaction id is taken.
BEGIN;
SELECT itemize.report_stream('7.1.5') AS news;
SELECT pg_current_xact_id_if_assigned() IS NULL AS nothing_written;
COMMIT;
SELECT itemize.report_stream('7.1.6') AS news;
SELECT epoch FROM itemize.stream;
SELECT itemize.report_stream('7.1') AS news;
SELECT itemize.report_stream('7.1.6; DROP TABLE x') AS news;
SELECT itemize.report_stream(NULL) AS news;
INSERT INTO itemize.stream VALUES ('7.1.7', now());
-- The functions run as their owner, and see nothing of the caller's schemas.
CREATE SCHEMA status;
CREATE FUNCTION status.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$;
SET search_path = status, pg_catalog;
SELECT itemize.report_stream('7.1.8') AS news;
RESET search_path;
SELECT epoch, begun > '2000-01-01' AS begun FROM itemize.stream;

SET ROLE regress_itemize_reporter;
SELECT itemize.report_clusters('{"epoch": "7.1.8", "clusters": []}');
SELECT itemize.report_clusters('{"epoch": "7.1.9"}');
RESET ROLE;
SELECT content FROM itemize.report;

-- What a person sees of it.
SELECT part, state, detail, todo FROM itemize.status() WHERE part = 'slot' AND name IS NULL;
DELETE FROM itemize.report;
SELECT part, name, state, at, lag_bytes, detail, todo FROM itemize.status() WHERE part <> 'slot';
SELECT itemize.report_clusters('{"epoch": "7.1.8", "published": "0/100", "entries": 12, "bytes": 34567, "oldest_seconds": 61.2,
  "clusters": [{"name": "north", "applied": "0/100", "lag_bytes": 0, "silent_seconds": 0.6, "live": true},
               {"name": "far", "applied": "0/80", "lag_bytes": 67108865, "silent_seconds": 14.9, "live": true},
               {"name": "west", "applied": "0/80", "lag_bytes": 128, "silent_seconds": 15.1, "live": true},
               {"name": "south", "applied": "0/80", "lag_bytes": 128, "silent_seconds": 900.1, "live": false}],
  "groups": [{"name": "bulk", "applied": "0/90", "lag_bytes": 99999999, "silent_seconds": 3.3, "live": true},
             {"name": "left", "applied": "0/90", "lag_bytes": 112, "silent_seconds": 15.3, "live": true},
             {"name": "mail", "applied": "0/90", "lag_bytes": 112, "silent_seconds": 3.3, "live": true}]}');
SELECT part, name, state, at, CASE WHEN part <> 'stream' THEN lag_bytes END AS lag_bytes,
  regexp_replace(detail, 'reported \S+ ago', 'reported … ago') AS detail, todo FROM itemize.status() WHERE part <> 'slot';
UPDATE itemize.report SET content = content || '{"slot": "itemize"}';
SELECT part, state, todo FROM itemize.status() WHERE part = 'stream';
SELECT itemize.pause('moving', longest => '1 minute') > now() AS paused;
SELECT part, name = current_user AS by_us, state, detail ~ '^since [-0-9]+ \S+, until [-0-9]+ \S+ at the latest: moving$' AS said, todo FROM itemize.status() WHERE part = 'pause';
SELECT itemize.resume();
SELECT count(*) FROM itemize.status() WHERE part = 'pause';
UPDATE itemize.report SET at = now() - interval '1 hour';
SELECT part, state, todo FROM itemize.status() WHERE part = 'stream';
SET ROLE regress_itemize_reporter;
SELECT * FROM itemize.status();
RESET ROLE;

-- Neither is dumped: a restored database has no stream of its own.
SELECT count(*) FROM pg_extension e, unnest(e.extconfig) r(oid) WHERE r.oid IN ('itemize.stream'::regclass, 'itemize.report'::regclass);

SET client_min_messages = warning;
DELETE FROM itemize.stream;
DELETE FROM itemize.report;
DROP SCHEMA status CASCADE;
DROP OWNED BY regress_itemize_reporter;
DROP ROLE regress_itemize_reporter;
