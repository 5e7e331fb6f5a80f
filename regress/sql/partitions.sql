-- Partitioned tables as item types: defined on the root, kept true to what is attached, detached and dropped.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;
CREATE SCHEMA partitions;
SET search_path = partitions, public;

-- Whether the definition was renewed since it was last asked.
CREATE TABLE seen (type text PRIMARY KEY, generation bigint);
CREATE FUNCTION renewed(of_type text DEFAULT 'stay') RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before bigint := (SELECT generation FROM seen WHERE type = of_type);
  now bigint := (SELECT generation FROM itemize.definitions WHERE type = of_type);
BEGIN
  INSERT INTO seen VALUES (of_type, now) ON CONFLICT (type) DO UPDATE SET generation = EXCLUDED.generation;
  RETURN now > before;
END $$;

-- two levels; a partition whose columns stand elsewhere
CREATE TABLE stay (listing int, day date, price numeric(8,2), note text, PRIMARY KEY (listing, day)) PARTITION BY LIST (listing);
CREATE TABLE stay_1 PARTITION OF stay FOR VALUES IN (1) PARTITION BY RANGE (day);
CREATE TABLE stay_1_early PARTITION OF stay_1 FOR VALUES FROM (MINVALUE) TO ('2026-07-01');
CREATE TABLE stay_1_late (note text, gone int, day date NOT NULL, price numeric(8,2), listing int NOT NULL, PRIMARY KEY (listing, day));
ALTER TABLE stay_1_late DROP COLUMN gone;
ALTER TABLE stay_1 ATTACH PARTITION stay_1_late FOR VALUES FROM ('2026-07-01') TO (MAXVALUE);
CREATE TABLE stay_2 PARTITION OF stay FOR VALUES IN (2);
INSERT INTO stay VALUES (1, '2026-06-30', 90, 'early'), (1, '2026-07-01', 95, 'late'), (2, '2026-07-01', 50, 'other');
SELECT itemize.suggest_definition('stay');
SELECT itemize.define('stay', 'stay', fields => '{price,note}', read => 'everyone');
SELECT itemize.define('stay', 'stay', fields => '{price,note}', read => 'everyone');
SELECT type, source, key, fields FROM itemize.definitions;
SELECT * FROM itemize.definition_problems();
SELECT renewed();

-- rows of all of them
SELECT key, item FROM itemize.fetch('stay', '{"1,2026-06-30","1,2026-07-01","2,2026-07-01","3,2026-07-01"}');
SELECT key, item FROM itemize.list('stay', 2);
SELECT key, item FROM itemize.list('stay', 2, '1,2026-07-01');
SELECT itemize.item_json('stay', '1,2026-07-01');

-- by keys of each kind, few (planned for the partitions in which they can be) and many
CREATE TYPE season AS ENUM ('low', 'high');
CREATE DOMAIN room_number AS varchar(10);
CREATE TABLE rate (season season, room room_number, on_day date, id uuid, n numeric(6,2), PRIMARY KEY (season, room, on_day, id, n)) PARTITION BY LIST (season);
CREATE TABLE rate_low PARTITION OF rate FOR VALUES IN ('low');
CREATE TABLE rate_high PARTITION OF rate FOR VALUES IN ('high') PARTITION BY HASH (room);
CREATE TABLE rate_high_0 PARTITION OF rate_high FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE rate_high_1 PARTITION OF rate_high FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO rate SELECT s, r, '2026-07-01', '00000000-0000-0000-0000-000000000001', 1.5 FROM unnest(enum_range(NULL::season)) s, generate_series(1, 60) r;
SELECT itemize.define('rate', 'rate', fields => '{season,room}');
SELECT key, item FROM itemize.fetch('rate', ARRAY['low,7,2026-07-01,00000000-0000-0000-0000-000000000001,1.50', 'high,7,2026-07-01,00000000-0000-0000-0000-000000000001,1.50',
  'high,7,2026-07-02,00000000-0000-0000-0000-000000000001,1.50', 'none,7,2026-07-01,00000000-0000-0000-0000-000000000001,1.50']);
SELECT count(*), count(item) FROM itemize.fetch('rate', ARRAY(SELECT s || ',' || r || ',2026-07-01,00000000-0000-0000-0000-000000000001,1.50' FROM unnest(enum_range(NULL::season)) s, generate_series(1, 70) r));
SELECT count(*), count(item) FROM itemize.fetch('rate', ARRAY(SELECT 'high,' || r || ',2026-07-01,00000000-0000-0000-0000-000000000001,1.50' FROM generate_series(1, 64) r));
DROP TABLE rate;

-- a table is covered by one definition
SELECT itemize.define('leaf', 'stay_1_early', fields => '{price}');
SELECT itemize.define('branch', 'stay_1', fields => '{price}');
CREATE TABLE stay_3 (LIKE stay INCLUDING ALL);
SELECT itemize.define('leaf', 'stay_3', fields => '{price}');
ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3);
SELECT itemize.undefine('stay');
ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3);
SELECT itemize.define('stay', 'stay', fields => '{price,note}', read => 'everyone');
SELECT itemize.define('stay', 'stay_2', fields => '{price,note}');
SELECT itemize.define('stay', 'stay_1', fields => '{price,note}', replace => true);
SELECT type, source FROM itemize.definitions ORDER BY type;
SET session_replication_role = replica;
UPDATE itemize.item_type SET source = 'stay' WHERE name = 'stay';
RESET session_replication_role;
SELECT * FROM itemize.definition_problems() ORDER BY type;
SELECT itemize.undefine('leaf');
ALTER TABLE stay DETACH PARTITION stay_3;
SELECT renewed();

-- a partition that comes: renewed when it brings rows
CREATE TABLE stay_4 PARTITION OF stay FOR VALUES IN (4);
SELECT renewed();
ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3);
SELECT renewed();
ALTER TABLE stay DETACH PARTITION stay_3;
SELECT renewed();
INSERT INTO stay_3 VALUES (3, '2026-07-01', 1, 'attached');
SELECT itemize.item_json('stay', '3,2026-07-01');
ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3);
SELECT renewed();
SELECT itemize.item_json('stay', '3,2026-07-01');
CREATE TABLE stay_5 (LIKE stay INCLUDING ALL) PARTITION BY RANGE (day);
CREATE TABLE stay_5_all PARTITION OF stay_5 DEFAULT;
INSERT INTO stay_5 VALUES (5, '2026-07-01', 1, 'nested');
ALTER TABLE stay ATTACH PARTITION stay_5 FOR VALUES IN (5);
SELECT renewed();

-- and that goes: on every level, in every way
ALTER TABLE stay_1 DETACH PARTITION stay_1_early;
SELECT renewed();
ALTER TABLE stay_1 ATTACH PARTITION stay_1_early FOR VALUES FROM (MINVALUE) TO ('2026-07-01');
SELECT renewed();
ALTER TABLE stay_1 DETACH PARTITION stay_1_early CONCURRENTLY;
SELECT renewed();
SELECT itemize.item_json('stay', '1,2026-06-30');
ALTER TABLE stay_1 ATTACH PARTITION stay_1_early FOR VALUES FROM (MINVALUE) TO ('2026-07-01');
SELECT renewed();
DROP TABLE stay_1_early;
SELECT renewed();
ALTER TABLE stay DETACH PARTITION stay_5;
SELECT renewed();
ALTER TABLE stay ATTACH PARTITION stay_5 FOR VALUES IN (5);
SELECT renewed();
DROP TABLE stay_5;
SELECT renewed();
CREATE SCHEMA elsewhere;
ALTER TABLE stay_3 SET SCHEMA elsewhere;
SELECT renewed();
DROP SCHEMA elsewhere CASCADE;
SELECT renewed();
BEGIN;
ALTER TABLE stay DETACH PARTITION stay_4;
ROLLBACK;
SELECT renewed();

-- a partition of a table that is not defined is nobody's business, nor are tables that inherit
CREATE TABLE plain (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE plain_1 PARTITION OF plain DEFAULT;
ALTER TABLE plain DETACH PARTITION plain_1;
DROP TABLE plain, plain_1;
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
DROP TABLE child, parent;
SELECT renewed();

-- the table's own changes reach it through the root
ALTER TABLE stay RENAME note TO remark;
SELECT renewed();
SELECT fields FROM itemize.definitions;
ALTER TABLE stay ALTER price TYPE numeric(10,3);
SELECT renewed();
SELECT itemize.item_json('stay', '1,2026-07-01');
ALTER TABLE stay ADD COLUMN extra int DEFAULT 7;
SELECT renewed();
ALTER TABLE stay DROP COLUMN remark;
SELECT fields, renewed() FROM itemize.definitions;
SELECT itemize.item_json('stay', '1,2026-07-01');

-- what a key stands on, in each partition
ALTER TABLE stay DROP CONSTRAINT stay_pkey;
ALTER TABLE stay_2 REPLICA IDENTITY NOTHING;
ALTER TABLE stay_2 SET UNLOGGED;
ALTER TABLE stay ALTER day DROP NOT NULL;
ALTER TABLE stay REPLICA IDENTITY NOTHING;
CREATE UNIQUE INDEX stay_2_own ON stay_2 (listing, day);
ALTER TABLE stay_2 REPLICA IDENTITY USING INDEX stay_2_own;
DROP INDEX stay_2_own;
DROP INDEX CONCURRENTLY stay_2_own;
ALTER TABLE stay_2 REPLICA IDENTITY DEFAULT;
DROP INDEX stay_2_own;
SELECT * FROM itemize.definition_problems();

-- an index of the root that takes the partitions' identity with it
CREATE TABLE twice (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE twice_1 PARTITION OF twice DEFAULT;
SELECT itemize.define('twice', 'twice', fields => '{id}');
ALTER TABLE twice ADD UNIQUE (id);
ALTER TABLE twice DROP CONSTRAINT twice_pkey;
DROP TABLE twice;

-- a key that is not the primary key: each partition needs its replica identity
CREATE TABLE article (id int, slug text NOT NULL, title text, PRIMARY KEY (id, slug), UNIQUE (slug)) PARTITION BY HASH (slug);
CREATE TABLE article_0 PARTITION OF article FOR VALUES WITH (MODULUS 2, REMAINDER 0);
SELECT itemize.define('article', 'article', key => 'title', fields => '{title}');
ALTER TABLE article DROP CONSTRAINT article_pkey;
SELECT itemize.define('article', 'article', key => 'slug', fields => '{title}');
ALTER TABLE article_0 REPLICA IDENTITY USING INDEX article_0_slug_key;
SELECT itemize.define('article', 'article', key => 'slug', fields => '{title}');
CREATE TABLE article_1 PARTITION OF article FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT * FROM itemize.definition_problems();
SELECT check_name, status, detail FROM itemize.doctor() WHERE check_name = 'definitions';
ALTER TABLE article_1 REPLICA IDENTITY FULL;
SELECT * FROM itemize.definition_problems();

-- partitions whose changes are not in the log
CREATE TABLE mixed (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE UNLOGGED TABLE mixed_unlogged PARTITION OF mixed FOR VALUES FROM (1) TO (2);
SELECT itemize.define('mixed', 'mixed', fields => '{name}');
ALTER TABLE mixed_unlogged SET LOGGED;
SELECT itemize.define('mixed', 'mixed', fields => '{name}');
CREATE UNLOGGED TABLE mixed_more PARTITION OF mixed FOR VALUES FROM (2) TO (3);
CREATE FOREIGN DATA WRAPPER regress_itemize_wrapper;
CREATE SERVER regress_itemize_server FOREIGN DATA WRAPPER regress_itemize_wrapper;
CREATE TABLE keyless (id int NOT NULL, name text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE keyless_foreign PARTITION OF keyless FOR VALUES FROM (2) TO (3) SERVER regress_itemize_server;
SELECT itemize.define('keyless', 'keyless', key => 'id', fields => '{name}');
CREATE TEMPORARY TABLE temporary (id int PRIMARY KEY) PARTITION BY RANGE (id);
SELECT itemize.define('temporary', 'temporary', fields => '{id}');
DROP TABLE temporary;
CREATE TABLE open_key (id int, name text) PARTITION BY RANGE (id);
SELECT itemize.define('open_key', 'open_key', key => 'id', fields => '{name}');

-- A partition by itself is a table like any other.
SELECT itemize.undefine('stay');
SELECT itemize.define('leaf', 'stay_2', fields => '{price}');
SELECT itemize.item_json('leaf', '2,2026-07-01');
SELECT renewed('leaf');
ALTER TABLE stay DETACH PARTITION stay_2;
ALTER TABLE stay ATTACH PARTITION stay_2 FOR VALUES IN (2);
DROP TABLE stay_4;
SELECT renewed('leaf');
SELECT itemize.define('branch', 'stay_1', fields => '{price}');
ALTER TABLE stay DETACH PARTITION stay_1;
SELECT renewed('branch');
ALTER TABLE stay_1 DETACH PARTITION stay_1_late;
SELECT renewed('branch');

-- An owner of the root needs no right on partitions of others; somebody else locks and changes nothing.
CREATE ROLE regress_itemize_root;
CREATE ROLE regress_itemize_other;
GRANT USAGE, CREATE ON SCHEMA partitions TO regress_itemize_root, regress_itemize_other;
ALTER TABLE article OWNER TO regress_itemize_root;
ALTER TABLE article_0 OWNER TO regress_itemize_other;
SET ROLE regress_itemize_root;
SET search_path = partitions;
SELECT itemize.define('article', 'article', key => 'slug', fields => '{slug,title}', replace => true);
RESET ROLE;
SELECT renewed('article');
SET ROLE regress_itemize_other;
ALTER TABLE article DETACH PARTITION article_0;
ALTER TABLE article DETACH PARTITION article_0 CONCURRENTLY;
DROP TABLE article_1;
RESET ROLE;
SELECT renewed('article');
SET ROLE regress_itemize_other;
DROP TABLE article_0;
RESET ROLE;
SELECT renewed('article');
DROP TABLE article;
SELECT type FROM itemize.definitions ORDER BY type;

SET client_min_messages = warning;
DROP SCHEMA partitions CASCADE;
DROP FOREIGN DATA WRAPPER regress_itemize_wrapper CASCADE;
DROP ROLE regress_itemize_root, regress_itemize_other;
SELECT count(*) AS definitions, (SELECT count(*) FROM itemize.item_column WHERE item_type NOT LIKE 'itemize\_%') AS columns FROM itemize.definitions;
