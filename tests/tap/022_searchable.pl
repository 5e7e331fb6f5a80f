# What is searched of items: indexes built while writers go on, what becomes of a build that was stopped, no word of it in
# the change stream, and all of it in dumps.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Utils ();
use Test::More;

my $node = start_postgres('searchable');
my $directory = PostgreSQL::Test::Utils::tempdir();
my $connection = $node->connstr . ' dbname=';

sub sql { return $node->safe_psql('postgres', @_) }

# A table whose columns' numbers a dump closes up, and another in a schema that a dump fills before the extension's.
sql(
	q{
CREATE TEXT SEARCH CONFIGURATION public.as_written (COPY = simple);
INSERT INTO itemize.language (tag, configuration) VALUES ('de', 'public.as_written');
CREATE TABLE listing (gone int, id int PRIMARY KEY, name text, gone_too int, body text, lang text, price int, currency char(3), location geometry(Point, 4326),
  kind text, owner_id int, updated_at timestamptz);
ALTER TABLE listing DROP COLUMN gone, DROP COLUMN gone_too;
INSERT INTO listing SELECT i, 'Häuser am Meer ' || i, 'houses with a view', CASE i % 2 WHEN 0 THEN 'de' ELSE 'en' END, i, 'EUR',
  ST_SetSRID(ST_Point(4 + i * 0.001, 51), 4326), 'kind ' || i % 3, i % 7, '2026-01-01' FROM generate_series(1, 500) i;
CREATE SCHEMA app;
CREATE TABLE app.page (id int PRIMARY KEY, name text);
INSERT INTO app.page VALUES (1, 'Häuser');
SELECT pg_create_logical_replication_slot('watch', 'itemize');
SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone');
});

# The change stream: a definition, then nothing of what is only searched, then another definition.
sub definitions_sent
{
	my $changes = sql(q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_get_changes('watch', NULL, NULL)});
	return scalar(() = $changes =~ /^[^\n]*\blisting\b[^\n]*$/mg);
}
cmp_ok(definitions_sent(), '>', 0, 'a definition is sent');
my $generation = sql('SELECT generation FROM itemize.definitions');
my $search = q{text => '{"name": "A", "body": "B"}', language => 'lang', price => 'price', currency => 'currency', location => 'location',
  facets => '{kind}', owner => 'owner_id', changed => 'updated_at'};
sql(qq{SELECT itemize.define('listing', 'listing', fields => '{id,name}', read => 'everyone', replace => true, $search)});
sql('ALTER TABLE listing RENAME body TO description');
is(sql('SELECT generation FROM itemize.definitions'), $generation, 'what is only searched changes no generation');
is(definitions_sent(), 0, 'and nothing of it is sent');

# A build waits for older transactions, and holds nobody back: one that wrote before it, and one that writes meanwhile.
my ($text_statement) = split /\n/, sql(q{SELECT statement FROM itemize.search_indexes('listing') WHERE purpose = 'text'});
like($text_statement, qr/^CREATE INDEX CONCURRENTLY/, 'the statement builds concurrently');
my $writer = $node->background_psql('postgres', on_error_stop => 1);
$writer->query_safe(q{BEGIN; INSERT INTO listing (id, name, lang) VALUES (1001, 'written before the build', 'en')});
my ($status, $out, $err) = $node->psql('postgres', "SET lock_timeout = '200ms'; $text_statement");
isnt($status, 0, 'a build that may not wait is stopped');
is(sql(q{SELECT state, statement FROM itemize.search_indexes('listing') WHERE purpose = 'text'}),
	'invalid|REINDEX INDEX CONCURRENTLY public.listing_text_idx', 'what it leaves is known as invalid, and so is the remedy');
like(sql(q{SELECT detail FROM itemize.doctor() WHERE check_name = 'search_indexes' AND status <> 'ok'}), qr/an index for text is invalid/,
	'the doctor says so');
my $builder = $node->background_psql('postgres', on_error_stop => 1);
$builder->query_until(qr/building/, "\\echo building\nREINDEX INDEX CONCURRENTLY public.listing_text_idx;\n\\echo built\n");
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'}) > 0 }), 'the build waits for the writer');
sql(q{SET lock_timeout = '60s'; INSERT INTO listing (id, name, lang) VALUES (1002, 'written during the build', 'en')});
$writer->query_safe('COMMIT');
$writer->quit;
ok(poll_until(sub { sql(q{SELECT state FROM itemize.search_indexes('listing') WHERE purpose = 'text'}) eq 'present' }), 'then it ends well');
$builder->quit;
for my $statement (split /\n/, sql(q{SELECT statement FROM itemize.search_indexes('listing') WHERE state IN ('missing', 'optional')}))
{
	sql($statement);
}
is(sql(q{SELECT DISTINCT state FROM itemize.search_indexes('listing') WHERE purpose <> 'text column'}), 'present', 'all indexes are there');
my $found = q{SET enable_seqscan = off;
SELECT id FROM listing WHERE itemize.document(lang, 'AB', name, description) @@ itemize.query('"during the build"') OR id = 1001 ORDER BY id};
is(sql($found), "1001\n1002", 'and have what was written meanwhile');

# Dumps: definitions, indexes and stored columns.
sql(
	q{
SELECT itemize.define('page', 'app.page', fields => '{id}', text => '"name"', language => 'de', read => 'everyone', cache_control => 'public,Max-Age=60');
ALTER TABLE app.page ADD COLUMN document tsvector GENERATED ALWAYS AS (itemize.document('de', 'A', name)) STORED;
CREATE INDEX ON app.page USING gin (document);
});
my $definitions = 'SELECT * FROM itemize.definitions ORDER BY type';
my $indexes = 'SELECT type, purpose, state, statement FROM itemize.search_indexes()';
my $numbers = q{SELECT count(*) FROM itemize.item_column c JOIN itemize.item_type t ON t.name = c.item_type
  LEFT JOIN pg_attribute a ON a.attrelid = t.source AND a.attname = c.column_name WHERE c.attnum <> coalesce(a.attnum, 0)};
my $houses = q{SELECT count(*), count(*) FILTER (WHERE lang = 'en') FROM listing WHERE itemize.document(lang, 'AB', name, description) @@ itemize.query('house', 'en')};
my $page = q{SELECT document @@ itemize.query('Haus', 'de') FROM app.page};
my %expected = map { $_ => sql($_) } $definitions, $indexes, $houses, $page;
is($expected{$page}, 'f', 'a language of the user reads words as written');
for my $how ([ 'plain' ], [ 'directory', '--jobs=2' ])
{
	my ($format, @options) = @$how;
	$node->command_ok([ 'pg_dump', "--format=$format", '--dbname', "${connection}postgres", '--file', "$directory/$format" ], "pg_dump, $format");
	sql("CREATE DATABASE $format");
	my @restore = $format eq 'plain'
	  ? ('psql', '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--dbname', "${connection}$format", '--file', "$directory/$format")
	  : ('pg_restore', '--exit-on-error', @options, '--dbname', "${connection}$format", "$directory/$format");
	$node->command_ok(\@restore, "$format is restored");
	is($node->safe_psql($format, $_), $expected{$_}, "$format: as it was: $_") for $definitions, $indexes, $houses;
	is($node->safe_psql($format, $numbers), '0', "$format: columns have this database's numbers");
	is($node->safe_psql($format, 'SELECT * FROM itemize.definition_problems()'), '', "$format: every definition fits its table");

	# A stored column is computed with its table's data, which may come before the user's languages: the remedy of the documentation.
	$node->safe_psql($format, 'UPDATE app.page SET name = name');
	is($node->safe_psql($format, $page), $expected{$page}, "$format: a stored column computed anew reads the user's language");
	$node->safe_psql($format, 'ALTER TABLE listing DROP COLUMN currency');
	is($node->safe_psql($format, q{SELECT price, location FROM itemize.definitions WHERE type = 'listing'}), '|location', "$format: DDL is followed");
}

done_testing();
