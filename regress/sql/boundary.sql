-- C++ exceptions and server errors cross the boundary whole, many times, and leave nothing behind.
\set VERBOSITY terse
CREATE SCHEMA boundary;
SET search_path = boundary;
CREATE FUNCTION act(text) RETURNS text LANGUAGE c STRICT AS '$libdir/boundary_probe', 'boundary_act';
CREATE FUNCTION act_without_objects() RETURNS void LANGUAGE c AS '$libdir/boundary_probe', 'boundary_act_without_objects';
CREATE FUNCTION live_objects() RETURNS integer LANGUAGE c AS '$libdir/boundary_probe', 'boundary_live_objects';

-- What arrives in SQL, kind by kind.
CREATE FUNCTION caught(kind text) RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
  IF kind = 'direct' THEN PERFORM boundary.act_without_objects(); ELSE PERFORM boundary.act(kind); END IF;
  message := 'nothing happened';
  RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  message := left(message, 60);
  RETURN NEXT;
END $$;
CREATE TABLE kind (ordinal integer, name text);
INSERT INTO kind VALUES (1, 'error'), (2, 'bad_alloc'), (3, 'std_exception'), (4, 'int'), (5, 'server_error'), (6, 'nested'),
  (7, 'through_call_pg'), (8, 'lookup'), (9, 'long'), (10, 'direct'), (11, 'nothing');
SELECT name, c.* FROM kind, caught(name) c ORDER BY ordinal;

-- Five thousand of each: the same every time, every destructor run, no memory kept.
CREATE FUNCTION repeat_all(rounds integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  expected text;
  seen text;
  differences bigint := 0;
  k record;
BEGIN
  FOR k IN SELECT name FROM boundary.kind ORDER BY ordinal LOOP
    SELECT c::text INTO seen FROM boundary.caught(k.name) c;
    expected := seen;
    FOR i IN 1 .. rounds LOOP
      SELECT c::text INTO seen FROM boundary.caught(k.name) c;
      IF seen IS DISTINCT FROM expected THEN differences := differences + 1; END IF;
    END LOOP;
  END LOOP;
  RETURN differences;
END $$;
SELECT repeat_all(200) AS differences;
-- Ours would be kept in the session's own contexts; those of caches and of statements at work come and go.
CREATE TEMP TABLE memory AS SELECT sum(used_bytes) AS used FROM pg_backend_memory_contexts
  WHERE name IN ('TopMemoryContext', 'ErrorContext', 'TopTransactionContext', 'MessageContext');
SELECT repeat_all(5000) AS differences;
SELECT live_objects();
SELECT sum(used_bytes) - (SELECT used FROM memory) < 100000 AS nothing_kept FROM pg_backend_memory_contexts
  WHERE name IN ('TopMemoryContext', 'ErrorContext', 'TopTransactionContext', 'MessageContext');

-- The session goes on, in a new transaction and within a failed one that is rolled back.
BEGIN;
SELECT act('server_error');
SELECT 1;
ROLLBACK;
SELECT act('nothing');

SET client_min_messages = warning;
DROP SCHEMA boundary CASCADE;
