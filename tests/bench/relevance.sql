-- The Cranfield collection as an item type, its queries asked through itemize.search and through ts_rank, and how good
-- each ranking is by the judgments. psql variables: docs, queries, judgments are files.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION itemize CASCADE;

CREATE TABLE line (document jsonb);
-- JSON lines hold neither of the two control characters.
COPY line FROM :'docs' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
CREATE TABLE document (id int PRIMARY KEY, title text NOT NULL, body text NOT NULL);
INSERT INTO document SELECT (document->>'id')::int, document->>'title', document->>'text' FROM line;
-- Identifiers are the ordinals 1 to 225, which the judgments name.
CREATE TABLE query (id int PRIMARY KEY, words text NOT NULL);
COPY query FROM :'queries';
-- Grade 0 is code -1 of the collection: the document that the query was taken from, which is not counted.
CREATE TABLE judgment (query int, iteration int, document int, grade int, code int);
COPY judgment FROM :'judgments';
DELETE FROM judgment WHERE grade = 0;

SELECT itemize.define('document', 'public.document', key => 'id', fields => '{title}',
  text => '{"title": "A", "body": "B"}', language => 'en', read => 'everyone');
-- The column first: the index then stands on it.
SELECT statement FROM itemize.search_indexes('document') WHERE statement LIKE 'ALTER TABLE%' \gexec
SELECT statement FROM itemize.search_indexes('document') WHERE statement LIKE 'CREATE INDEX%' \gexec
ANALYZE document;

-- By hand: a tsvector of the same weights; ts_rank takes all its matches, as it has no notion of what to leave out.
ALTER TABLE document ADD by_hand tsvector;
UPDATE document SET by_hand = setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B');

CREATE TABLE run (method text, query int, document int, rank int);

-- Every page of every query, as a reader would go through them.
CREATE PROCEDURE ask_itemize() LANGUAGE plpgsql AS $$
DECLARE
  asked record;
  page record;
  behind text;
  at int;
BEGIN
  FOR asked IN SELECT id, words FROM query LOOP
    at := 0;
    behind := NULL;
    LOOP
      FOR page IN SELECT key, cursor FROM itemize.search('document', asked.words, max_rows => 100, after => behind) LOOP
        at := at + 1;
        behind := page.cursor;
        INSERT INTO run VALUES ('itemize', asked.id, page.key::int, at);
      END LOOP;
      EXIT WHEN at % 100 <> 0 OR NOT FOUND;
    END LOOP;
  END LOOP;
END $$;
CALL ask_itemize();

INSERT INTO run
SELECT method, id, document, row_number() OVER (PARTITION BY method, id ORDER BY score DESC, document)
FROM (SELECT id, replace(plainto_tsquery('english', words)::text, '&', '|')::tsquery AS words FROM query) q
CROSS JOIN LATERAL (SELECT d.id AS document, ts_rank('{1,1,1,1}', by_hand, q.words) AS plain, ts_rank(by_hand, q.words) AS weighted
                    FROM document d WHERE by_hand @@ q.words) d
CROSS JOIN LATERAL (VALUES ('ts_rank', plain), ('ts_rank_weighted', weighted)) AS scored(method, score);

-- Average precision, and discounted cumulative gain (linear in the grade) over that of the ideal order, both 0 for a
-- query without an answer.
CREATE VIEW quality AS
WITH hit AS (
  SELECT method, query, rank, grade, row_number() OVER (PARTITION BY method, query ORDER BY rank) AS hits
  FROM run JOIN judgment USING (query, document)
), reached AS (
  SELECT method, query, sum(hits::float8 / rank) AS precision_sum, sum(grade / ln(rank + 1)) FILTER (WHERE rank <= 10) AS gain
  FROM hit GROUP BY method, query
), ideal AS (
  SELECT query, count(*) AS relevant, sum(grade / ln(place + 1)) FILTER (WHERE place <= 10) AS gain
  FROM (SELECT query, grade, row_number() OVER (PARTITION BY query ORDER BY grade DESC) AS place FROM judgment) j
  GROUP BY query
)
SELECT method, count(*) AS queries, avg(coalesce(precision_sum / relevant, 0)) AS map,
       avg(coalesce(reached.gain / ideal.gain, 0)) AS ndcg10
FROM ideal CROSS JOIN (SELECT DISTINCT method FROM run) m LEFT JOIN reached USING (method, query)
GROUP BY method;
