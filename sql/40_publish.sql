-- Topics and application events.

-- Read by the output plugin under the historic snapshot, as the definitions are (00_schema.sql).
CREATE TABLE @extschema@.topic (
  name       text   COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  read       text   NOT NULL,
  CONSTRAINT topic_pkey PRIMARY KEY (name)
) WITH (user_catalog_table = true);
ALTER TABLE @extschema@.topic REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@.topic IS 'topics of application events, made by itemize.define_topic';
REVOKE ALL ON @extschema@.topic FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.topic', '');

-- Anybody may write a logical message with our prefix (pg_logical_emit_message); what publish writes carries a seal made
-- with this key. Not dumped: each database has a key of its own. 244 random bits of the server's strong generator.
CREATE TABLE @extschema@.seal (
  key bytea NOT NULL CHECK (pg_catalog.octet_length(key) OPERATOR(pg_catalog.=) 32)
) WITH (user_catalog_table = true);
ALTER TABLE @extschema@.seal ALTER key SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.seal IS 'one row: the key by which the output plugin knows the messages of itemize.publish';
REVOKE ALL ON @extschema@.seal FROM PUBLIC;
INSERT INTO @extschema@.seal
SELECT pg_catalog.decode(pg_catalog.replace(pg_catalog.concat(pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid()), '-', ''), 'hex');

CREATE FUNCTION @extschema@.define_topic(topic text, read text DEFAULT 'nobody', replace boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_define_topic';
COMMENT ON FUNCTION @extschema@.define_topic(text, text, boolean) IS 'makes a topic for application events, with who may read them';

CREATE FUNCTION @extschema@.undefine_topic(topic text, if_exists boolean DEFAULT false) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_undefine_topic';
COMMENT ON FUNCTION @extschema@.undefine_topic(text, boolean) IS 'removes a topic';

CREATE FUNCTION @extschema@.publish(topic text, payload jsonb) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_publish';
COMMENT ON FUNCTION @extschema@.publish(text, jsonb)
  IS 'sends an application event with the transaction: after its commit, in order with its changes of rows';

REVOKE ALL ON FUNCTION @extschema@.define_topic(text, text, boolean), @extschema@.undefine_topic(text, boolean),
  @extschema@.publish(text, jsonb) FROM PUBLIC;

CREATE VIEW @extschema@.topics AS
SELECT t.name AS topic, t.read, t.generation FROM @extschema@.topic t;
COMMENT ON VIEW @extschema@.topics IS 'topics, and who may read their events';
GRANT SELECT ON @extschema@.topics TO PUBLIC;
