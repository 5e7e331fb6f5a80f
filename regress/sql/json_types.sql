-- Every built-in type: what the serializer makes of a value means what to_jsonb means by it.
SET client_min_messages = warning;
SET synchronous_commit = on; -- decoding reads what has been flushed
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA json_types;
SET search_path = json_types, public;

-- Values to try, by type. NULL is tried for all of them, and so is an array of all values of a type.
CREATE TABLE sample (ordinal serial, type regtype, literal text);
INSERT INTO sample (type, literal) VALUES
  ('bool', 'true'), ('bool', 'false'),
  ('int2', '-32768'), ('int4', '2147483647'), ('int8', '-9223372036854775808'), ('int8', '0'),
  ('float4', '3.1415927'), ('float4', '1e-30'), ('float4', 'NaN'), ('float4', '-Infinity'), ('float4', '-0'), ('float4', '16777216'),
  ('float8', '0.1'), ('float8', '1e300'), ('float8', '-2.5e-300'), ('float8', 'Infinity'), ('float8', 'NaN'), ('float8', '1e15'), ('float8', '123456789012345680'),
  ('numeric', '0'), ('numeric', '0.00'), ('numeric', '-0.0001'), ('numeric', '120.50'), ('numeric', '10000'), ('numeric', '100000000'), ('numeric', '99999999.99999999'),
  ('numeric', '1234567890123456789012345678901234567890.123456789'), ('numeric', '1e100'), ('numeric', '1e-100'), ('numeric', '-1e4000'), ('numeric', '0.00001'), ('numeric', '12345.0'),
  ('numeric', 'NaN'), ('numeric', 'Infinity'), ('numeric', '-Infinity'),
  ('text', ''), ('text', 'plain'), ('text', E'quote " backslash \\ slash / tab \t newline \n return \r bell \x07 backspace \b feed \f del \x7f'),
  ('text', E'seven\x1feight chars, then more: äöü 漢字 🙂 end'), ('text', repeat('long "text" ', 1000)),
  ('varchar', 'várchar'), ('bpchar', 'padded  '), ('name', 'a name'), ('"char"', 'x'), ('"char"', ''),
  ('bytea', '\x'), ('bytea', '\x00'), ('bytea', '\x0001feff'), ('bytea', '\x616263646566'),
  ('uuid', 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'),
  ('date', '2024-02-29'), ('date', '1999-12-31'), ('date', '2000-01-01'), ('date', '0001-01-01'), ('date', '9999-12-31'), ('date', '10000-01-01'),
  ('date', '0044-03-15 BC'), ('date', 'infinity'), ('date', '-infinity'), ('date', '1900-03-01'),
  ('timestamp', '2026-11-21 01:02:03.456789'), ('timestamp', '1999-12-31 23:59:59.5'), ('timestamp', '1969-12-31 23:59:59.000001'), ('timestamp', '0001-01-01 00:00'),
  ('timestamp', '9999-12-31 23:59:59.999999'), ('timestamp', '12345-01-01 00:00'), ('timestamp', '0044-03-15 12:00 BC'), ('timestamp', 'infinity'), ('timestamp', '-infinity'),
  ('timestamptz', '2026-11-21 01:02:03.456789+05:30'), ('timestamptz', '2026-03-29 01:30:00+00'), ('timestamptz', '0001-01-01 00:00+00'), ('timestamptz', '4714-11-24 00:00:00+00 BC'),
  ('timestamptz', 'infinity'), ('timestamptz', '-infinity'), ('timestamptz', '2000-01-01 00:00:00.000010+00'),
  ('time', '23:59:59.999999'), ('timetz', '12:00:00.5-08'), ('interval', '1 year 2 mons -3 days 04:05:06.789'), ('interval', '-00:00:01'),
  ('json', E' { "z" : [ 1 , 2.50,\n "a b\\"  c" ] , "a" : null } '), ('json', '"just text"'), ('json', ' 1e2 '),
  ('jsonb', '{"b": [1, 2.50, {"c": "x: y, z"}], "a": null}'), ('jsonb', '"s"'), ('jsonb', '[]'), ('jsonb', '12345678901234567890'),
  ('money', '-1234.56'), ('oid', '4294967295'), ('xid', '7'), ('xid8', '8589934592'), ('cid', '3'), ('tid', '(1,2)'),
  ('inet', '192.168.0.1/24'), ('cidr', '10.0.0.0/8'), ('macaddr', '08:00:2b:01:02:03'), ('macaddr8', '08:00:2b:01:02:03:04:05'),
  ('bit', '1'), ('varbit', '10110'), ('point', '(1.5,-2)'), ('line', '{1,2,3}'), ('lseg', '[(0,0),(1,1)]'), ('box', '(1,1),(0,0)'),
  ('path', '((0,0),(1,1),(2,0))'), ('polygon', '((0,0),(1,1),(2,0))'), ('circle', '<(0,0),2.5>'),
  ('tsvector', '''fat'':2A ''cat'':3'), ('tsquery', '''fat'' & !''rat'':A*'), ('xml', '<a b="c">d</a>'), ('jsonpath', '$."a"[*]'),
  ('pg_lsn', '16/B374D848'), ('pg_snapshot', '10:20:10,14,15'), ('txid_snapshot', '10:20:10,14,15'),
  ('regclass', 'pg_catalog.pg_class'), ('regtype', 'integer'), ('regproc', 'pg_catalog.now'), ('regprocedure', 'pg_catalog.abs(integer)'),
  ('regoper', 'pg_catalog.||/'), ('regoperator', 'pg_catalog.+(integer,integer)'), ('regrole', 'postgres'), ('regnamespace', 'pg_catalog'),
  ('regconfig', 'simple'), ('regdictionary', 'simple'), ('regcollation', '"C"'), ('int2vector', '1 2 3'), ('oidvector', '4 5'), ('refcursor', 'a cursor'),
  ('aclitem', 'postgres=r/postgres'),
  ('int4range', '[1,10)'), ('int8range', 'empty'), ('numrange', '(1.5,]'), ('daterange', '[2024-01-01,2024-02-01)'), ('tsrange', '["2024-01-01 00:00","2024-01-02 12:30"]'),
  ('tstzrange', '["2024-01-01 00:00+00",)'),
  ('int4multirange', '{[1,3),[5,8)}'), ('int8multirange', '{}'), ('nummultirange', '{[1.5,2.5]}'), ('datemultirange', '{[2024-01-01,2024-02-01)}'),
  ('tsmultirange', '{["2024-01-01 00:00","2024-01-02 12:30"]}'), ('tstzmultirange', '{["2024-01-01 00:00+00",)}');

-- No built-in type is forgotten. (Those left out cannot be a column's type, or cannot be written by a user.)
SELECT t.typname AS untested_type
FROM pg_type t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typcategory <> 'A'
  AND t.oid NOT IN (SELECT type FROM sample)
  AND t.typname NOT IN ('pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary', 'gtsvector')
ORDER BY 1;

-- One table a type: key, value, array of values. Composite, domain and enum beside them.
CREATE TYPE mood AS ENUM ('fröhlich', 'so "so"');
CREATE DOMAIN price AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE TYPE part AS (a integer, "b ""c" text, d timestamptz, e price, f integer[]);
CREATE TYPE whole AS (parts part[], mood mood, note json);
CREATE DOMAIN moods AS mood[];
INSERT INTO sample (type, literal) VALUES
  ('mood', 'so "so"'), ('price', '7.5'), ('part', '(1,"x ""y""","2024-06-01 00:00+00",2.50,"{1,NULL}")'), ('part', '(,,,,)'),
  ('whole', '("{""(1,t,,,)""}",fröhlich,"{ ""k"" : 1 }")'), ('moods', '{fröhlich,"so \"so\"",NULL}');

SELECT 'slot' AS made FROM pg_create_logical_replication_slot('json_types', 'itemize');
\set ECHO none
\o /dev/null
SELECT format('CREATE TABLE %I (id int PRIMARY KEY, value %s, several %s[])', 't_' || ordinal, type, type),
  format('SELECT itemize.define(%L, %L, fields => ''{id,value,several}'')', 't_' || ordinal, 'json_types.t_' || ordinal),
  format('INSERT INTO %I SELECT ordinal, literal::%s FROM sample WHERE type = %L::regtype', 't_' || ordinal, type, type),
  format('INSERT INTO %I SELECT -1, NULL, array_append(array_agg(literal ORDER BY ordinal), NULL)::%s[] FROM sample WHERE type = %L::regtype', 't_' || ordinal, type, type),
  format('INSERT INTO %I VALUES (-2, NULL, ''{}''), (-3, NULL, NULL)', 't_' || ordinal)
FROM (SELECT type, min(ordinal) AS ordinal FROM sample GROUP BY type) s ORDER BY ordinal
\gexec
\o
\set ECHO all
INSERT INTO t_1 VALUES (-4, NULL, '[0:1][2:4]={{t,f,t},{NULL,f,f}}');

-- The oracle. bytea is base64 with us; all else is to_jsonb under the settings that our forms are fixed to.
CREATE FUNCTION differences(item_type text, source regclass) RETURNS TABLE (type text, id int, field text, ours jsonb, oracle jsonb)
LANGUAGE plpgsql
SET timezone = 'UTC' SET intervalstyle = 'postgres' SET datestyle = 'ISO' SET extra_float_digits = 1 SET lc_monetary = 'C' SET search_path = 'pg_catalog, pg_temp'
AS $$
DECLARE
  oracle text := 'to_jsonb(t.value)';
  oracles text := 'to_jsonb(t.several)';
BEGIN
  IF (SELECT atttypid = 'bytea'::regtype FROM pg_attribute WHERE attrelid = source AND attname = 'value') THEN
    oracle := 'to_jsonb(encode(t.value, ''base64''))';
    oracles := 'to_jsonb(ARRAY(SELECT encode(e, ''base64'') FROM unnest(t.several) WITH ORDINALITY AS u (e, o) WHERE t.several IS NOT NULL ORDER BY o))';
    oracles := 'CASE WHEN t.several IS NOT NULL THEN ' || oracles || ' END';
  END IF;
  RETURN QUERY EXECUTE format($query$
    SELECT %L, t.id, o.field, i.item -> o.field, o.oracle
    FROM %s t, LATERAL (SELECT itemize.item_json(%L, t.id::text)::jsonb AS item) i,
      LATERAL (VALUES ('id', to_jsonb(t.id)), ('value', %s), ('several', %s)) AS o (field, oracle)
    WHERE coalesce(i.item -> o.field, '"absent"') IS DISTINCT FROM coalesce(o.oracle, 'null')
  $query$, item_type, source, item_type, oracle, oracles);
END $$;
SELECT d.* FROM itemize.definitions t, differences(t.type, t.source::regclass) d WHERE t.source LIKE 'json_types.t_%';
SELECT count(*) AS types FROM itemize.definitions WHERE source LIKE 'json_types.t_%';

-- fetch and item_json give the same bytes, whatever the session's settings are; so does the output plugin.
CREATE TABLE defined AS SELECT type FROM itemize.definitions WHERE source LIKE 'json_types.t_%';
CREATE FUNCTION every_item() RETURNS TABLE (type text, key text, item text) LANGUAGE sql AS $$
  SELECT d.type, l.key, l.item::text FROM json_types.defined d, itemize.list(d.type, 1000) l
$$;
CREATE TABLE item AS SELECT * FROM every_item();
SELECT count(*) > 250 AS many FROM item;
SELECT count(*) AS differing FROM item i, itemize.fetch(i.type, ARRAY[i.key]) f WHERE f.item::text IS DISTINCT FROM i.item;
SELECT count(*) AS differing FROM item i WHERE itemize.item_json(i.type, i.key)::text IS DISTINCT FROM i.item;
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SET quote_all_identifiers = on;
SET lc_monetary = 'C.UTF-8';
SET search_path = pg_temp, json_types, public;
SELECT type, key FROM (SELECT * FROM json_types.item EXCEPT SELECT * FROM json_types.every_item()) d;
RESET ALL;
SET client_min_messages = warning;
SET search_path = json_types, public;
CREATE TABLE change AS
  SELECT split_part(line, E'\t', 3) AS type, split_part(line, E'\t', 5) AS key, split_part(line, E'\t', 6) AS item, split_part(line, E'\t', 7) AS member_lengths
  FROM pg_logical_slot_get_changes('json_types', NULL, NULL), string_to_table(data, E'\n') AS line WHERE line LIKE E'I\t%';
SELECT count(*) = (SELECT count(*) FROM item) AS every_row FROM change;
SELECT i.type, i.key, left(i.item, 99), left(c.item, 99) FROM item i LEFT JOIN change c USING (type, key) WHERE i.item IS DISTINCT FROM c.item;
SELECT count(*) AS differing FROM change c, itemize.fetch(c.type, ARRAY[c.key]) f WHERE f.member_lengths IS DISTINCT FROM c.member_lengths;
-- Member lengths add up to the row: braces, members, commas between them.
SELECT count(*) AS wrong_lengths FROM change c
WHERE octet_length(c.item) <> 1 + (SELECT sum(l::int + 1) FROM string_to_table(c.member_lengths, ',') AS l);

-- No white space but in strings, no raw control character anywhere.
SELECT type, key FROM item WHERE item ~ '[\x01-\x1f]' OR regexp_replace(item, '"([^"\\]|\\.)*"', '', 'g') ~ '\s';
SELECT item FROM item WHERE type = 't_1' ORDER BY key;

SELECT 'slot' AS dropped FROM pg_drop_replication_slot('json_types');
SELECT bool_and(itemize.undefine(type)) AS undefined FROM defined;
DROP SCHEMA json_types CASCADE;
