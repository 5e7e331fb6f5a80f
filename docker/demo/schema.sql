-- The demo's database: the extension and one ordinary table.
\set ON_ERROR_STOP on

CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS postgis;

CREATE TABLE public.listing (
  id          bigint PRIMARY KEY,
  name        text,
  description text,
  country     text,
  lang        text,
  kind        text,
  price       numeric,
  currency    text,
  location    geography(Point, 4326)
);
