# Partitioned tables: what the log has of partitions leaves under the item type of the table above them, and what comes
# or goes with a partition makes copies forget.
# sanitize: no (the sidecar's share is that of 030_pipeline)
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $node = start_postgres('primary');

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

my $stream = Itemize::Decoding->new($node, 'decoding');
sub changes { return map { @{ $_->{changes} } } $stream->transactions }

# Kind, key and row of each change of the type; a definition's read in place of the key.
sub told { return map { join ' ', grep { defined } @$_[ 0, 4, 5 ] } changes() }

sql(
	'CREATE TABLE stay (listing int, day date, price int, note text, PRIMARY KEY (listing, day)) PARTITION BY LIST (listing)',
	'CREATE TABLE stay_1 PARTITION OF stay FOR VALUES IN (1) PARTITION BY RANGE (day)',
	"CREATE TABLE stay_1_early PARTITION OF stay_1 FOR VALUES FROM (MINVALUE) TO ('2026-07-01')",
	'CREATE TABLE stay_1_late (note text, gone int, day date NOT NULL, price int, listing int NOT NULL, PRIMARY KEY (listing, day))',
	'ALTER TABLE stay_1_late DROP COLUMN gone',
	"ALTER TABLE stay_1 ATTACH PARTITION stay_1_late FOR VALUES FROM ('2026-07-01') TO (MAXVALUE)",
	'CREATE TABLE stay_2 PARTITION OF stay FOR VALUES IN (2)');
$stream->create_slot;
sql("INSERT INTO stay VALUES (1, '2026-06-30', 1, 'before')", "SELECT itemize.define('stay', 'stay', fields => '{price,note}')");
is_deeply([told()], ['Y nobody'], 'before the definition nothing leaves');

subtest 'changes of all partitions leave under the type of the root' => sub {
	sql("INSERT INTO stay VALUES (1, '2026-06-29', 10, 'a'), (1, '2026-07-01', 20, 'b'), (2, '2026-07-01', 30, 'c')");
	my @changes = changes();
	is_deeply([ map { join ' ', @$_[ 0, 2, 4, 5 ] } @changes ],
		[ 'I stay 1,2026-06-29 {"price":10,"note":"a"}', 'I stay 1,2026-07-01 {"price":20,"note":"b"}', 'I stay 2,2026-07-01 {"price":30,"note":"c"}' ],
		'whatever the order of their columns');
	is(scalar(keys %{ { map { $_->[3] => 1 } @changes } }), 1, 'in one generation');
	sql("UPDATE stay SET price = price + 1 WHERE note IN ('a', 'b', 'c')", "DELETE FROM stay WHERE note = 'c'", "UPDATE stay_1_late SET note = 'direct'");
	is_deeply(
		[ sort(told()) ],
		[ sort 'U 1,2026-06-29 {"price":11,"note":"a"}', 'U 1,2026-07-01 {"price":21,"note":"b"}', 'U 2,2026-07-01 {"price":31,"note":"c"}', 'D 2,2026-07-01',
			'U 1,2026-07-01 {"price":21,"note":"direct"}' ],
		'updates and deletes, through the root and not');
};

subtest 'a row that moves between partitions ends as what it is' => sub {
	sql("UPDATE stay SET listing = 2 WHERE day = '2026-07-01'");
	is_deeply([told()], [ 'D 1,2026-07-01', 'I 2,2026-07-01 {"price":21,"note":"direct"}' ], 'a delete here, an insert there');
	sql('BEGIN', "UPDATE stay SET listing = 1 WHERE day = '2026-07-01'", "UPDATE stay SET listing = 2 WHERE day = '2026-07-01'", 'COMMIT');
	is_deeply([told()],
		[ 'D 2,2026-07-01', 'I 1,2026-07-01 {"price":21,"note":"direct"}', 'D 1,2026-07-01', 'I 2,2026-07-01 {"price":21,"note":"direct"}' ],
		'there and back in one transaction: the last line of a key says that it exists');
};

subtest 'a large value that a partition did not log again is absent' => sub {
	sql("INSERT INTO stay SELECT 2, '2026-08-01', 1, string_agg(md5(i::text), '') FROM generate_series(1, 1000) i");
	changes();
	sql("UPDATE stay SET price = 2 WHERE day = '2026-08-01'");
	my ($update) = changes();
	is_deeply([ @$update[ 0, 4 .. 6 ] ], [ 'U', '2,2026-08-01', '{"price":2}', '9,0' ], 'not null');
	sql("DELETE FROM stay WHERE day = '2026-08-01'");
	changes();
};

subtest 'TRUNCATE, of the root or of a partition, forgets the type once' => sub {
	sql('TRUNCATE stay');
	is_deeply([ map { join ' ', @$_[ 0, 2 ] } changes() ], ['T stay'], 'the root: one line for all partitions');
	sql("INSERT INTO stay VALUES (1, '2026-06-30', 1, 'x'), (2, '2026-06-30', 1, 'y')", 'TRUNCATE stay_2');
	is_deeply([ map { join ' ', @$_[ 0, 2 ] } changes() ], [ 'I stay', 'I stay', 'T stay' ], 'a partition');
	sql('BEGIN', 'TRUNCATE stay_2', "INSERT INTO stay VALUES (2, '2026-06-30', 2, 'z')", 'TRUNCATE stay_2', 'COMMIT');
	is_deeply([ map { $_->[0] } changes() ], [qw(T I T)], 'and again after a row');
};

subtest 'definitions that change are seen in every partition' => sub {
	sql(
		"UPDATE stay SET price = 2 WHERE listing = 1", "SELECT itemize.define('stay', 'stay', fields => '{price}', replace => true)",
		"UPDATE stay SET price = 3 WHERE listing = 1", 'ALTER TABLE stay RENAME price TO cost',
		"UPDATE stay SET cost = 4 WHERE listing = 1", 'ALTER TABLE stay ALTER cost TYPE text',
		"UPDATE stay SET cost = 5 WHERE listing = 1", "SELECT itemize.undefine('stay')",
		"UPDATE stay SET cost = 6 WHERE listing = 1", "SELECT itemize.define('stay', 'stay', fields => '{cost,note}')",
		"UPDATE stay SET cost = 7 WHERE listing = 1");
	my @changes = changes();
	is_deeply([ map { $_->[0] eq 'Y' ? "Y $_->[4]" : $_->[5] } @changes ],
		[ '{"price":2,"note":"x"}', 'Y nobody', '{"price":3}', 'Y nobody', '{"cost":4}', 'Y nobody', '{"cost":"5"}', 'Y -', 'Y nobody', '{"cost":"7","note":"x"}' ],
		'though the log has only changes of a partition');
	my @generations = map { $_->[3] } @changes;
	is_deeply([ sort { $a <=> $b } @generations ], \@generations, 'generations only rise');
	sql('BEGIN', "UPDATE stay SET cost = 8 WHERE listing = 1", "SELECT itemize.define('stay', 'stay', fields => '{cost}', replace => true)",
		"UPDATE stay SET cost = 9 WHERE listing = 1", 'ALTER TABLE stay RENAME cost TO price', "UPDATE stay SET price = 10 WHERE listing = 1", 'COMMIT');
	is_deeply([told()],
		[ 'U 1,2026-06-30 {"cost":"8","note":"x"}', 'Y nobody', 'U 1,2026-06-30 {"cost":"9"}', 'Y nobody', 'U 1,2026-06-30 {"price":"10"}' ],
		'also within one transaction');
};

subtest 'partitions come and go, with a new generation' => sub {
	sql(
		'CREATE TABLE stay_3 (day date NOT NULL, note text, price text, listing int NOT NULL, PRIMARY KEY (listing, day))',
		"INSERT INTO stay_3 VALUES ('2026-07-01', 'unseen', 1, 3)",
		'ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3)',
		'UPDATE stay_3 SET price = 2',
		'ALTER TABLE stay DETACH PARTITION stay_3',
		'UPDATE stay_3 SET price = 3',
		'ALTER TABLE stay ATTACH PARTITION stay_3 FOR VALUES IN (3)',
		"INSERT INTO stay VALUES (3, '2026-07-02', 1, 'seen')",
		'DROP TABLE stay_3',
		"UPDATE stay SET price = 11 WHERE listing = 1");
	my @changes = changes();
	is_deeply([ map { $_->[0] eq 'Y' ? "Y $_->[4]" : join ' ', @$_[ 0, 4, 5 ] } @changes ],
		[ 'Y nobody', 'U 3,2026-07-01 {"price":"2"}', 'Y nobody', 'Y nobody', 'I 3,2026-07-02 {"price":"1"}', 'Y nobody', 'U 1,2026-06-30 {"price":"11"}' ],
		'what a table did while it was no partition stays with it');
	my @generations = map { $_->[3] } @changes;
	my $rises = 0;
	$rises += $generations[ $_ - 1 ] < $generations[$_] for 1 .. $#generations;
	is($rises, 3, 'each attach, detach and drop is a generation that rows after it carry');

	sql('CREATE TABLE stay_4 PARTITION OF stay FOR VALUES IN (4)', "INSERT INTO stay VALUES (4, '2026-07-01', 1, 'new')");
	is_deeply([told()], ['I 4,2026-07-01 {"price":"1"}'], 'a new, empty one needs none');
	sql("INSERT INTO stay VALUES (4, '2026-07-02', 1, 'rolled back')", 'BEGIN', 'ALTER TABLE stay DETACH PARTITION stay_4', "UPDATE stay_4 SET price = 5", 'ROLLBACK', 'UPDATE stay_4 SET price = 6');
	is_deeply([told()], [ 'I 4,2026-07-02 {"price":"1"}', 'U 4,2026-07-01 {"price":"6"}', 'U 4,2026-07-02 {"price":"6"}' ], 'a detach that is rolled back changes nothing');
	sql('BEGIN', 'ALTER TABLE stay DETACH PARTITION stay_4', 'UPDATE stay_4 SET price = 7', 'ALTER TABLE stay ATTACH PARTITION stay_4 FOR VALUES IN (4)', 'UPDATE stay_4 SET price = 8', 'COMMIT');
	is_deeply([ grep { $_ !~ /^Y/ } told() ], [ 'U 4,2026-07-01 {"price":"8"}', 'U 4,2026-07-02 {"price":"8"}' ], 'detached, changed and attached in one transaction');
};

subtest 'a tree of partitions comes and goes as one' => sub {
	sql('CREATE TABLE stay_5 (LIKE stay INCLUDING ALL) PARTITION BY RANGE (day)', 'CREATE TABLE stay_5_all PARTITION OF stay_5 DEFAULT',
		"INSERT INTO stay_5 VALUES (5, '2026-07-01', 1, 'n')",
		'ALTER TABLE stay ATTACH PARTITION stay_5 FOR VALUES IN (5)', 'UPDATE stay_5_all SET price = 2',
		'ALTER TABLE stay DETACH PARTITION stay_5', 'UPDATE stay_5_all SET price = 3');
	is_deeply([told()], [ 'Y nobody', 'U 5,2026-07-01 {"price":"2"}', 'Y nobody' ], 'and its rows with it');
};

subtest 'DETACH CONCURRENTLY takes the rows out with its first transaction' => sub {
	plan skip_all => 'PostgreSQL 13 has no DETACH CONCURRENTLY' if $node->pg_version < 14;
	# A scan that has begun before keeps the partition pending: the command waits for it, in its second transaction.
	my $scan = $node->background_psql('postgres');
	$scan->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stay');
	my $detach = $node->background_psql('postgres', on_error_stop => 0);
	$detach->query_until(qr/started/, "\\echo started\nALTER TABLE stay DETACH PARTITION stay_4 CONCURRENTLY;\n");
	poll_until(sub { sql("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1 }, 'the detach is pending');
	sql('UPDATE stay_4 SET price = 20');
	is_deeply([told()], ['Y nobody'], 'renewed, and changes of it leave no more');
	is(sql(q{SELECT itemize.item_json('stay', '4,2026-07-01')}), '', 'nor is it read');
	$scan->query_safe('COMMIT');
	poll_until(sub { sql("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'stay_4'::regclass") == 0 }, 'the detach is done');
	$_->quit for $scan, $detach;
	is_deeply([told()], [], 'its end tells nothing more');

	$scan = $node->background_psql('postgres');
	$scan->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stay');
	my ($out, $error) = ('', '');
	my $broken = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'ALTER TABLE stay DETACH PARTITION stay_2 CONCURRENTLY' ], '<', \undef, '>', \$out, '2>', \$error);
	poll_until(sub { sql("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1 }, 'the detach is pending');
	sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE stay DETACH%' AND state = 'active'");
	$broken->finish;
	like($error, qr/canceling statement due to user request/, 'one that is broken off');
	$scan->query_safe('COMMIT');
	$scan->quit;
	sql('UPDATE stay_2 SET price = 21', 'ALTER TABLE stay DETACH PARTITION stay_2 FINALIZE', 'UPDATE stay_2 SET price = 22');
	is_deeply([ grep { !/^Y/ } told() ], [], 'stays out, before and after it is finalized');
};

subtest 'a partition whose identity does not tell the key makes copies forget, once a run' => sub {
	sql('CREATE TABLE article (slug text NOT NULL, n int, UNIQUE (slug)) PARTITION BY HASH (slug)',
		'CREATE TABLE article_0 PARTITION OF article FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
		'ALTER TABLE article_0 REPLICA IDENTITY USING INDEX article_0_slug_key',
		"SELECT itemize.define('article', 'article', key => 'slug', fields => '{n}')",
		'CREATE TABLE article_1 PARTITION OF article FOR VALUES WITH (MODULUS 2, REMAINDER 1)',
		"INSERT INTO article SELECT i, i FROM generate_series(1, 20) i");
	is(scalar(grep { /^I/ } told()), 20, 'inserts are told');
	sql('UPDATE article_1 SET n = n + 1', 'UPDATE article_0 SET n = 0 WHERE slug = (SELECT min(slug) FROM article_0)', 'DELETE FROM article_1 WHERE n = (SELECT min(n) FROM article_1)');
	is_deeply([ map { $_->[0] } changes() ], [qw(T U T)], 'updates and deletes of many rows: one line');
	sql('ALTER TABLE article_1 REPLICA IDENTITY USING INDEX article_1_slug_key', 'UPDATE article_1 SET n = 1 WHERE slug = (SELECT min(slug) FROM article_1)');
	is_deeply([ map { $_->[0] } changes() ], ['U'], 'until it has one');
	sql('CREATE TABLE single (id int PRIMARY KEY, other int NOT NULL UNIQUE)', "SELECT itemize.define('single', 'single', fields => '{other}')", 'INSERT INTO single VALUES (1, 1)',
		'SET session_replication_role = replica', 'ALTER TABLE single REPLICA IDENTITY USING INDEX single_other_key', 'UPDATE single SET id = 2');
	is_deeply([ map { $_->[0] } changes() ], [qw(Y I T)], 'a changed key that the log does not have is not taken for another row');
};

subtest 'a partition may be a type of its own' => sub {
	sql('CREATE TABLE log (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)', 'CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (10)', 'CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20)',
		"SELECT itemize.define('first', 'log_1', fields => '{n}')");
	changes();
	sql('INSERT INTO log VALUES (1, 1), (11, 1)', 'UPDATE log SET id = 12 WHERE id = 1', 'TRUNCATE log');
	is_deeply([ map { join ' ', grep { defined } @$_[ 0, 2, 4, 5 ] } changes() ], [ 'I first 1 {"n":1}', 'D first 1', 'T first' ], 'its rows, and no others');
};

subtest 'clusters forget what went with a partition, and find what came' => sub {
	sql('CREATE TABLE room (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)', 'CREATE TABLE room_1 PARTITION OF room FOR VALUES FROM (1) TO (10)', 'CREATE TABLE room_2 (LIKE room INCLUDING ALL)',
		'INSERT INTO room VALUES (1, 1)', 'INSERT INTO room_2 VALUES (11, 1)', "SELECT itemize.define('room', 'room', fields => '{id,n}', read => 'everyone')");
	create_sidecar_roles($node);
	my $redis = start_redis();
	my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);
	my $status = sub { return http_get($sidecar->url("/v1/items/room/$_[0]"))->{status} };
	my $body = sub { return http_get($sidecar->url("/v1/items/room/$_[0]"))->{body} };
	is($status->(1), 200, 'an item is held');
	is($status->(11), 404, 'and another one known to be missing');
	sql('ALTER TABLE room ATTACH PARTITION room_2 FOR VALUES FROM (10) TO (20)');
	ok(poll_until(sub { $status->(11) == 200 }, 'the attached row'), 'attached: there');
	sql('UPDATE room SET n = 2');
	ok(poll_until(sub { $body->(1) eq '{"id":1,"n":2}' && $body->(11) eq '{"id":11,"n":2}' }, 'both rows'), 'both are followed');
	sql('ALTER TABLE room DETACH PARTITION room_1');
	ok(poll_until(sub { $status->(1) == 404 }, 'the detached row'), 'detached: gone');
	sql('DROP TABLE room_2');
	ok(poll_until(sub { $status->(11) == 404 }, 'the dropped row'), 'dropped: gone');
	is($sidecar->stop, 0, 'status 0');
};

done_testing();
