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
CREATE TABLE long (id text PRIMARY KEY, n int);
SELECT itemize.define('long', 'long', fields => '{n}', read => 'everyone');
SELECT pg_create_logical_replication_slot('naive', 'test_decoding');
});
my $redis = start_redis();
my $directory = PostgreSQL::Test::Utils::tempdir();
my $local = start_redis('--dir', $directory);
$local->cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
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
sub redis_key { my ($room, $key) = @_; return $local->cli('KEYS', "*:$room:item:*:$key") }
# Waits until the cluster has applied what the token stands for; a key that is read for nothing else.
sub applied { my ($token) = @_; poll_until(sub { get(100, "Itemize-Min-Position: $token", 'Prefer: wait=0'); applied_lsn() >= ($token =~ /:(\d+)-/)[0] }, 'applied'); return }
sub applied_lsn { return $local->cli('HGET', 'itemize:local', 'complete') }

subtest 'a change that passed while the key was not held' => sub {
	is(body(1), '{"n":0}', 'held');
	my $item = redis_key('item', 1);
	my @entry = split /\n/, $local->cli('HGETALL', $item);
	$local->cli('DEL', $item);
	applied(commit($node, 'UPDATE item SET n = 1 WHERE id = 1'));
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
		my ($first) = commit($node, "UPDATE item SET n = 1 WHERE id = $key") =~ /:(\d+)-/;
		my $stream = (split /\n/, $redis->cli('KEYS', 'itemize:{*}:stream'))[0];
		poll_until(sub { $redis->cli('XREVRANGE', $stream, '+', '-', 'COUNT', 20) =~ /^\Q$first\E-/m }, 'the first is in the stream');
		$global->signal('STOP');
		my $token = commit($node, "UPDATE item SET n = 2 WHERE id = $key");
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
	drop_slot($node, 'naive');
	return;
};

subtest 'a Redis that may evict what must stay' => sub {
	is(join(' ', map { "$_->{level} $_->{maxmemory_policy}" } $applier->log_events('harmful_eviction')), 'warning allkeys-lru', 'the log warns');
	return;
};

subtest 'a Redis that went back' => sub {
	my $key = 40;
	is(body($key), '{"n":0}', 'held');
	$local->cli('SAVE');
	# The stream stands still; a read goes past it, and shows what no stream has brought.
	$global->signal('STOP');
	my $token = commit($node, "UPDATE item SET n = 1 WHERE id = $key");
	is(body($key, "Itemize-Min-Position: $token", 'Prefer: wait=0'), '{"n":1}', 'shown');
	$applier->signal('STOP');
	$local->kill9;
	$local->restart;
	is($local->cli('HGET', redis_key('item', $key), 'r'), '{"n":0}', 'the copy in Redis has the older row again, and is at the end of the stream: the hazard is real');
	for (1 .. 10) { is(body($key), '{"n":1}', 'not shown') or last }
	$applier->signal('CONT');
	poll_until(sub { my $answer = get($key); $answer->{body} eq '{"n":1}' or die "it went back\n"; !$answer->{headers}{'itemize-degraded'} }, 'a copy whose items were dropped');
	is(scalar $applier->log_events('items_dropped'), 1, 'for that reason');
	is(scalar $applier->log_events('harmful_eviction'), 1, 'one whose policy is harmless now');
	$global->signal('CONT');
	applied($token);
	is(body($key), '{"n":1}', 'and the stream follows');
	return;
};

# The reader has a link of its own to Redis.
subtest 'a reader that could not reach Redis, and can again' => sub {
	my $link = Itemize::Proxy->launch($local->port);
	my $reader = start_sidecar('extended', postgres => $node, flags => [ '--local-redis', 'redis://127.0.0.1:' . $link->port ]);
	my $read = sub { my ($path, @headers) = @_; return http_get($reader->url("/v1/items/$path"), @headers) };
	my $said = sub { my $answer = $read->(@_); return "$answer->{status} " . ($answer->{headers}{'itemize-degraded'} // 'copy') . ($answer->{status} == 200 ? " $answer->{body}" : '') };
	my $types = sub { return $local->cli('HGET', $local->cli('HGET', 'itemize:local', 'namespace') . ':local:types', 'long') };

	# With more than is remembered key by key, for the last part.
	applied(commit($node, q{INSERT INTO long SELECT 'b' || repeat('k', 2500) || i, 0 FROM generate_series(10000, 13999) i; INSERT INTO long VALUES ('a', 0)}));
	is($said->($_), '200 copy {"n":0}', "$_: held") for qw(item/50 item/51 item/52 item/53 long/a);
	my $before = $types->();

	# The stream stands still, so the copy that comes back into reach has the older rows.
	$global->signal('STOP');
	my $token = commit($node, 'UPDATE item SET n = 1 WHERE id IN (50, 52); DELETE FROM item WHERE id = 51; UPDATE long SET n = 1 WHERE id = \'a\'');
	my $cut = sub { $link->kill9; poll_until(sub { ($read->('item/100')->{headers}{'itemize-degraded'} // '') eq 'redis' }, 'degraded'); return };
	$cut->();
	is($said->('item/50'), '200 redis {"n":1}', 'without Redis the database answers');
	is($said->('item/51'), '404 redis', 'also that there is no such item');
	is($said->('nothing/1'), '404 redis', 'which is not told from what may not be read');
	my $missing = $read->('item/51', "Itemize-Min-Position: $token");
	is($missing->{headers}{'itemize-position'}, $token, 'with the position that was asked for');
	like($read->('item?after=51&limit=1')->{body}, qr/"key":"52","item":\{"n":1\}/, 'and a page');
	is(body(50), '{"n":0}', 'the copy has the older row: the hazard is real');
	$link->restart;
	my $shown = sub {
		my ($path, $expected) = @_;
		poll_until(sub { my $now = $said->($path); return $now eq $expected || ($now =~ /^5| redis/ ? 0 : die "$path: it went back: $now\n") }, "$path from the copy");
		return;
	};
	ok(eval { $shown->(@$_); 1 }, "$_->[0] does not go back") or diag($@) for [ 'item/50', '200 copy {"n":1}' ], [ 'item/51', '404 copy' ], [ 'item/52', '200 copy {"n":1}' ];
	poll_until(sub { body(50) eq '{"n":1}' && body(51) eq '404' && body(52) eq '{"n":1}' }, 'other readers of the cluster see it, too');
	is($said->('item/53'), '200 copy {"n":0}', 'the rest is held as before');
	is($types->(), $before, 'and of another type all');

	$cut->();
	my ($after, $pages) = ('', 0);
	while (defined $after)
	{
		my $page = poll_until(sub { my $answer = $read->('long?limit=1000' . ($after eq '' ? '' : "&after=$after")); $answer->{status} == 200 && $answer }, 'a page');
		($after, $pages) = ($page->{json}{next}, $pages + 1);
	}
	is($pages, 5, 'so much was shown that the keys are not remembered');
	$link->restart;
	ok(eval { $shown->('long/a', '200 copy {"n":1}'); 1 }, 'nor does any of these go back') or diag($@);
	isnt($types->(), $before, 'as all items of the type are put out of reach');
	$global->signal('CONT');
	applied($token);
	is($said->('item/50') . $said->('long/a'), '200 copy {"n":1}200 copy {"n":1}', 'and the stream follows');
	is($reader->stop, 0, 'status 0');
	return;
};

is($_->stop, 0, 'status 0') for $sidecar, $applier, $global;
done_testing();
