-- Words: languages, synonyms, and texts and queries in plain SQL.

-- The extension's rows come with it, the users' are dumped; a user's row counts before the extension's of the same tag.
-- Configurations by name and not as regconfig, for pg_upgrade.
CREATE TABLE @extschema@.language (
  tag           text COLLATE "C" NOT NULL CHECK (tag OPERATOR(pg_catalog.~) '^[a-z0-9]+(-[a-z0-9]+)*$'
                                                 AND pg_catalog.octet_length(tag) OPERATOR(pg_catalog.<) 64),
  configuration text NOT NULL,
  built_in      boolean NOT NULL DEFAULT false,
  CONSTRAINT language_pkey PRIMARY KEY (tag, built_in)
);
COMMENT ON TABLE @extschema@.language IS 'language tags (BCP 47, lower case), and the text search configurations that read their words';
COMMENT ON COLUMN @extschema@.language.built_in IS 'came with the extension; a row of the same tag without it counts before';
GRANT SELECT ON @extschema@.language TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.language', 'WHERE NOT built_in');

INSERT INTO @extschema@.language (tag, configuration, built_in)
SELECT v.tag, pg_catalog.concat('pg_catalog.', v.name), true
FROM (VALUES
  ('ar', 'arabic'), ('ca', 'catalan'), ('da', 'danish'), ('de', 'german'), ('el', 'greek'), ('en', 'english'), ('es', 'spanish'),
  ('et', 'estonian'), ('eu', 'basque'), ('fi', 'finnish'), ('fr', 'french'), ('ga', 'irish'), ('hi', 'hindi'), ('hu', 'hungarian'),
  ('hy', 'armenian'), ('id', 'indonesian'), ('it', 'italian'), ('lt', 'lithuanian'), ('nb', 'norwegian'), ('ne', 'nepali'),
  ('nl', 'dutch'), ('nn', 'norwegian'), ('no', 'norwegian'), ('pl', 'polish'), ('pt', 'portuguese'), ('ro', 'romanian'),
  ('ru', 'russian'), ('sr', 'serbian'), ('sr-latn', 'serbian'), ('sv', 'swedish'), ('ta', 'tamil'), ('tr', 'turkish'),
  ('yi', 'yiddish')) v(tag, name)
WHERE EXISTS (SELECT FROM pg_catalog.pg_ts_config c
              WHERE c.cfgname OPERATOR(pg_catalog.=) v.name::pg_catalog.name
                AND c.cfgnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace);

CREATE FUNCTION @extschema@.document(language text, weights text, VARIADIC parts text[]) RETURNS tsvector
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'itemize_document';
COMMENT ON FUNCTION @extschema@.document(text, text, text[])
  IS 'texts as they are searched: their words as the language reads them, each text with a weight';

CREATE FUNCTION @extschema@.query(query text, lang text DEFAULT NULL) RETURNS tsquery
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'itemize_query';
COMMENT ON FUNCTION @extschema@.query(text, text) IS 'what a visitor typed, for itemize.document(...) @@ itemize.query(...)';

CREATE TABLE @extschema@.synonym (
  tag     text COLLATE "C" NOT NULL CHECK (tag OPERATOR(pg_catalog.~) '^[a-z0-9]+(-[a-z0-9]+)*$'
                                           AND pg_catalog.octet_length(tag) OPERATOR(pg_catalog.<) 64),
  word    text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(word) OPERATOR(pg_catalog.<=) 512),
  synonym text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(synonym) OPERATOR(pg_catalog.<=) 512),
  one_way boolean NOT NULL DEFAULT false,
  CONSTRAINT synonym_pkey PRIMARY KEY (tag, word, synonym)
);
COMMENT ON TABLE @extschema@.synonym IS 'words that queries look for as well, by language tag; und: in every language';
COMMENT ON COLUMN @extschema@.synonym.one_way IS 'who looks for the word finds the synonym, but not the other way round';
GRANT SELECT ON @extschema@.synonym TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.synonym', '');

CREATE FUNCTION @extschema@.add_language(tag text, configuration text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_add_language';
COMMENT ON FUNCTION @extschema@.add_language(text, text) IS 'has the words of a language read by a text search configuration';

CREATE FUNCTION @extschema@.remove_language(tag text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_remove_language';
COMMENT ON FUNCTION @extschema@.remove_language(text) IS 'takes back itemize.add_language; false when there was nothing to take back';

CREATE FUNCTION @extschema@.add_synonym(tag text, word text, synonym text, one_way boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_add_synonym';
COMMENT ON FUNCTION @extschema@.add_synonym(text, text, text, boolean) IS 'makes queries for one word find the other';

CREATE FUNCTION @extschema@.remove_synonym(tag text, word text, synonym text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_remove_synonym';
COMMENT ON FUNCTION @extschema@.remove_synonym(text, text, text) IS 'takes back itemize.add_synonym; false when there was nothing to take back';

-- Whoever changes the tables, by whatever statement. Always, as a restore may run with session_replication_role = replica.
CREATE FUNCTION @extschema@.languages_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'itemize_languages_changed';
COMMENT ON FUNCTION @extschema@.languages_changed() IS 'trigger: sessions forget what they keep of the languages and synonyms';
CREATE TRIGGER languages_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.language
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.languages_changed();
ALTER TABLE @extschema@.language ENABLE ALWAYS TRIGGER languages_changed;
CREATE TRIGGER languages_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.synonym
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.languages_changed();
ALTER TABLE @extschema@.synonym ENABLE ALWAYS TRIGGER languages_changed;
