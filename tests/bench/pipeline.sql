-- What the pipeline benchmark has beside the table and the item type of tests/bench/decoding.sql, and the roles.
SET client_min_messages = warning;
GRANT USAGE ON SCHEMA itemize TO itemize_reader;
-- The same rows, but for what itemize does with them.
CREATE TABLE notice (LIKE place INCLUDING ALL);
