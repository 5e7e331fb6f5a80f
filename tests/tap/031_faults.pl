# What goes away comes back, and nothing is lost, doubled, reordered or served stale by it: crashes of the sidecar,
# restarts of Redis and of PostgreSQL, a slot that is gone, a second publisher, a piece that cannot be read.
use strict;
use warnings;

use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Itemize::Proxy;
use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int, t text);
CREATE TABLE audit (writer int, number int, PRIMARY KEY (writer, number));
CREATE TABLE finish ();
CREATE TABLE allowed (n int);
INSERT INTO allowed VALUES (0);
INSERT INTO item SELECT i, 0, 'text ' || i FROM generate_series(1, 20) i;
SELECT itemize.define('item', 'item', fields => '{id,n,t}', read => 'everyone');
SELECT itemize.define('audit', 'audit', fields => '{number}', read => 'everyone');
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

# A Redis whose restart keeps the data.
sub start_durable_redis { return start_redis('--dir', PostgreSQL::Test::Utils::tempdir_short(), '--save', '3600 1') }

my $redis = start_durable_redis();
my @slot = ('--heartbeat-seconds', 2);
my $sidecar;
sub start { $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => \@slot); return }
sub get { my ($path) = @_; return http_get($sidecar->url("/v1/items/$path")) }
sub follow { my ($items) = @_; my $stream = open_events($sidecar->url("/v1/live?items=$items")); $stream->next_event(sub { $_->{event} eq 'hello' }); return $stream }
sub epoch { return $redis->cli('GET', 'itemize:epoch') // '' }
sub is_change { my ($n) = @_; return sub { $_->{event} eq 'item' && $_->{data}{item}{n} == $n } }

# The keys of all inserts of a type in the global stream, in its order.
sub inserted
{
	my ($from, $type, $prefix) = @_;
	my $text = $from->cli('XRANGE', ($prefix // 'itemize') . ':{' . $from->cli('GET', 'itemize:epoch') . '}:stream', '-', '+');
	return $text =~ /^I\t\d+\t$type\t\d+\t([^\t]+)\t/mg;
}

# Every row of the audit table once, and those of each writer in the order in which they were committed.
sub audit
{
	my ($name, $from) = @_;
	my @keys = inserted($from, 'audit');
	my (%next, @wrong);
	for my $key (@keys)
	{
		my ($writer, $number) = split /,/, $key;
		push @wrong, $key if $number != ($next{$writer} // 0) + 1;
		$next{$writer} = $number;
	}
	is_deeply([ @wrong[ 0 .. ($#wrong < 5 ? $#wrong : 5) ] ], [], "$name: each writer's rows are in order, none is missing or doubled");
	is(scalar @keys, sql('SELECT count(*) FROM audit'), "$name: and all of them are there");
	return;
}

# What HTTP gives for all items becomes what the database has.
sub converges
{
	my ($name) = @_;
	my $expected = sql(q{SELECT string_agg(format('%s:%s', to_json(key), item), ',' ORDER BY key::int) FROM itemize.fetch('item', ARRAY(SELECT id::text FROM item))});
	my $list = sql(q{SELECT string_agg(id::text, ',' ORDER BY id) FROM item});
	my $answer;
	my $reached = eval {
		poll_until(
			sub { $answer = get("item?key=in.($list)"); ($answer->{body} // '') eq qq({"items":{$expected},"missing":[]}) && !exists $answer->{headers}{'itemize-degraded'} },
			'the copy');
	};
	ok($reached, "$name: the copy is what the database has") or diag($answer->{status} . $answer->{body} . $sidecar->log_text);
	return;
}

# Writers that commit row by row, up to as many rows each as table allowed says, until there is a row in table finish.
sub start_writers
{
	my ($first, $count) = @_;
	sql('TRUNCATE finish');
	my @writers;
	for my $writer ($first .. $first + $count - 1)
	{
		my %one = (out => '', error => '');
		my $loop = "DO \$\$ BEGIN FOR i IN 1 .. 30000 LOOP WHILE i > (SELECT n FROM allowed) AND NOT EXISTS (SELECT FROM finish) LOOP COMMIT; PERFORM pg_sleep(0.01); END LOOP;"
		  . " EXIT WHEN EXISTS (SELECT FROM finish); INSERT INTO audit VALUES ($writer, i);"
		  . " UPDATE item SET n = n + 1 WHERE id = 1 + i % 20; COMMIT; PERFORM pg_sleep(0.002); END LOOP; END \$\$";
		$one{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $loop ], '<', \undef, '>', \$one{out}, '2>', \$one{error});
		push @writers, \%one;
	}
	return @writers;
}

sub finish_writers
{
	my (@writers) = @_;
	sql('INSERT INTO finish DEFAULT VALUES');
	$_->{run}->finish for @writers;
	is($_->{error}, '', 'a writer has met no error') for grep { $_->{error} ne '' } @writers;
	return;
}

# Waits until the publisher has published everything up to now.
sub wait_published
{
	my $now = sql('SELECT pg_current_wal_insert_lsn()');
	sql('UPDATE item SET n = n WHERE id = 20');
	poll_until(sub { sql("SELECT bool_or(confirmed_flush_lsn >= '$now') FROM pg_replication_slots WHERE active") eq 't' }, 'all is published');
	return;
}

subtest 'the sidecar crashes, again and again, while rows are written' => sub {
	start();
	my $epoch = epoch();
	is(get("item?key=in.(" . join(',', 1 .. 20) . ')')->{status}, 200, 'all items are held');
	my @writers = start_writers(1, 3);
	for my $crash (1 .. 4)
	{
		# Of what all have read the stream keeps 10,000 entries, and all are looked at in the end.
		sql('UPDATE allowed SET n = n + 600');
		my $before = () = inserted($redis, 'audit');
		poll_until(sub { my $now = () = inserted($redis, 'audit'); $now >= $before + 60 }, 'some of the rows are published');
		$sidecar->kill9;
		start();
	}
	finish_writers(@writers);
	wait_published();
	audit('after four crashes', $redis);
	converges('after four crashes');
	is(epoch(), $epoch, 'the epoch is still the same');
	cmp_ok(sql('SELECT count(*) FROM audit'), '>', 240, 'there was something to lose');
};

subtest 'Redis restarts' => sub {
	my $epoch = epoch();
	my $stream = follow('item/1');
	sql("UPDATE item SET n = 1001 WHERE id = 1");
	$stream->next_event(is_change(1001));
	$redis->stop;
	my $answer = get('item/1');
	is("$answer->{status} $answer->{headers}{'itemize-degraded'}", '200 redis', 'without it, items come from the database');
	is($answer->{json}{n}, 1001, 'as they are');
	ok(!exists $answer->{headers}{'itemize-position'}, 'and no position is claimed');
	is(http_get($sidecar->url('/readyz'))->{status}, 503, 'which is not called ready');
	sql("UPDATE item SET n = 1002 WHERE id = 1");
	is(get('item/1')->{json}{n}, 1002, 'a change meanwhile is in the next answer');
	$redis->restart;
	$stream->next_event(is_change(1002));
	converges('restarted with its data');
	is(epoch(), $epoch, 'the epoch goes on');
	is(scalar(grep { $_->{event} eq 'resync' } $stream->events), 0, 'and clients have missed nothing');

	$redis->cli('FLUSHALL');
	my $resync = $stream->next_event(sub { $_->{event} eq 'resync' });
	isnt(epoch(), $epoch, 'emptied: a new epoch');
	is((split /:/, $resync->{id})[0], epoch(), 'which clients are told, to load again');
	sql("UPDATE item SET n = 1003 WHERE id = 1");
	$stream->next_event(is_change(1003));
	converges('emptied');
	my ($old, $new) = map { (split /\./, $_)[2] } $epoch, epoch();
	cmp_ok($new, '>', $old, 'its generation is higher');
	$stream->stop;
};

subtest 'PostgreSQL restarts' => sub {
	my $epoch = epoch();
	my $stream = follow('item/2');
	my $n = 2000;
	for my $how ('fast', 'immediate')
	{
		is(get('item/2')->{status}, 200, "$how: an item is held");
		sql('UPDATE item SET n = ' . ++$n . ' WHERE id = 2');
		$node->stop($how);
		my $answer;
		ok( eval { poll_until(sub { $answer = get('item/2'); ($answer->{headers}{'itemize-degraded'} // '') eq 'database' }, 'degraded') },
			"$how: what is held is served, marked");
		is($answer->{status}, 200, "$how: with status 200");
		my $miss = get('item/999999' . $n);
		is("$miss->{status} $miss->{headers}{'retry-after'}", '503 2', "$how: what is not held has to wait");
		is($miss->{json}{type}, 'urn:itemize:problem:database-unavailable', "$how: and the problem says why");
		$node->start;
		sql('UPDATE item SET t = t || 1 WHERE id = 2');
		$stream->next_event(sub { $_->{event} eq 'item' && $_->{data}{item}{n} == $n && $_->{data}{item}{t} =~ /1$/ });
		converges($how);
	}
	is(join(' ', map { $_->{data}{item}{n} } grep { $_->{event} eq 'item' } $stream->events), '2001 2001 2002 2002', 'each change came once, in order');
	is(epoch(), $epoch, 'the epoch goes on');
	$stream->stop;
};

subtest 'the slot is dropped, or lost' => sub {
	my $epoch = epoch();
	my $stream = follow('item/3');
	sql(q{DO $$ BEGIN LOOP
	PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'itemize';
	BEGIN PERFORM pg_drop_replication_slot('itemize'); EXIT; EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.001); END;
	END LOOP; END $$});
	my $resync = $stream->next_event(sub { $_->{event} eq 'resync' });
	isnt(epoch(), $epoch, 'dropped while it is read: a new epoch, told to clients');
	is($sidecar->wait_for_log('epoch_begun')->{reason}, 'new_slot', 'for this reason');
	like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_epochs_total\{reason="new_slot"\} 1$/m, 'which is counted');
	sql('UPDATE item SET n = 3001 WHERE id = 3');
	$stream->next_event(is_change(3001));
	converges('dropped');
	$stream->stop;

	$epoch = epoch();
	is($sidecar->stop, 0, 'the sidecar is stopped');
	sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
	$node->reload;
	my $says = sub { my ($state, $text) = (sql("SELECT state || ': ' || todo FROM itemize.status() WHERE name = 'itemize'"), (sidecar_says('status', '--database', database_url($node, user => 'itemize_reader'), '--redis', $redis->url))[0]); return "$state\n$text" };
	sql('CHECKPOINT');    # so that none comes by itself now
	sql('INSERT INTO finish DEFAULT VALUES; SELECT pg_switch_wal()') for 1 .. 3;
	like($says->(), qr/^endangered: look at the global sidecar now.*^slot +itemize +endangered .*\n +-> look at the global sidecar now/ms, 'in danger: both statuses say so');
	sql('UPDATE item SET n = 3002 WHERE id = 3');
	poll_until(
		sub {
			sql("INSERT INTO finish DEFAULT VALUES; SELECT pg_switch_wal(); CHECKPOINT");
			return sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'itemize'") eq 'lost';
		},
		'the server gives the slot up');
	like($says->(), qr/^lost: start the global sidecar.*^slot +itemize +lost .*\n +-> start the global sidecar/ms, 'lost: both statuses say so');
	start();
	is($sidecar->wait_for_log('slot_lost')->{level}, 'error', 'lost: logged');
	isnt(epoch(), $epoch, 'and a new epoch begun');
	ok(eval { poll_until(sub { get('item/3')->{json}{n} == 3002 }, 'the row') }, 'what was written meanwhile is served');
	sql('UPDATE item SET n = 3003 WHERE id = 3');
	converges('lost');
	sql('ALTER SYSTEM RESET max_slot_wal_keep_size');
	$node->reload;
};

subtest 'stopping' => sub {
	my @streams = map { follow('item/*') } 1 .. 3;
	my @idle = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $sidecar->port) } 1 .. 3;
	for my $socket (@idle)
	{
		print $socket "GET /v1/items/item/1 HTTP/1.1\r\nHost: x\r\n\r\n";
		like(scalar <$socket>, qr{^HTTP/1\.1 200}, 'an idle connection that is kept alive');
	}
	my $events = $streams[0]->raw;
	my ($status, $seconds) = $sidecar->stop;
	is($status, 0, 'SIGTERM: status 0');
	note(sprintf('after %.1f seconds', $seconds));
	ok(eval { poll_until(sub { !$_->alive }, 'the end of the stream') }, 'a live stream was ended') for @streams;
	like(substr($streams[0]->raw, length $events), qr/^retry: \d+$/m, 'and told when to come back');
	ok(eval { poll_until(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'itemize%'") eq '0' }, 'no connection') },
		'the database has no connection of it left');
	is($redis->cli('CLIENT', 'LIST', 'TYPE', 'normal') =~ tr/\n//, 0, 'nor has Redis');
};

subtest 'two publishers' => sub {
	my $stream_redis = start_redis();
	# Nobody is evicted but by this test.
	my @flags = ('--slot', 'pair', '--lease-seconds', 600);
	my $network = Itemize::Proxy->launch($stream_redis->port);
	my $first = launch_sidecar('global', postgres => $node, flags => [ @flags, '--global-redis', 'redis://127.0.0.1:' . $network->port ]);
	$first->wait_ready;
	my $second = launch_sidecar('global', postgres => $node, flags => [ @flags, '--global-redis', $stream_redis->url ]);
	$second->wait_for_log('waiting_for_slot');
	my $holder = sub { return sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'pair'") };
	sql('TRUNCATE audit');
	my $published = sub { my $found = () = inserted($stream_redis, 'audit'); return $found };
	my $written = 0;
	my $insert = sub { sql("INSERT INTO audit VALUES (10, $_)") for $written + 1 .. $written + $_[0]; $written += $_[0]; return };
	my $insert_published = sub { $insert->(@_); poll_until(sub { $published->() >= $written }, 'rows are published'); return };
	my $sent = sub { my $now = sql('SELECT pg_current_wal_insert_lsn()'); $insert->(1); poll_until(sub { sql("SELECT bool_or(sent_lsn > '$now') FROM pg_stat_replication") eq 't' }, 'a row is on the way'); return };
	$insert_published->(3);

	# The holder has read a row, and its request to publish it is on the way when another one takes its place.
	$network->signal('STOP');
	$sent->();
	my $before = $holder->();
	sql("SELECT pg_terminate_backend($before)");
	$second->wait_for_log('streaming');
	isnt($holder->(), $before, 'the second has the slot');
	$insert_published->(2);
	$network->signal('CONT');
	my $refused = sub { return ($stream_redis->cli('INFO', 'errorstats') // '') =~ /errorstat_NOTOWNER:count=(\d+)/ ? $1 : 0 };
	ok(eval { poll_until($refused, 'NOTOWNER') }, 'Redis refuses what the first had on the way');
	ok(eval { $first->wait_for_log('waiting_for_slot') }, 'the first waits now');

	# Crash of the holder.
	$second->kill9;
	my $crashed = time();
	ok(eval { $first->wait_for_log('streaming', after => 1) }, 'the holder crashes: the other takes over');
	# Within 5 seconds, on a machine that does not run other tests beside this one.
	note(sprintf('after %.1f seconds', time() - $crashed));
	$insert_published->(2);

	# The holder is stopped, as by a paused virtual machine, and wakes when another one is at work.
	my $third = launch_sidecar('global', postgres => $node, flags => [ @flags, '--global-redis', $stream_redis->url ]);
	$third->wait_for_log('waiting_for_slot');
	$first->signal('STOP');
	$sent->();
	sql('SELECT pg_terminate_backend(' . $holder->() . ')');
	$third->wait_for_log('streaming');
	my $interrupted = $first->log_events('global_interrupted');
	$insert_published->(1);
	$first->signal('CONT');
	ok(eval { $first->wait_for_log('global_interrupted', after => $interrupted) }, 'a holder that wakes late notices');
	$insert_published->(2);
	audit('after three changes of the holder', $stream_redis);
	is(() = $third->log_events('epoch_begun'), 0, 'and no epoch was begun for it');
	is($_->stop, 0, 'status 0') for $first, $third;
	drop_slot($node, 'pair');
};

subtest 'a piece that cannot be read is set aside' => sub {
	my $stream_redis = start_redis();
	my $network = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port, 'POISON', "B\t3\t", "B\t9\t");
	my $replication = sprintf('postgresql://itemize_global@127.0.0.1:%d/postgres?sslmode=disable&gssencmode=disable', $network->port);
	$sidecar = start_sidecar('absolute', redis => $stream_redis, flags => [ '--slot', 'poison', '--database', database_url($node, user => 'itemize_reader'), '--replication-database', $replication ]);
	my $stream = follow('item/*');
	is(get('item/5')->{status}, 200, 'an item is held');
	my $epoch = $stream_redis->cli('GET', 'itemize:epoch');
	sql("UPDATE item SET t = 'POISON' WHERE id = 5");
	$stream->next_event(sub { $_->{event} eq 'resync' });
	is($sidecar->wait_for_log('malformed_piece')->{level}, 'error', 'it is logged');
	isnt($stream_redis->cli('GET', 'itemize:epoch'), $epoch, 'a new epoch says that something was missed');
	is(get('item/5')->{json}{t}, 'POISON', 'items are right');
	sql("UPDATE item SET t = 'after it' WHERE id = 6");
	$stream->next_event(sub { $_->{event} eq 'resync' });
	is(scalar(() = $sidecar->log_events('epoch_begun')), 3, 'what is behind it begins another: a standby may not have come to what was left out');
	sql("UPDATE item SET t = 'behind it' WHERE id = 6");
	$stream->next_event(sub { $_->{event} eq 'item' && $_->{data}{item}{t} eq 'behind it' });
	is(scalar(() = $sidecar->log_events('epoch_begun')), 3, 'and that one stays');
	like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_malformed_pieces_total\{part="global"\} 1$/m, 'what follows goes on, and it is counted');

	# The same in the global stream itself.
	my $key = 'itemize:{' . $stream_redis->cli('GET', 'itemize:epoch') . '}:stream';
	my ($lsn) = $stream_redis->cli('XREVRANGE', $key, '+', '-', 'COUNT', 1) =~ /^(\d+)-/;
	$stream_redis->cli('XADD', $key, "$lsn-900000", 'p', 'no piece');
	$stream->next_event(sub { $_->{event} eq 'resync' });
	sql("UPDATE item SET t = 'and after that' WHERE id = 6");
	$stream->next_event(sub { $_->{event} eq 'item' && $_->{data}{item}{t} eq 'and after that' });
	like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_malformed_pieces_total\{part="local"\} 1$/m, 'an entry of the stream that is no piece is passed as well');
	converges('behind both');
	is($sidecar->stop, 0, 'status 0');
	drop_slot($node, 'poison');
};

subtest 'the end of a transaction that cannot be read does not hold the log' => sub {
	my $stream_redis = start_redis();
	my $network = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port, 'POISON', "\nC\t", "\nQ\t");
	my $replication = sprintf('postgresql://itemize_global@127.0.0.1:%d/postgres?sslmode=disable&gssencmode=disable', $network->port);
	my $publisher = start_sidecar('global', redis => $stream_redis, flags => [ '--slot', 'unended', '--heartbeat-seconds', 1, '--database', database_url($node, user => 'itemize_reader'), '--replication-database', $replication ]);
	sql(q{BEGIN; UPDATE item SET t = repeat('x', 200000) WHERE id IN (7, 8, 9); UPDATE item SET t = 'POISON' WHERE id = 10; COMMIT});
	$publisher->wait_for_log('malformed_piece');
	ok($stream_redis->cli('XLEN', 'itemize:{' . ($publisher->log_events('epoch_begun'))[0]{epoch} . '}:stream') > 0, 'its beginning was published');
	sql('CREATE TABLE unrelated ()');
	my $end = sql('SELECT pg_current_wal_lsn()');
	ok(eval { poll_until(sub { sql("SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'unended'") eq 't' }, 'the slot') }, 'the slot moves on, though no item changes');
	is($publisher->stop, 0, 'status 0');
	drop_slot($node, 'unended');
	sql(q{DROP TABLE unrelated; UPDATE item SET t = 'short' WHERE id BETWEEN 7 AND 10});
};

subtest 'a local Redis that comes back from an older snapshot' => sub {
	my ($stream_redis, $local) = (start_redis(), start_durable_redis());
	my @flags = ('--slot', 'snapshot', '--global-redis', $stream_redis->url, '--local-redis', $local->url);
	$sidecar = start_sidecar('absolute', postgres => $node, flags => \@flags);
	sql("UPDATE item SET t = 'old' WHERE id = 7");
	# A fill that the change outran is not kept.
	my $held = sub { return $local->cli('KEYS', 'itemize:*:item:item:*:7') ne '' };
	poll_until(sub { get('item/7')->{json}{t} eq 'old' && $held->() }, 'the old row is held');
	$local->cli('SAVE');
	sql("UPDATE item SET t = 'new' WHERE id = 7");
	poll_until(sub { get('item/7')->{json}{t} eq 'new' && $held->() }, 'the new row is held');
	$_->kill9 for $sidecar, $local;
	$local->restart;
	like($local->cli('KEYS', 'itemize:*:item:item:*:7') // '', qr/:7$/, 'the old row is in the local Redis again');

	# A reader that has seen nothing of what was shown before, and no applier yet.
	my $extended = launch_sidecar('extended', postgres => $node, flags => [ '--local-redis', $local->url ]);
	my $answer = http_get($extended->url('/v1/items/item/7'));
	is($answer->{json}{t}, 'new', 'a reader that starts then does not show it');
	is($answer->{headers}{'itemize-degraded'}, 'redis', 'but asks the database');
	$sidecar = start_sidecar('absolute', postgres => $node, flags => \@flags);
	ok( eval {
			poll_until(sub { $answer = http_get($extended->url('/v1/items/item/7')); $answer->{json}{t} eq 'new' or die; !exists $answer->{headers}{'itemize-degraded'} },
				'the copy');
		},
		'until the copy has caught up');
	is($_->stop, 0, 'status 0') for $extended, $sidecar;
};

done_testing();
