-- Topics: made, changed, removed; names, access, payloads, and who may do what.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;

SELECT itemize.define_topic('orders.new');
SELECT itemize.define_topic('orders.new');
SELECT itemize.define_topic('orders.new', read => 'nobody');
SELECT itemize.define_topic('orders.new', read => 'everyone');
SELECT itemize.define_topic('orders.new', read => 'everyone', replace => true);
SELECT itemize.define_topic('a-b_c.1');
SELECT topic, read FROM itemize.topics ORDER BY topic;

SELECT itemize.define_topic(NULL);
SELECT itemize.define_topic('x', read => NULL);
SELECT itemize.define_topic(''), itemize.define_topic('y');
SELECT itemize.define_topic(n) FROM (VALUES ('@a')) v(n);
SELECT itemize.define_topic(n) FROM (VALUES ('a,b')) v(n);
SELECT itemize.define_topic(n) FROM (VALUES (E'a\tb')) v(n);
SELECT itemize.define_topic('Upper');
SELECT itemize.define_topic('1st');
SELECT itemize.define_topic(repeat('a', 64));
SELECT itemize.define_topic(repeat('a', 63));
SELECT itemize.define_topic('x', read => 'owner');
SELECT itemize.define_topic('x', read => 'all');

SELECT itemize.publish('orders.new', '{"id": 1}'), itemize.publish('orders.new', 'null');
SELECT itemize.publish('none', '1');
SELECT itemize.publish(NULL, '1');
SELECT itemize.publish('orders.new', NULL);
SELECT itemize.publish('orders.new', to_jsonb(repeat('x', 262142)));
SELECT itemize.publish('orders.new', to_jsonb(repeat('x', 262143)));
SELECT itemize.publish('orders.new', to_jsonb(repeat(E'\\', 200000)));
BEGIN READ ONLY;
SELECT itemize.publish('orders.new', '1');
ROLLBACK;
BEGIN READ ONLY;
SELECT itemize.define_topic('x');
ROLLBACK;

SELECT itemize.undefine_topic('none');
SELECT itemize.undefine_topic('none', if_exists => true);
SELECT itemize.undefine_topic(NULL);
SELECT itemize.undefine_topic('a-b_c.1'), itemize.undefine_topic(repeat('a', 63));
BEGIN;
SELECT itemize.undefine_topic('orders.new');
SELECT itemize.publish('orders.new', '1');
ROLLBACK;
SELECT topic, read FROM itemize.topics ORDER BY topic;

-- Nobody may but who is granted; everyone may look.
CREATE ROLE itemize_regress_app;
SET ROLE itemize_regress_app;
SELECT topic FROM itemize.topics;
SELECT itemize.publish('orders.new', '1');
SELECT itemize.define_topic('mine');
SELECT itemize.undefine_topic('orders.new');
SELECT * FROM itemize.topic;
SELECT * FROM itemize.seal;
RESET ROLE;
GRANT EXECUTE ON FUNCTION itemize.publish(text, jsonb) TO itemize_regress_app;
SET ROLE itemize_regress_app;
SELECT itemize.publish('orders.new', '1');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION itemize.publish(text, jsonb) FROM itemize_regress_app;
DROP ROLE itemize_regress_app;

-- The key: one, of 32 bytes, and publish says so when it is gone.
SELECT count(*), min(octet_length(key)) FROM itemize.seal;
BEGIN;
DELETE FROM itemize.seal;
SELECT itemize.publish('orders.new', '1');
ROLLBACK;

-- The limit of a row is a superuser's setting.
SHOW itemize.max_row_bytes;
-- (the words of it are the server's, and of its version)
\set VERBOSITY sqlstate
SET itemize.max_row_bytes = '1GB';
SET itemize.max_row_bytes = 1;
\set VERBOSITY default
SELECT itemize.undefine_topic('orders.new');
