# What cannot be sent is set aside, said, and stops nothing: rows over the limit, and changes whose encoding fails.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $node = start_postgres('set_aside', conf => "allow_system_table_mods = on\n");

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

sub error_of
{
	my ($statement) = @_;
	my ($status, $out, $error) = $node->psql('postgres', $statement);
	return $error;
}

my $stream = Itemize::Decoding->new($node, 'set_aside');
sub changes { return map { @{ $_->{changes} } } $stream->transactions }

# Kind, key (of a line that has one), row: what a line says, without ordinal, type and generation.
sub short { return map { join(' ', @$_[ 0, 4 .. ($_->[0] eq 'X' ? 4 : $_->[0] =~ /[IU]/ ? 5 : $#$_) ]) } @_ }

sql('CREATE TABLE item (id int PRIMARY KEY, name text, note text)', "SELECT itemize.define('item', 'item', fields => '{id,name,note}')");
$stream->create_slot;

subtest 'a row over the limit leaves without its members' => sub {
	# {"id":1,"name":"","note":null} has 30 bytes.
	sql("ALTER DATABASE postgres SET itemize.max_row_bytes = '2kB'");
	sql("INSERT INTO item VALUES (1, repeat('x', 2018))", "INSERT INTO item VALUES (2, repeat('x', 2019))", "INSERT INTO item VALUES (3, repeat(E'\\n', 1010))", "INSERT INTO item VALUES (4, 'small')");
	my @changes = changes();
	is_deeply([ map { $_->[0] } @changes ], [qw(I X I X I I)], 'two of four are set aside');
	is(length $changes[0][5], 2048, 'one at the limit is sent');
	is_deeply([ short(@changes[ 1 .. 4 ]) ],
		[ 'X too_large at least 2049 bytes, the limit is 2048', 'I 2 {}', 'X too_large at least 2050 bytes, the limit is 2048', 'I 3 {}' ],
		'one byte above is not, and escapes count');
	is_deeply([ $changes[2][6], $changes[5][5] ], [ '0,0,0', '{"id":4,"name":"small","note":null}' ], 'all members are absent; the next row is whole');

	sql('BEGIN', "UPDATE item SET name = repeat('y', 3000) WHERE id = 4", "UPDATE item SET id = 5 WHERE id = 4", 'DELETE FROM item WHERE id = 5', 'COMMIT');
	my ($transaction) = $stream->transactions;
	is_deeply([ short(@{ $transaction->{changes} }) ],
		[ 'X too_large at least 3000 bytes, the limit is 2048', 'U 4 {}', 'D 4', 'X too_large at least 3000 bytes, the limit is 2048', 'I 5 {}', 'D 5' ],
		'an update, a new key, a delete');
	is_deeply([ map { $_->[1] } @{ $transaction->{changes} } ], [ 1 .. 6 ], 'ordinals have no gap');
};

subtest 'a fetch refuses the same rows, and only a superuser moves the limit' => sub {
	is(sql("SELECT length(itemize.item_json('item', '1')::text)"), 2048, 'at the limit');
	like(error_of("SELECT * FROM itemize.fetch('item', '{1,2}')"), qr/the item with key "2" is larger than 2048 bytes.*HINT.*itemize\.max_row_bytes/s, 'above it');
	sql('CREATE ROLE reader LOGIN');
	like(error_of("SELECT itemize.version(); SET ROLE reader; SET itemize.max_row_bytes = '1MB'"), qr/permission denied to set parameter/, 'not anybody');
	like(error_of("SELECT itemize.version(); SET itemize.max_row_bytes = '1GB'"), qr/outside the valid range/, 'nor beyond what the way to the client can carry');
	sql('ALTER DATABASE postgres RESET itemize.max_row_bytes');
};

subtest 'by default the limit is 64 MB' => sub {
	sql("INSERT INTO item SELECT 10, 'ten', repeat('0123456789', 1000000)", "INSERT INTO item VALUES (11, 'large', repeat('x', 70000000))", "INSERT INTO item VALUES (12, 'next')");
	my @changes = changes();
	is(length $changes[0][5], 10_000_032, '10 MB are sent');
	is_deeply([ short(@changes[ 1 .. 3 ]) ], [ 'X too_large at least 70000005 bytes, the limit is 67108864', 'I 11 {}', 'I 12 {"id":12,"name":"next","note":null}' ], '70 MB are not');
	sql('DELETE FROM item WHERE id IN (10, 11)');
	changes();
	sql('CREATE TABLE blown (id int PRIMARY KEY, n numeric[])', "SELECT itemize.define('blown', 'blown', fields => '{n}')",
		"INSERT INTO blown VALUES (1, array_fill('1e100000'::numeric, ARRAY[20000]))", "INSERT INTO blown VALUES (2, '{1}')");
	@changes = changes();
	like($changes[1][4], qr/^too_large at least \d{8} bytes/, 'an array of 200 KB whose text would be 2 GB: the text is not made to its end');
	is_deeply([ short(@changes[ 2, 3 ]) ], [ 'I 1 {}', 'I 2 {"n":[1]}' ], 'and the stream goes on');
	like(error_of("SELECT itemize.item_json('blown', '1')"), qr/larger than 67108864 bytes/, 'a fetch says so');
};

# An enum value whose label has gone: its output function raises, in a session and in the decoding of that moment.
subtest 'a change whose encoding fails ends the stream, and with care is set aside' => sub {
	sql("CREATE TYPE mood AS ENUM ('fine', 'broken')", 'CREATE TABLE feeling (id int PRIMARY KEY, name text, mood mood)', "SELECT itemize.define('feeling', 'feeling', fields => '{name,mood}')",
		"CREATE TABLE source (mood mood)", "INSERT INTO source VALUES ('broken')", "INSERT INTO feeling VALUES (1, 'a', 'fine')");
	changes();
	sql('BEGIN', "INSERT INTO feeling VALUES (2, 'b', 'fine')", "DELETE FROM pg_enum WHERE enumlabel = 'broken'", "INSERT INTO feeling SELECT 3, 'secret', mood FROM source",
		'UPDATE feeling SET mood = (SELECT mood FROM source) WHERE id = 2', 'UPDATE feeling SET id = 4 WHERE id = 2', "INSERT INTO feeling VALUES (5, 'c', 'fine')", 'DELETE FROM feeling WHERE id = 4', 'COMMIT');
	sql("INSERT INTO feeling VALUES (6, 'd', 'fine')");
	ok(!eval { changes(); 1 }, 'without care');
	like($@, qr/invalid internal value for enum/, 'the server says why');
	my @changes = $stream->use_options('careful=1')->transactions;
	is_deeply([ short(map { @{ $_->{changes} } } @changes) ],
		[ 'I 2 {"name":"b","mood":"fine"}', 'X encode_failed SQLSTATE 22P03', 'I 3 {}', 'X encode_failed SQLSTATE 22P03', 'U 2 {}',
			'X encode_failed SQLSTATE 22P03', 'D 2', 'I 4 {}', 'I 5 {"name":"c","mood":"fine"}', 'D 4', 'I 6 {"name":"d","mood":"fine"}' ],
		'with care all others arrive');
	is_deeply([ map { $_->[1] } @{ $changes[0]{changes} } ], [ 1 .. 10 ], 'with ordinals without a gap');
	like(slurp($node->logfile), qr/sets aside a change of item type "feeling" at [0-9A-F]+\/[0-9A-F]+.*?DETAIL:  Its encoding failed: invalid internal value for enum/s, 'the log has type, place and cause');
};

subtest 'where not even the key can be told, all copies are read anew' => sub {
	sql("CREATE TYPE grade AS ENUM ('good', 'lost')", 'CREATE TABLE school (grade grade PRIMARY KEY, n int)', "SELECT itemize.define('school', 'school', fields => '{n}')",
		'CREATE TABLE graded (grade grade)', "INSERT INTO graded VALUES ('lost')");
	sql('BEGIN', "DELETE FROM pg_enum WHERE enumlabel = 'lost'", 'INSERT INTO school SELECT grade, 1 FROM graded', "INSERT INTO school VALUES ('good', 2)", 'COMMIT');
	my @changes = changes();
	is_deeply([ map { $_->[0] } @changes ], [qw(Y X T I)], 'no key, so a truncation');
};

subtest 'a table that cannot be read at all takes no other down' => sub {
	sql("CREATE TYPE odd AS ENUM ('x')", 'CREATE TABLE strange (id int PRIMARY KEY, odd odd)', "SELECT itemize.define('strange', 'strange', fields => '{odd}')", 'CREATE TABLE odds (odd odd)', "INSERT INTO odds VALUES ('x')");
	changes();
	sql("UPDATE pg_type SET typoutput = 0 WHERE typname = 'odd'", 'INSERT INTO strange SELECT 1, odd FROM odds', 'INSERT INTO strange SELECT 2, odd FROM odds', "INSERT INTO item VALUES (20, 'fine')",
		"UPDATE pg_type SET typoutput = 'enum_out'::regproc WHERE typname = 'odd'", 'INSERT INTO strange SELECT 3, odd FROM odds');
	is_deeply([ map { "$_->[0] $_->[2]" } changes() ], [ 'X strange', 'T strange', 'X strange', 'T strange', 'I item', 'I strange' ], 'each change of it is set aside while it lasts');

	sql("UPDATE pg_type SET typoutput = 0 WHERE typname = 'odd'", 'TRUNCATE strange, item', 'INSERT INTO item VALUES (21, \'fine\')', "UPDATE pg_type SET typoutput = 'enum_out'::regproc WHERE typname = 'odd'");
	is_deeply([ map { "$_->[0] $_->[2]" } changes() ], [ 'X strange', 'T strange', 'T item', 'I item' ], 'a TRUNCATE too');
};

# That function refuses to work on a primary, with the code by which the plugin itself says that a server is not set up.
subtest 'an output function may raise any error' => sub {
	sql("CREATE TYPE refused AS ENUM ('x')", 'CREATE TABLE refusing (id int PRIMARY KEY, v refused)', "SELECT itemize.define('refusing', 'refusing', fields => '{v}')", 'CREATE TABLE refusals (v refused)', "INSERT INTO refusals VALUES ('x')");
	changes();
	sql("UPDATE pg_type SET typoutput = 'pg_is_wal_replay_paused'::regproc WHERE typname = 'refused'", 'INSERT INTO refusing SELECT 1, v FROM refusals',
		"UPDATE pg_type SET typoutput = 'enum_out'::regproc WHERE typname = 'refused'", "INSERT INTO item VALUES (40, 'fine')");
	my @changes = changes();
	is_deeply([ map { "$_->[0] $_->[2]" } @changes ], [ 'X refusing', 'I refusing', 'I item' ], 'its change is set aside');
	is($changes[0][4], 'encode_failed SQLSTATE 55000', 'whatever the code');
};

# An output function is C, but this one never comes to give its text.
subtest 'also that of a cancellation, while nobody cancels' => sub {
	sql("CREATE TYPE cancelling AS ENUM ('x')", 'CREATE TABLE shy (id int PRIMARY KEY, v cancelling)', "SELECT itemize.define('shy', 'shy', fields => '{v}')", 'CREATE TABLE shyness (v cancelling)', "INSERT INTO shyness VALUES ('x')",
		'CREATE FUNCTION cancelling_out(cancelling) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$');
	changes();
	sql("UPDATE pg_type SET typoutput = 'cancelling_out'::regproc WHERE typname = 'cancelling'", 'INSERT INTO shy SELECT 1, v FROM shyness',
		"UPDATE pg_type SET typoutput = 'enum_out'::regproc WHERE typname = 'cancelling'", "INSERT INTO item VALUES (41, 'fine')");
	my @changes = changes();
	is_deeply([ map { "$_->[0] $_->[2]" } @changes ], [ 'X shy', 'I shy', 'I item' ], 'its change is set aside');
	is($changes[0][4], 'encode_failed SQLSTATE 57014', 'with its code');
};

subtest 'a request to cancel is obeyed while a change is encoded with care' => sub {
	sql('CREATE TYPE sleepy', "CREATE FUNCTION sleepy_in(cstring) RETURNS sleepy AS 'float8in' LANGUAGE internal IMMUTABLE STRICT",
		"CREATE FUNCTION sleepy_out(sleepy) RETURNS cstring AS 'pg_sleep' LANGUAGE internal STRICT", 'CREATE TYPE sleepy (INPUT = sleepy_in, OUTPUT = sleepy_out, LIKE = float8)',
		'CREATE TABLE nap (id int PRIMARY KEY, v sleepy)', "SELECT itemize.define('nap', 'nap', fields => '{v}')", "INSERT INTO nap VALUES (1, '60')");
	my ($out, $error) = ('', '');
	my $reader = IPC::Run::start([ $stream->command('--start', '--no-loop', '--file', '-', '--option', 'careful=1') ], '<', \undef, '>', \$out, '2>', \$error);
	poll_until(sub { sql("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'PgSleep'") == 1 }, 'the change to be under way');
	$reader->finish;
	isnt($reader->result(0), 0, 'the stream ends');
	like($error, qr/canceling statement due to user request/, 'as who cancelled is told');
	is(scalar(() = slurp($node->logfile) =~ /item type "nap"/g), 0, 'and the change is not set aside');
	Itemize::Decoding::wait_for_slot($node, 'set_aside');
	sql("SELECT pg_drop_replication_slot('set_aside')");
	$stream->create_slot;
};

subtest 'rows of many kinds are the same with care as without' => sub {
	my $script = slurp("$ENV{ITEMIZE_SOURCE}/regress/sql/json_types.sql");
	$script =~ s/^-- The oracle.*//ms;
	$script =~ s/^SELECT 'slot' AS made.*?;$//m;
	my $before = Itemize::Decoding->new($node, 'plain')->create_slot;
	$node->safe_psql('postgres', $script);
	my @careful = map { @{ $_->{changes} } } $stream->transactions;
	my @plain = map { @{ $_->{changes} } } $before->transactions;
	cmp_ok(scalar @plain, '>', 250, 'many rows');
	is_deeply(\@careful, \@plain, 'all the same');
	sql("SELECT pg_drop_replication_slot('plain')");
};

subtest 'library and SQL objects of different versions are told apart' => sub {
	my $set = sub { sql("UPDATE pg_extension SET extversion = '$_[0]' WHERE extname = 'itemize'") };
	my $version = sql('SELECT itemize.version()');
	$set->('0.0.9');
	my ($status, $error) = $stream->refused;
	isnt($status, 0, 'the stream does not start');
	like($error, qr/the loaded itemize library does not fit the SQL objects.*library is version \Q$version\E, the extension's SQL is version 0\.0\.9.*ALTER EXTENSION itemize UPDATE/s, 'and says what to do');
	like(error_of("SELECT itemize.publish('x', '1')"), qr/does not fit the SQL objects/, 'nor is anything published');
	like(error_of("SELECT itemize.define_topic('x')"), qr/does not fit the SQL objects/, 'or defined');
	$set->($version);
	sql("INSERT INTO item VALUES (30, 'again')");
	is_deeply([ short(changes()) ], ['I 30 {"id":30,"name":"again","note":null}'], 'then all is well');

	# The upgrade of the objects under a session that goes on with the old library. What came before it is still sent.
	sql("INSERT INTO item VALUES (31, 'before')");
	$set->('99.0.0');
	sql("ALTER TABLE item ADD COLUMN touched int", "INSERT INTO item VALUES (32, 'after')");
	$set->($version);
	ok(!eval { changes(); 1 }, 'an old library stops at what it may not understand');
	like($@, qr/the extension's SQL is version 99\.0\.0/, 'and says so');
};

done_testing();
