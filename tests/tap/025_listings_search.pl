# Searches that people make, on the listings of a city: what they find is what plain SQL finds by looking at every row,
# and what a person expects comes first.
# sanitize: no (no sidecar)
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use Test::More;

my $listings = collection('listings-antwerp/listings.csv');
plan skip_all => "the listings of Antwerp are not there: $listings" if !-r $listings;

my $node = start_postgres('listings');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The rows as the owner of such a site has them. `plain` is what a person would read in them: small letters without accents.
sql(q{
CREATE TABLE scraped (id text, name text, description text, neighborhood_overview text, neighbourhood text, latitude text,
  longitude text, property_type text, room_type text, accommodates text, bathrooms_text text, bedrooms text, beds text,
  amenities text, price text, currency text, minimum_nights text, maximum_nights text, availability_365 text,
  number_of_reviews text, last_review text, review_scores_rating text, instant_bookable text, lang_guess text);
COPY scraped FROM } . "'$listings'" . q{ WITH (FORMAT csv, HEADER);
CREATE TABLE public.listing (id bigint PRIMARY KEY, name text, description text, neighbourhood text, property_type text,
  room_type text, accommodates int, beds int, amenities text[], price numeric(10,2), currency text, reviews int,
  rating numeric, reviewed timestamptz, lang text, location geography(Point, 4326));
INSERT INTO public.listing SELECT id::bigint, name, description, neighbourhood, property_type, room_type, accommodates::int,
  beds::numeric::int, ARRAY(SELECT jsonb_array_elements_text(amenities::jsonb)), price::numeric, currency, number_of_reviews::int,
  review_scores_rating::numeric, last_review::timestamptz, lang_guess, ST_Point(longitude::float8, latitude::float8, 4326)
FROM scraped;
SELECT itemize.define('listing', 'public.listing', key => 'id', fields => '{name,description,neighbourhood,price,reviews,rating,lang,amenities}',
  text => '{"name": "A", "neighbourhood": "B", "description": "B"}', language => 'lang', location => 'location',
  price => 'price', currency => 'currency', facets => '{room_type,property_type,accommodates,beds}', changed => 'reviewed',
  read => 'everyone');
SELECT itemize.set_rates('{"USD": 1.08, "GBP": 0.85, "JPY": 160}', source => 'test');
});
# Each statement alone: an index is built without a lock on the table. The column that ranking reads comes first, so that
# the index stands on it.
for my $statement ('ALTER TABLE%', 'CREATE INDEX%')
{
	sql($_) for grep { /\S/ } split /\n/, sql(qq{SELECT replace(statement, E'\\n', ' ') FROM itemize.search_indexes('listing') WHERE statement LIKE '$statement'});
}
sql(q{
CREATE FUNCTION plain(written text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT regexp_replace(normalize(lower(coalesce(written, '')), NFKD), '[\u0300-\u036f]', '', 'g') $$;
CREATE TABLE plain AS SELECT id, plain(name) AS name, plain(neighbourhood) AS neighbourhood,
  plain(concat_ws(E' \n', name, neighbourhood, description)) AS words FROM public.listing;
ALTER TABLE plain ADD PRIMARY KEY (id);
-- All that a search finds, page after page, in its order.
CREATE FUNCTION found(question text) RETURNS TABLE (place bigint, id bigint, score real, distance float8, price numeric,
  headline text, relaxed boolean) LANGUAGE plpgsql AS $$
DECLARE
  page record;
  behind text;
  rows int;
BEGIN
  place := 0;
  LOOP
    rows := 0;
    FOR page IN EXECUTE format('SELECT * FROM itemize.search(''listing'', %s, max_rows => 100, after => $1)', question) USING behind LOOP
      place := place + 1;
      rows := rows + 1;
      id := page.key::bigint; score := page.score; distance := page.distance; price := page.price;
      headline := page.headline; relaxed := page.relaxed;
      behind := page.cursor;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN rows < 100;
  END LOOP;
END $$;
ANALYZE;
});
my $all = sql('SELECT count(*) FROM listing');
cmp_ok($all, '>', 2000, "$all listings");

# The search finds exactly the rows for which the condition (over listing l and plain p) holds.
sub finds
{
	my ($name, $question, $condition) = @_;
	my ($found, $twice, $expected, $extra, $missing) = split /\|/, sql(qq{
WITH f AS MATERIALIZED (SELECT id FROM found(\$q\$$question\$q\$)),
e AS MATERIALIZED (SELECT l.id FROM listing l JOIN plain p USING (id) WHERE $condition)
SELECT (SELECT count(*) FROM f), (SELECT count(*) - count(DISTINCT id) FROM f), (SELECT count(*) FROM e),
  ARRAY(SELECT id FROM f EXCEPT SELECT id FROM e LIMIT 5), ARRAY(SELECT id FROM e EXCEPT SELECT id FROM f LIMIT 5)}), -1;
	my $fits = cmp_ok($expected, '>', 0, "$name: there is something to find")
	  && ok($twice == 0 && $extra eq '{}' && $missing eq '{}', "$name: $found found, all and only those that have it");
	diag("$name: found $found, expected $expected, twice $twice, not expected $extra, missing $missing") if !$fits;
	return;
}

# The condition holds for the first rows of a search; at least so many there are.
sub first_are
{
	my ($name, $rows, $question, $condition) = @_;
	my $good = sql(qq{SELECT count(*) FILTER (WHERE $condition)
FROM (SELECT * FROM found(\$q\$$question\$q\$) LIMIT $rows) f JOIN listing l USING (id) JOIN plain p USING (id)});
	is($good, $rows, "$name: the first $rows");
	return;
}

my $english = q{lang => 'en', filters => '{"lang": "en"}'};

# Words.
finds('a word and its inflections', "'garden', $english", q{l.lang = 'en' AND words ~ '\mgarden(s|ing|ed)?\M'});
finds('an inflected word', "'gardens', $english", q{l.lang = 'en' AND words ~ '\mgarden(s|ing|ed)?\M'});
finds('several words, all of them', "'bicycle station', $english",
	q{l.lang = 'en' AND words ~ '\mbicycl(e|es|ing|ed)\M' AND words ~ '\mstation(s|ed)?\M'});
finds('a phrase', qq{'"central station"', $english}, q{l.lang = 'en' AND words ~ '\mcentral(ly)?[^a-z0-9]+stations?\M'});
finds('a word but not another', "'loft -parking', $english",
	q{l.lang = 'en' AND words ~ '\mlofts?\M' AND words !~ '\mpark(s|ing|ings|ed)?\M'});
finds('either of two', "'penthouse OR villa', $english", q{l.lang = 'en' AND words ~ '\m(penthouses?|villas?)\M'});
finds('the beginning of a word', "'appart*', $english", q{l.lang = 'en' AND words ~ '\mappart'});
finds('a word of the name', "'name:loft', $english", q{l.lang = 'en' AND p.name ~ '\mlofts?\M'});
finds('a word of one of two columns of the same weight', "'neighbourhood:zuid'", q{p.neighbourhood ~ '\mzuid\M'});
finds('a word without its accent', "'name:prive'", q{p.name ~ '\mprive?\M'});
finds('a word with an accent that the row may not have', "'name:privé'", q{p.name ~ '\mprive?\M'});
finds('another script', "'комната'", q{l.name ~ 'Комната'});
finds('capitals and signs make no difference', q{'  ¡CENTRO!! & ((name:HABITACIÓN'}, q{p.name ~ '\mhabitacion\M' AND words ~ '\mcentro\M'});
finds('Dutch words in another form', q{'wandelafstanden', lang => 'nl', filters => '{"lang": "nl"}'}, q{l.lang = 'nl' AND words ~ '\mwandelafstand\M'});

# What comes first.
first_are('Dutch words', 5, "'gezellig appartement'", q{p.words ~ '\mgezellig' AND p.words ~ '\mappartement'});
first_are('a word of the name before one of the description', 10, "'penthouse'", q{p.name ~ '\mpenthouse'});
first_are('a house of its own', 2, "'stadswoning'", q{p.name ~ '\mstadswoning'});
first_are('a view', 5, "'cathedral view', lang => 'en'", q{p.words ~ '\mcathedral' AND p.words ~ '\mviews?\M'});
first_are('a boat', 1, "'boat', lang => 'en'", q{p.name ~ '\m(house)?boats?\M'});
first_are('what only one has', 1, "'eirini'", q{p.name ~ 'eirini'});
first_are('a district by its name', 5, "'zurenborg'", q{p.words ~ 'zurenborg'});

# What is shown of them.
is(sql(qq{SELECT count(*) FROM found(\$\$'garden', $english\$\$) WHERE headline !~* '<mark>[^<]*garden' OR headline IS NULL}),
	0, 'every headline shows the word');
is(sql(q{SELECT count(*) FROM found($$'apartment & kitchen', lang => 'en'$$) WHERE replace(replace(headline, '<mark>', ''), '</mark>', '') ~ '[<>]'}),
	0, 'and is safe to show');
is(sql(q{SELECT bool_and(relaxed), count(*) > 10 FROM found($$'penthouse zeppelin', lang => 'en'$$)}), 't|t',
	'words that no row has together: rows with any of them, and it is said');
is(sql(q{SELECT count(*) FROM found($$'qqzxqq'$$)}), 0, 'a word that nobody wrote finds nothing');

# Places: Central Station, and a box and a polygon around the old town.
my $station = 'ST_Point(4.4212, 51.2172, 4326)';
finds('within walking distance', "near => $station, within => 500", "ST_DWithin(location, ${station}::geography, 500, false)");
is(sql(qq{SELECT bool_and(abs(distance - ST_Distance(location, ${station}::geography, false)) < 0.01), bool_and(id = nearest)
FROM found(\$q\$near => $station, within => 500\$q\$) f JOIN listing USING (id)
JOIN (SELECT id AS nearest, row_number() OVER (ORDER BY ST_Distance(location, ${station}::geography, false), id) AS place FROM listing) n USING (place)}),
	't|t', 'the nearest first, with their distances');
finds('in a box', 'bbox => ARRAY[4.395, 51.215, 4.405, 51.225]',
	'ST_X(location::geometry) BETWEEN 4.395 AND 4.405 AND ST_Y(location::geometry) BETWEEN 51.215 AND 51.225');
my $old_town = q{ST_GeomFromText('POLYGON((4.39 51.21, 4.41 51.215, 4.405 51.23, 4.395 51.225, 4.39 51.21))', 4326)};
finds('in a polygon', "area => $old_town", "ST_Intersects(location, ${old_town}::geography)");

# Prices in another currency.
finds('at most 100 dollars', "price_max => 100, currency => 'USD'", 'l.price * 1.08 <= 100');
finds('between two prices in yen', "price_min => 8000, price_max => 12000, currency => 'JPY'", 'l.price * 160 BETWEEN 8000 AND 12000');
is(sql(q{SELECT bool_and(abs(f.price - l.price * 1.08) <= 0.01), bool_and(f.price >= before OR before IS NULL)
FROM (SELECT *, lag(price) OVER (ORDER BY place) AS before FROM found($$price_min => 20, currency => 'USD', order_by => 'price.asc'$$)) f JOIN listing l USING (id)}),
	't|t', 'the cheapest first, with their prices in dollars');

# Filters and orders.
finds('an amenity', q{filters => '{"amenities": {"cs": ["Pool"]}}'}, q{amenities @> '{Pool}'});
finds('a kind of room, with beds', q{filters => '{"room_type": "Private room", "beds": {"gte": 2}}'}, q{room_type = 'Private room' AND beds >= 2});
finds('one of two kinds', q{filters => '{"room_type": {"in": ["Hotel room", "Shared room"]}}'}, q{room_type IN ('Hotel room', 'Shared room')});
finds('reviewed in a month', q{since => '2024-05-01Z', until => '2024-06-01Z'}, q{reviewed >= '2024-05-01Z' AND reviewed < '2024-06-01Z'});
is(sql(q{SELECT l.reviews = (SELECT max(reviews) FROM listing) FROM found($$order_by => 'reviews.desc'$$) f JOIN listing l USING (id) WHERE place = 1}),
	't', 'the most reviewed first');
finds('all of it at once',
	qq{'terrace', lang => 'en', near => $station, within => 2000, price_max => 150, currency => 'USD', filters => '{"lang": "en", "accommodates": {"gte": 4}}'},
	qq{l.lang = 'en' AND words ~ '\\mterrac(e|es|ed)\\M' AND ST_DWithin(location, ${station}::geography, 2000, false) AND l.price * 1.08 <= 150 AND accommodates >= 4});

# Counts, facets and the map are of the same rows.
is(sql(qq{SELECT total, exact FROM itemize.search_count('listing', 'garden', $english, exact => true)}),
	sql(qq{SELECT count(*), true FROM found(\$\$'garden', $english\$\$)}), 'the exact total is what paging gives');
is(sql(qq{SELECT value, count FROM itemize.facets('listing', '["room_type"]', 'garden', $english) ORDER BY count DESC, value}),
	sql(qq{SELECT room_type, count(*) FROM found(\$\$'garden', $english\$\$) JOIN listing USING (id) GROUP BY 1 ORDER BY 2 DESC, 1}), 'kinds of rooms with a garden');
is(sql(q{SELECT count FROM itemize.facets('listing', '{"price": {"ranges": [0, 50, 100, 200]}}', currency => 'EUR') WHERE low IS NOT NULL AND high IS NOT NULL ORDER BY low::numeric}),
	sql(q{SELECT count(*) FROM listing JOIN (VALUES (0, 50), (50, 100), (100, 200)) r(low, high) ON price >= low AND price < high GROUP BY low ORDER BY low}), 'how many cost what');
is(sql(qq{SELECT sum(count) FROM itemize.map_clusters('listing', 12, near => $station, within => 3000)}),
	sql(qq{SELECT count(*) FROM listing WHERE ST_DWithin(location, ${station}::geography, 3000, false)}), 'the groups on the map hold every row');

# A reader goes through everything while somebody writes: of the rows that are not written, each once. Prices rise and fall
# around the reader, rows come and go before and behind him.
sql(q{
CREATE TABLE seen (id bigint);
CREATE TABLE written AS SELECT id FROM listing WHERE id % 7 = 0;
CREATE PROCEDURE read_while_writing(question text) LANGUAGE plpgsql AS $$
DECLARE
  behind text;
  page record;
  rows int;
  turn int := 0;
BEGIN
  TRUNCATE seen;
  DELETE FROM listing WHERE id < 0;
  LOOP
    rows := 0;
    FOR page IN EXECUTE format('SELECT key, cursor FROM itemize.search(''listing'', %s max_rows => 60, after => $1)', question) USING behind LOOP
      rows := rows + 1;
      behind := page.cursor;
      INSERT INTO seen VALUES (page.key::bigint);
    END LOOP;
    EXIT WHEN rows < 60;
    turn := turn + 1;
    UPDATE listing SET price = 20 + (id + turn * 37) % 300, reviews = (id + turn) % 400, name = name || ' studio'
    WHERE id IN (SELECT id FROM written) AND id % 11 = turn % 11;
    INSERT INTO listing (id, name, price, currency, reviews, lang, location)
    VALUES (-turn, 'A new studio', turn * 10, 'EUR', turn * 10, 'en', ST_Point(4.4 + turn * 0.001, 51.2, 4326));
    DELETE FROM listing WHERE id = -turn + 2;
    COMMIT;
  END LOOP;
END $$;
});
for my $case (
	[ 'by price', q{currency => 'USD', order_by => 'price.desc',}, 'price IS NOT NULL' ],
	[ 'by reviews', q{order_by => 'reviews.asc,key.desc',}, 'true' ],
	[ 'the nearest', "near => $station,", 'true' ],
	[ 'by relevance', q{'studio OR apartment', lang => 'en', filters => '{"lang": "en"}',}, q{lang = 'en' AND words ~ '\m(studios?|apartments?)\M'} ])
{
	my ($name, $question, $condition) = @$case;
	sql("CALL read_while_writing(\$q\$$question\$q\$)");
	is(sql(q{SELECT count(*) - count(DISTINCT id) FROM seen WHERE id > 0 AND id NOT IN (SELECT id FROM written)}),
		0, "paging $name: no row twice");
	is(sql(qq{SELECT count(*) FROM listing l JOIN plain p USING (id)
WHERE $condition AND id NOT IN (SELECT id FROM written) AND id NOT IN (SELECT id FROM seen)}), 0, 'and none left out');
}

done_testing();
