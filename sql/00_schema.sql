\echo Use "CREATE EXTENSION itemize CASCADE" to load this file. \quit

-- The schema `itemize` is made by CREATE EXTENSION (itemize.control fixes it).
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

CREATE FUNCTION @extschema@.version() RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'itemize_version';
COMMENT ON FUNCTION @extschema@.version() IS 'version of the loaded itemize library';

-- Definitions. The output plugin reads these two tables under the historic snapshot of the change it
-- encodes (user_catalog_table). Rows stay short: a value in TOAST would be vacuumed under a historic reader.
CREATE SEQUENCE @extschema@.definition_generation;
COMMENT ON SEQUENCE @extschema@.definition_generation IS 'generations of definitions: each define takes one, none is used twice';

CREATE TABLE @extschema@.item_type (
  name       text     COLLATE "C" NOT NULL,
  source     regclass NOT NULL,
  generation bigint   NOT NULL,
  read       text     NOT NULL,
  CONSTRAINT item_type_pkey PRIMARY KEY (name)
) WITH (user_catalog_table = true);
CREATE UNIQUE INDEX item_type_source_index ON @extschema@.item_type (source);
-- A row that goes is told to the clusters as a definition that is gone: with all its columns.
ALTER TABLE @extschema@.item_type REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@.item_type IS 'item types: one row per table registered with itemize.define';

CREATE TABLE @extschema@.item_column (
  item_type   text     COLLATE "C" NOT NULL,
  purpose     text     COLLATE "C" NOT NULL CHECK (purpose IN ('key', 'field', 'text', 'language', 'location', 'price',
                                                               'currency', 'facet', 'owner', 'parent', 'changed', 'cache_control')),
  ordinal     smallint NOT NULL CHECK (ordinal > 0),
  column_name text,
  attnum      smallint NOT NULL,
  -- The weight of a text column; or, without a column, the language or currency that all rows have, or directives for caches.
  detail      text     COLLATE "C" CHECK (detail IS NOT NULL OR (column_name IS NOT NULL AND purpose <> 'text')),
  CONSTRAINT item_column_pkey PRIMARY KEY (item_type, purpose, ordinal)
) WITH (user_catalog_table = true);
COMMENT ON TABLE @extschema@.item_column IS 'columns of item types, by purpose and order: keys and fields are what items are made of, the others are for search';

REVOKE ALL ON @extschema@.item_type, @extschema@.item_column FROM PUBLIC;
REVOKE ALL ON SEQUENCE @extschema@.definition_generation FROM PUBLIC;

-- Those of the extension's own (46_tokens.sql) come with it again.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.item_type', 'WHERE read <> ''internal''');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.item_column', 'WHERE item_type NOT IN (''itemize_token'', ''itemize_block'')');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.definition_generation', '');
