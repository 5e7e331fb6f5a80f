# Large transactions and large rows, all the way into the local copy: bounded memory in the sidecars, short steps in Redis,
# the position moving last, and a piece that Redis does not take.
# sanitize: no (a transaction of 200,000 rows)
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Itemize::Test;

use constant ROWS => 200_000;
use constant MEMORY_MB => 200;

my $node = start_postgres('primary');
create_sidecar_roles($node);
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }
sql(q{
CREATE TABLE item (id int PRIMARY KEY, name text, n int);
ALTER TABLE item ALTER name SET STORAGE EXTERNAL;
SELECT itemize.define('item', 'item', fields => '{id,name,n}', read => 'everyone');
});
sql("INSERT INTO item SELECT i, repeat('x', 60), 0 FROM generate_series(1, @{[ROWS]}) i");

my $global_redis = start_redis();
my $local_redis = start_redis('--slowlog-log-slower-than', '1000', '--slowlog-max-len', '100000');
my $publisher = start_sidecar('global', postgres => $node, flags => [ '--global-redis', $global_redis->url ]);
my @local = ('--global-redis', $global_redis->url, '--local-redis', $local_redis->url, '--metrics-listen', '127.0.0.1:0');
my $applier = start_sidecar('local', flags => \@local);
my $server = start_sidecar('extended', postgres => $node, flags => [ '--local-redis', $local_redis->url ]);

# The body of an item; a row of 10 MB is no thing for JSON::PP.
sub item
{
	my ($id) = @_;
	my ($body, $error) = ('', '');
	IPC::Run::run([ 'curl', '--silent', $server->url("/v1/items/item/$id") ], '>', \$body, '2>', \$error);
	return $body;
}
sub n { return item($_[0]) =~ /"n":(\d+)\}/ ? $1 : -1 }
sub large { return item($_[0]) =~ /"name":"([^"]*)"/ ? length $1 : -1 }
sub local_field { my ($field) = @_; return $local_redis->cli('HGET', 'itemize:local', $field) // '' }

# The most that a process has had resident, in MB.
sub memory_peak
{
	my ($process) = @_;
	my ($kilobytes) = slurp('/proc/' . $process->pid . '/status') =~ /^VmHWM:\s+(\d+)/m;
	return $kilobytes / 1024;
}

# Milliseconds of the longest step of the applier.
sub longest_step
{
	return $local_redis->cli('EVAL', q{
local longest = 0
for _, entry in ipairs(redis.call('SLOWLOG', 'GET', '-1')) do
  if entry[4][1] == 'EVALSHA' then longest = math.max(longest, entry[3]) end
end
return longest}, 0) / 1000;
}

subtest 'a transaction of 200,000 rows' => sub {
	my @held = (1, 1000, 77_777, ROWS);
	is(n($_), 0, "item $_ is held") for @held;
	my $from = sql('SELECT pg_current_wal_insert_lsn() - $$0/0$$::pg_lsn');
	sql('UPDATE item SET n = 1');

	# The positions while it is under way, as somebody sees them who looks often.
	my ($last, $backwards, $early) = (0, 0, 0);
	poll_until(
		sub {
			my ($applied, $complete) = split /\n/, $local_redis->cli('HMGET', 'itemize:local', 'applied', 'complete');
			my ($ordinal) = $applied =~ /^\d+-(\d+)/;
			my ($applied_lsn) = $applied =~ /^(\d+)/;
			if ($applied_lsn > $from && $ordinal > 0)
			{
				$backwards++ if $ordinal < $last;
				$last = $ordinal;
				$early++ if $complete > $from && $ordinal < ROWS;
			}
			return $complete > $from;
		},
		'the whole transaction in the local copy');
	is($backwards, 0, 'the applied position only rises');
	is($early, 0, 'and the transaction counts as whole only at its end');
	is(local_field('step'), '', 'no step is left over');
	is(n($_), 1, "item $_ is as of it") for @held;

	my ($ordinals, $kinds) = split /\n/, $global_redis->cli('EVAL', q{
local kinds, expected, fine = '', 0, 1
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+')) do
  local piece = entry[2][2]
  kinds = kinds .. (string.match(piece, '\n([CP])\t[^\n]*\n$') or '') -- or a heartbeat
  for ordinal in string.gmatch(piece, '\nU\t(%d+)\t') do
    expected = expected + 1
    if tonumber(ordinal) ~= expected then fine = 0 end
  end
end
return {fine * expected, kinds}}, 1, 'itemize:{' . $global_redis->cli('GET', 'itemize:epoch') . '}:stream', $from);
	is($ordinals, ROWS, 'the stream has each change once and in order');
	like($kinds, qr/^P{20,}C$/, 'in pieces of which the last one is marked as the end');

	# As another program follows it.
	my $lines = PostgreSQL::Test::Utils::tempdir_short() . '/lines';
	my $error = '';
	IPC::Run::run([ Itemize::Sidecar::program(), 'tail', '--types', 'item', '--from', $global_redis->cli('GET', 'itemize:epoch') . ":$from-0", '--limit', ROWS, '--global-redis', $global_redis->url ],
		'<', \undef, '>', $lines, '2>', \$error);
	is($? >> 8, 0, 'a reader of the stream has as many changes') or diag($error);
	my %keys;
	open(my $in, '<', $lines) or die "$lines: $!\n";
	while (my $line = <$in>) { $keys{$1} = 1 if $line =~ /"n":1\}/ && $line =~ /"key":"(\d+)"/ }
	close($in);
	is(scalar(keys %keys), ROWS, 'one of each row');

	note(sprintf 'memory: publisher %.1f MB, applier %.1f MB; longest step %.1f ms', memory_peak($publisher), memory_peak($applier), longest_step());
	cmp_ok(memory_peak($publisher), '<', MEMORY_MB, 'the publisher stays small');
	cmp_ok(memory_peak($applier), '<', MEMORY_MB, 'so does the applier');
};

subtest 'a delete of 200,000 rows, many of them in a piece' => sub {
	sql('DELETE FROM item WHERE id > 10');
	sql('UPDATE item SET n = 2');
	poll_until(sub { n(1) == 2 }, 'what comes after it');
	is(n(77_777), -1, 'a held row is gone');
	note(sprintf 'longest step %.1f ms (the bar is in the benchmark)', longest_step());
};

subtest 'rows of 10 MB' => sub {
	is(n($_), 2, "item $_ is held") for 1 .. 3;
	sql("UPDATE item SET name = repeat('0123456789', 1000000) || id, n = 3 WHERE id <= 3");
	poll_until(sub { n($_) == 3 || return for 1 .. 3; 1 }, 'the large rows');
	is(large(2), 10_000_001, 'a row of 10 MB is held whole');
	my $merges = sub {
		my $metrics = http_get('http://127.0.0.1:' . $applier->wait_for_log('metrics_listening')->{port} . '/metrics')->{body};
		return join(' ', $metrics =~ /^itemize_merges_total\{result="(?:dropped|merged)"\} (\d+)/mg);
	};
	is($merges->(), '0 0', 'nothing was merged so far');
	sql('UPDATE item SET n = 4 WHERE id <= 3');
	poll_until(sub { n($_) == 4 || return for 1 .. 3; 1 }, 'an update that does not touch the value');
	is(large(2), 10_000_001, 'the large value comes from the copy');
	is($merges->(), '0 3', 'each time, and no copy was given up');
	note(sprintf 'memory: publisher %.1f MB, applier %.1f MB; longest step %.1f ms', memory_peak($publisher), memory_peak($applier), longest_step());
};

subtest 'rows of 5 MB that have piled up' => sub {
	is($applier->stop, 0, 'the applier ends');
	sql("INSERT INTO item SELECT i, 'small', 0 FROM generate_series(1001, 1010) i");
	sql("UPDATE item SET name = repeat('01234', 1000000) || $_, n = 7 WHERE id = 2") for 1 .. 40;
	my $large = sql('SELECT pg_current_wal_insert_lsn() - $$0/0$$::pg_lsn');
	sql('UPDATE item SET n = 7 WHERE id = 4');
	my $stream = 'itemize:{' . $global_redis->cli('GET', 'itemize:epoch') . '}:stream';
	my $last = q{return redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]};
	poll_until(sub { $global_redis->cli('EVAL', $last, 1, $stream) =~ /^(\d+)/ && $1 > $large }, 'all of them in the stream');
	$applier = start_sidecar('local', flags => \@local);
	poll_until(sub { n(4) == 7 }, 'all of them applied');
	is(large(2), 5_000_002, 'the last one is held');
	note(sprintf 'memory: applier %.1f MB, server %.1f MB', memory_peak($applier), memory_peak($server));
	cmp_ok(memory_peak($applier), '<', MEMORY_MB, 'the applier stays small');
};

subtest 'a piece that the local Redis does not take' => sub {
	$local_redis->cli('CONFIG', 'SET', 'proto-max-bulk-len', 2 * 1024 * 1024);
	is($applier->stop, 0, 'the applier ends');
	$applier = start_sidecar('local', flags => \@local);
	sql("UPDATE item SET name = repeat('9876543210', 500000), n = 5 WHERE id = 1");
	sql('UPDATE item SET n = 5 WHERE id = 4');
	my $event = $applier->wait_for_log('resynced');
	is($event->{reason}, 'piece_too_large', 'the copy is begun anew behind it, and the log says why');
	poll_until(sub { n(4) == 5 }, 'what comes after it');
	sql('UPDATE item SET n = 6 WHERE id = 4');
	poll_until(sub { n(4) == 6 }, 'and what comes later');
	ok($applier->alive, 'the applier lives on');
};

is($_->stop, 0, 'status 0') for $server, $applier, $publisher;
done_testing();
