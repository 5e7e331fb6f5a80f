-- Takes a CSV file whose header names the columns, in any order, into public.listing. PostgreSQL parses the CSV; the
-- header decides which column is what. The caller sets the psql variables `header` (the first line) and `delimiter`.
\set ON_ERROR_STOP on

CREATE SCHEMA demo_import;

-- One row a column of the file. A quoted name may hold the delimiter and doubled quotes.
CREATE TABLE demo_import.file_column AS
SELECT ordinality AS number,
       lower(btrim(CASE WHEN field LIKE '"%' THEN replace(substr(field, 2, length(field) - 2), '""', '"') ELSE field END)) AS name
FROM (
  SELECT ordinality, parts[1] AS field
  FROM regexp_matches(:'header' || :'delimiter', format('("(?:[^"]|"")*"|[^%1$s"]*)%1$s', :'delimiter'), 'g')
       WITH ORDINALITY AS part (parts, ordinality)
) AS fields;

-- The headers known for each of our columns, the preferred one first.
CREATE TABLE demo_import.known_header (target text, name text, preference integer, needed boolean);
INSERT INTO demo_import.known_header
SELECT target, name, preference, needed
FROM (VALUES
  ('id', '{id}'::text[], true),
  ('name', '{name}', true),
  ('latitude', '{latitude}', true),
  ('longitude', '{longitude}', true),
  ('description', '{description,neighborhood_overview,neighbourhood,neighbourhood_cleansed}', false),
  ('country', '{country,country_code}', false),
  ('lang', '{lang,language,lang_guess}', false),
  ('kind', '{kind,room_type,property_type,category}', false),
  ('price', '{price}', false),
  ('currency', '{currency}', false)
) AS target (target, names, needed), unnest(names) WITH ORDINALITY AS header (name, preference);

-- A missing header, or one that stands twice, is said by its name.
DO $$
DECLARE
  missing text;
  twice text;
BEGIN
  SELECT string_agg(DISTINCT name, ', ') INTO missing FROM demo_import.known_header AS known
    WHERE needed AND NOT EXISTS (SELECT FROM demo_import.file_column AS here WHERE here.name = known.name);
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'the CSV file has no column named: %', missing
      USING HINT = 'Its first line must hold the names id, name, latitude and longitude; it holds: '
        || (SELECT string_agg(name, ', ' ORDER BY number) FROM demo_import.file_column);
  END IF;
  SELECT string_agg(name, ', ') INTO twice FROM (
    SELECT name FROM demo_import.file_column JOIN demo_import.known_header USING (name) GROUP BY name HAVING count(*) > 1) AS doubled;
  IF twice IS NOT NULL THEN
    RAISE EXCEPTION 'the CSV file has more than one column named: %', twice;
  END IF;
END $$;

-- The file as it is: every column text, in the order of the lines.
SELECT format('CREATE UNLOGGED TABLE demo_import.raw (%s, row_number bigint GENERATED ALWAYS AS IDENTITY)',
              string_agg(format('c%s text', number), ', ' ORDER BY number))
FROM demo_import.file_column \gexec

-- What our columns are taken from: the first known header whose value is not empty.
SELECT format('CREATE VIEW demo_import.source AS SELECT row_number, %s FROM demo_import.raw',
              string_agg(format('%s AS %I', taken, target), ', '))
FROM (
  SELECT target, coalesce('coalesce(' || string_agg(format('nullif(btrim(c%s), '''')', number), ', ' ORDER BY preference)
                          FILTER (WHERE number IS NOT NULL) || ')', 'NULL::text') AS taken
  FROM demo_import.known_header LEFT JOIN demo_import.file_column USING (name)
  GROUP BY target
) AS targets \gexec

-- '$1,234.00', '1.234,00 €', '99' and '' are all prices of real exports; what holds no number is no price.
CREATE FUNCTION demo_import.to_price(price text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN plain ~ '^\d+(\.\d+)?$' THEN plain::numeric END
  FROM (SELECT regexp_replace(price, '[^0-9.,]', '', 'g')) AS bare (digits),
       LATERAL (SELECT CASE WHEN digits ~ ',\d{1,2}$' THEN replace(replace(digits, '.', ''), ',', '.')
                            ELSE replace(digits, ',', '') END) AS cleaned (plain)
$$;

CREATE FUNCTION demo_import.to_currency(currency text, price text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN currency ~* '^[a-z]{3}$' THEN upper(currency)
              WHEN price LIKE '%€%' THEN 'EUR' WHEN price LIKE '%£%' THEN 'GBP' WHEN price LIKE '%$%' THEN 'USD' END
$$;

-- The first row that cannot be taken, said with its number; the header is not counted.
CREATE FUNCTION demo_import.check_rows() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  wrong record;
BEGIN
  SELECT row_number, reason INTO wrong FROM (
    SELECT row_number, CASE
      WHEN id IS NULL OR id !~ '^[+-]?\d{1,18}$' AND (id !~ '^[+-]?\d{19}$' OR id::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807)
        THEN format('id %L is no whole number of 64 bits', id)
      WHEN count(*) OVER (PARTITION BY id) > 1 THEN format('id %L stands more than once', id)
      WHEN NOT is_degree(latitude, 90) THEN format('latitude %L is no number from -90 to 90', latitude)
      WHEN NOT is_degree(longitude, 180) THEN format('longitude %L is no number from -180 to 180', longitude)
    END AS reason FROM demo_import.source) AS rows
  WHERE reason IS NOT NULL ORDER BY row_number LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'row % of the CSV file: %', wrong.row_number, wrong.reason;
  END IF;
  RETURN (SELECT count(*) FROM demo_import.raw);
END $$ SET search_path = demo_import, pg_catalog;

CREATE FUNCTION demo_import.is_degree(value text, bound numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(CASE WHEN value ~ '^[+-]?(\d+(\.\d*)?|\.\d+)$' THEN abs(value::numeric) <= bound END, false)
$$;

-- Inserts the rows of a range of lines; the caller shows how far it is.
CREATE FUNCTION demo_import.insert_rows(above bigint, up_to bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.listing
  SELECT id::bigint, name, description, country, nullif(lang, 'und'), kind,
         demo_import.to_price(price), demo_import.to_currency(currency, price),
         public.ST_SetSRID(public.ST_MakePoint(longitude::float8, latitude::float8), 4326)::public.geography
  FROM demo_import.source
  WHERE row_number > above AND row_number <= up_to
  ORDER BY row_number
$$;
