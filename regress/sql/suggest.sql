-- suggest_definition proposes a call that runs.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
CREATE EXTENSION IF NOT EXISTS postgis;
RESET client_min_messages;
CREATE SCHEMA suggest;
SET search_path = suggest, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE listing (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  description text,
  price numeric(10,2),
  location geography(Point, 4326),
  "Room Type" text,
  "odd{,""\name" text,
  shape geometry,
  email text,
  "ownerPhone" text,
  password_hash text,
  api_token text,
  ip inet,
  zip text,
  ship_date date,
  margin numeric,
  remark text
);
COMMENT ON TABLE listing IS 'places to stay';
COMMENT ON COLUMN listing.name IS 'as shown to guests';
COMMENT ON COLUMN listing.margin IS 'Internal: not for guests';
COMMENT ON COLUMN listing.remark IS E'two\nlines; SELECT 1/0';
SELECT itemize.suggest_definition('listing');
-- The output is a statement.
SELECT itemize.suggest_definition('listing') \gexec
SELECT type, source, key, fields, read FROM itemize.definitions;

-- Names that need quoting, keys of several columns, names that are no type's name.
CREATE TABLE "My 2nd Table" ("the key" int, "Key,2" text, note text, PRIMARY KEY ("Key,2", "the key"));
SELECT itemize.suggest_definition('"My 2nd Table"');
SELECT itemize.suggest_definition('suggest."My 2nd Table"') \gexec
SELECT type, source, key, fields, read FROM itemize.definitions WHERE type <> 'listing';
CREATE TABLE "3d" (id int PRIMARY KEY);
SELECT itemize.suggest_definition('"3d"');

-- A key that looks private is left out of the fields, with a word on it.
CREATE TABLE account (email text PRIMARY KEY, nick text);
SELECT itemize.suggest_definition('account');
SELECT itemize.suggest_definition('account') \gexec

-- Line ends in names and comments do not end the comment that shows them.
CREATE TYPE "two
SELECT 1/0; --" AS ENUM ('a');
CREATE TABLE "multi
line" (id int PRIMARY KEY, "na
me" text, kind "two
SELECT 1/0; --", "my
password" text);
COMMENT ON COLUMN "multi
line"."na
me" IS E'one\r\nSELECT 1/0;';
SELECT itemize.suggest_definition(E'"multi\nline"');
SELECT itemize.suggest_definition(E'"multi\nline"') \gexec

-- What must be mended first.
CREATE TABLE no_key (name text);
SELECT itemize.suggest_definition('no_key');
CREATE TABLE all_private (ssn text PRIMARY KEY, iban text);
SELECT itemize.suggest_definition('all_private');

SELECT itemize.suggest_definition('nowhere');
SELECT itemize.suggest_definition('pg_class');
SELECT itemize.suggest_definition(NULL) IS NULL;

SET client_min_messages = warning;
DROP SCHEMA suggest CASCADE;
