# Fills from a standby near the cluster: only when it shows neither less than the cluster has shown nor more than the
# primary does; and the primary in its place when it cannot.
# tier: quick
use strict;
use warnings;

use IPC::Run;
use Itemize::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item SELECT i, 0 FROM generate_series(1, 5000) i;
});
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;

my ($redis, $local) = (start_redis(), start_redis());
my @urls = ('--global-redis', $redis->url, '--local-redis', $local->url);
my $global = start_sidecar('global', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 1 ]);
my $applier = start_sidecar('local', flags => \@urls);
my $sidecar = start_sidecar('extended', postgres => $node,
	flags => [ @urls, '--replica', database_url($standby, user => 'itemize_reader') ]);

my $namespace = $local->cli('HGET', 'itemize:local', 'namespace');
sub get { my ($key, @headers) = @_; return http_get($sidecar->url("/v1/items/item/$key"), @headers) }
sub body { my $answer = get(@_); return $answer->{status} == 200 ? $answer->{body} : $answer->{status} }
sub on_standby { my ($key) = @_; return $standby->safe_psql('postgres', "SELECT item FROM itemize.fetch('item', '{$key}')") }
sub evict { my ($key) = @_; $local->cli('DEL', split /\n/, $local->cli('KEYS', "*:item:item:*:$key")); return }
sub pause_replay
{
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	poll_until(sub { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' }, 'replay is paused');
	return;
}
sub resume_replay
{
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$node->wait_for_catchup($standby);
	return;
}

my $key = 0;    # each is read once: always cold
sub next_key { return ++$key }
# Reads cold keys until one came from the standby, and gives its row.
sub filled_by_standby
{
	my $before = metric($sidecar, 'itemize_read_replica_fills_total');
	return poll_until(sub { my $row = body(next_key()); metric($sidecar, 'itemize_read_replica_fills_total') > $before && $row }, 'a fill from the standby');
}

# What the standby says of itself.
my $before = $standby->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()');
is($standby->safe_psql('postgres', qq{SELECT key, item, replayed BETWEEN '$before' AND pg_last_wal_replay_lsn() FROM itemize.fetch_replayed('item', '{1,x}')}), qq(1|{"n":0}|t\nx||t), 'items of a standby come with what it has replayed');
my ($history) = $node->safe_psql('postgres', 'SELECT epoch FROM itemize.stream') =~ /^(\d+\.\d+)\./;
is($standby->safe_psql('postgres', q{SELECT history FROM itemize.fetch_replayed('item', '{1}')}), $history, 'and of which history');
my ($status, $out, $error) = $node->psql('postgres', q{SELECT itemize.fetch_replayed('item', '{1}')});
like($error, qr/no standby.*Use itemize\.fetch/s, 'a primary is told to use fetch');
($status, $out, $error) = $standby->psql('postgres', 'SELECT itemize.token()');
like($error, qr/a standby gives no positions.*Ask the primary/s, 'a standby gives no token');

# The first fill is the primary's: only from then on it is known how far fills have shown rows.
is(body(next_key()), '{"n":0}', 'a first fill');
is(metric($sidecar, 'itemize_read_replica_fills_total'), 0, 'comes from the primary');
is(filled_by_standby(), '{"n":0}', 'later ones from the standby, once the stream has come as far as it');

# A standby that lags.
pause_replay();
my $token = commit($node, 'UPDATE item SET n = 1');
is(body(next_key(), "Itemize-Min-Position: $token", 'Prefer: wait=30'), '{"n":1}', 'the cluster has applied a change');
my $cold = next_key();
is(on_standby($cold), '{"n":0}', 'a standby whose replay is paused shows what was before');
is(body($cold), '{"n":1}', 'a cold key does not show that');
poll_until(sub { body(next_key()) eq '{"n":1}' or die "an old row\n"; metric($sidecar, 'itemize_read_replica_misses_total') > 0 }, 'because the standby was asked, and not believed');
resume_replay();
is(filled_by_standby(), '{"n":1}', 'when it has caught up it is used again');

# A fill from the primary that was ahead of the stream, and a standby that is not.
pause_replay();
# What is in the log and in no change comes with the next heartbeat: else the standby would stay ahead of the stream.
my $replayed = $standby->safe_psql('postgres', q{SELECT pg_last_wal_replay_lsn() - '0/0'});
poll_until(sub { $local->cli('HGET', 'itemize:local', 'complete') >= $replayed }, 'the stream to come as far as the standby');
$applier->signal('STOP');
$cold = next_key();
$token = commit($node, 'UPDATE item SET n = 2');
is(body($cold, "Itemize-Min-Position: $token", 'Prefer: wait=0'), '{"n":2}', 'a row ahead of the stream is shown');
evict($cold);
is(on_standby($cold), '{"n":1}', 'evicted; the standby is as far as the cluster has applied');
for (1 .. 5)
{
	is(body($cold), '{"n":2}', "and yet the row does not go back ($_)") or last;
	evict($cold);
}
# Without what the copy keeps of it, it would.
my ($server) = $local->info('run_id');
$local->cli('HSET', 'itemize:local', 'ahead', "1 $server $namespace");
poll_until(sub { evict($cold); $local->cli('HSET', 'itemize:local', 'ahead', "1 $server $namespace"); body($cold) eq '{"n":1}' },
	'without knowing how far fills have shown rows, the standby takes it back');
pass('the hazard is real: without the mark the row went back');
evict($cold);
$local->cli('HDEL', 'itemize:local', 'ahead');
is(body($cold), '{"n":2}', 'with the mark lost (evicted, say) the primary is asked');
$applier->signal('CONT');
resume_replay();
is(filled_by_standby(), '{"n":2}', 'together again');

# A standby that shows a commit that the primary does not show yet, because it waits for another standby.
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'absent'});
$node->reload;
poll_until(sub { $node->safe_psql('postgres', 'SHOW synchronous_standby_names') eq 'absent' }, 'the setting is in force');
my ($writer_out, $writer_error) = ('', '');
my $writer = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', 'UPDATE item SET n = 3' ], '<', \undef, '>', \$writer_out, '2>', \$writer_error);
poll_until(sub { on_standby(1) eq '{"n":3}' }, 'the standby shows the commit');
is($node->safe_psql('postgres', 'SELECT DISTINCT n FROM item'), '2', 'the primary does not');
is(join(' ', map { body(next_key()) } 1 .. 5), join(' ', ('{"n":2}') x 5), 'and so nobody is shown it');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
$writer->finish;
is(filled_by_standby(), '{"n":3}', 'until it is visible');

# The right to it is the doctor's business.
my $said = q{SELECT fix FROM itemize.doctor() WHERE check_name = 'reader_role' AND detail ~ 'replayed'};
is($node->safe_psql('postgres', $said), '', 'the doctor is content');
$node->safe_psql('postgres', 'REVOKE EXECUTE ON FUNCTION itemize.fetch_replayed(text, text[]) FROM itemize_reader');
my $grant = $node->safe_psql('postgres', $said);
like($grant, qr/^GRANT EXECUTE ON FUNCTION itemize.fetch_replayed\(text, text\[\]\) TO itemize_reader;/, 'where there is a standby, the right to read from it is missed');
$node->safe_psql('postgres', $grant);
is($node->safe_psql('postgres', $said), '', 'and its word is enough');
$node->safe_psql('postgres', 'REVOKE EXECUTE ON FUNCTION itemize.replayed() FROM PUBLIC');
$grant = $node->safe_psql('postgres', $said);
like($grant, qr/^GRANT EXECUTE ON FUNCTION itemize.replayed\(\) TO itemize_reader;/, 'and so is the right to search on it');
$node->safe_psql('postgres', $grant);
is($node->safe_psql('postgres', $said), '', 'granted, it is no longer missed');

# Others write all the time, so the standby is always ahead of what entries of the stream tell, and no heartbeat comes.
$global->stop;
$global = start_sidecar('global', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 3600 ]);
$node->safe_psql('postgres', 'CREATE TABLE noise (n int)');
my $noise = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', 'DO $$ BEGIN LOOP INSERT INTO noise VALUES (1); COMMIT; END LOOP; END $$' ],
	'<', \undef, '>', \$writer_out, '2>', \$writer_error);
poll_until(sub { $node->safe_psql('postgres', 'SELECT count(*) > 100 FROM noise') eq 't' }, 'the others write');
my $entries = sub { my ($epoch) = $redis->cli('GET', 'itemize:epoch'); return $redis->cli('XLEN', "itemize:{$epoch}:stream") };
filled_by_standby();
my ($entries_before, $begun) = ($entries->(), $key);
my $count = sub { return metric($sidecar, 'itemize_read_replica_fills_total') };
my $fills = $count->();
poll_until(sub { my $row = body(next_key()); $row eq '{"n":3}' or die "an old row: $row\n"; $count->() - $fills >= 20 }, 'fills from the standby');
pass('a standby that is written to by others fills');
note(sprintf('%d of %d items were filled by it', $count->() - $fills, $key - $begun));
is($entries->(), $entries_before, 'and the stream has got no entry for it');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
poll_until(sub { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' }, 'replay is paused');
$token = commit($node, 'UPDATE item SET n = 4');
is(body(next_key(), "Itemize-Min-Position: $token", 'Prefer: wait=30'), '{"n":4}', 'a change among it all');
is(join(' ', map { body(next_key()) } 1 .. 5), join(' ', ('{"n":4}') x 5), 'and a standby that has not replayed it is not believed');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
is(filled_by_standby(), '{"n":4}', 'until it has');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'});
$noise->finish;
$global->stop;
$global = start_sidecar('global', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 1 ]);

# Gone, and back.
$standby->stop('immediate');
poll_until(sub { body(next_key()) eq '{"n":4}' or die "no answer\n"; scalar $sidecar->log_events('replica_gone') }, 'without the standby the primary answers');
$standby->start;
is(filled_by_standby(), '{"n":4}', 'and then the standby again');
ok(scalar $sidecar->log_events('replica_back'), 'which the log tells');

done_testing();
