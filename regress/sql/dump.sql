-- What a dump of definitions relies on: which tables are dumped, and that rows put back find their columns by name.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE SCHEMA dump;
SET search_path = dump;

SELECT c.relname, x.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) x(relation, condition) JOIN pg_class c ON c.oid = x.relation
WHERE e.extname = 'itemize' ORDER BY 1;

CREATE TABLE listing (dropped int, id int PRIMARY KEY, name text, note text);
ALTER TABLE listing DROP COLUMN dropped;
SELECT itemize.define('listing', 'listing', fields => '{id,note}', read => 'everyone');
SELECT purpose, column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;
CREATE TEMPORARY TABLE saved_type AS SELECT * FROM itemize.item_type WHERE read <> 'internal';
CREATE TEMPORARY TABLE saved_column AS SELECT * FROM itemize.item_column WHERE item_type !~ '^itemize_';
SELECT itemize.undefine('listing');

-- In the order of a dump, columns come first, with numbers of another database.
UPDATE saved_column SET attnum = attnum + 1;
INSERT INTO itemize.item_column SELECT * FROM saved_column;
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;
INSERT INTO itemize.item_type SELECT * FROM saved_type;
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;
SELECT type, source, key, fields, read FROM itemize.definitions;

-- In the other order.
DELETE FROM itemize.item_type WHERE read <> 'internal';
DELETE FROM itemize.item_column WHERE item_type !~ '^itemize_';
INSERT INTO itemize.item_type SELECT * FROM saved_type;
INSERT INTO itemize.item_column SELECT * FROM saved_column;
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;

-- Side by side, neither seeing the other: the next DDL finds the numbers, and a rename after it is followed.
UPDATE itemize.item_column SET attnum = 0 WHERE item_type !~ '^itemize_';
SELECT generation AS restored FROM itemize.definitions \gset
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;
ALTER TABLE listing ADD CHECK (id > 0);
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;
SELECT generation = :restored AS unchanged FROM itemize.definitions;
ALTER TABLE listing RENAME note TO remark;
SELECT type, source, key, fields, read, generation = :restored AS unchanged FROM itemize.definitions;

-- Also where a restore silences ordinary triggers.
DELETE FROM itemize.item_type WHERE read <> 'internal';
DELETE FROM itemize.item_column WHERE item_type !~ '^itemize_';
SET session_replication_role = replica;
UPDATE saved_column SET column_name = 'remark' WHERE column_name = 'note';
INSERT INTO itemize.item_column SELECT * FROM saved_column;
INSERT INTO itemize.item_type SELECT * FROM saved_type;
RESET session_replication_role;
SELECT column_name, attnum FROM itemize.item_column WHERE item_type !~ '^itemize_' ORDER BY purpose DESC, ordinal;

SET client_min_messages = warning;
DROP SCHEMA dump CASCADE;
SELECT count(*) FROM itemize.definitions;
