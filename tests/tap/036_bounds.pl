# What bounds the stream and the write-ahead log: the stream is kept for those who read it, up to limits; a full Redis
# holds the slot back and loses nothing; a holder of the slot that is frozen is evicted.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

my $node = start_postgres('bounds');
create_sidecar_roles($node);
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }
sql(q{
CREATE TABLE item (id int PRIMARY KEY, n int, t text);
INSERT INTO item SELECT i, 0, '' FROM generate_series(1, 10) i;
SELECT itemize.define('item', 'item', fields => '{id,n,t}', read => 'everyone');
});
my $redis = start_redis();
sub key { my ($name) = @_; return 'itemize:{' . $redis->cli('GET', 'itemize:epoch') . "}:$name" }
sub entries { return $redis->cli('XLEN', key('stream')) }

my $n = 0;
# Commits that change one row each, of a size.
sub lines { my ($count, $bytes) = @_; $node->psql('postgres', join("\n", map { 'UPDATE item SET n = ' . ++$n . ", t = repeat('x', " . ($bytes // 1) . ') WHERE id = 1;' } 1 .. $count), on_error_die => 1); return }
# Heartbeats may follow it.
sub published { return poll_until(sub { ($redis->cli('XREVRANGE', key('stream'), '+', '-', 'COUNT', 50) // '') =~ /"n":$n\b/ }, "change $n in the stream") }
# The entry that a cluster reported to have applied.
sub report { my ($cluster) = @_; return split / /, $redis->cli('HGET', key('clusters'), $cluster) // '' }
sub caught_up { my ($cluster) = @_; my ($last) = $redis->cli('XREVRANGE', key('stream'), '+', '-', 'COUNT', 1) =~ /^(\S+)/; return poll_until(sub { ((report($cluster))[0] // '') eq $last }, "cluster $cluster at $last") }

subtest 'the stream is kept for clusters, and no longer' => sub {
	my @flags = ('--stream-max-entries', 400, '--heartbeat-seconds', 3600, '--metrics-listen', '127.0.0.1:0');
	my $global = launch_sidecar('global', postgres => $node, redis => $redis, flags => \@flags);
	$global->wait_ready;
	my $local_redis = start_redis();
	my @local = ('--global-redis', $redis->url, '--local-redis', $local_redis->url, '--cluster', 'north', '--metrics-listen', '127.0.0.1:0');
	my $local = start_sidecar('local', flags => \@local);
	lines(20);
	published();
	caught_up('north');
	my ($applied, $reported, $complete, $copy) = report('north');
	is($applied, "$complete-1", 'a cluster tells what it has applied, and what of it whole');
	is($copy, $local_redis->cli('HGET', 'itemize:local', 'namespace'), 'and which copy it is');

	# A second process of the same cluster is the same; another copy under the same name is not.
	my $twin = start_sidecar('local', flags => \@local);
	lines(1);
	published();
	caught_up('north');
	is(() = $twin->log_events('cluster_name_shared'), 0, 'two processes of one cluster are one');
	$twin->stop;
	my $other = start_sidecar('local', flags => [ '--global-redis', $redis->url, '--local-redis', start_redis()->url, '--cluster', 'north' ]);
	ok(eval { $other->wait_for_log('cluster_name_shared') }, 'two copies under one name are noticed');
	$other->stop;

	# A cluster that does not move keeps what it has not read, until a limit takes it.
	$local->signal('STOP');
	my $held = $redis->cli('HGET', key('clusters'), 'north');
	lines(150);
	published();
	cmp_ok(entries(), '>=', 170, 'everything is kept for it');
	ok(eval { poll_until(sub { metric($global, 'itemize_cluster_lag_bytes{cluster="north"}') > 3000 }, 'its lag') }, 'and its lag is measured, in bytes');
	cmp_ok(metric($global, 'itemize_published_transactions_total'), '>=', 170, 'what is published is counted, by transactions');
	cmp_ok(metric($global, 'itemize_published_changes_total'), '>=', 170, 'and by changes');
	cmp_ok(metric($global, 'itemize_publish_lag_seconds'), '>=', 0, 'and the time that a commit took into the stream');
	lines(500);
	published();
	ok(eval { poll_until(sub { entries() <= 440 }, 'trim') }, 'up to the limit') or diag(entries());
	cmp_ok(entries(), '>=', 350, 'and not less than that');
	my ($first) = $redis->cli('XRANGE', key('stream'), '-', '+', 'COUNT', 1) =~ /^(\d+)/;
	cmp_ok($first, '>', (split /-/, $held)[0], 'so what it had applied is gone');
	my $begun = () = $local->log_events('resynced');
	$local->signal('CONT');
	is($local->wait_for_log('resynced', after => $begun)->{reason}, 'fell_behind', 'it begins its copy anew');
	lines(1);
	published();
	caught_up('north');
	pass('and goes on');
	is(metric($local, 'itemize_resyncs_total{reason="fell_behind"}'), 1, 'which is counted, by its reason');
	ok(eval { poll_until(sub { metric($local, 'itemize_apply_lag_bytes') == 0 }, 'no lag') }, 'it measures that it has come to the end');
	cmp_ok(metric($local, 'itemize_apply_lag_seconds'), '>', 0, 'and how long the last change took');
	ok(eval { poll_until(sub { metric($global, 'itemize_cluster_lag_bytes{cluster="north"}') == 0 }, 'no lag') }, 'so does the publisher');
	$local->stop;

	# Nobody is behind: only so much history stays. Somebody who is silent for long counts no more.
	my @last = split / /, $redis->cli('HGET', key('clusters'), 'north');
	my $now  = ($redis->cli('TIME') =~ /^(\d+)/)[0] * 1000;
	$redis->cli('HSET', key('clusters'), 'gone', "1-1 " . ($now - 11 * 60_000) . ' 1 x');
	$redis->cli('HSET', key('clusters'), 'forgotten', "1-1 " . ($now - 25 * 3_600_000) . ' 1 x');
	ok(eval { poll_until(sub { !$redis->cli('HEXISTS', key('clusters'), 'forgotten') }, 'forgotten') }, 'a cluster that is silent for a day is forgotten');
	is($redis->cli('HEXISTS', key('clusters'), 'gone'), 1, 'one that is silent for less is not');

	# So are consumer groups and copies of rows.
	my ($minute, $day) = (60_000, 24 * 3_600_000);
	my %silent = (workers => 7 * $day - 10 * $minute, left => 7 * $day + $minute, 'copy:0123456789abcdef' => 5 * $minute, 'copy:fedcba9876543210' => 11 * $minute);
	$redis->cli('HSET', key('groups'), map { ($_, '1-1 ' . ($now - $silent{$_})) } keys %silent);
	ok(eval { poll_until(sub { join(' ', sort split /\n/, $redis->cli('HKEYS', key('groups'))) eq 'copy:0123456789abcdef workers' }, 'forgotten') },
		'a group that is silent for a week, and a copy of rows that broke off, are forgotten, and no others') or diag($redis->cli('HKEYS', key('groups')));
	is($global->wait_for_log('group_forgotten')->{group}, 'left', 'and the log says so');
	cmp_ok(metric($global, 'itemize_group_lag_bytes{group="workers"}'), '>', 3000, 'the lag of the one that stays is measured');
	unlike(http_get($global->metrics_url)->{body}, qr/itemize_group_lag_bytes\{group="copy:/, 'that of a copy is not');
	is($global->stop, 0, 'status 0');
};

subtest 'status, for a person' => sub {
	my $status = sub {
		my $run = Itemize::Sidecar->start(
			command => [ Itemize::Sidecar::program(), 'status', '--database', database_url($node, user => 'itemize_reader'), '--redis', $redis->url ],
			log => "$PostgreSQL::Test::Utils::log_path/status_" . int(rand(2**31)) . '.log');
		poll_until(sub { !$run->alive }, 'the end');
		return ($run->status >> 8, $run->log_text);
	};
	$redis->cli('HDEL', key('clusters'), 'gone', 'north');
	my $away = Itemize::Sidecar->launch('status', [ '--database', database_url($node, user => 'itemize_reader'), '--redis', 'unix:///nowhere' ]);
	poll_until(sub { !$away->alive }, 'the end');
	is($away->status >> 8, 1, 'a server that cannot be asked: status 1');
	my ($code, $text) = $status->();
	is($code, 4, 'nobody publishes: status 4') or diag($text);
	like($text, qr/^slot +itemize +not read .*\n +-> start the global sidecar$/m, 'the slot, and what to do');
	like($text, qr/^stream +\S+ +(?:ok|standing) .* entries/m, 'the stream');
	my $global = launch_sidecar('global', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 3600, '--metrics-listen', '127.0.0.1:0' ]);
	$global->wait_ready;
	my $local = start_sidecar('local', flags => [ '--global-redis', $redis->url, '--local-redis', start_redis()->url, '--cluster', 'south' ]);
	lines(1);
	published();
	caught_up('south');
	($code, $text) = $status->();
	is($code, 0, 'all is well: status 0') or diag($text);
	like($text, qr/^cluster +south +ok .*, 0 B behind/m, 'a cluster');
	like($text, qr/^group +workers +idle /m, 'a consumer group');
	unlike($text, qr/copy:/, 'a copy of rows that is under way is none');

	# The same in the database, as of the last report.
	my $sql = sub { return sql("SELECT string_agg(part || ' ' || state, ', ' ORDER BY part) FROM itemize.status()") };
	ok(eval { poll_until(sub { $sql->() eq 'cluster ok, group idle, slot ok, stream ok' }, 'the report') }, 'itemize.status() says it, too') or diag($sql->());
	is(sql(q{SELECT name FROM itemize.status() WHERE part = 'stream'}), $redis->cli('GET', 'itemize:epoch'), 'with the epoch');
	is(sql(q{SELECT count(*) FROM itemize.status() WHERE todo IS NOT NULL}), 0, 'and nothing to do');
	my $silent = ($redis->cli('TIME') =~ /^(\d+)/)[0] * 1000 - 11 * 60_000;
	$redis->cli('HSET', key('clusters'), 'gone', "1-1 $silent 1 x");
	($code, $text) = $status->();
	is($code, 4, 'a cluster is silent: status 4');
	like($text, qr/^cluster +gone +silent .*\n +-> start its local sidecar/m, 'with what to do');
	# A cluster that should have been heard of, and one that does not keep up.
	sql('SELECT pg_switch_wal(); UPDATE item SET n = n') for 1 .. 5;
	lines(1);
	published();
	my $tell = sub { my $now = ($redis->cli('TIME') =~ /^(\d+)/)[0] * 1000; $redis->cli('HSET', key('clusters'), 'tardy', '1-1 ' . ($now - 20_000) . ' 1 x', 'slow', "1-1 $now 1 x"); return };
	$tell->();
	(undef, $text) = $status->();
	like($text, qr/^cluster +slow +behind .*\n +-> see the log of its local sidecar: it does not keep up$/m, 'a cluster that is 64 MB behind');
	like($text, qr/^cluster +tardy +late .*\n +-> start its local sidecar/m, 'and one that has been silent for 15 s, with what to do');
	my $same = q{SELECT string_agg(name || ' ' || state || ': ' || todo, ', ' ORDER BY name) FROM itemize.status() WHERE name IN ('slow', 'tardy')};
	ok(eval { poll_until(sub { $tell->(); sql($same) =~ /^slow behind: see the log of its local sidecar.*, tardy late: start its local sidecar/ }, 'the report') }, 'the same in SQL') or diag(sql($same));
	$redis->cli('HDEL', key('clusters'), 'tardy', 'slow');
	my $metrics = 'http://127.0.0.1:' . $global->wait_for_log('metrics_listening')->{port} . '/metrics';
	my $shown = sub { my ($cluster) = @_; return scalar(() = http_get($metrics)->{body} =~ /^itemize_cluster_\w+\{cluster="$cluster"\}/mg) };
	ok(eval { poll_until(sub { $shown->('gone') == 2 }, 'its gauges') }, 'it is measured');
	ok(eval { poll_until(sub { sql(q{SELECT todo ~ '^start its local sidecar' FROM itemize.status() WHERE name = 'gone' AND state = 'silent'}) eq 't' }, 'the report') }, 'and in SQL');
	$redis->cli('HDEL', key('clusters'), 'gone');
	ok(eval { poll_until(sub { $shown->('gone') == 0 }, 'no gauges') }, 'one that is forgotten is measured no more');
	is($shown->('south'), 2, 'the others are');
	$redis->cli('DEL', key('groups'));
	is($_->stop, 0, 'status 0') for $local, $global;
};

subtest 'limits of bytes and of age' => sub {
	my $global = launch_sidecar('global', postgres => $node, redis => $redis, flags => [ '--stream-max-bytes', 300_000, '--heartbeat-seconds', 3600 ]);
	$global->wait_ready;
	lines(60, 10_000);
	published();
	ok(eval { poll_until(sub { entries() <= 34 }, 'trim') }, 'about 300,000 bytes of entries stay') or diag(entries());
	cmp_ok(entries(), '>=', 28, 'and not less');
	is($global->stop, 0, 'status 0');

	$global = launch_sidecar('global', postgres => $node, redis => $redis, flags => [ '--stream-max-age-seconds', 2, '--heartbeat-seconds', 1 ]);
	$global->wait_ready;
	lines(3, 20);
	sql(q{UPDATE item SET t = 'a secret' WHERE id = 2});
	ok(eval { poll_until(sub { ($redis->cli('XRANGE', key('stream'), '-', '+') // '') =~ /a secret/ }, 'published') }, 'a row is in the stream');
	ok(eval { poll_until(sub { $redis->cli('XRANGE', key('stream'), '-', '+') !~ /[IUD]\t\d/ }, 'gone') }, 'and not longer than it may, though nothing is written after it');
	like($redis->cli('XRANGE', key('stream'), '-', '+'), qr/^H\t1\t/m, 'a heartbeat is left in its place');
	is($global->stop, 0, 'status 0');
};

subtest 'Redis has no room' => sub {
	my $global = launch_sidecar('global', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1, '--metrics-listen', '127.0.0.1:0' ]);
	$global->wait_ready;
	my $metrics = 'http://127.0.0.1:' . $global->wait_for_log('metrics_listening')->{port};
	lines(1);
	published();
	my $epoch = $redis->cli('GET', 'itemize:epoch');
	my $confirmed = sub { return sql(q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'itemize'}) };
	$redis->cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
	$redis->cli('CONFIG', 'SET', 'maxmemory', '1');
	my $before = $n;
	lines(30, 5000);
	my $written = sql('SELECT pg_current_wal_lsn()');
	is($global->wait_for_log('stream_full')->{level}, 'error', 'it is logged');
	ok(eval { poll_until(sub { metric($global, 'itemize_stream_full') == 1 }, 'metric') }, 'and measured');
	ok(eval { poll_until(sub { metric($global, 'itemize_slot_lag_bytes') > 3000 }, 'lag') }, 'the lag of the slot shows what waits');
	is(sql("SELECT '" . $confirmed->() . "'::pg_lsn < '$written'::pg_lsn"), 't', 'the slot is not confirmed');
	is(sql(q{SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = 'itemize'}), 't|reserved', 'but held: the server keeps the log');
	my $sessions = () = $global->log_events('streaming');
	$redis->cli('CONFIG', 'SET', 'maxmemory', '0');
	published();
	my @seen = $redis->cli('XRANGE', key('stream'), '-', '+') =~ /"n":(\d+)/g;
	is_deeply([ @seen[ -30 .. -1 ] ], [ $before + 1 .. $n ], 'with room again, everything comes, once and in order');
	is($redis->cli('GET', 'itemize:epoch'), $epoch, 'in the same epoch');
	is(() = $global->log_events('streaming'), $sessions, 'without a new session');
	ok(eval { poll_until(sub { metric($global, 'itemize_stream_full') == 0 }, 'metric') }, 'and the metric says so');
	is(http_get("$metrics$_->[0]")->{status}, $_->[1], "$_->[0]: $_->[1]") for [ '/livez', 200 ], [ '/readyz', 200 ], [ '/v1/items/item/1', 404 ];
	like(metric($global, 'itemize_slot_retained_bytes'), qr/^\d/, 'retained WAL is measured');
	is(metric($global, 'itemize_slot_safe_bytes'), '+Inf', 'without a limit, any amount is safe');
	sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
	$node->reload;
	ok(eval { poll_until(sub { my $safe = metric($global, 'itemize_slot_safe_bytes'); $safe ne '+Inf' && $safe > 100e6 && $safe < 2e9 }, 'a limit') }, 'with one, what is left of it');
	sql('ALTER SYSTEM RESET max_slot_wal_keep_size');
	$node->reload;
	is($global->stop, 0, 'status 0');
};

subtest 'a frozen holder of the slot is evicted' => sub {
	my @flags = ('--lease-seconds', 3);
	my ($first, $second) = map { launch_sidecar('global', postgres => $node, redis => $redis, flags => \@flags) } 1 .. 2;
	my ($holder, $waiting) = poll_until(sub { return [ $first, $second ] if $first->log_events('streaming'); return [ $second, $first ] if $second->log_events('streaming'); return }, 'a holder')->@*;
	$waiting->wait_for_log('waiting_for_slot');
	my $epoch = $redis->cli('GET', 'itemize:epoch');
	my $old = sql(q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'itemize'});
	lines(3);
	published();
	is(() = $waiting->log_events('evicting_holder'), 0, 'one that works is left alone');
	$holder->signal('STOP');
	my $since = time();
	lines(3);
	is($waiting->wait_for_log('evicting_holder')->{pid}, $old, 'when its lease has lapsed, the waiting one ends its walsender');
	$waiting->wait_for_log('streaming');
	note('taken over after ' . (time() - $since) . ' s');
	published();
	pass('and publishes what was written');
	$holder->signal('CONT');
	ok(eval { $holder->wait_for_log('global_interrupted') }, 'the frozen one notices when it wakes');
	ok(eval { $holder->wait_for_log('waiting_for_slot') }, 'and waits');
	lines(2);
	published();
	my @seen = $redis->cli('XRANGE', key('stream'), '-', '+') =~ /"n":(\d+)/g;
	is_deeply([ @seen[ -8 .. -1 ] ], [ $n - 7 .. $n ], 'each change is in the stream once, in order');
	is($redis->cli('GET', 'itemize:epoch'), $epoch, 'in the same epoch');
	is($_->stop, 0, 'status 0') for $first, $second;
};

done_testing();
