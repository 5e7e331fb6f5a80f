-- API tokens: who may make them, for which roles, what is kept of them; and blocked subjects.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE ROLE tokens_shop;
CREATE ROLE tokens_editor;
CREATE ROLE tokens_maker;
CREATE ROLE tokens_other;
GRANT tokens_shop TO tokens_maker;
GRANT SELECT, INSERT, DELETE ON itemize.access_token TO tokens_maker, tokens_other;

-- Nobody may, but whom it is granted to.
SET ROLE tokens_shop;
SELECT itemize.create_token('ann');
SELECT itemize.revoke_token('0123456789abcdef');
SELECT * FROM itemize.access_token;
SELECT * FROM itemize.tokens;
SELECT itemize.block('ann');
SELECT itemize.unblock('ann');
SELECT * FROM itemize.blocked;
SELECT count(*) FROM itemize.internal_types();

SET ROLE tokens_maker;
SELECT itemize.create_token('ann', '{tokens_shop}', '{read,live}', name => 'phone', rate => 5, burst => 20) AS token \gset
SELECT :'token' ~ '^itz_[0-9a-f]{64}$' AS form;
SELECT itemize.create_token('bob', valid_for => NULL) <> :'token' AS another;
-- Roles that it does not have, and roles that there are not.
SELECT itemize.create_token('ann', '{tokens_shop,tokens_editor}');
SELECT itemize.create_token('ann', '{tokens_nobody}');
-- Nor past the function.
INSERT INTO itemize.access_token (hash, subject, roles, scopes) VALUES (repeat('a', 64), 'ann', '{tokens_editor}', '{read}');
INSERT INTO itemize.access_token (hash, subject, roles, scopes, creator) VALUES (repeat('a', 64), 'ann', '{}', '{read}', 'tokens_other');
INSERT INTO itemize.access_token (hash, subject, roles, scopes) VALUES (repeat('a', 64), 'ann', '{}', '{all}');
UPDATE itemize.access_token SET subject = 'eve';
-- Arguments that are wrong.
SELECT itemize.create_token('');
SELECT itemize.create_token(NULL);
SELECT itemize.create_token('ann', '{NULL}');
SELECT itemize.create_token('ann', scopes => '{}');
SELECT itemize.create_token('ann', scopes => '{read,everything}');
SELECT itemize.create_token('ann', valid_for => '-1 day');
SELECT itemize.create_token('ann', valid_for => '0');
SELECT itemize.create_token('ann', rate => 0);
SELECT itemize.create_token('ann', rate => 'NaN');
SELECT itemize.create_token('ann', burst => 5);

-- What is kept of it: not the token.
SELECT name, subject, roles, scopes, expires - created BETWEEN '90 days' AND '90 days 2 seconds' AS quarter, rate, burst, creator FROM itemize.tokens ORDER BY subject;
SELECT hash = encode(sha256(convert_to(:'token', 'UTF8')), 'hex') AS hashed, strpos(t::text, substr(:'token', 5)) AS secret
FROM itemize.access_token t WHERE name = 'phone';
SELECT count(*) FROM itemize.tokens t WHERE strpos(t::text, (SELECT encode(sha256(convert_to(:'token', 'UTF8')), 'hex'))) > 0;

-- Another one neither sees it nor takes it back; members of its maker's role do.
SELECT id FROM itemize.tokens WHERE name = 'phone' \gset
SET ROLE tokens_other;
SELECT count(*) FROM itemize.tokens;
SELECT itemize.revoke_token(:'id');
SELECT itemize.revoke_token(:'token');
SET ROLE tokens_maker;
SELECT itemize.revoke_token('itz_nothing');
SELECT itemize.revoke_token(:'id');
SELECT itemize.revoke_token(:'id');
SELECT itemize.create_token('ann') AS token \gset
SELECT itemize.revoke_token(:'token');
RESET ROLE;
SELECT count(*) FROM itemize.tokens WHERE creator = 'tokens_maker';

-- A function of another's, called by who may more, makes no token with his roles.
SET ROLE tokens_other;
CREATE FUNCTION pg_temp.trap() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT itemize.create_token('ann', '{tokens_editor}') $$;
RESET ROLE;
SELECT pg_temp.trap();

-- Blocked subjects.
SELECT itemize.block('ann', 'spam'), itemize.block('bob', until => 'infinity'), itemize.block('joe', until => clock_timestamp() + '1 hour');
SELECT itemize.block('ann', 'more spam');
SELECT subject, reason, until > now() AS ends, by = session_user AS by FROM itemize.blocked ORDER BY subject;
SELECT itemize.block('');
SET timezone = UTC;
SELECT itemize.block('ann', until => '2001-01-01 00:00+00');
SELECT itemize.unblock('ann'), itemize.unblock('ann'), itemize.unblock('bob'), itemize.unblock('joe');
SELECT * FROM itemize.blocked;

-- They travel as item types that are no application's.
SELECT type, read FROM itemize.internal_types() ORDER BY type;
SELECT count(*) FROM itemize.definitions WHERE type LIKE 'itemize%';
SELECT type FROM itemize.definition_problems();
CREATE TABLE mine (id int PRIMARY KEY);
SELECT itemize.define('itemize_token', 'mine', fields => '{id}', read => 'everyone');
SELECT itemize.define('itemize_token', 'mine', fields => '{id}', read => 'everyone', replace => true);
SELECT itemize.undefine('itemize_block');
SELECT itemize.define('mine', 'mine', fields => '{id}', read => 'internal');
SELECT itemize.define('tokens', 'itemize.access_token', fields => '{subject}', read => 'everyone');
-- A row has nothing of it but what sidecars have to know.
SELECT itemize.block('ann', 'spam');
SELECT itemize.item_json('itemize_block', hash) FROM itemize.blocked_subject;
SELECT itemize.unblock('ann');
DROP TABLE mine;
DELETE FROM itemize.access_token;
REVOKE ALL ON itemize.access_token FROM tokens_maker, tokens_other;
DROP ROLE tokens_shop, tokens_editor, tokens_maker;
DROP FUNCTION pg_temp.trap();
DROP ROLE tokens_other;
DROP EXTENSION itemize;
