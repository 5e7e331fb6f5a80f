# The extension where the server crashes, is copied by streaming replication, and is promoted.
# tier: quick
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $primary = start_postgres('primary');
$primary->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text, shape geography(Point, 4326));
SELECT itemize.define('item', 'item', fields => '{id,name,shape}', read => 'everyone');
INSERT INTO item SELECT i, 'name ' || i, ST_Point(i, 1) FROM generate_series(1, 50) i;
});
my $stream = Itemize::Decoding->new($primary, 'slot')->create_slot;
sub keys_of { return [ map { map { "$_->[0]$_->[4]" } @{ $_->{changes} } } @_ ] }

# Crash: what was committed is decoded afterwards, what was not is gone.
$primary->safe_psql('postgres', "INSERT INTO item VALUES (100, 'committed')");
my ($in, $ignored) = ("BEGIN; INSERT INTO item VALUES (101, 'never committed');\n", '');
my $open = IPC::Run::start([ 'psql', '-XAt', '-d', $primary->connstr('postgres') ], '<', \$in, '>', \$ignored, '2>', \$ignored);
poll_until(
	sub {
		$open->pump_nb;
		$primary->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") eq '1';
	},
	'a transaction is open');
$primary->stop('immediate');
$open->kill_kill;
$primary->start;
is_deeply(keys_of($stream->transactions), ['I100'], 'after a crash: what was committed, and only that');
is($primary->safe_psql('postgres', "SELECT string_agg(type, ',') FROM itemize.definitions"), 'item', 'definitions survive it');
$primary->safe_psql('postgres', "INSERT INTO item VALUES (102, 'after')");
is_deeply(keys_of($stream->transactions), ['I102'], 'and decoding goes on');

# A row that fetch has shown is not taken back by a crash, though its commit did not wait for the disk.
$primary->append_conf('postgresql.conf', "wal_writer_delay = '10s'");
$primary->restart;
$primary->safe_psql('postgres', "SET synchronous_commit = off; INSERT INTO item VALUES (103, 'asynchronous')");
like($primary->safe_psql('postgres', "SELECT item FROM itemize.fetch('item', '{103}')"), qr/asynchronous/, 'it is shown');
$primary->safe_psql('postgres', "SET synchronous_commit = off; INSERT INTO item VALUES (104, 'never shown')");
$primary->stop('immediate');
$primary->start;
is($primary->safe_psql('postgres', 'SELECT string_agg(id::text, $$,$$) FROM item WHERE id > 102'), '103', 'and survives; what nobody was shown did not');
# (A slot's position is saved now and then: after a crash it is read again from the last one saved.)
is(keys_of($stream->transactions)->[-1], 'I103', 'the stream says the same');

# Peeking takes nothing: the slot is read again from where it was confirmed.
$primary->safe_psql('postgres', "INSERT INTO item SELECT i, repeat('x', 1000) FROM generate_series(1000, 9000) i");
is($primary->safe_psql('postgres', "SELECT count(*) > 30 FROM pg_logical_slot_peek_changes('slot', NULL, NULL)"), 't', 'a peek takes nothing');
my ($decoded) = $stream->transactions;
is(scalar @{ $decoded->{changes} }, 8001, 'so all of it is read again');

# A standby answers fetch with the same bytes; bad keys are no error there either; the doctor can look at it.
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', "UPDATE item SET name = 'new' WHERE id = 7");
$primary->wait_for_catchup($standby);
my $query = q{SELECT key, item FROM itemize.fetch('item', '{7,8,none,99999}')};
is($standby->safe_psql('postgres', $query), $primary->safe_psql('postgres', $query), 'a standby fetches the same');
like($standby->safe_psql('postgres', $query), qr/"name":"new"/, 'and what has been replayed');
is($standby->safe_psql('postgres', "SELECT count(*) FROM itemize.list('item', 5)"), 5, 'it lists');
isnt($standby->safe_psql('postgres', 'SELECT count(*) FROM itemize.doctor()'), 0, 'the doctor runs on it');
my ($status, $out, $error) = $standby->psql('postgres', "SELECT itemize.define('other', 'item', fields => '{id}')");
isnt($status, 0, 'it defines nothing');
like($error, qr/read-only transaction|recovery/, 'and says why');

# Promoted, it is a primary like any other: a slot made there streams what is written there.
$primary->stop('immediate');
$standby->promote;
my $promoted = Itemize::Decoding->new($standby, 'slot')->create_slot;
$standby->safe_psql('postgres', "INSERT INTO item VALUES (20000, 'promoted')");
is_deeply(keys_of($promoted->transactions), ['I20000'], 'after a promotion the new primary streams');

done_testing();
