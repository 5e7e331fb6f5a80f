-- PostGIS's values as GeoJSON (RFC 7946): read back they are the same, to the last bit of each coordinate.
SET client_min_messages = warning;
SET synchronous_commit = on;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE SCHEMA geojson;
SET search_path = geojson, public;
CREATE TABLE place (id int PRIMARY KEY, shape geometry(Geometry, 4326), flat geometry(Point, 4326), round geography(Geometry, 4326));
CREATE TABLE raised (id int PRIMARY KEY, shape geometry(GeometryZM, 4326));
SELECT 'slot' AS made FROM pg_create_logical_replication_slot('geojson', 'itemize');
SELECT itemize.define('place', 'geojson.place', fields => '{id,shape,flat,round}');
SELECT itemize.define('raised', 'geojson.raised', fields => '{id,shape}');

CREATE TABLE shape (id int, shape geometry);
INSERT INTO shape VALUES
  (1, 'SRID=4326;POINT(4.4 51.22)'), (2, 'SRID=4326;POINT(0.1 -0.30000000000000004)'), (3, 'SRID=4326;POINT EMPTY'),
  (4, 'SRID=4326;LINESTRING(0 0,1e-7 1,180 -90)'), (5, 'SRID=4326;LINESTRING EMPTY'),
  (6, 'SRID=4326;POLYGON((0 0,10 0,10 10,0 10,0 0))'), (7, 'SRID=4326;POLYGON((0 0,0 10,10 10,10 0,0 0),(1 1,2 1,2 2,1 2,1 1),(3 3,3 4,4 4,4 3,3 3))'),
  (8, 'SRID=4326;POLYGON EMPTY'), (9, 'SRID=4326;MULTIPOINT(1 2,3 4)'), (10, 'SRID=4326;MULTILINESTRING((0 0,1 1),(2 2,3 3,4 4))'),
  (11, 'SRID=4326;MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)),((5 5,6 5,6 6,5 6,5 5),(5.2 5.2,5.2 5.4,5.4 5.4,5.4 5.2,5.2 5.2)))'),
  (12, 'SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1),GEOMETRYCOLLECTION(POLYGON((0 0,0 1,1 1,1 0,0 0))))'),
  (13, 'SRID=4326;GEOMETRYCOLLECTION EMPTY'), (14, 'SRID=4326;MULTIPOINT EMPTY');
INSERT INTO shape SELECT 100, ST_SetSRID(ST_MakeLine(ARRAY(SELECT ST_MakePoint(sin(i) * 180, cos(i) * 90) FROM generate_series(1, 2000) i)), 4326);
INSERT INTO place SELECT id, shape, CASE WHEN GeometryType(shape) = 'POINT' THEN shape END, shape::geography FROM shape;
INSERT INTO raised VALUES (1, 'SRID=4326;POINT ZM(1 2 3 4)'), (2, 'SRID=4326;LINESTRING ZM(0 0 1.5 9,1 1 2.5 9)');

-- Each reads back as what it was (rings may have been turned).
CREATE VIEW item AS SELECT id, itemize.item_json('place', id::text)::jsonb AS item FROM place;
SELECT id FROM place JOIN item USING (id)
WHERE NOT (ST_GeomFromGeoJSON(item ->> 'shape') = shape OR ST_GeomFromGeoJSON(item ->> 'shape') = ST_ForcePolygonCCW(shape)
  OR ST_AsText(ST_Normalize(ST_GeomFromGeoJSON(item ->> 'shape')), 20) = ST_AsText(ST_Normalize(shape), 20));
-- The geography of the same coordinates, and the point column, have the same text.
SELECT id FROM item WHERE item -> 'round' IS DISTINCT FROM item -> 'shape' OR coalesce(item ->> 'flat', item ->> 'shape') IS DISTINCT FROM item ->> 'shape';
-- RFC 7946, section 3.1.6: exterior rings counterclockwise, holes clockwise.
SELECT id FROM item WHERE NOT ST_IsPolygonCCW(ST_GeomFromGeoJSON(item ->> 'shape'));
SELECT id, item -> 'shape' AS shape FROM item WHERE id < 100 ORDER BY id;
-- Z stays, M is left out: a GeoJSON position has no place for it.
SELECT itemize.item_json('raised', '1'), itemize.item_json('raised', '2');

-- What GeoJSON has no word for comes in PostGIS's text form and loses nothing.
INSERT INTO place (id, shape) VALUES (200, 'SRID=4326;CIRCULARSTRING(0 0,1 1,2 0)'), (201, 'SRID=4326;CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))'),
  (202, 'SRID=4326;TRIANGLE((0 0,0 1,1 1,0 0))'), (203, 'SRID=4326;POINT(NaN 1)'),
  (204, 'SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),CIRCULARSTRING(0 0,1 1,2 0))');
SELECT id, item ->> 'shape' AS shape, (item ->> 'shape')::geometry = shape AS same FROM place JOIN item USING (id) WHERE id BETWEEN 200 AND 202 ORDER BY id;
SELECT id, jsonb_typeof(item -> 'shape') FROM item WHERE id > 202 ORDER BY id;

-- The stream has the same bytes.
CREATE TABLE change AS SELECT split_part(line, E'\t', 3) AS type, split_part(line, E'\t', 5) AS key, split_part(line, E'\t', 6) AS item
  FROM pg_logical_slot_get_changes('geojson', NULL, NULL), string_to_table(data, E'\n') AS line WHERE line LIKE E'I\t%';
SELECT count(*), count(*) FILTER (WHERE itemize.item_json(type, key)::text = item) AS same FROM change;

SELECT 'slot' AS dropped FROM pg_drop_replication_slot('geojson');
SELECT itemize.undefine('place'), itemize.undefine('raised');
DROP SCHEMA geojson CASCADE;
