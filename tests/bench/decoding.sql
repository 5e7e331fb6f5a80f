-- The table of the benchmark, its item type and what loads it. Deterministic: every run decodes the same rows.
SET client_min_messages = warning;
CREATE EXTENSION itemize CASCADE;

CREATE TABLE place (
  id          bigint PRIMARY KEY,
  name        text NOT NULL,
  description text NOT NULL,
  city        text,
  price       numeric,
  latitude    double precision,
  longitude   double precision,
  created_at  timestamptz,
  updated_at  timestamptz,
  reviews     integer
);
-- Room beside each row: an update does not move on to another page.
ALTER TABLE place SET (fillfactor = 40, autovacuum_enabled = off);

SELECT itemize.define('place', 'place', read => 'everyone', fields =>
  '{id,name,description,city,price,latitude,longitude,created_at,updated_at,reviews}');
CREATE PUBLICATION bench FOR TABLE place;

-- One row in ten has what JSON must escape, one in four letters beyond ASCII; coordinates have all the digits that a
-- float can have, and the six decimals that coordinates mostly have.
CREATE PROCEDURE load_places(how_many integer) LANGUAGE sql AS $$
  INSERT INTO place
  SELECT id,
         'Place number ' || id,
         CASE WHEN id % 10 = 0 THEN E'A "quiet" room with a view,\nclose to the station and to number ' || id
              ELSE 'A quiet room with a view, close to the station and to number ' || id END,
         (ARRAY['Antwerp', 'Gent', 'Liège', 'Oostende'])[1 + id % 4],
         round((20 + id % 400 + id % 100 / 100.0)::numeric, 2),
         hashint8extended(id, 1) / 1e17,
         round((hashint8extended(id, 2) / 1e17)::numeric, 6)::float8,
         timestamptz '2024-01-01 00:00:00+00' + id * interval '61.7 seconds',
         timestamptz '2025-01-01 00:00:00+00' + id * interval '13.123457 seconds',
         id % 1000
  FROM generate_series(1, how_many) id;
$$;

-- Each update is a transaction of its own. `part` of `parts` sessions that share the work.
CREATE PROCEDURE update_places(how_many integer, passes integer, part integer, parts integer) LANGUAGE plpgsql AS $$
BEGIN
  FOR pass IN 1 .. passes LOOP
    FOR place_id IN part .. how_many BY parts LOOP
      UPDATE place SET price = price + 0.05, reviews = reviews + 1, updated_at = updated_at + interval '1.000001 seconds'
      WHERE id = place_id;
      COMMIT;
    END LOOP;
  END LOOP;
END $$;
