# Ten thousand random texts as everything that a search takes: each gives an answer or an error that says what was wrong,
# never one of the server's inside, and the server goes on. ITEMIZE_SEED repeats a run.
# sanitize: no (no sidecar)
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{ITEMIZE_SEED} // time() % 1_000_000;
srand($seed);
note("ITEMIZE_SEED=$seed");

use constant MEGABYTE => 1 << 20;

my $node = start_postgres('random');
my $json = JSON::PP->new->allow_nonref->canonical;

sub one_of { return $_[ int(rand(@_)) ] }

# Any character that PostgreSQL can store: all planes, without NUL and surrogates.
sub character
{
	my $range = one_of([ 0x01, 0x7f ], [ 0x20, 0x7e ], [ 0x80, 0x24f ], [ 0x300, 0x36f ], [ 0x370, 0x5ff ], [ 0x600, 0x1fff ],
		[ 0x2000, 0x206f ], [ 0x3040, 0x9fff ], [ 0xac00, 0xd7a3 ], [ 0xe000, 0xfffd ], [ 0x1f300, 0x1faff ], [ 0x10000, 0x10fffd ]);
	return chr($range->[0] + int(rand($range->[1] - $range->[0] + 1)));
}

my @signs = (
	'"', '"', '-', '*', ':', '(', ')', ' OR ', ' or ', ' AND ', ' NOT ', '&', '|', '!', '<->', '<2>', ':*', ':A', '\\', "'", "''", '$1', '$$',
	'--', '/*', '*/', ';', '%', '_', '?', '{', '}', '[', ']', 'name:', 'body:', 'nobody:', '::', '<mark>', '</mark>', '&amp;', "\x1f", "\x{200d}",
	"\x{202e}", "\x{feff}", "\t", "\n", ' ', ' ', ' ', 'word', 'words', 'Größe', 'été', '寿司', 'ไทย', '0', '1e400', '-0', '١٢٣', 'ﬁ', "e\x{301}", "\x{1f468}\x{200d}\x{1f469}");

sub text
{
	my ($pieces) = @_;
	return join('', map { rand() < 0.5 ? one_of(@signs) : character() } 1 .. $pieces // 1 + int(rand(12)));
}

# A text of a megabyte: one piece again and again.
sub long_text
{
	my $piece = text(1 + int(rand(40)));
	utf8::encode(my $bytes = $piece);
	return $piece x (1 + MEGABYTE / length($bytes));
}

sub number { return one_of(0, 1, -1, 90, -90, 180, -180, 180.0000001, 4.4, 51.2, 1e-320, 1e300, -1e300, 'NaN', 'Infinity', '-Infinity', rand(400) - 200) }

my @columns = qw(name body kind price born tags size place owned);
my @operators = qw(eq neq gt gte lt lte in is like ilike cs cd ov not or and between);

sub json_value
{
	my ($depth) = @_;
	my $kind = $depth > 3 ? int(rand(5)) : int(rand(9));
	return undef if $kind == 0;
	return $kind == 1 ? JSON::PP::true : text(3) if $kind < 3;
	return one_of(0, 1, -1, 1.5, 1e300, 12345678901234567890) if $kind == 3;
	return one_of(qw(null not_null true false 1 2026-01-01 {} a)) if $kind == 4;
	return [ map { json_value($depth + 1) } 1 .. int(rand(4)) ] if $kind < 7;
	return { map { (rand() < 0.8 ? one_of(@operators, @columns) : text(2)) => json_value($depth + 1) } 1 .. int(rand(3)) };
}

# A filter that is right, with a value that is any text or number.
sub right_filter
{
	my $text = text(3);
	return one_of(
		{ name => { one_of(qw(eq neq gt lte like ilike)) => $text } },
		{ size => { one_of(qw(eq neq gt gte lt lte)) => int(rand(20)) }, kind => { in => [ $text, 'kind 1', text(1) ] } },
		{ or => [ { kind => $text }, { born => { gte => '2026-02-01' } } ] },
		{ tags => { one_of(qw(cs cd ov)) => [ $text, 'a' ] } },
		{ size => { is => one_of(undef, 'not_null') }, name => { not => { eq => $text } } });
}

# Else mostly of the form that is asked for, with something in it that is not.
sub filters
{
	return right_filter() if rand() < 0.3;
	return json_value(0) if rand() < 0.1;
	my %filter;
	for (1 .. 1 + int(rand(3)))
	{
		my $value = rand() < 0.7 ? { one_of(@operators) => json_value(2) } : json_value(1);
		$filter{ rand() < 0.9 ? one_of(@columns, 'id', 'or', 'and', 'not') : text(2) } = $value;
	}
	return \%filter;
}

sub facets
{
	return json_value(0) if rand() < 0.2;
	return one_of([qw(kind size)], { size => { interval => 1 + int(rand(3)) } }, { price => { ranges => [ 0, 10, 50 ] } }) if rand() < 0.2;
	return [ map { one_of(@columns) } 1 .. 1 + int(rand(3)) ] if rand() < 0.3;
	return { map { one_of(@columns) => { one_of(qw(ranges interval other)) => json_value(2) } } 1 .. 1 + int(rand(2)) };
}

sub order
{
	return text() if rand() < 0.5;
	return join(one_of(',', ',', ' , ', ';'), map { one_of(@columns, qw(relevance distance changed key)) . one_of('', qw(.asc .desc .nullsfirst .desc.nullslast .down .)) } 1 .. 1 + int(rand(4)));
}

# Sometimes a box, and two points, that are right.
sub numbers
{
	return '{' . join(',', int(rand(90)), int(rand(45)), 90 + int(rand(90)), 45 + int(rand(45))) . '}' if rand() < 0.1;
	return '{' . join(',', map { rand() < 0.05 ? 'NULL' : number() } 1 .. one_of(0, 1, 2, 3, 4, 4, 4, 5, 6, 8, 10)) . '}';
}

# A megabyte of numbers, as of a shape with so many vertices; dice that make it a line, and a polygon.
sub long_numbers { return '{' . join(',', map { int(rand(90)) } 1 .. MEGABYTE / 2) . '}' }
my @long_dice = (0, 5);

my %kinds = (
	query    => [ 4000, \&text ],
	function => [ 1000, \&text ],
	lang     => [ 300,  sub { return one_of('en', 'nl-BE', 'ja', 'zh-Hant-TW', 'xx', 'x-klingon', '', 'EN_us', text(3)) } ],
	filters  => [ 2500, sub { return $json->encode(filters()) } ],
	facets   => [ 500,  sub { return $json->encode(facets()) } ],
	order_by => [ 600,  \&order ],
	cursor   => [ 600,  sub { return one_of(text(), 'valid', 'cut') } ],
	place    => [ 800,  \&numbers ],
	bbox     => [ 500,  \&numbers ],
	currency => [ 200,  sub { return one_of('EUR', 'USD', 'eur', 'XXX', '', text(3)) } ],
	type     => [ 100,  sub { return one_of('thing', 'Thing', '', text()) } ]);

my ($total, %long) = (0);
my $inputs = PostgreSQL::Test::Utils::tempdir() . '/inputs';
open(my $out, '>:encoding(UTF-8)', $inputs) or die "$inputs: $!";
for my $kind (sort keys %kinds)
{
	my ($count, $make) = @{ $kinds{$kind} };
	for my $n (1 .. $count)
	{
		my $is_long = $n <= 2;
		my $is_numbers = $kind =~ /place|bbox/;
		my $value = !$is_long ? $make->() : $is_numbers ? long_numbers() : long_text();
		$value = $json->encode($kind eq 'filters' ? { name => $value } : [$value]) if $is_long && $kind =~ /filters|facets/;
		$value =~ s/([\\\t\n\r])/{ "\\" => '\\\\', "\t" => '\t', "\n" => '\n', "\r" => '\r' }->{$1}/ge;
		my $dice = $is_long && $is_numbers ? $long_dice[ $n - 1 ] : int(rand(1 << 30));
		print {$out} join("\t", ++$total, $kind, $value, $dice), "\n";
	}
}
close($out) or die "$inputs: $!";
chmod(0644, $inputs);
cmp_ok($total, '>=', 10000, "$total inputs");

$node->safe_psql('postgres', qq{
CREATE TABLE input (n int PRIMARY KEY, kind text, value text, dice int);
COPY input FROM '$inputs' WITH (ENCODING 'UTF8');
CREATE TABLE public.thing (id int PRIMARY KEY, name text, body text, lang text, kind text, price numeric, currency text, born date,
  tags text[], size int, owned text, updated_at timestamptz, place geometry(Geometry, 4326));
-- What is searched is of the same kind as what it is searched by.
INSERT INTO public.thing
SELECT n, left(value, 200), (SELECT string_agg(left(value, 500), ' ') FROM input i WHERE i.kind = 'query' AND i.n BETWEEN input.n AND input.n + 3),
  (ARRAY['en', 'nl', 'ja', 'th', 'no such', NULL])[1 + n % 6], 'kind ' || n % 5, n % 100, (ARRAY['EUR', 'USD', 'XXX', NULL])[1 + n % 4],
  date '2026-01-01' + n % 300, ARRAY['a', left(value, 5)], n % 10, 'o' || n % 3, timestamptz '2026-01-01Z' + n * interval '1 hour',
  ST_Point(n % 360 - 180, n % 180 - 90, 4326)
FROM input WHERE kind = 'query' ORDER BY n LIMIT 200;
SELECT itemize.define('thing', 'public.thing', key => 'id', fields => '{name,body,tags,size,price}', text => '{"name": "A", "body": "B"}',
  language => 'lang', location => 'place', price => 'price', currency => 'currency', facets => '{kind,born,size,tags}',
  owner => 'owned', changed => 'updated_at', read => 'everyone');
SELECT itemize.set_rates('{"USD": 1.08}', source => 'test');
ANALYZE;

CREATE FUNCTION shape(numbers float8[], dice int) RETURNS geometry LANGUAGE plpgsql AS \$\$
DECLARE
  points geometry[] := ARRAY(SELECT ST_MakePoint(numbers[i], numbers[i + 1]) FROM generate_series(1, coalesce(array_length(numbers, 1), 0) - 1, 2) i
                             WHERE numbers[i] IS NOT NULL AND numbers[i + 1] IS NOT NULL);
  shape geometry;
BEGIN
  shape := CASE dice % 6
    WHEN 0 THEN ST_MakeLine(points)
    WHEN 1 THEN ST_Collect(points)
    WHEN 2 THEN ST_MakePolygon(ST_MakeLine(points || points[1]))
    WHEN 3 THEN ST_GeomFromText('POLYGON EMPTY')
    ELSE points[1] END;
  RETURN ST_SetSRID(shape, (ARRAY[4326, 4326, 4326, 3857, 0])[1 + dice / 7 % 5]);
EXCEPTION WHEN internal_error OR data_exception THEN RETURN NULL; -- PostGIS cannot make it
END \$\$;
});

# One session; each input in a subtransaction of its own.
my $answer = $node->safe_psql('postgres', q{
SET client_min_messages = error;
SET statement_timeout = '30min'; -- of all inputs together: an input that hangs, not a slow machine
CREATE TEMP TABLE outcome (n int, kind text, state text, message text);
DO $$
DECLARE
  input record;
  valid text;
  said text;
  advice text;
BEGIN
  SELECT cursor INTO valid FROM itemize.search('thing', order_by => 'size.desc', max_rows => 3);
  FOR input IN SELECT * FROM input ORDER BY n LOOP
    BEGIN
      CASE input.kind
        WHEN 'query' THEN PERFORM FROM itemize.search('thing', input.value, CASE WHEN input.dice % 2 = 0 THEN 'en' END, max_rows => 5);
        WHEN 'function' THEN PERFORM itemize.document('en', 'A', input.value) @@ itemize.query(input.value, 'en'),
          itemize.rank(itemize.document('und', 'ab', input.value, NULL), itemize.query(input.value));
        WHEN 'lang' THEN PERFORM FROM itemize.search('thing', 'word', input.value, max_rows => 5);
        WHEN 'filters' THEN PERFORM FROM itemize.search('thing', filters => input.value::jsonb, max_rows => 5);
        WHEN 'facets' THEN PERFORM FROM itemize.facets('thing', input.value::jsonb);
        WHEN 'order_by' THEN PERFORM FROM itemize.search('thing', 'word', order_by => input.value, max_rows => 5);
        WHEN 'cursor' THEN
          -- A valid one, one with a byte changed, cut off or added, or any text.
          IF input.value = 'valid' THEN
            input.value := valid;
          ELSIF input.value = 'cut' THEN
            input.value := CASE input.dice % 3
              WHEN 0 THEN overlay(valid PLACING chr(33 + input.dice / 3 % 90) FROM 1 + input.dice / 300 % length(valid) FOR 1)
              WHEN 1 THEN left(valid, input.dice / 3 % (length(valid) + 1)) ELSE valid || chr(33 + input.dice / 3 % 90) END;
          END IF;
          PERFORM FROM itemize.search('thing', order_by => 'size.desc', max_rows => 3, after => input.value);
        WHEN 'place' THEN
          IF input.dice % 2 = 0 THEN
            PERFORM FROM itemize.search('thing', near => shape(input.value::float8[], input.dice / 2), max_rows => 5,
              within => CASE WHEN input.dice / 2 % 3 = 0 THEN (input.value::float8[])[1] END);
          ELSE
            PERFORM FROM itemize.search('thing', area => shape(input.value::float8[], input.dice / 2), max_rows => 5);
            PERFORM FROM itemize.map_clusters('thing', input.dice % 40 - 10, area => shape(input.value::float8[], input.dice / 2));
          END IF;
        WHEN 'bbox' THEN PERFORM FROM itemize.search('thing', bbox => input.value::float8[], max_rows => 5);
        WHEN 'currency' THEN PERFORM FROM itemize.search('thing', currency => input.value, price_max => input.dice % 100, max_rows => input.dice % 20 - 2);
        WHEN 'type' THEN PERFORM FROM itemize.search(input.value, 'word');
      END CASE;
      INSERT INTO outcome VALUES (input.n, input.kind, '00000');
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT;
      INSERT INTO outcome VALUES (input.n, input.kind, SQLSTATE, left(said || ' HINT: ' || advice, 1000));
    END;
  END LOOP;
END $$;
-- What an error may be: a value that is wrong, a name that is not there, a limit; nothing of the server's inside.
SELECT 'states ' || string_agg(format('%s %s: %s', kind, state, count), ', ' ORDER BY kind, state)
FROM (SELECT kind, state, count(*) FROM outcome GROUP BY kind, state) s;
SELECT 'done ' || count(*) FROM outcome;
SELECT 'good ' || string_agg(kind, ' ' ORDER BY kind) FROM (SELECT kind FROM outcome WHERE state = '00000' GROUP BY kind) k;
SELECT 'limit ' || string_agg(DISTINCT format('%s: %s', kind, regexp_replace(message, '10[0-9]{5}', 'N')), ' / ') FROM outcome WHERE state = '54000';
SELECT 'long ' || string_agg(DISTINCT format('%s %s%s', kind, state, CASE WHEN message ~ 'HINT: .' THEN ' with a hint' END), ', ') FROM outcome JOIN input USING (n, kind) WHERE length(value) > 200000;
SELECT DISTINCT ON (kind, state) format('wrong %s %s: %s; input %s: %s', kind, state, message, n, left(value, 300)) FROM outcome JOIN input USING (n, kind)
WHERE state NOT IN ('00000', '54000', '42703', '42704') AND state !~ '^22';
});
my %lines;
for my $line (split /\n(?=(?:states|done|good|limit|long|wrong) )/, $answer)
{
	my ($what, $rest) = split / /, $line, 2;
	push @{ $lines{$what} }, $rest;
}
note("states: $_") for @{ $lines{states} };
note("limits: $_") for @{ $lines{limit} // [] };
note("megabytes: $_") for @{ $lines{long} // [] };
is(scalar(@{ $lines{wrong} // [] }), 0, 'every error tells what is wrong with the input') or diag(join("\n", "ITEMIZE_SEED=$seed", @{ $lines{wrong} }));
is($lines{done}[0], $total, 'every input was answered');
is($lines{good}[0], join(' ', sort keys %kinds), 'some of each kind are fine');
my %other = (type => 'type 42704', bbox => 'bbox 22023 with a hint');
is($lines{long}[0], join(', ', map { $other{$_} // "$_ 54000 with a hint" } sort keys %kinds),
	'what is a megabyte long is over a limit, and what to do is said; of types there is none of that name, and a box has four numbers');
like($lines{limit}[0] // '', qr/query: [^\/]*\b65536\b/, 'a query of a megabyte is told the limit');

is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_database WHERE sessions_killed + sessions_fatal > 0'), 0, 'no session died');
unlike(slurp($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'nor did the server');
done_testing();
