-- Texts as they are searched, and what a visitor types: itemize.document, itemize.query, synonyms.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS itemize CASCADE;
RESET client_min_messages;

-- The words of a document, at their places; marks for its language and for columns that share a weight.
SELECT translate(itemize.document('en', 'A', 'Sea views by the sea')::text, E'\x1e\x1f', '#/');
SELECT translate(itemize.document('en', 'Abb', 'Sea', 'houses', 'view')::text, E'\x1e\x1f', '#/');
SELECT itemize.document(NULL, 'AD', 'Crème brûlée', 'E-mail 1,234.50');
SELECT itemize.document('ja', 'A', '東京タワー'), itemize.document('zz', 'A', ''), itemize.document('en', 'AB', NULL, NULL);
SELECT itemize.document(NULL, 'A');
SELECT itemize.document(NULL, 'X', 'a');
SELECT itemize.document(NULL, NULL, 'a');

CREATE FUNCTION finds(query text, content text, lang text DEFAULT 'en', row_lang text DEFAULT 'en') RETURNS boolean
LANGUAGE sql AS $$ SELECT itemize.document(row_lang, 'A', content) @@ itemize.query(query, lang) $$;

-- Words, phrases, alternatives, exclusions, beginnings.
SELECT q, finds(q, 'A bright house by the sea, with a view of the state of the art') FROM unnest(ARRAY[
  'house', 'HOUSES', 'sea view', 'view sea', 'sea lake', 'sea OR lake', 'lake or sea', 'lake|sea', '"by the sea"', '"the sea"',
  '"sea view"', '"sea with a view"', '"house by sea"', 'sea -house', 'sea -lake', 'sea NOT lake', '-lake', '-sea', 'brig*', 'bright*',
  'hou*', '(sea (house', 'sea)', '(lake OR sea) view', '-(lake sea)', '"state of the art"', 'state-of-the-art', 'the', 'the sea', '']) q;

-- Parts of words, numbers, addresses.
SELECT q, finds(q, 'Send an e-mail to John.Doe@example.com about L’Hôtel O''Brien, 1.234,50 EUR or 3.5%, before 04.03.2021; see https://example.com/a/b?c=1')
FROM unnest(ARRAY['email', 'e-mail', 'mail', '"e mail"', 'john.doe@example.com', 'example.com', 'doe', 'hotel', 'l''hôtel', 'lhotel',
  'obrien', 'o''brien', '1234.50', '1,234.50', '1234', '3,5', '5', '2021', '04.03.2021', 'example.com/a/b', 'https://example.com', 'b/a']) q;

-- Accents, width, case; a language's words without their accents.
SELECT q, finds(q, 'Straße Łódź smørrebrød ＨＯＴＥＬ déménagements', 'fr', 'fr') FROM unnest(ARRAY[
  'strasse', 'STRASSE', 'lodz', 'Łódź', 'smorrebrod', 'hotel', 'demenagement', 'déménager', 'demenager']) q;

-- Scripts without spaces: any part is found, in its order.
SELECT q, finds(q, '東京タワーへ行くiPhone', NULL, 'ja') FROM unnest(ARRAY[
  '東京', '京タ', 'タワー', '東京タワー', '東京タワーへ行く', '東', 'く', '東タ', '行く東京', '東京 行く', '行くiphone', '"東京" -大阪', 'ﾀﾜｰ']) q;

-- Only negations, nothing.
SELECT itemize.query('-sea', 'en'), itemize.query('the', 'en') AS the, itemize.query('!?', 'en') AS signs, itemize.query(NULL, 'en') AS nothing;

-- Without a language, a word is read as each; a stop word of one is asked for in the others.
SELECT row_lang, content, finds('die Menschen', content, NULL, row_lang) FROM (VALUES
  ('de', 'Die Rechte des Menschen'), ('en', 'Menschen'), ('en', 'die Menschen'), (NULL, 'Menschen'), (NULL, 'die Menschen')) v(row_lang, content);
-- A word read in all languages meets what its own keeps apart (French has "new" for "news"); read in one, it does not.
SELECT itemize.document('en', 'A', content) @@ itemize.query('news') AS in_all, itemize.document('en', 'A', content) @@ itemize.query('news', 'en') AS in_english
FROM unnest('{"the new house","the news"}'::text[]) content;

-- Bounds.
SELECT itemize.query(repeat('a', 65537), 'en');
SELECT itemize.query(repeat('a', 65536), 'en') AS too_long_a_word;
SELECT numnode(itemize.query(repeat('("', 32768), 'en')), numnode(itemize.query(repeat('word ', 13107), 'en')) AS words,
       numnode(itemize.query('"' || repeat('a1 b2 c3 ', 7000) || '"', 'en')) AS phrase;
SELECT length(itemize.document('en', 'A', string_agg('w' || i, ' '))) > 40000 AS large,
       itemize.document('en', 'A', string_agg('w' || i, ' ')) @@ itemize.query('w7') AS has_its_beginning
FROM generate_series(1, 200000) i;
SELECT itemize.document('en', 'A', repeat('x', 3000) || ' sea ' || repeat('e' || chr(769), 1000)) @@ itemize.query('sea', 'en') AS found;
SELECT itemize.document('en', 'A', repeat('a ', 20000) || 'sea') @@ itemize.query('sea', 'en') AS found;

-- Queries that the server reads back.
SELECT bool_and(itemize.query(q, 'en')::text::tsquery::text = itemize.query(q, 'en')::text) FROM unnest(ARRAY[
  'a b c', '"a b c"', 'e-mail OR -x', 'pre* "two words"', '東京タワー', '''quoted'' \ back']) q;

-- Synonyms: both ways, one way, of several words, by language.
SELECT itemize.add_synonym('en', 'flat', 'apartment'), itemize.add_synonym('en', 'tv', 'television set'),
       itemize.add_synonym('en', 'pet', 'dog', one_way => true), itemize.add_synonym('und', 'NYC', 'New York'),
       itemize.add_synonym('de', 'Wohnung', 'Appartement');
SELECT q, c, finds(q, c) FROM (VALUES
  ('flats', 'two apartments'), ('apartment', 'a flat'), ('"flat"', 'an apartment'), ('television set', 'a tv'), ('tv', 'television sets'),
  ('cheap television set sea', 'cheap TV, sea'), ('television', 'a tv'), ('pets', 'a dog'), ('dog', 'pets'), ('nyc', 'New York'),
  ('new york sea', 'sea, NYC'), ('york new', 'NYC'), ('Wohnung', 'appartement'), ('-flat', 'apartment')) v(q, c);
SELECT finds('wohnungen', 'Appartements', 'de', 'de'), finds('wohnungen', 'Appartements', 'de-AT', 'de'), finds('wohnung', 'Appartements', NULL, 'de');
SELECT itemize.add_synonym('en', 'flat', 'apartment', one_way => true);
SELECT finds('flat', 'apartment'), finds('apartment', 'flat');
SELECT itemize.remove_synonym('en', 'flat', 'apartment'), itemize.remove_synonym('en', 'flat', 'apartment');
SELECT finds('flat', 'apartment');
BEGIN;
SELECT itemize.add_synonym('en', 'flat', 'apartment');
SELECT finds('flat', 'apartment');
ROLLBACK;
SELECT finds('flat', 'apartment');
SELECT itemize.add_synonym('not a tag', 'a', 'b');
SELECT itemize.add_synonym('en', NULL, 'b');
DELETE FROM itemize.synonym;
DROP FUNCTION finds;
