# itemize-sidecar tail by itself: what it prints, that a snapshot and the stream fit together under concurrent writers,
# and that a place which cannot be continued from is never passed over in silence.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Tail;
use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text, n int);
CREATE TABLE wide (id int PRIMARY KEY, n int, body text);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL);
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO counter SELECT i, 0 FROM generate_series(1, 3000) i;
SELECT itemize.define(name, name, fields => fields) FROM (VALUES
  ('item', '{id,name,n}'::text[]), ('wide', '{id,n,body}'), ('counter', '{n}'), ('other', '{id}')) AS t (name, fields);
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

my $redis = start_redis();
my $global = start_sidecar('global', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1 ]);
sub tail { return Itemize::Tail->launch([ '--redis', $redis->url, '--database', database_url($node, user => 'itemize_reader'), @_ ]) }

# Waits until it stands at the end of the stream.
sub tail_now
{
	my $tail = tail(@_);
	poll_until(sub { $tail->log_text =~ /"event":"tailing"/ || !$tail->alive }, 'tail at work');
	return $tail;
}

subtest 'the lines' => sub {
	my $tail = tail_now('--types', 'item,wide');
	sql("INSERT INTO item VALUES (1, E'tab\\there, \"quotes\" and ü', 7)");
	my ($insert) = $tail->wait_for('an insert', sub { @_ >= 1 });
	my ($epoch, $lsn) = $insert->{position} =~ /^([\d.]+):(\d+)-1$/;
	is($epoch, $redis->cli('GET', 'itemize:epoch'), 'the position names the epoch');
	is($lsn . '-1', (split /\n/, $redis->cli('XREVRANGE', "itemize:{$epoch}:stream", '+', "$lsn-1", 'COUNT', '1'))[0], 'and the entry of the stream')
	  if ($redis->cli('XREVRANGE', "itemize:{$epoch}:stream", '+', '-', 'COUNT', '1') // '') =~ /^$lsn-/;
	my ($xid, $time) = (delete $insert->{xid}, delete $insert->{time});
	is($xid, sql('SELECT xmin FROM item'), 'the transaction');
	like($time, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'and its time');
	is_deeply(
		$insert,
		{
			position => "$epoch:$lsn-1", op => 'insert', type => 'item', key => '1', generation => sql("SELECT generation FROM itemize.definitions WHERE type = 'item'"),
			item => { id => 1, name => "tab\there, \"quotes\" and \x{fc}", n => 7 }, last => JSON::PP::true
		},
		'an insert');

	sql('INSERT INTO other VALUES (1)');
	sql('BEGIN; UPDATE item SET n = 8; INSERT INTO other VALUES (2); UPDATE item SET id = 2; DELETE FROM item; INSERT INTO other VALUES (3); COMMIT');
	my @lines = ($tail->wait_for('a transaction', sub { @_ >= 5 }))[ 1 .. 4 ];
	is_deeply(
		[ map { "$_->{op} $_->{key}" . ($_->{last} ? ' last' : '') } @lines ],
		[ 'update 1', 'delete 1', 'insert 2', 'delete 2 last' ],
		'the last line of a transaction says so, whatever of other types follows');
	my %xids = map { $_->{xid} => 1 } @lines;
	is(keys %xids, 1, 'its lines have one xid');
	is_deeply([ map { $_->{position} =~ /-(\d+)$/ } @lines ], [ 1, 3, 4, 5 ], 'and rising positions');

	sql("INSERT INTO wide SELECT 1, 0, string_agg(md5(i::text), '') FROM generate_series(1, 500) i");
	sql('UPDATE wide SET n = 1');
	sql('TRUNCATE item');
	sql("SELECT itemize.define('item', 'item', fields => '{id,name}', replace => true)");
	@lines = ($tail->wait_for('the rest', sub { @_ >= 9 }))[ 6 .. 8 ];
	is_deeply([ $lines[0]{item}, $lines[0]{absent} ], [ { id => 1, n => 1 }, [3] ], 'a member that is absent, by its place');
	is_deeply([ @{ $lines[1] }{qw(op type key)} ], [ 'truncate', 'item', undef ], 'truncate');
	is_deeply([ @{ $lines[2] }{qw(op type read)} ], [ 'definition', 'item', 'nobody' ], 'a definition');
	is($tail->stop, 0, 'SIGTERM ends it with status 0');
};

subtest 'a snapshot under concurrent writers, then the stream' => sub {
	my $script = PostgreSQL::Test::Utils::tempdir() . '/count.sql';
	append_to_file($script, "\\set id random(1, 3000)\nBEGIN;\nUPDATE counter SET n = n + 1 WHERE id = :id;\nUPDATE counter SET n = n + 1 WHERE id = :id;\nCOMMIT;\n");
	my ($out, $err) = ('', '');
	my $writers = IPC::Run::start(
		[ 'pgbench', '--no-vacuum', '--client', '4', '--transactions', '1000', '--file', $script, '--host', $node->host, '--port', $node->port, 'postgres' ],
		'<', \undef, '>', \$out, '2>', \$err);
	poll_until(sub { sql('SELECT sum(n) FROM counter') > 200 }, 'writers at work');
	my $tail = tail('--types', 'counter', '--from', 'snapshot');
	$tail->wait_for('the end of the copy', sub { grep { $_->{op} eq 'live' } @_ });
	my $still = $writers->pumpable;
	ok($writers->finish, 'the writers ended well') or diag($err);
	sql('UPDATE counter SET n = n + 1 WHERE id = 1') for 1 .. 5;    # however fast they were
	my $sum = sql('SELECT sum(n) FROM counter');
	my %at;
	my @lines = $tail->wait_for('all changes', sub {
		%at = map { $_->{key} => $_->{item}{n} } grep { defined $_->{key} } @_;
		my $total = 0;
		$total += $_ for values %at;
		return $total >= $sum;
	});
	my (%seen, @wrong);
	for my $line (grep { defined $_->{key} } @lines)
	{
		my ($key, $n) = ($line->{key}, $line->{item}{n});
		push @wrong, "$line->{op} of $key: $n after " . ($seen{$key} // 'nothing')
		  if $line->{op} eq 'row' ? exists $seen{$key} : ($seen{$key} // -1) != $n - 1;
		$seen{$key} = $n;
	}
	is_deeply([ @wrong[ 0 .. ($#wrong > 4 ? 4 : $#wrong) ] ], [], 'each row once, then each later change of it once, in order');
	is(join(' ', map { "$_:$seen{$_}" } sort { $a <=> $b } keys %seen), sql("SELECT string_agg(id || ':' || n, ' ' ORDER BY id) FROM counter"), 'and what comes of it is the table');
	my ($live) = grep { $lines[$_]{op} eq 'live' } 0 .. $#lines;
	is(scalar(grep { $_->{position} } @lines[ 0 .. $live - 1 ]), 0, 'no line before the end of the copy has a position');
	is(scalar(grep { !$_->{position} } @lines[ $live .. $#lines ]), 0, 'every line after it has one');
	my @rows = grep { $_->{op} eq 'row' } @lines;
	my $in_rows = 0;
	$in_rows += $_->{item}{n} for @rows;
	note(sprintf '%d rows with %d of %d changes in them, %d lines after; the writers %s', scalar(@rows), $in_rows, $sum, $#lines - $live, $still ? 'still wrote when the copy was done' : 'were done');
	cmp_ok($in_rows, '<', $sum, 'changes came after the snapshot');
	is($tail->stop, 0, 'status 0');

	# Somebody who comes back with the position of any line gets exactly the rest.
	my @changes = grep { $_->{op} eq 'update' && $_->{position} } @lines;
	my $middle = $changes[ $#changes / 2 ]{position};
	my $resumed = tail('--types', 'counter', '--from', $middle, '--limit', $#changes - int($#changes / 2));
	is($resumed->exit_status, 0, 'ends at its limit');
	is_deeply([ map { $_->{position} } $resumed->records ], [ map { $_->{position} } @changes[ int($#changes / 2) + 1 .. $#changes ] ], 'resumed at any line: the lines after it, none twice');
	my $until = tail('--types', 'counter', '--from', $middle, '--until', $changes[-1]{position});
	is($until->exit_status, 0, 'ends at the position named');
	is(($until->records)[-1]{position}, $changes[-1]{position}, 'which is the last one printed');
};

subtest 'messages of topics, in order with the rows' => sub {
	sql("SELECT itemize.define_topic('orders.paid'); SELECT itemize.define_topic('orders.sent')");
	my $tail = tail_now('--types', 'other', '--topics', 'orders.paid');
	my $messages = tail_now('--topics', '*');
	sql(q{BEGIN; INSERT INTO other VALUES (70); SELECT itemize.publish('orders.paid', '{"id": 7}'); SELECT itemize.publish('orders.sent', '1'); DELETE FROM other WHERE id = 70; COMMIT});
	my @lines = $tail->wait_for('three lines', sub { @_ >= 3 });
	is_deeply([ map { "$_->{op} " . ($_->{topic} // $_->{type}) } @lines ], [ 'insert other', 'message orders.paid', 'delete other' ], 'the message stands where it was sent');
	is_deeply($lines[1]{payload}, { id => 7 }, 'with its payload');
	is(scalar(grep { $_->{xid} == $lines[0]{xid} } @lines), 3, 'in one transaction');
	@lines = $messages->wait_for('two messages', sub { @_ >= 2 });
	is_deeply([ map { "$_->{op} $_->{topic}" . ($_->{last} ? ' last' : '') } @lines ], [ 'message orders.paid', 'message orders.sent last' ], 'all topics, and no rows');
	sql("SELECT itemize.undefine_topic('orders.sent')");
	@lines = $messages->wait_for('the end of a topic', sub { @_ >= 3 });
	is_deeply([ @{ $lines[2] }{qw(op topic read type)} ], [ 'definition', 'orders.sent', '-', undef ], 'a topic that is removed');
	$_->stop for $tail, $messages;
};

subtest 'the stream is kept for who copied until he has caught up' => sub {
	my $groups = "itemize:{" . $redis->cli('GET', 'itemize:epoch') . '}:groups';
	my $held = sub { my ($copy) = $redis->cli('HVALS', $groups) =~ /^(\d+-\d+ \d+)/; return $copy // '' };
	sql(q{SELECT itemize.pause('no entries', longest => '1 hour')});
	poll_until(sub { $global->log_text =~ /"event":"paused"/ }, 'the pause');
	my $tail = tail('--types', 'counter', '--from', 'snapshot');
	poll_until(sub { $tail->log_text =~ /"event":"copied"/ || !$tail->alive }, 'the copy');
	my $then = $held->();
	ok(eval { poll_until(sub { $held->() ne '' && $held->() ne $then }, 'a renewal') }, 'the copy is done, and the stream is kept');
	$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal');
	poll_until(sub { $tail->log_text =~ /"event":"tail_interrupted"/ }, 'an interruption');
	$then = $held->();
	ok(eval { poll_until(sub { $held->() ne '' && $held->() ne $then }, 'a renewal') }, 'also after Redis was away');
	sql('SELECT itemize.resume()');
	$tail->wait_for('the end of the copy', sub { @_ && $_[-1]{op} eq 'live' });
	ok(eval { poll_until(sub { $held->() eq '' }, 'the end of it') }, 'until he has caught up');
	is($tail->stop, 0, 'status 0');
};

subtest 'a slow reader slows nobody else' => sub {
	pipe(my $reader, my $writer) or die;
	my $slow = Itemize::Tail->launch([ '--redis', $redis->url, '--types', 'item' ], stdout => $writer);
	poll_until(sub { $slow->log_text =~ /"event":"tailing"/ }, 'the slow one at work');
	my $fast = tail_now('--types', 'item');
	sql(q{INSERT INTO item SELECT i, repeat('x', 1000), 0 FROM generate_series(1, 2000) i});
	$fast->wait_for('all lines', sub { @_ >= 2000 });
	pass('another reader has all lines');
	my ($status, $seconds) = $slow->stop(60);
	is($status, 0, 'a reader that is stuck in its output ends with SIGTERM');
	note(sprintf 'after %.2f s', $seconds);
	$fast->stop;

	pipe($reader, $writer) or die;
	my $left = Itemize::Tail->launch([ '--redis', $redis->url, '--types', 'item' ], stdout => $writer);
	close $writer;
	poll_until(sub { $left->log_text =~ /"event":"tailing"/ }, 'it at work');
	close $reader;
	sql('UPDATE item SET n = 1');
	is($left->exit_status, 0, 'a reader that has gone away ends it with status 0');
};

subtest 'a place that cannot be continued from' => sub {
	my $tail = tail_now('--types', 'item');
	sql('UPDATE item SET n = 2 WHERE id = 1; UPDATE item SET n = 3 WHERE id = 1');
	my @lines = $tail->wait_for('two lines', sub { @_ >= 2 });
	$tail->stop;
	my ($epoch, $version) = split /:/, $lines[0]{position};
	my $refused = tail('--types', 'item', '--from', ($epoch =~ s/\d+$/1/r) . ":$version");
	is($refused->exit_status, 3, 'of another epoch: status 3');
	is_deeply([ $refused->lines ], [ { op => 'resync', reason => 'epoch_changed' } ], 'and a line that says so');
	like($refused->log_text, qr/tail --from snapshot/, 'and a hint');

	$redis->cli('XTRIM', "itemize:{$epoch}:stream", 'MAXLEN', 1);
	$refused = tail('--types', 'item', '--from', $lines[0]{position});
	is($refused->exit_status, 3, 'trimmed: status 3');
	is_deeply([ $refused->lines ], [ { op => 'resync', reason => 'trimmed' } ], 'and a line that says so');

	my $running = tail_now('--types', 'item');
	$redis->cli('FLUSHALL');
	$running->wait_for('the word of it', sub { @_ && $_[-1]{op} eq 'resync' });
	is($running->exit_status, 3, 'a new epoch under a reader: status 3');
	$global->wait_for_log('epoch_begun', after => 1);
	my $typo = tail('--types', 'itme', '--from', 'snapshot');
	is($typo->exit_status, 1, 'a snapshot of a type that is not there: status 1');
	like($typo->log_text, qr/itme/, 'that names it');
};

is($global->stop, 0, 'status 0');
done_testing();
