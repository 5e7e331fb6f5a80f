-- Languages: which configuration reads a tag's words, and configurations of one's own.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS unaccent;
RESET client_min_messages;

-- Every configuration that the server has is there, and no other.
SELECT c.cfgname FROM pg_ts_config c WHERE c.cfgnamespace = 'pg_catalog'::regnamespace AND c.cfgname <> 'simple'
  AND NOT EXISTS (SELECT FROM itemize.language l WHERE l.configuration = 'pg_catalog.' || c.cfgname);
SELECT l.* FROM itemize.language l WHERE l.configuration::regconfig IS NULL OR NOT l.built_in;
SELECT tag, configuration FROM itemize.language WHERE configuration IN ('pg_catalog.norwegian', 'pg_catalog.serbian') ORDER BY tag;

CREATE FUNCTION words(tag text, content text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(lexeme, ' ' ORDER BY positions, lexeme) FROM unnest(itemize.document(tag, 'A', content)) WHERE lexeme !~ E'^\x1e' $$;

-- Tags are looked up by their shorter forms, in any case.
SELECT tag, words(tag, 'Running houses') FROM unnest(ARRAY['en', 'EN', 'en-GB', 'en_US', 'en-Latn-GB-x-y', 'e', 'eng', 'english', 'und', '', 'en-', '-', NULL]) tag;
SELECT tag, words(tag, 'casas') FROM unnest(ARRAY['pt', 'pt-BR', 'PT-br']) tag;
SELECT words('nb', 'husene') AS nb, words('nn', 'husa') AS nn, words('no', 'husene') AS no, words('sr-Latn', 'kuće') = words('sr', 'kuće') AS sr;
SELECT words('tr', 'IŞIKLAR İstanbul''da') AS tr, words('en', 'IT') AS en, words('az', 'QIZ') AS az;

-- A configuration of one's own: a dictionary that filters before one that stems, stop words dropped.
CREATE SCHEMA "My Words";
CREATE TEXT SEARCH CONFIGURATION "My Words".plain_french (COPY = french);
ALTER TEXT SEARCH CONFIGURATION "My Words".plain_french
  ALTER MAPPING FOR word, asciiword WITH unaccent, french_stem;
SELECT itemize.add_language('tlh', '"My Words".plain_french');
SELECT tag, configuration, built_in FROM itemize.language WHERE NOT built_in;
SELECT words('tlh', 'les hôtels évidemment'), words('tlh-x-old', 'les hôtels'), words('fr', 'les hôtels évidemment');
SELECT itemize.document('tlh', 'A', 'évidemment') @@ itemize.query('evidemment', 'tlh') AS found,
       itemize.document('tlh', 'A', 'les évidences') @@ itemize.query('les evidence') AS found_without_lang;

-- Changes of a configuration are seen at once.
ALTER TEXT SEARCH CONFIGURATION "My Words".plain_french ALTER MAPPING FOR word, asciiword WITH simple;
SELECT words('tlh', 'les hôtels');
-- A row of one's own counts before the built-in one, and its shorter form's.
SELECT itemize.add_language('en', '"My Words".plain_french');
SELECT words('en', 'Running houses'), words('en-GB', 'Running houses');
SELECT itemize.add_language('en-GB', 'english');
SELECT words('en', 'Running houses'), words('en-GB', 'Running houses');
BEGIN;
SELECT itemize.remove_language('en');
SELECT words('en', 'Running houses');
ROLLBACK;
SELECT words('en', 'Running houses');
SELECT itemize.remove_language('en'), itemize.remove_language('en'), itemize.remove_language('EN-gb'), itemize.remove_language('de');
SELECT words('en', 'Running houses');

-- A configuration that is gone leaves rows writable.
DROP TEXT SEARCH CONFIGURATION "My Words".plain_french;
SELECT words('tlh', 'les hôtels');
SELECT itemize.remove_language('tlh');

-- A dictionary that knows only some words leaves the others to the next; what none knows is kept.
CREATE TEXT SEARCH DICTIONARY "My Words".two_words (TEMPLATE = ispell, DictFile = ispell_sample, AffFile = ispell_sample);
CREATE TEXT SEARCH CONFIGURATION "My Words".ispell (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION "My Words".ispell ADD MAPPING FOR word, asciiword WITH "My Words".two_words;
SELECT itemize.add_language('x-test', '"My Words".ispell');
SELECT words('x-test', 'footballklubber sky booking unknown B2B');
SELECT itemize.document('x-test', 'A', 'football klubber') @@ itemize.query('footballklubber', 'x-test') AS parts,
       itemize.document('x-test', 'A', 'klubber') @@ itemize.query('footballklubber', 'x-test') AS one_part;

-- Errors.
SELECT itemize.add_language('en', 'no_such_configuration');
SELECT itemize.add_language('e n', 'english');
SELECT itemize.add_language('-en', 'english');
SELECT itemize.add_language(repeat('a', 64), 'english');
SELECT itemize.add_language(NULL, 'english');
SELECT itemize.add_language('en', NULL);
INSERT INTO itemize.language (tag, configuration) VALUES ('EN', 'english');

-- Everyone may read; only who may write the tables can change them.
CREATE ROLE itemize_regress_visitor;
SET ROLE itemize_regress_visitor;
SELECT words('en', 'Running houses'), itemize.document('en', 'A', 'houses') @@ itemize.query('house', 'en') AS found;
SELECT itemize.add_language('xx', 'english');
SELECT itemize.add_synonym('en', 'a', 'b');
RESET ROLE;
DROP ROLE itemize_regress_visitor;

DELETE FROM itemize.language WHERE NOT built_in;
DROP FUNCTION words;
SET client_min_messages = warning;
DROP SCHEMA "My Words" CASCADE;
