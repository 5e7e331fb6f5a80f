-- What the benchmark of cached items has beside the table and the item type of tests/bench/decoding.sql.
SET client_min_messages = warning;
GRANT USAGE ON SCHEMA itemize TO itemize_reader;
CALL load_places(1000);
-- About a kilobyte as JSON.
UPDATE place SET description = repeat('A quiet room with a view, close to the station. ', 15);
