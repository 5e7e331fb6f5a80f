# Definitions in dumps: pg_dump and pg_restore in each of their forms bring them back whole, and they go on following
# their tables in the new database.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Utils ();
use Test::More;

my $node = start_postgres('dump');
my $directory = PostgreSQL::Test::Utils::tempdir();
my $connection = $node->connstr . ' dbname=';

# Tables whose replica identity and unique index come back one after the other, in each order of their names; numbers of
# columns that a dump closes up; names that need quoting.
$node->safe_psql(
	'postgres', q{
CREATE SCHEMA "My Shop";
CREATE TABLE public.listing (gone int, id int PRIMARY KEY, name text, price numeric(8,2), note text);
ALTER TABLE public.listing DROP COLUMN gone;
INSERT INTO public.listing VALUES (1, 'one', 1.00, 'n'), (2, 'two', 2.00, 'm');
CREATE TABLE "My Shop"."Big Order" (gone int, "Order Id" uuid NOT NULL, "at" timestamptz, b_key text NOT NULL, a_key text NOT NULL);
ALTER TABLE "My Shop"."Big Order" DROP COLUMN gone;
CREATE UNIQUE INDEX b_index ON "My Shop"."Big Order" (b_key);
CREATE UNIQUE INDEX a_index ON "My Shop"."Big Order" (b_key, a_key);
ALTER TABLE "My Shop"."Big Order" REPLICA IDENTITY USING INDEX a_index;
CREATE TABLE public.whole (id int NOT NULL UNIQUE, v text);
ALTER TABLE public.whole REPLICA IDENTITY FULL;
CREATE TABLE public.undefined (id int PRIMARY KEY);
CREATE TABLE public.stay (listing int, slug text NOT NULL, price int, UNIQUE (slug, listing)) PARTITION BY LIST (listing);
CREATE TABLE "My Shop".stay_1 (price int, gone int, slug text NOT NULL, listing int, UNIQUE (slug, listing));
ALTER TABLE "My Shop".stay_1 DROP COLUMN gone, ALTER listing SET NOT NULL;
ALTER TABLE public.stay ATTACH PARTITION "My Shop".stay_1 FOR VALUES IN (1);
CREATE TABLE public.stay_2 PARTITION OF public.stay FOR VALUES IN (2) PARTITION BY HASH (slug);
CREATE TABLE public.stay_2_all PARTITION OF public.stay_2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE public.stay ALTER listing SET NOT NULL;
ALTER TABLE "My Shop".stay_1 REPLICA IDENTITY USING INDEX stay_1_slug_listing_key;
ALTER TABLE public.stay_2_all REPLICA IDENTITY FULL;
INSERT INTO public.stay VALUES (1, 'one', 1), (2, 'two', 2);
CREATE TABLE public.log (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE public.log_1 PARTITION OF public.log FOR VALUES FROM (1) TO (10);
SELECT itemize.define('stay', 'public.stay', key => 'slug,listing', fields => '{price}', read => 'everyone');
SELECT itemize.define('log_1', 'public.log_1', fields => '{n}');
SELECT itemize.define('listing', 'public.listing', fields => '{id,note,name}', read => 'everyone');
SELECT itemize.define('big_order', '"My Shop"."Big Order"', key => 'b_key', fields => '{"Order Id",at}');
SELECT itemize.define('whole', 'public.whole', key => 'id', fields => '{v}');
SELECT itemize.define_topic('prices.changed', read => 'everyone');
SELECT itemize.define_topic('private');
CREATE ROLE reader;
GRANT SELECT ON itemize.definitions TO reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]) TO reader;
});

my $definitions = 'SELECT * FROM itemize.definitions ORDER BY type';
my $items = q{SELECT * FROM itemize.fetch('listing', '{1,2,3}') UNION ALL SELECT * FROM itemize.fetch('stay', '{"one,1","two,2"}')};
my $numbers = q{
SELECT count(*) FILTER (WHERE a.attnum IS NULL) FROM itemize.item_column c JOIN itemize.item_type t ON t.name = c.item_type
LEFT JOIN pg_attribute a ON a.attrelid = t.source AND a.attname = c.column_name AND a.attnum = c.attnum};
my $expected = $node->safe_psql('postgres', $definitions);
my $expected_items = $node->safe_psql('postgres', $items);
is(scalar(my @lines = split /\n/, $expected), 5, 'five definitions to dump');

# What a restored database must have.
sub check_restored
{
	my ($database, $how) = @_;
	is($node->safe_psql($database, $definitions), $expected, "$how: the definitions are back");
	is($node->safe_psql($database, $items), $expected_items, "$how: and so are the items");
	is($node->safe_psql($database, $numbers), '0', "$how: columns have this database's numbers");
	is($node->safe_psql($database, 'SELECT topic, read FROM itemize.topics ORDER BY topic'), "prices.changed|everyone\nprivate|nobody", "$how: the topics are back");
	is($node->safe_psql($database, q{SELECT itemize.publish('private', '1'), count(*) FROM itemize.seal}), '|1', "$how: events can be published, under one key");
	is($node->safe_psql($database, 'SELECT * FROM itemize.definition_problems()'), '', "$how: every definition fits its table");

	my $generation = $node->safe_psql($database, q{SELECT max(generation) FROM itemize.definitions});
	$node->safe_psql($database, 'ALTER TABLE public.listing RENAME note TO remark');
	is($node->safe_psql($database, q{SELECT fields, generation > } . $generation . q{ FROM itemize.definitions WHERE type = 'listing'}),
		'{id,remark,name}|t', "$how: a rename is followed, under a generation never used before");
	my ($status, $out, $err) = $node->psql($database, 'ALTER TABLE public.listing DROP CONSTRAINT listing_pkey');
	like($err, qr/The item type "listing" depends on it/, "$how: the key is guarded");
	($status, $out, $err) = $node->psql($database, 'ALTER TABLE "My Shop".stay_1 REPLICA IDENTITY NOTHING');
	like($err, qr/The item type "stay" depends on it/, "$how: and so is what a partition logs of it");
	is($node->safe_psql($database, "SELECT has_table_privilege('reader', 'itemize.definitions', 'SELECT')"), 't', "$how: grants are back");
	$node->safe_psql($database, 'ALTER TABLE public.listing RENAME remark TO note');
	return;
}

# plain SQL, stopping at the first error
$node->command_ok([ 'pg_dump', '--dbname', "${connection}postgres", '--file', "$directory/plain.sql" ], 'pg_dump, plain');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->command_ok(
	[ 'psql', '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--single-transaction', '--dbname', "${connection}plain", '--file', "$directory/plain.sql" ],
	'psql takes it');
check_restored('plain', 'plain');

# custom format; in one transaction; side by side from a directory
$node->command_ok([ 'pg_dump', '--format=custom', '--dbname', "${connection}postgres", '--file', "$directory/custom" ], 'pg_dump, custom');
$node->safe_psql('postgres', 'CREATE DATABASE custom');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--single-transaction', '--dbname', "${connection}custom", "$directory/custom" ], 'pg_restore, custom');
check_restored('custom', 'custom');

$node->command_ok([ 'pg_dump', '--format=directory', '--dbname', "${connection}postgres", '--file', "$directory/directory" ], 'pg_dump, directory');
$node->safe_psql('postgres', 'CREATE DATABASE parallel');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--jobs=2', '--dbname', "${connection}parallel", "$directory/directory" ], 'pg_restore, side by side');
check_restored('parallel', 'parallel');

# schema and data apart
$node->safe_psql('postgres', 'CREATE DATABASE apart');
for my $part (qw(pre-data data post-data))
{
	$node->command_ok([ 'pg_restore', '--exit-on-error', "--section=$part", '--dbname', "${connection}apart", "$directory/custom" ], "pg_restore, $part");
}
check_restored('apart', 'apart');

# --clean into a new database, and over one that has definitions: they guard their keys, so the latter says so and goes on,
# or is told to be quiet as the documentation has it.
$node->safe_psql('postgres', 'CREATE DATABASE clean');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '--dbname', "${connection}clean", "$directory/custom" ], 'pg_restore --clean, new');
check_restored('clean', 'clean');

# pg_restore --clean itself cannot take constraints from partitions ("cannot drop inherited constraint").
sub drop_partitioned { $node->safe_psql('clean', 'DROP TABLE public.stay, public.log'); return }
drop_partitioned();
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '--dbname', "${connection}clean", "$directory/custom" ],
		'pg_restore --clean over definitions, event triggers silenced');
}
check_restored('clean', 'clean, silenced');
drop_partitioned();
$node->command_checks_all(
	[ 'pg_restore', '--clean', '--if-exists', '--dbname', "${connection}clean", "$directory/custom" ],
	1, [], [qr/depends on it.*errors ignored on restore/s], 'pg_restore --clean over definitions says that keys are guarded');
check_restored('clean', 'clean, over definitions');

done_testing();
