# The output plugin through the replication protocol: what leaves, in which pieces, and when.
# tier: quick
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $node = start_postgres('primary', conf => "max_prepared_transactions = 10\n");

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

# The change lines of everything since the last call, split at their tabs, without ordinals' transaction frame.
my $stream = Itemize::Decoding->new($node, 'decoding');
sub changes { return map { @{ $_->{changes} } } $stream->transactions }

sql('CREATE TABLE item (id int PRIMARY KEY, name text, note text, hidden text)', 'CREATE TABLE other (id int PRIMARY KEY)');
$stream->create_slot;

subtest 'a table is silent until it is defined, and so are fields that are not named' => sub {
	sql("INSERT INTO item VALUES (1, 'before')", 'INSERT INTO other VALUES (1)');
	is_deeply([changes()], [], 'undefined tables: nothing');
	sql("SELECT itemize.define('item', 'item', fields => '{id,name,note}', read => 'everyone')");
	is_deeply([ map { [ @$_[ 0 .. 2, 4 ] ] } changes() ], [ [ 'Y', 1, 'item', 'everyone' ] ], 'the definition itself is an event');
	sql("INSERT INTO item VALUES (2, 'two', E'tab\\there', 'secret')", 'INSERT INTO other VALUES (2)');
	my ($insert, @rest) = changes();
	is_deeply([ @$insert[ 0 .. 2, 4 .. 6 ] ], [ 'I', 1, 'item', 2, '{"id":2,"name":"two","note":"tab\\there"}', '6,12,18' ], 'one insert');
	is_deeply(\@rest, [], 'and nothing else');
};

subtest 'insert, update, delete, truncate, in commit order with rising ordinals' => sub {
	sql('BEGIN', "INSERT INTO item VALUES (10, 'ten')", "UPDATE item SET name = 'zehn' WHERE id = 10", 'DELETE FROM item WHERE id = 10', 'COMMIT', 'TRUNCATE item, other');
	my ($first, $second, @rest) = $stream->transactions;
	is(scalar @rest, 0, 'two transactions');
	is_deeply([ map { "$_->[0]$_->[1]" } @{ $first->{changes} } ], [qw(I1 U2 D3)], 'the first, line by line');
	is($first->{changes}[2][4], 10, 'a delete names the key');
	is_deeply([ map { @$_[ 0 .. 2 ] } @{ $second->{changes} } ], [ 'T', 1, 'item' ], 'the second: the defined table of the two');
	is($second->{count}, 1, 'its trailer counts');
};

subtest 'the frame tells commit LSN, transaction id, time and origin' => sub {
	my $facts = sql("INSERT INTO item VALUES (20, 'x') RETURNING pg_current_xact_id(), floor(extract(epoch FROM now()) * 1000000)::bigint");
	my ($xid, $started) = split /\|/, $facts;
	my ($transaction) = $stream->transactions;
	is($transaction->{xid}, $xid, 'the 64-bit transaction id');
	cmp_ok($transaction->{time}, '>=', $started, 'the commit time is not before the start');
	cmp_ok($transaction->{time}, '<', $started + 60_000_000, 'and in microseconds of the Unix epoch');
	is($transaction->{origin}, '', 'no origin');
	is(sql("SELECT '$transaction->{lsn}'::pg_lsn <= pg_current_wal_insert_lsn() AND '$transaction->{lsn}'::pg_lsn > '0/0'"), 't', 'an LSN of this server');

	sql("SELECT pg_replication_origin_create('far away/1')");
	sql("SELECT pg_replication_origin_session_setup('far away/1')", "INSERT INTO item VALUES (21, 'y')");
	($transaction) = $stream->transactions;
	is($transaction->{origin}, 'far%20away%2F1', 'the name of the origin, percent-encoded');
};

subtest 'a changed key is a delete and an insert in one transaction' => sub {
	sql("INSERT INTO item VALUES (30, 'thirty')");
	changes();
	sql('UPDATE item SET id = 31 WHERE id = 30');
	my @changes = changes();
	is_deeply([ map { [ @$_[ 0, 1, 4 ] ] } @changes ], [ [ 'D', 1, 30 ], [ 'I', 2, 31 ] ], 'two lines');
	is($changes[1][5], '{"id":31,"name":"thirty","note":null}', 'the row under its new key');
	sql('BEGIN', 'UPDATE item SET id = 33 WHERE id = 31', 'UPDATE item SET id = 31 WHERE id = 33', 'COMMIT');
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], [qw(D31 I33 D33 I31)], 'there and back');
};

subtest 'an unchanged TOAST value is marked absent, unless the old row has it' => sub {
	sql("INSERT INTO item SELECT 40, 'big', string_agg(md5(i::text), '') FROM generate_series(1, 1000) i");
	my ($insert) = changes();
	like($insert->[6], qr/^7,12,32009$/, 'inserted whole');
	sql("UPDATE item SET name = 'still big' WHERE id = 40");
	my ($update) = changes();
	is($update->[5], '{"id":40,"name":"still big"}', 'updated: the member is left out');
	is($update->[6], '7,18,0', 'and its length is 0');
	sql("UPDATE item SET note = note || '.' WHERE id = 40");
	($update) = changes();
	like($update->[6], qr/^7,18,32010$/, 'a changed one is whole');
	sql('ALTER TABLE item REPLICA IDENTITY FULL', "UPDATE item SET name = 'full' WHERE id = 40");
	($update) = changes();
	like($update->[6], qr/^7,13,32010$/, 'replica identity FULL gives the unchanged value');
	is_deeply([ @$update[ 0, 4 ] ], [ 'U', 40 ], 'and an unchanged key stays an update');
	sql('UPDATE item SET id = 41 WHERE id = 40');
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], [qw(D40 I41)], 'a changed one under FULL is delete and insert');
	sql('DELETE FROM item WHERE id = 41', 'ALTER TABLE item REPLICA IDENTITY DEFAULT');
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], ['D41'], 'a delete under FULL names the key');
};

subtest 'a table with the full identity says what a row was, in format 3' => sub {
	sql('CREATE TABLE former (id int PRIMARY KEY, name text, price numeric, at timestamptz, place public.geometry(Point, 4326), tags text[], hidden text)',
		q{SELECT itemize.define('former', 'former', fields => '{id,name,price,at,place,tags}', read => 'everyone')});
	changes();
	my $former = sub { return map { $_->[ $_->[0] eq 'D' ? 5 : 7 ] // '' } grep { $_->[0] ne 'I' } @_ };
	$stream->use_options('version=3');
	sql("INSERT INTO former VALUES (1, 'a', 1.50, '2026-07-01 12:00+02', 'SRID=4326;POINT(4 51)', '{x}', 'secret')", 'UPDATE former SET price = 2 WHERE id = 1', 'DELETE FROM former');
	is_deeply([ $former->(changes()) ], [ '', '' ], 'nothing of a table with another identity');
	sql('ALTER TABLE former REPLICA IDENTITY FULL', "INSERT INTO former VALUES (1, 'a', 1.50, '2026-07-01 12:00+02', 'SRID=4326;POINT(4 51)', '{x}', 'secret')");
	is_deeply([ map { scalar @$_ } changes() ], [7], 'an insert has none');
	sql(q{UPDATE former SET price = 2, hidden = 'other', tags = '{y}' WHERE id = 1}, q{UPDATE former SET name = NULL, place = 'SRID=4326;POINT(5 51)' WHERE id = 1},
		q{UPDATE former SET hidden = 'x' WHERE id = 1}, q{UPDATE former SET name = E'tab\t' WHERE id = 1}, q{UPDATE former SET price = 2.0 WHERE id = 1});
	is_deeply([ $former->(changes()) ], [ '{"price":1.50}', '{"name":"a","place":{"type":"Point","coordinates":[4,51]}}', '{}', '{"name":null}', '{"price":2}' ],
		'an update: the values that are others, of visible fields that can be compared');
	sql('UPDATE former SET id = 2, price = 3 WHERE id = 1');
	my @changes = changes();
	is(join(' ', map { $_->[0] } @changes), 'D I', 'a changed key');
	my $whole = '{"id":1,"name":"tab\t","price":2.0,"at":"2026-07-01T10:00:00+00:00","place":{"type":"Point","coordinates":[5,51]}}';
	is($changes[0][5], $whole, 'the row under the old key, all of it');
	is(scalar @{ $changes[1] }, 7, 'and none for the new one');
	sql('DELETE FROM former');
	is((changes())[0][5], $whole =~ s/"id":1/"id":2/r =~ s/2\.0/3/r, 'a deletion: all of it');

	# 2,000 characters of two bytes, stored in line, compressed, and in the TOAST table.
	for my $storage (qw(PLAIN EXTENDED EXTERNAL))
	{
		sql("ALTER TABLE former ALTER name SET STORAGE $storage", "INSERT INTO former (id, name) VALUES (3, 'x' || repeat(U&'\\00e9', 2000))", "UPDATE former SET price = 1 WHERE id = 3", "UPDATE former SET name = name || '!' WHERE id = 3", 'DELETE FROM former');
		my ($insert, $kept, $changed) = changes();
		is($kept->[7], '{"price":null}', "$storage: a long text that is unchanged is not told");
		is($changed->[7], '{"name":"x' . ("\xc3\xa9" x 511) . '"}', '... and of one that is another now the beginning');
	}
	sql(q{SELECT itemize.define('former', 'former', fields => '{id,name}', read => 'owner', owner => 'name', replace => true)}, "INSERT INTO former (id, name) VALUES (5, 'ann')",
		"UPDATE former SET name = 'bob' WHERE id = 5", "UPDATE former SET name = NULL WHERE id = 5", 'DELETE FROM former');
	is_deeply([ map { [ @$_[ 4 .. $#$_ ] ] } grep { $_->[0] eq 'D' } changes() ], [ [ 5, 'ann', '{"id":5,"name":"ann"}' ], [ 5, 'bob', '{"id":5,"name":"bob"}' ], [ 5, '', '{"id":5,"name":null}' ] ],
		'behind the owner, where there is one');
	$stream->use_options;
	sql("INSERT INTO former (id) VALUES (4)", "UPDATE former SET price = 1 WHERE id = 4", 'DELETE FROM former');
	is_deeply([ $former->(changes()) ], [ '', '' ], 'nothing in format 1');
	sql(q{SELECT itemize.undefine('former')}, 'DROP TABLE former');
	changes();
};

subtest 'what is rolled back never leaves' => sub {
	sql('BEGIN', "INSERT INTO item VALUES (50, 'a')", 'SAVEPOINT s', "INSERT INTO item VALUES (51, 'b')", 'ROLLBACK TO s', "INSERT INTO item VALUES (52, 'c')", 'COMMIT');
	my ($transaction, @rest) = $stream->transactions;
	is_deeply([ map { "$_->[0]$_->[1] $_->[4]" } @{ $transaction->{changes} } ], [ 'I1 50', 'I2 52' ], 'the subtransaction is gone, ordinals have no gap');
	sql('BEGIN', "INSERT INTO item VALUES (53, 'd')", 'ROLLBACK');
	sql("INSERT INTO item VALUES (54, 'e')");
	is_deeply([ map { $_->[4] } changes() ], [54], 'the transaction is gone');
};

subtest 'a prepared transaction leaves when it is committed' => sub {
	sql('BEGIN', "INSERT INTO item VALUES (60, 'prepared')", "PREPARE TRANSACTION 'p'");
	is_deeply([changes()], [], 'not before');
	sql("COMMIT PREPARED 'p'");
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], ['I60'], 'then it does');
};

subtest 'each change is encoded under the definition of its own moment' => sub {
	sql("INSERT INTO item VALUES (70, 'one')", 'ALTER TABLE item RENAME name TO title', "UPDATE item SET title = 'two' WHERE id = 70",
		'ALTER TABLE item ADD COLUMN extra int DEFAULT 7', "UPDATE item SET title = 'three' WHERE id = 70",
		"SELECT itemize.define('item', 'item', fields => '{extra,title}', read => 'nobody', replace => true)", "UPDATE item SET title = 'four' WHERE id = 70",
		'ALTER TABLE item ALTER extra TYPE text', "UPDATE item SET title = 'five' WHERE id = 70",
		'ALTER TABLE item DROP COLUMN extra', "UPDATE item SET title = 'six' WHERE id = 70",
		"SELECT itemize.undefine('item')", "UPDATE item SET title = 'seven' WHERE id = 70",
		"SELECT itemize.define('item', 'item', fields => '{id,title,note}', read => 'everyone')", "UPDATE item SET title = 'eight' WHERE id = 70");
	my @changes = changes();
	is_deeply([ map { $_->[5] } grep { $_->[0] ne 'Y' } @changes ],
		[ '{"id":70,"name":"one","note":null}', '{"id":70,"title":"two","note":null}', '{"id":70,"title":"three","note":null}',
			'{"extra":7,"title":"four"}', '{"extra":"7","title":"five"}', '{"title":"six"}', '{"id":70,"title":"eight","note":null}' ],
		'the rows, read long after all of it happened');
	my @generations = map { $_->[3] } @changes;
	is_deeply([ sort { $a <=> $b } @generations ], \@generations, 'generations only rise');
	my @definitions = grep { $_->[0] eq 'Y' } @changes;
	is_deeply([ map { $_->[4] } @definitions[ -2, -1 ] ], [ '-', 'everyone' ], 'undefined, then defined again');
};

subtest 'a key that lies in TOAST is known from the old row' => sub {
	sql('CREATE TABLE long_key (id text PRIMARY KEY, n int, filler text)', 'ALTER TABLE long_key ALTER id SET STORAGE EXTERNAL',
		"SELECT itemize.define('long_key', 'long_key', fields => '{n}')",
		"INSERT INTO long_key SELECT string_agg(md5(i::text), ''), 1, repeat('f', 600) FROM generate_series(1, 60) i");
	my ($definition, $insert) = changes();
	is(length $insert->[4], 1920, 'inserted under its long key');
	sql('UPDATE long_key SET n = 2');
	my ($update) = changes();
	is_deeply([ @$update[ 0, 4, 5 ] ], [ 'U', $insert->[4], '{"n":2}' ], 'an update that leaves the key alone is an update under it');
	sql('DELETE FROM long_key');
	is_deeply([ map { [ @$_[ 0, 4 ] ] } changes() ], [ [ 'D', $insert->[4] ] ], 'and so is its end');
};

subtest 'a definition that has fallen behind its table stops nothing' => sub {
	sql('CREATE TABLE behind (id int PRIMARY KEY, other int NOT NULL UNIQUE, name text, gone text)', "SELECT itemize.define('behind', 'behind', fields => '{id,name,gone}')", "INSERT INTO behind VALUES (1, 1, 'a', 'b')");
	changes();
	sql('SET session_replication_role = replica', 'ALTER TABLE behind DROP COLUMN gone', "INSERT INTO behind VALUES (2, 2, 'c')");
	my ($insert) = changes();
	is_deeply([ @$insert[ 0, 4 .. 6 ] ], [ 'I', 2, '{"id":2,"name":"c"}', '6,10,0' ], 'a field whose column is gone is absent');
	sql('SET session_replication_role = replica', 'ALTER TABLE behind REPLICA IDENTITY USING INDEX behind_other_key', 'UPDATE behind SET other = 9 WHERE id = 1', 'DELETE FROM behind WHERE id = 2');
	is_deeply([ map { $_->[0] } changes() ], [ 'T', 'T' ], 'where the identity does not tell the key, all copies are read anew');
	sql('SET session_replication_role = replica', 'ALTER TABLE behind DROP COLUMN id', "INSERT INTO behind VALUES (3, 'd')");
	is_deeply([ map { $_->[0] } changes() ], ['T'], 'and so where the key itself is gone');
	my ($status) = $node->psql('postgres', "SET session_replication_role = replica; DELETE FROM itemize.item_type WHERE name = 'behind'; DELETE FROM itemize.item_column WHERE item_type = 'behind'; DROP TABLE behind");
	is($status, 0, 'it can be cleared away');
	changes();
};

subtest 'definition, rows and their end within one transaction' => sub {
	sql('BEGIN', 'CREATE TABLE brief (id int PRIMARY KEY)', "SELECT itemize.define('brief', 'brief', fields => '{id}')", 'INSERT INTO brief VALUES (1)', 'DROP TABLE brief', 'COMMIT');
	is_deeply([ map { "$_->[0] $_->[2]" } changes() ], [ 'Y brief', 'I brief', 'Y brief' ], 'in order');
};

subtest 'large transactions go out in bounded pieces' => sub {
	sql("INSERT INTO item SELECT i, 'row ' || i, repeat('x', 100) FROM generate_series(1000, 21000) i");
	my ($transaction, @rest) = $stream->transactions;
	is(scalar @rest, 0, 'one transaction');
	cmp_ok(scalar @{ $transaction->{pieces} }, '>', 10, 'many pieces');
	cmp_ok((sort { $b <=> $a } map { length } @{ $transaction->{messages} })[0], '<=', 256 * 1024, 'none above 256 KB');
	is_deeply([ map { $_->[1] } @{ $transaction->{changes} } ], [ 1 .. 20001 ], 'ordinals run on over the pieces');
	is_deeply([ map { $_->{complete} } @{ $transaction->{pieces} } ], [ (0) x (@{ $transaction->{pieces} } - 1), 1 ], 'only the last says that it is complete');
	is(scalar(grep { @{ $_->{changes} } == 0 } @{ $transaction->{pieces} }), 0, 'no piece is empty');
};

subtest 'a row that is longer than a message goes out in fragments' => sub {
	sql('BEGIN', "INSERT INTO item VALUES (80, 'small')", "INSERT INTO item SELECT 81, 'huge', string_agg(md5(i::text) || 'ä漢🙂', '') FROM generate_series(1, 100000) i",
		"INSERT INTO item VALUES (82, 'small')", 'COMMIT');
	my ($transaction) = $stream->transactions;
	cmp_ok((sort { $b <=> $a } map { length } @{ $transaction->{messages} })[0], '<=', 256 * 1024, 'no message above 256 KB');
	is_deeply([ map { $_->[4] } @{ $transaction->{changes} } ], [ 80, 81, 82 ], 'all rows arrive');
	my $item = sql("SELECT itemize.item_json('item', '81')");
	utf8::encode($item) if utf8::is_utf8($item);
	ok($transaction->{changes}[1][5] eq $item, 'the huge one byte by byte');
	is(scalar(grep { !utf8::decode(my $copy = $_) } @{ $transaction->{messages} }), 0, 'no character is cut in two');
};

subtest 'every type has the same bytes in the stream as in a fetch' => sub {
	my $script = slurp("$ENV{ITEMIZE_SOURCE}/regress/sql/json_types.sql");
	$script =~ s/^-- The oracle.*//ms;
	$script =~ s/^SELECT 'slot' AS made.*?;$//m;
	$node->safe_psql('postgres', $script);
	my @rows = grep { $_->[0] eq 'I' } changes();
	cmp_ok(scalar @rows, '>', 250, 'many rows');
	$node->safe_psql('postgres', 'CREATE TABLE streamed (type text, key text, item text)');
	my $copy = join '', map { my @row = @$_[ 2, 4, 5 ]; s/\\/\\\\/g for @row; join("\t", @row) . "\n" } @rows;
	$node->safe_psql('postgres', "COPY streamed FROM stdin;\n$copy\\.\n");
	is(sql('SELECT count(*) FROM streamed'), scalar @rows, 'as rows of a table');
	is(sql('SELECT s.type, s.key FROM streamed s, itemize.fetch(s.type, ARRAY[s.key]) f WHERE f.item::text IS DISTINCT FROM s.item'), '', 'all the same');
};

subtest 'of items for their owners a delete says whose it was, in format 2' => sub {
	sql('CREATE TABLE own (id int PRIMARY KEY, host text, note text)', 'CREATE TABLE for_all (id int PRIMARY KEY)', 'INSERT INTO for_all VALUES (1)',
		'ALTER TABLE own REPLICA IDENTITY FULL',
		"SELECT itemize.define('own', 'own', fields => '{id,host,note}', read => 'owner', owner => 'host')",
		"SELECT itemize.define('for_all', 'for_all', fields => '{id}', read => 'everyone')");
	is_deeply([ map { $_->[4] } changes() ], [qw(owner:host everyone)], 'its definition names the field');
	# The second value of the note is too long to be in the log again with each change.
	my @statements = (
		"INSERT INTO own VALUES (1, 'ann', repeat('x', 10)), (2, 'ann/b ä', NULL), (3, NULL, NULL)",
		"UPDATE own SET note = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) i) WHERE id = 1",
		"UPDATE own SET host = 'bob' WHERE id = 1",
		'UPDATE own SET id = 4 WHERE id = 1', 'UPDATE own SET host = NULL WHERE id = 4', "UPDATE own SET host = 'eve' WHERE id = 3", 'DELETE FROM own', 'DELETE FROM for_all');
	my %expected = (
		1 => 'D 1,D 1,D 4,D 3,D 2,D 4,D 3,D 1',
		2 => 'D 1 ann,D 1 bob,D 4 bob,D 3 ,D 2 ann%2Fb%20%C3%A4,D 4 ,D 3 eve,D 1',
	);
	for my $format (1, 2)
	{
		$stream->use_options("version=$format");
		sql(@statements, 'INSERT INTO for_all VALUES (1)');
		my @transactions = $stream->transactions;
		is(join(' ', map { $_->{pieces}[0]{format} } @transactions[ 0, -1 ]), "$format $format", "pieces say that they are of format $format");
		my @lines = map { @{ $_->{changes} } } @transactions;
		is(join(',', sort map { join ' ', @$_[ 0, 4 .. $#$_ ] } grep { $_->[0] eq 'D' } @lines), join(',', sort split /,/, $expected{$format}), '... deletes');
		is(join(' ', map { "$_->[0]$_->[4]" } grep { $_->[0] =~ /[IU]/ && $_->[2] eq 'own' } @lines), 'I1 I2 I3 U1 I1 I4 I4 I3', '... a new owner has it inserted');
		is_deeply([ grep { $_->[0] eq 'I' && $_->[5] !~ /"host"/ } grep { $_->[2] eq 'own' } @lines ], [], '... and each row says whose it is');
	}
	sql("INSERT INTO own VALUES (1, 'ann')", 'ALTER TABLE own DISABLE TRIGGER ALL');
	changes();
	# As a table that was altered by somebody whom no event trigger sees.
	sql("UPDATE pg_class SET relreplident = 'd' WHERE relname = 'own'", "UPDATE own SET note = 'new'", 'DELETE FROM own');
	is(join(' ', map { $_->[0] } changes()), 'T T', 'an identity without the owner: all copies are read anew');
	sql("UPDATE pg_class SET relreplident = 'f' WHERE relname = 'own'", 'ALTER TABLE own RENAME host TO "the host"');
	is_deeply([ map { "$_->[0] $_->[4]" } changes() ], ['Y owner:'], 'a field whose name the rule cannot have: nobody owns anything');
	# The owner's place in the row is another in each partition.
	sql('CREATE TABLE parted (id int, host text) PARTITION BY LIST (id)', 'CREATE TABLE part_1 PARTITION OF parted FOR VALUES IN (1)',
		'CREATE TABLE part_2 (host text, gone int, id int)', 'ALTER TABLE part_2 DROP gone', 'ALTER TABLE parted ATTACH PARTITION part_2 FOR VALUES IN (2)',
		'ALTER TABLE parted ADD PRIMARY KEY (id)', 'ALTER TABLE part_1 REPLICA IDENTITY FULL', 'ALTER TABLE part_2 REPLICA IDENTITY FULL',
		"SELECT itemize.define('parted', 'parted', fields => '{id,host}', read => 'owner', owner => 'host')");
	changes();
	sql("INSERT INTO parted VALUES (1, 'ann')", 'UPDATE parted SET id = 2', "UPDATE parted SET host = 'bob'", 'DELETE FROM parted');
	is(join(',', map { join ' ', @$_[ 0, 4, 5 ] } changes()), 'I 1 {"id":1,"host":"ann"},D 1 ann,I 2 {"id":2,"host":"ann"},D 2 ann,I 2 {"id":2,"host":"bob"},D 2 bob', 'of partitions alike');
	$stream->use_options;
};

subtest 'a bad option is refused with a hint, and the server stays up' => sub {
	for my $case ([ 'format=json', qr/has no option "format"/ ], [ 'version=4', qr/cannot write change events of version "4"/ ],
		[ 'careful=yes', qr/option "careful" of output plugin "itemize" cannot be "yes"/ ])
	{
		my ($status, $error) = $stream->refused("--option=$case->[0]");
		isnt($status, 0, "$case->[0] fails");
		like($error, $case->[1], 'says what is wrong');
	}
	is(sql('SELECT 1'), 1, 'the server is up');
	$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
	my ($status, $out, $error) = $node->psql('latin', "SELECT pg_create_logical_replication_slot('latin', 'itemize')");
	like($error, qr/works in UTF-8 databases only, this one is in LATIN1/, 'a database of another encoding');
};

done_testing();
