-- The score of a document for a query.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;

-- A rank of rows, best first; equal scores on one line.
CREATE FUNCTION pg_temp.ranked(query tsquery, VARIADIC documents tsvector[]) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT string_agg(document::text, '   =   ' ORDER BY n)
  FROM unnest(documents) WITH ORDINALITY AS d(document, n)
  GROUP BY itemize.rank(document, query) ORDER BY itemize.rank(document, query) DESC
$$;

-- More of the words, a heavier column, more often, in a shorter text.
SELECT pg_temp.ranked('sea & view', 'sea:1D view:2D', 'sea:1D', 'harbour:1D');
SELECT pg_temp.ranked('sea', 'sea:1A', 'sea:1B', 'sea:1C', 'sea:1D');
SELECT pg_temp.ranked('sea', 'sea:1A,3A,5A', 'sea:1A,3A', 'sea:1A');
SELECT pg_temp.ranked('sea', 'sea:1A', 'sea:1A a:2 b:3 c:4 d:5 e:6 f:7 g:8 h:9');

-- A word that is negated counts nothing; a weight asked for counts nothing else.
SELECT pg_temp.ranked('sea & !cold', 'cold:2A sea:1A', 'warm:2A sea:1A');
SELECT pg_temp.ranked('sea:A', 'sea:1A', 'sea:1A,2B', 'sea:1B');

-- All words that begin so count together.
SELECT pg_temp.ranked('sea:*', 'sea:1A seaside:2A', 'seaside:2A x:1A', 'se:1A x:2A');

-- Words at one position are forms of one word: the best counts, so a text that is stored in two forms is not ahead.
SELECT itemize.rank('cafe:1A café:1A', 'cafe | café | bar') = itemize.rank('cafe:1A x:1A', 'cafe | café | bar') AS alike,
       itemize.rank('cafe:1A café:2A', 'cafe | café | bar') > itemize.rank('cafe:1A x:2A', 'cafe | café | bar') AS two_words;

-- Parameters: the rarity of each word, in the order in which a tsquery is stored, the right of an operator before its left;
-- here that of the left is ten times the right's.
SELECT itemize.rank('a:1A', 'a | b', '\x8e142850c810a0') > 9 * itemize.rank('b:1A', 'a | b', '\x8e142850c810a0') AS rare_word_tells_more,
       itemize.rank('a:1A', 'a | b') = itemize.rank('b:1A', 'a | b') AS all_alike_without;

-- From 0 to below 1, whatever comes; any bytes are parameters.
SELECT itemize.rank(d, q, p) >= 0 AND itemize.rank(d, q, p) < 1 AS in_range, count(*)
FROM (VALUES (''::tsvector), ('a'), ('a:1A,2A,3A,16383A'), (strip('a:1 b:2'))) d(d),
     (VALUES (''::tsquery), ('a'), ('!a'), ('a <-> b'), ('!(a & !b)')) q(q),
     (VALUES (NULL::bytea), ('\x'), ('\x00'), ('\x0000000000'), ('\xffffffffffffff'), ('\x01000000000000')) p(p)
GROUP BY 1;
SELECT itemize.rank(NULL, 'a') IS NULL AS no_document, itemize.rank('a', NULL) IS NULL AS no_query;

-- A statement with a query for each row scores each with its own.
SELECT q, itemize.rank('a:1A b:2B', q) > 0 AS found FROM (VALUES ('a'::tsquery), ('c'), ('a'), ('b & !a')) v(q);

-- The rarity of words is that of the statistics: of two words, the one that few rows have decides.
CREATE TABLE public.ranked_note (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO public.ranked_note SELECT n, CASE WHEN n % 50 = 0 THEN 'rare ' ELSE 'common ' END || 'word' || n % 7 FROM generate_series(1, 1000) n;
SELECT itemize.define('ranked_note', 'public.ranked_note', key => 'id', fields => '{body}', text => '{"body": "A"}', language => 'en',
  read => 'everyone');
CREATE INDEX ranked_note_text ON public.ranked_note USING gin (itemize.document('en', 'A', body));
ANALYZE public.ranked_note;
SELECT bool_and(body LIKE 'rare %') AS rare_ones_first FROM
  (SELECT n.body FROM itemize.search('ranked_note', 'common OR rare', max_rows => 20) s JOIN public.ranked_note n ON n.id = s.key::int) r;
-- What a session has read of them is good until they are renewed.
UPDATE public.ranked_note SET body = replace(replace(replace(body, 'rare', 'x'), 'common', 'rare'), 'x ', 'common ');
ANALYZE public.ranked_note;
SELECT bool_and(body LIKE 'common %') AS rare_ones_first FROM
  (SELECT n.body FROM itemize.search('ranked_note', 'common OR rare', max_rows => 20) s JOIN public.ranked_note n ON n.id = s.key::int) r;
UPDATE public.ranked_note SET body = replace(replace(replace(body, 'rare', 'x'), 'common', 'rare'), 'x ', 'common ');
ANALYZE public.ranked_note;
-- So it is for whoever sees all rows: of a definition that lets nobody read, who may read the table.
SELECT itemize.define('ranked_note', 'public.ranked_note', key => 'id', fields => '{body}', text => '{"body": "A"}', language => 'en',
  read => 'nobody', replace => true);
SELECT bool_and(body LIKE 'rare %') AS rare_ones_first FROM
  (SELECT n.body FROM itemize.search('ranked_note', 'common OR rare', max_rows => 20) s JOIN public.ranked_note n ON n.id = s.key::int) r;
-- And not for whom a policy shows some of them only: the rarities would tell of the others.
CREATE ROLE search_rank_role;
GRANT SELECT ON public.ranked_note TO search_rank_role;
ALTER TABLE public.ranked_note ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON public.ranked_note FOR SELECT TO search_rank_role USING (id <= 500);
SET ROLE search_rank_role;
SELECT count(DISTINCT score) = 1 AS all_alike, bool_and(key::int <= 500) AS permitted FROM itemize.search('ranked_note', 'common OR rare', max_rows => 500);
RESET ROLE;
SELECT itemize.undefine('ranked_note');
DROP TABLE public.ranked_note;
DROP ROLE search_rank_role;
