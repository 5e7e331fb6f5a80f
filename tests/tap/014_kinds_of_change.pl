# Each kind of change that a database can commit, and what leaves for it. 010_decoding has the forms; here are the cases in
# which others have lost or invented rows.
# sanitize: no (the sidecar's share is that of 030_pipeline)
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

# With as little memory for decoding as the server takes, large transactions are spilled to disk.
my $node = start_postgres('primary', conf => "max_prepared_transactions = 10\nlogical_decoding_work_mem = 64kB\n");

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

my $stream = Itemize::Decoding->new($node, 'decoding')->create_slot;
sub changes { return map { @{ $_->{changes} } } $stream->transactions }
sub brief { return map { join ' ', grep { defined } @$_[ 0, 4, 5 ] } @_ }
sub told { return brief(changes()) }
sub lsn_is { my ($left, $operator, $right) = @_; return sql("SELECT '$left'::pg_lsn $operator '$right'::pg_lsn") eq 't' }

# What applying the lines one after the other makes of the keys that are held, as any reader of the stream would.
sub apply
{
	my ($held, @changes) = @_;
	for my $change (@changes)
	{
		my ($kind, $key) = @$change[ 0, 4 ];
		if ($kind eq 'T') { %$held = () }
		elsif ($kind eq 'D') { delete $held->{$key} }
		elsif ($kind eq 'I' || $kind eq 'U') { $held->{$key} = $change->[5] }
	}
	return $held;
}

sql(
	'CREATE TABLE item (id int PRIMARY KEY, name text, body text)', 'ALTER TABLE item ALTER body SET STORAGE EXTERNAL',
	"SELECT itemize.define('item', 'item', fields => '{id,name,body}', read => 'everyone')");
changes();

subtest 'a large value is absent, null or there, and never one for the other' => sub {
	sql("INSERT INTO item VALUES (1, 'a', repeat('x', 5000))", 'UPDATE item SET id = 2');
	my (undef, @moved) = changes();
	is_deeply([ brief(@moved) ], [ 'D 1', 'I 2 {"id":2,"name":"a"}' ], 'under a new key the row comes without it');
	is($moved[1][6], '6,10,0', 'marked absent');
	sql('UPDATE item SET body = NULL', "UPDATE item SET name = 'b'");
	is_deeply([told()], [ 'U 2 {"id":2,"name":"a","body":null}', 'U 2 {"id":2,"name":"b","body":null}' ], 'null is said to be null');
	sql('BEGIN', "UPDATE item SET body = repeat('y', 5000)", "UPDATE item SET name = 'c'", "INSERT INTO item VALUES (3, 'd', repeat('z', 5000))", "UPDATE item SET name = 'e' WHERE id = 3", 'COMMIT');
	is_deeply([ map { "$_->[0]$_->[4] $_->[6]" } changes() ], [ 'U2 6,10,5009', 'U2 6,10,0', 'I3 6,10,5009', 'U3 6,10,0' ], 'a value is told by the change that wrote it');
	sql('DELETE FROM item');
	is_deeply([ sort(told()) ], [ 'D 2', 'D 3' ], 'deletes name keys');
};

subtest 'composite keys, whole and in part' => sub {
	sql('CREATE TABLE stay (listing int, day date, note text, price int, PRIMARY KEY (day, listing))', "SELECT itemize.define('stay', 'stay', key => 'listing,day', fields => '{price}')",
		"INSERT INTO stay VALUES (1, '2026-07-01', 'n', 5), (1, '2026-07-02', 'n', 6)");
	my (undef, @rows) = changes();
	is_deeply([ brief(@rows) ], [ 'I 1,2026-07-01 {"price":5}', 'I 1,2026-07-02 {"price":6}' ], "in the definition's order");
	sql("UPDATE stay SET listing = 2 WHERE day = '2026-07-01'", "UPDATE stay SET day = day + 1");
	is_deeply([ sort(told()) ],
		[ sort 'D 1,2026-07-01', 'I 2,2026-07-01 {"price":5}', 'D 2,2026-07-01', 'I 2,2026-07-02 {"price":5}', 'D 1,2026-07-02', 'I 1,2026-07-03 {"price":6}' ],
		'a part of the key that changes is a new key');
	sql("UPDATE stay SET price = 7 WHERE listing = 2", "DELETE FROM stay WHERE listing = 2");
	is_deeply([told()], [ 'U 2,2026-07-02 {"price":7}', 'D 2,2026-07-02' ], 'and one that does not is none');
	sql('BEGIN', "UPDATE stay SET listing = 9", "DELETE FROM stay", "INSERT INTO stay VALUES (1, '2026-07-03', 'n', 8)", 'COMMIT');
	is_deeply(apply({ '1,2026-07-03' => 'old' }, changes()), { '1,2026-07-03' => '{"price":8}' }, 'moved away, deleted and inserted again: it exists');
};

subtest 'keys that pass from row to row' => sub {
	sql('CREATE TABLE slot (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, at int NOT NULL)', 'CREATE UNIQUE INDEX slot_at ON slot (at)', 'ALTER TABLE slot REPLICA IDENTITY USING INDEX slot_at',
		"SELECT itemize.define('slot', 'slot', key => 'at', fields => '{id,at}')", 'INSERT INTO slot SELECT i, i FROM generate_series(1, 5) i');
	my %held;
	apply(\%held, changes());
	sql('BEGIN', 'UPDATE slot SET at = 0 WHERE id = 1', 'UPDATE slot SET at = 1 WHERE id = 2', 'UPDATE slot SET at = 2 WHERE id = 1', 'COMMIT');
	apply(\%held, changes());
	is_deeply(\%held, { 1 => '{"id":2,"at":1}', 2 => '{"id":1,"at":2}', map { $_ => qq({"id":$_,"at":$_}) } 3 .. 5 }, 'two rows change places');
	sql('UPDATE slot SET at = at - 10', 'UPDATE slot SET at = at + 100');
	apply(\%held, changes());
	is_deeply([ sort { $a <=> $b } keys %held ], [ 91 .. 95 ], 'all move');
	is_deeply({%held}, { map { /^(-?\d+)\|(.*)$/ } split /\n/, sql("SELECT key, item FROM itemize.list('slot', 100)") }, 'and what is held is what is there');
};

subtest 'TRUNCATE of several tables, with CASCADE, and amid rows' => sub {
	sql('CREATE TABLE parent (id int PRIMARY KEY)', 'CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE)', 'CREATE TABLE apart (id int PRIMARY KEY)',
		map({ "SELECT itemize.define('$_', '$_', fields => '{id}')" } qw(parent apart)), "SELECT itemize.define('child', 'child', fields => '{parent}')",
		'INSERT INTO parent VALUES (1)', 'INSERT INTO child VALUES (1, 1)', 'INSERT INTO apart VALUES (1)');
	changes();
	my $types = sub { return [ sort map { "$_->[0] $_->[2]" } @_ ] };
	sql('TRUNCATE parent CASCADE');
	is_deeply($types->(changes()), [ 'T child', 'T parent' ], 'CASCADE: what it reached');
	sql('TRUNCATE apart, parent, child RESTART IDENTITY');
	my ($transaction, @rest) = $stream->transactions;
	is_deeply($types->(@{ $transaction->{changes} }), [ 'T apart', 'T child', 'T parent' ], 'several');
	is(scalar @rest, 0, 'in one transaction');
	sql('BEGIN', 'INSERT INTO apart VALUES (1)', 'TRUNCATE apart', 'INSERT INTO apart VALUES (2)', 'SAVEPOINT s', 'TRUNCATE apart', 'INSERT INTO apart VALUES (3)', 'ROLLBACK TO s', 'INSERT INTO apart VALUES (4)', 'COMMIT');
	is_deeply([told()], [ 'I 1 {"id":1}', 'T', 'I 2 {"id":2}', 'I 4 {"id":4}' ], 'in its place among rows, and rolled back with its savepoint');

	sql('INSERT INTO parent VALUES (1), (2)', 'INSERT INTO child VALUES (10, 1), (11, 1), (12, 2)');
	changes();
	sql('UPDATE parent SET id = 5 WHERE id = 1');
	is_deeply([ map { join ' ', grep { defined } @$_[ 0, 2, 4, 5 ] } changes() ], [ 'D parent 1', 'I parent 5 {"id":5}', 'U child 10 {"parent":5}', 'U child 11 {"parent":5}' ], 'foreign keys: ON UPDATE CASCADE');
	sql('DELETE FROM parent WHERE id = 5');
	is_deeply([ map { "$_->[0] $_->[2] $_->[4]" } changes() ], [ 'D parent 5', 'D child 10', 'D child 11' ], 'and ON DELETE CASCADE');
};

subtest 'replica identity: default, an index, full, and nothing' => sub {
	sql('CREATE TABLE article (id int PRIMARY KEY, slug text NOT NULL UNIQUE, body text)', 'ALTER TABLE article ALTER body SET STORAGE EXTERNAL', 'ALTER TABLE article REPLICA IDENTITY USING INDEX article_slug_key',
		"SELECT itemize.define('article', 'article', key => 'slug', fields => '{id,body}')", "INSERT INTO article VALUES (1, 'a', repeat('x', 4000)), (2, 'b', 'b')");
	changes();
	for my $case ([ 'an index', 'USING INDEX article_slug_key', '7' ], [ 'full', 'FULL', '6,4007' ])
	{
		my ($name, $identity, $lengths) = @$case;
		sql("ALTER TABLE article REPLICA IDENTITY $identity", "UPDATE article SET id = id + 10 WHERE slug = 'b'", "UPDATE article SET slug = 'c' WHERE slug = 'b'", "DELETE FROM article WHERE slug = 'c'",
			"INSERT INTO article VALUES (2, 'b', 'b')", "UPDATE article SET id = 1 WHERE slug = 'a'");
		my @changes = changes();
		is_deeply([ brief(@changes[ 0 .. 4 ]) ], [ 'U b {"id":12,"body":"b"}', 'D b', 'I c {"id":12,"body":"b"}', 'D c', 'I b {"id":2,"body":"b"}' ], "$name: each change names its row");
		is($changes[5][6], $identity eq 'FULL' ? '6,4009' : '6,0', "$name: an unchanged large value is " . ($identity eq 'FULL' ? 'there' : 'absent'));
	}
	my ($status, $out, $error) = $node->psql('postgres', 'ALTER TABLE article REPLICA IDENTITY NOTHING');
	like($error, qr/has REPLICA IDENTITY NOTHING.*HINT/s, 'nothing is refused');
	sql('SET session_replication_role = replica', 'ALTER TABLE article REPLICA IDENTITY NOTHING', "INSERT INTO article VALUES (3, 'd', 'd')", "UPDATE article SET slug = 'e' WHERE slug = 'd'", "DELETE FROM article WHERE slug = 'e'");
	is_deeply([ map { $_->[0] } changes() ], [qw(I T T)], 'behind our back: rows are not taken for others');
	sql('ALTER TABLE article REPLICA IDENTITY FULL');
};

subtest 'the table and its definition change within a transaction' => sub {
	sql("INSERT INTO item VALUES (1, 'one', 'b')");
	changes();
	sql('BEGIN', "UPDATE item SET name = 'two'", 'ALTER TABLE item RENAME name TO title', "UPDATE item SET title = 'three'", 'ALTER TABLE item ADD COLUMN extra int DEFAULT 7', "UPDATE item SET title = 'four'",
		"SELECT itemize.define('item', 'item', fields => '{extra,title}', replace => true)", "UPDATE item SET title = 'five'", 'ALTER TABLE item ALTER extra TYPE text', "UPDATE item SET title = 'six'",
		'ALTER TABLE item DROP COLUMN title', 'UPDATE item SET extra = 8', 'ALTER TABLE item ADD COLUMN title int DEFAULT 9', "SELECT itemize.define('item', 'item', fields => '{id,title,extra}', replace => true)",
		'UPDATE item SET extra = 9', 'COMMIT');
	my ($transaction, @rest) = $stream->transactions;
	is(scalar @rest, 0, 'one transaction');
	is_deeply([ map { $_->[0] eq 'Y' ? 'Y' : $_->[5] } @{ $transaction->{changes} } ],
		[ '{"id":1,"name":"two","body":"b"}', 'Y', '{"id":1,"title":"three","body":"b"}', '{"id":1,"title":"four","body":"b"}', 'Y', '{"extra":7,"title":"five"}', 'Y', '{"extra":"7","title":"six"}', 'Y', '{"extra":"8"}', 'Y', '{"id":1,"title":9,"extra":"9"}' ],
		'each row in the form of its moment');
	my %generation_of_row = map { $_->[5] => $_->[3] } grep { $_->[0] ne 'Y' } @{ $transaction->{changes} };
	is(scalar(keys %{ { reverse %generation_of_row } }), 6, 'under the generation that was told before it');

	sql('BEGIN', 'UPDATE item SET extra = 10', 'SAVEPOINT s', 'ALTER TABLE item RENAME extra TO more', 'UPDATE item SET more = 11', "SELECT itemize.define('item', 'item', fields => '{more}', replace => true)", 'UPDATE item SET more = 12',
		'ROLLBACK TO s', 'UPDATE item SET extra = 13', 'COMMIT', 'UPDATE item SET extra = 14');
	is_deeply([told()], [ map { qq(U 1 {"id":1,"title":9,"extra":"$_"}) } 10, 13, 14 ], 'what a savepoint takes back was never there');
	sql('BEGIN', "SELECT itemize.undefine('item')", 'UPDATE item SET extra = 15', "SELECT itemize.define('item', 'item', fields => '{id,title,extra}', read => 'everyone')", 'UPDATE item SET extra = 16', 'COMMIT');
	is_deeply([told()], [ 'Y -', 'Y everyone', 'U 1 {"id":1,"title":9,"extra":"16"}' ], 'undefined and defined in one transaction');

	# A reader of the stream that comes late decodes all of it under the catalogs of then.
	sql('BEGIN', 'UPDATE item SET extra = 17', 'ALTER TABLE item DROP COLUMN title', 'COMMIT', 'UPDATE item SET extra = 18', 'BEGIN', 'UPDATE item SET extra = 19', 'DROP TABLE item', 'COMMIT');
	is_deeply([told()], [ 'U 1 {"id":1,"title":9,"extra":"17"}', 'Y everyone', 'U 1 {"id":1,"extra":"18"}', 'U 1 {"id":1,"extra":"19"}', 'Y -' ], 'rows of a table that is gone now, and its end');
	is(sql("SELECT count(*) FROM itemize.definitions WHERE type = 'item'"), 0, 'with the table goes the type');
	sql('CREATE TABLE item (id int PRIMARY KEY, name text, body text)', 'ALTER TABLE item ALTER body SET STORAGE EXTERNAL', "SELECT itemize.define('item', 'item', fields => '{id,name,body}', read => 'everyone')", "INSERT INTO item VALUES (1, 'new')");
	is_deeply([told()], [ 'Y everyone', 'I 1 {"id":1,"name":"new","body":null}' ], 'another one of the name is another one');
};

subtest 'subtransactions that are rolled back take their rows with them, and no others' => sub {
	my $half = join ";\n", map({ "INSERT INTO item VALUES (@{[ 1000 + $_ ]}, repeat('r', 500))" } 1 .. 250);
	my $other = join ";\n", map({ "INSERT INTO item VALUES (@{[ 1250 + $_ ]}, repeat('s', 500))" } 1 .. 250);
	sql('BEGIN', $half, 'SAVEPOINT s', map({ "INSERT INTO item VALUES (@{[ 9000 + $_ ]}, 'undone')" } 1 .. 5), 'ROLLBACK TO s', $other, 'COMMIT');
	my ($transaction, @rest) = $stream->transactions;
	is_deeply([ map { $_->[4] } @{ $transaction->{changes} } ], [ 1001 .. 1500 ], '500 of 505');
	is_deeply([ map { $_->[1] } @{ $transaction->{changes} } ], [ 1 .. 500 ], 'with ordinals without a gap');
	cmp_ok(sql("SELECT spill_txns FROM pg_stat_replication_slots WHERE slot_name = 'decoding'"), '>', 0, 'though it was spilled to disk') if $node->pg_version >= 14;

	sql(q{DO $$ BEGIN
FOR i IN 1 .. 400 LOOP
  BEGIN
    INSERT INTO item VALUES (2000 + i, repeat('t', 300));
    BEGIN
      INSERT INTO item VALUES (3000 + i, repeat('u', 300));
      IF i % 4 = 0 THEN PERFORM 1 / 0; END IF;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    IF i % 2 = 0 THEN INSERT INTO item VALUES (2000 + i); END IF;
  EXCEPTION WHEN unique_violation THEN NULL;
  END;
END LOOP;
END $$});
	my @keys = map { $_->[4] } changes();
	is_deeply(\@keys, [ map { (2000 + $_, 3000 + $_) } grep { $_ % 2 } 1 .. 400 ], 'nested, 800 of them, in the order of the statements');
};

subtest 'a prepared transaction has the place and the LSN of its COMMIT PREPARED' => sub {
	sql('TRUNCATE item');
	changes();
	sql('BEGIN', "INSERT INTO item VALUES (1, 'prepared')", 'SAVEPOINT s', "INSERT INTO item VALUES (2, 'undone')", 'ROLLBACK TO s', "INSERT INTO item VALUES (3, 'prepared')", "PREPARE TRANSACTION 'kept'");
	my $prepared = sql('SELECT pg_current_wal_insert_lsn()');
	sql('BEGIN', "INSERT INTO item VALUES (4, 'never')", "PREPARE TRANSACTION 'dropped'", "INSERT INTO item VALUES (5, 'between')");
	my ($between, @more) = $stream->transactions;
	is_deeply([ brief(@{ $between->{changes} }) ], ['I 5 {"id":5,"name":"between","body":null}'], 'prepared: not sent, and nothing waits for it');
	is(scalar @more, 0, 'only that');
	$node->restart;
	my $before = sql('SELECT pg_current_wal_insert_lsn()');
	sql("COMMIT PREPARED 'kept'");
	# A slot tells again what it was not told in time that it is safe.
	my ($kept, @others) = grep { lsn_is($_->{lsn}, '>', $between->{lsn}) } $stream->transactions;
	is(scalar @others, 0, 'one transaction');
	is_deeply([ map { "$_->[0]$_->[1] $_->[4]" } @{ $kept->{changes} } ], [ 'I1 1', 'I2 3' ], 'committed, after a restart: its rows');
	ok(lsn_is($kept->{lsn}, '>', $before), 'under an LSN of the COMMIT PREPARED');
	ok(lsn_is($between->{lsn}, '>', $prepared) && lsn_is($kept->{lsn}, '>', $between->{lsn}), 'after what was committed in between');
	ok(lsn_is($kept->{lsn}, '<=', sql('SELECT pg_current_wal_insert_lsn()')), 'which is its end');
	sql("ROLLBACK PREPARED 'dropped'", "INSERT INTO item VALUES (6, 'after')");
	is_deeply([ map { $_->[4] } changes() ], [6], 'rolled back: nothing');
	# Through COMMIT PREPARED a large one, and one with a definition in it.
	sql('BEGIN', "INSERT INTO item SELECT i, repeat('p', 300) FROM generate_series(10001, 11000) i", "PREPARE TRANSACTION 'large'", "COMMIT PREPARED 'large'");
	my ($large) = $stream->transactions;
	is($large->{count}, 1000, 'a large one comes whole');
	sql('BEGIN', "UPDATE item SET name = 'x' WHERE id = 1", 'ALTER TABLE item RENAME name TO label', "UPDATE item SET label = 'y' WHERE id = 1", "PREPARE TRANSACTION 'ddl'", "COMMIT PREPARED 'ddl'", 'ALTER TABLE item RENAME label TO name');
	is_deeply([told()], [ 'U 1 {"id":1,"name":"x","body":null}', 'Y everyone', 'U 1 {"id":1,"label":"y","body":null}', 'Y everyone' ], 'and one with a change of the table');
};

subtest 'generated columns' => sub {
	sql('CREATE TABLE priced (id int PRIMARY KEY, net numeric(8,2), gross numeric(8,2) GENERATED ALWAYS AS (net * 1.21) STORED, label text GENERATED ALWAYS AS (upper(chr(64 + id))) STORED)',
		"SELECT itemize.define('priced', 'priced', fields => '{id,gross,label}')", 'INSERT INTO priced VALUES (1, 100)', 'UPDATE priced SET net = 200', 'UPDATE priced SET id = 2');
	my (undef, @rows) = changes();
	is_deeply([ brief(@rows) ], [ 'I 1 {"id":1,"gross":121.00,"label":"A"}', 'U 1 {"id":1,"gross":242.00,"label":"A"}', 'D 1', 'I 2 {"id":2,"gross":242.00,"label":"B"}' ], 'come with the values that the row has');
	is($rows[3][5], sql("SELECT itemize.item_json('priced', '2')"), 'the same as are read');
	sql('ALTER TABLE priced ALTER gross DROP EXPRESSION', 'UPDATE priced SET gross = 1');
	is_deeply([ grep { !/^Y/ } told() ], ['U 2 {"id":2,"gross":1.00,"label":"B"}'], 'also when it is generated no more');
};

subtest 'rows that come by other ways than INSERT, UPDATE and DELETE' => sub {
	sql('TRUNCATE item', "INSERT INTO item VALUES (1, 'a')");
	changes();
	sql("INSERT INTO item VALUES (1, 'b'), (2, 'b') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name", "INSERT INTO item VALUES (1, 'c'), (3, 'c') ON CONFLICT DO NOTHING");
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], [qw(U1 I2 I3)], 'ON CONFLICT: what it came to');
	$node->safe_psql('postgres', "COPY item (id, name) FROM stdin;\n10\tten\n11\televen\n12\ttwelve\n\\.\n");
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], [qw(I10 I11 I12)], 'COPY');
	if ($node->pg_version >= 15)
	{
		sql("MERGE INTO item USING (VALUES (10, 'x'), (11, 'x'), (13, 'x')) AS v (id, name) ON item.id = v.id WHEN MATCHED AND v.id = 11 THEN DELETE WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.name)");
		is_deeply([ sort map { "$_->[0]$_->[4]" } changes() ], [qw(D11 I13 U10)], 'MERGE');
	}
	sql('WITH gone AS (DELETE FROM item WHERE id = 12 RETURNING *) INSERT INTO item SELECT id, name || \'!\' FROM gone WHERE false', 'UPDATE item SET name = name WHERE id = 10', 'SELECT * FROM item WHERE id = 10 FOR UPDATE', 'CLUSTER item USING item_pkey', 'VACUUM FULL item', 'VACUUM item');
	is_deeply([ map { "$_->[0]$_->[4]" } changes() ], [qw(D12 U10)], 'what locks or rewrites a table is no change of it');
	my @commands = ('CREATE TABLE copied AS SELECT * FROM item', 'ALTER TABLE copied ADD PRIMARY KEY (id)', "SELECT itemize.define('copied', 'copied', fields => '{name}')", 'SELECT name INTO elsewhere FROM item');
	sql(@commands);
	is_deeply([told()], ['Y nobody'], 'and what was there before a definition is no change');
};

subtest 'changes that came by replication name their origin, others none' => sub {
	sql("SELECT pg_replication_origin_create('upstream')");
	sql("SELECT pg_replication_origin_session_setup('upstream')", 'BEGIN', "SELECT pg_replication_origin_xact_setup('0/10', now())", "UPDATE item SET name = 'replicated' WHERE id = 1", 'COMMIT',
		"SELECT pg_replication_origin_session_reset()", "UPDATE item SET name = 'local' WHERE id = 1",
		"SET session_replication_role = replica", "UPDATE item SET name = 'as a replica' WHERE id = 1");
	is_deeply([ map { "$_->{origin} " . (brief(@{ $_->{changes} }))[0] } $stream->transactions ],
		[ 'upstream U 1 {"id":1,"name":"replicated","body":null}', ' U 1 {"id":1,"name":"local","body":null}', ' U 1 {"id":1,"name":"as a replica","body":null}' ],
		'in the frame; all are sent');
};

subtest 'in clusters: a large value under a new key' => sub {
	sql('TRUNCATE item', "INSERT INTO item VALUES (1, 'a', repeat('x', 5000))");
	create_sidecar_roles($node);
	my $redis = start_redis();
	my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);
	my $get = sub { return http_get($sidecar->url("/v1/items/item/$_[0]")) };
	my $events = open_events($sidecar->url('/v1/live?items=item/*'));
	$events->next_event(sub { $_->{event} eq 'hello' });
	is($get->(1)->{json}{body}, 'x' x 5000, 'held under the old key');
	is($get->(2)->{status}, 404, 'and the new one known to be missing');
	sql('UPDATE item SET id = 2');
	is($events->next_event(sub { $_->{event} eq 'item' })->{data}{op}, 'delete', 'the old key goes');
	is_deeply($events->next_event(sub { $_->{event} eq 'item' })->{data}{item}, { id => 2, name => 'a', body => 'x' x 5000 }, 'the new one comes whole');
	is($get->(2)->{body}, sql("SELECT itemize.item_json('item', '2')"), 'and is served whole');
	is($get->(1)->{status}, 404, 'the old one is gone');
	sql('BEGIN', 'UPDATE item SET id = 3', "INSERT INTO item VALUES (2, 'other', 'short')", 'UPDATE item SET id = 4 WHERE id = 3', 'COMMIT');
	ok(poll_until(sub { $get->(4)->{status} == 200 }, 'the last key'), 'moved again');
	is($get->($_)->{body}, sql("SELECT coalesce(itemize.item_json('item', '$_')::text, '')") || $get->($_)->{body}, "key $_ as the database has it") for 2, 4;
	is($get->(3)->{status}, 404, 'the key in between is not there');
	unlike($events->raw, qr/"body":null/, 'no event had a null in place of the value');
	$events->stop;
	is($sidecar->stop, 0, 'status 0');
};

done_testing();
