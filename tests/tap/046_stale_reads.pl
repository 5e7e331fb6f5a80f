# The races between fills and the stream, each made to happen: first by hand, as a cache without the remedy would do it,
# to show that the stale read is real; then by the sidecar at the same interleaving, where it does not happen.
# (A lagging standby, and one that leads, are in 044; the plugin's wait is in 011 as well.)
# tier: quick
use strict;
use warnings;

use IPC::Run;
use Itemize::Proxy;
use Itemize::RawConnection;
use Itemize::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
SELECT pg_create_logical_replication_slot('naive', 'test_decoding');
});
my $redis = start_redis();
my $directory = PostgreSQL::Test::Utils::tempdir();
my $local = start_redis('--dir', $directory);
my $proxy = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port);
my @urls = ('--global-redis', $redis->url, '--local-redis', $local->url);
my $global = start_sidecar('global', postgres => $node, flags => \@urls);
my $applier = start_sidecar('local', flags => \@urls);
my @extended = ('extended', flags => [ @urls, '--database', "postgresql://itemize_reader\@127.0.0.1:$proxy->{port}/postgres" ]);
my $sidecar = start_sidecar(@extended);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub get { my ($key, @headers) = @_; return http_get($sidecar->url("/v1/items/item/$key"), @headers) }
sub body { my $answer = get(@_); return $answer->{status} == 200 ? $answer->{body} : $answer->{status} }
# Commits, and gives the token of the commit.
sub commit { my ($statements) = @_; return (split /\n/, sql("$statements;\nSELECT itemize.token()"))[-1] }
sub redis_key { my ($room, $key) = @_; return $local->cli('KEYS', "*:$room:item:*:$key") }
# Waits until the cluster has applied what the token stands for; a key that is read for nothing else.
sub applied { my ($token) = @_; poll_until(sub { get(100, "Itemize-Min-Position: $token", 'Prefer: wait=0'); applied_lsn() >= ($token =~ /:(\d+)-/)[0] }, 'applied'); return }
sub applied_lsn { return $local->cli('HGET', 'itemize:local', 'complete') }

subtest 'a change that passed while the key was not held' => sub {
	is(body(1), '{"n":0}', 'held');
	my $item = redis_key('item', 1);
	my @entry = split /\n/, $local->cli('HGETALL', $item);
	$local->cli('DEL', $item);
	applied(commit('UPDATE item SET n = 1 WHERE id = 1'));
	# A cache that stores what it has read before, since nothing tells it that a change has passed.
	$local->cli('HSET', $item, @entry);
	is(body(1), '{"n":0}', 'without a marker the older row is stored, and stays: the hazard is real');
	$local->cli('DEL', $item);
	is(body(1), '{"n":1}', 'a fill reads what has passed');
	return;
};

subtest 'a fill that reads before a change and stores after it' => sub {
	my $key = 10;
	my ($connection, $collected);
	my $filled = poll_until(
		sub {
			++$key;
			# The fill's snapshot is taken, and then it waits for the table.
			my ($in, $ignored) = ("BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n", '');
			my $writer = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres') ], '<', \$in, '>', \my $said, '2>', \$ignored);
			poll_until(sub { $writer->pump_nb; $said =~ /locked/ }, 'the table is locked');
			$connection = Itemize::RawConnection->open($sidecar->port);
			$connection->send("GET /v1/items/item/$key HTTP/1.1\r\nHost: x\r\n\r\n");
			poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'itemize_reader' AND wait_event_type = 'Lock'}) }, 'the fill has its snapshot');
			# The change commits, and its event is applied, before the answer arrives.
			$proxy->signal('STOP');
			$in .= "UPDATE item SET n = 1 WHERE id = $key; COMMIT; SELECT itemize.token();\n\\q\n";
			$writer->finish;
			my ($token) = $said =~ /:(\d+)-0/;
			poll_until(sub { applied_lsn() >= $token }, 'the change is applied');
			my $marker = redis_key('fill', $key);
			$collected = $marker ? $local->cli('LLEN', $marker) : 0;
			$proxy->signal('CONT');
			$connection->read_until(sub { /\r\n\r\n.+/s });
			# On a machine so slow that the sidecar gave the database up, once more.
			return $connection->received =~ /^HTTP\/1\.1 200/;
		},
		'a fill that was overtaken');
	ok($filled, 'the fill was answered');
	is($collected, 2, 'its marker had collected the event');
	like($connection->received, qr/\{"n":1\}$/, 'so the client is not shown what the database had answered');
	is(body($key), '{"n":1}', 'nor anybody after it');
	return;
};

subtest 'a fill that is ahead of the stream does not go back' => sub {
	for my $remedy (0, 1)
	{
		my $key = 20 + $remedy;
		is(body($key), '{"n":0}', 'held');
		# Of two commits the first is in the stream, the second only in the database.
		$applier->signal('STOP');
		my ($first) = commit("UPDATE item SET n = 1 WHERE id = $key") =~ /:(\d+)-/;
		my $stream = (split /\n/, $redis->cli('KEYS', 'itemize:{*}:stream'))[0];
		poll_until(sub { $redis->cli('XREVRANGE', $stream, '+', '-', 'COUNT', 1) =~ /^\Q$first\E-/ }, 'the first is in the stream');
		$global->signal('STOP');
		my $token = commit("UPDATE item SET n = 2 WHERE id = $key");
		is(body($key, "Itemize-Min-Position: $token", 'Prefer: wait=0'), '{"n":2}', 'a read of the second, past the cluster');
		$local->cli('HDEL', redis_key('item', $key), 's') if !$remedy;
		$applier->signal('CONT');
		poll_until(sub { applied_lsn() >= $first }, 'the first is applied');
		is(body($key), $remedy ? '{"n":2}' : '{"n":1}', $remedy ? 'with the snapshot beside the row it stays' : 'without it the row goes back: the hazard is real');
		$global->signal('CONT');
		applied($token);
		is(body($key), '{"n":2}', 'in the end it is the newest');
	}
	return;
};

subtest 'a commit that is in the log before it is visible' => sub {
	sql(q{ALTER SYSTEM SET synchronous_standby_names = 'absent'});
	$node->reload;
	poll_until(sub { sql('SHOW synchronous_standby_names') eq 'absent' }, 'the setting is in force');
	sql(q{SET synchronous_commit = local; SELECT pg_logical_slot_get_changes('naive', NULL, NULL)});
	my ($out, $error) = ('', '');
	my $writer = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', 'UPDATE item SET n = 1 WHERE id = 30' ], '<', \undef, '>', \$out, '2>', \$error);
	# A plugin that does not wait: its event passes, and a fill after it reads, and keeps, the row from before.
	poll_until(sub { sql(q{SELECT count(*) FROM pg_logical_slot_peek_changes('naive', NULL, NULL) WHERE data LIKE '%n[integer]:1%'}) }, 'another plugin ships it');
	is(sql('SELECT n FROM item WHERE id = 30'), '0', 'a fill after that would read the older row: the hazard is real');
	is(body(30), '{"n":0}', 'a fill now');
	$_->signal('STOP') for $applier;
	sql('ALTER SYSTEM RESET synchronous_standby_names');
	$node->reload;
	$writer->finish;
	$_->signal('CONT') for $applier;
	poll_until(sub { body(30) eq '{"n":1}' }, 'is brought up to date by the event, which comes after it');
	sql(q{SELECT pg_drop_replication_slot('naive')});
	return;
};

subtest 'a Redis that went back' => sub {
	my $key = 40;
	is(body($key), '{"n":0}', 'held');
	$local->cli('SAVE');
	# The stream stands still; a read goes past it, and shows what no stream has brought.
	$global->signal('STOP');
	my $token = commit("UPDATE item SET n = 1 WHERE id = $key");
	is(body($key, "Itemize-Min-Position: $token", 'Prefer: wait=0'), '{"n":1}', 'shown');
	$applier->signal('STOP');
	$local->kill9;
	$local->restart;
	is($local->cli('HGET', redis_key('item', $key), 'r'), '{"n":0}', 'the copy in Redis has the older row again, and is at the end of the stream: the hazard is real');
	for (1 .. 10) { is(body($key), '{"n":1}', 'not shown') or last }
	$applier->signal('CONT');
	poll_until(sub { my $answer = get($key); $answer->{body} eq '{"n":1}' or die "it went back\n"; !$answer->{headers}{'itemize-degraded'} }, 'a copy whose items were dropped');
	is(scalar $applier->log_events('items_dropped'), 1, 'for that reason');
	$global->signal('CONT');
	applied($token);
	is(body($key), '{"n":1}', 'and the stream follows');
	return;
};

is($_->stop, 0, 'status 0') for $sidecar, $applier, $global;
done_testing();
