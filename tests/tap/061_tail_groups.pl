# Consumer groups of tail: the work is shared, ordered per key, and done again when a member dies.
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
CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counter SELECT i, 0 FROM generate_series(1, 200) i;
SELECT itemize.define('counter', 'counter', fields => '{n}');
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

my $redis = start_redis();
my $global = start_sidecar('global', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1 ]);
my $epoch = $redis->cli('GET', 'itemize:epoch');

# A member of a group; its lease is short, so that its death is noticed soon.
sub member
{
	my ($group, $flags, %args) = @_;
	my $member = Itemize::Tail->launch(
		[ '--redis', $redis->url, '--database', database_url($node, user => 'itemize_reader'), '--types', 'counter', '--group', $group, '--lease-seconds', 4, @{ $flags // [] } ], %args);
	poll_until(sub { $member->log_text =~ /"event":"group_entered"/ || !$member->alive }, 'a member at work') if $args{enter} // 1;
	return $member;
}
# Waits for so many records.
sub wait_for_records { my ($member, $count) = @_; return grep { $_->{op} !~ /^(?:live|resync)$/ } $member->wait_for("$count records", sub { (grep { $_->{op} !~ /^(?:live|resync)$/ } @_) >= $count }) }
sub partitions_of { my ($group) = @_; my %held = split /\n/, $redis->cli('HGETALL', "itemize:{$epoch}:group:$group"); my %count; $count{ $held{$_} }++ for grep { /^o\d+$/ } keys %held; return sort { $a <=> $b } values %count }
sub count_up { my ($rounds) = @_; sql("UPDATE counter SET n = n + 1") for 1 .. $rounds; return }

# Of one member's lines: what goes back, or leaves something out, for a key. Rising from each place where it begins.
sub disorder
{
	my (@lines) = @_;
	my (%last, @wrong);
	for my $line (@lines)
	{
		my ($key, $n) = ($line->{key}, $line->{item}{n});
		push @wrong, "$key: $n after $last{$key}" if exists $last{$key} && $n != $last{$key} + 1;
		$last{$key} = $n;
	}
	return \@wrong;
}

# Every n from 1 to the last, for every key, in somebody's lines?
sub missing
{
	my ($last, @lines) = @_;
	my %seen;
	$seen{ $_->{key} }{ $_->{item}{n} } = 1 for @lines;
	return [ grep { my $key = $_; grep { !$seen{$key}{$_} } 1 .. $last } 1 .. 200 ];
}

subtest 'two members share, one is killed' => sub {
	my @members = map { member('work') } 1, 2;
	poll_until(sub { join(',', partitions_of('work')) eq '32,32' }, 'each half of the partitions');
	pass('each has half of the partitions');
	count_up(5);
	poll_until(sub { $members[0]->records + $members[1]->records >= 1000 }, 'every change of five rounds');
	cmp_ok(scalar($_->records), '>', 100, 'each member has some of the work') for @members;

	my %partition_of;
	push @{ $partition_of{ $_->{key} } }, $_->{partition} for map { $_->records } @members;
	is(scalar(grep { my %different = map { $_ => 1 } @$_; keys %different > 1 } values %partition_of), 0, 'a key is always in the same partition');

	count_up(2);
	my @before = $members[0]->records;
	$members[0]->kill9;
	count_up(5);
	$members[1]->wait_for('all changes, the dead one\'s too', sub { @{ missing(12, $members[0]->records, grep { $_->{key} } @_) } == 0 });
	my @lines = $members[1]->records;
	is_deeply(missing(12, $members[0]->records, @lines), [], 'every change was seen by somebody');
	is_deeply(disorder($members[0]->records), [], 'in order for each key: the dead one');
	is_deeply(disorder(@lines), [], 'and the one that took over');
	is(join(',', partitions_of('work')), '64', 'which has all partitions now');
	my %first;
	$first{ $_->{key} } //= $_->{item}{n} for @lines;
	my %dead;
	$dead{ $_->{key} } = $_->{item}{n} for $members[0]->records;
	is_deeply([ grep { ($first{$_} // 99) > $dead{$_} + 1 } keys %dead ], [], 'it began no later than behind what the dead one had printed');
	note(sprintf '%d lines of the dead one, %d of the other, of 2400 changes', scalar(my @all = $members[0]->records), scalar(@lines));

	my $third = member('work');
	poll_until(sub { join(',', partitions_of('work')) eq '32,32' }, 'a new member with its share');
	my $count = $third->records;
	is($members[1]->stop, 0, 'SIGTERM: status 0');
	poll_until(sub { join(',', partitions_of('work')) eq '64' }, 'the other with all, without waiting for the lease');
	sql('UPDATE counter SET n = n + 1 WHERE id = 1');
	wait_for_records($third, $count + 1);
	my ($floor) = split / /, $redis->cli('HGET', "itemize:{$epoch}:groups", 'work');
	like($floor, qr/^\d+-\d+$/, 'the group tells how far it is');
	my $tip = (split /\n/, $redis->cli('XREVRANGE', "itemize:{$epoch}:stream", '+', '-', 'COUNT', 1))[0];
	poll_until(sub { (split / /, $redis->cli('HGET', "itemize:{$epoch}:groups", 'work'))[0] ge $tip }, 'the floor to follow');
	is($third->stop, 0, 'status 0');

	# Nobody is there, and nothing is lost.
	sql('UPDATE counter SET n = n + 1');
	my $back = member('work');
	my @missed = wait_for_records($back, 200);
	is(scalar(@missed), 200, 'a group goes on where it stopped: all of it, and nothing twice');
	$back->stop;
};

subtest 'acknowledged from standard input' => sub {
	my $member = member('acks', [ '--ack', 'stdin', '--consumer', 'a' ], input => 1);
	sql('UPDATE counter SET n = n + 1 WHERE id <= 3');
	my @lines = wait_for_records($member, 3);
	$member->acknowledge($lines[1]{position});
	poll_until(sub { my %held = split /\n/, $redis->cli('HGETALL', "itemize:{$epoch}:group:acks"); $held{"a$lines[1]{partition}"} ge $lines[1]{position} =~ s/.*://r }, 'the acknowledgement');
	$member->kill9;

	# The same name takes its partitions up at once.
	my $again = member('acks', [ '--ack', 'stdin', '--consumer', 'a' ], input => 1);
	my @repeated = wait_for_records($again, 1);
	is_deeply([ map { $_->{position} } @repeated ], [ $lines[2]{position} ], 'what was acknowledged does not come again, the rest does');
	$again->acknowledge($repeated[0]{position});
	close $again->{input};
	is($again->exit_status, 0, 'the end of the acknowledgements ends it');
	my $third = member('acks', [ '--ack', 'stdin', '--consumer', 'a' ], input => 1);
	sql('UPDATE counter SET n = n + 1 WHERE id = 9');
	@lines = wait_for_records($third, 1);
	is($lines[0]{key}, 9, 'and nothing of what was done comes again');
	$third->stop;
};

subtest 'a frozen member' => sub {
	my $frozen = member('frozen', [ '--ack', 'stdin' ], input => 1);
	sql('UPDATE counter SET n = n + 1 WHERE id = 1');
	my ($line) = wait_for_records($frozen, 1);
	$frozen->signal('STOP');
	my $other = member('frozen', [ '--ack', 'stdin' ], input => 1);
	my ($same) = wait_for_records($other, 1);
	is($same->{position}, $line->{position}, 'what it has not acknowledged goes to another one after the lease');
	sql('UPDATE counter SET n = n + 1 WHERE id = 1');
	my @both = wait_for_records($other, 2);
	$other->acknowledge($both[1]{position});
	my $acknowledged = sub { $redis->cli('HGET', "itemize:{$epoch}:group:frozen", "a$line->{partition}") };
	my $done = $both[1]{position} =~ s/.*://r;
	poll_until(sub { $acknowledged->() ge $done }, 'the other one\'s acknowledgement');
	$frozen->acknowledge($line->{position});
	$frozen->signal('CONT');
	poll_until(sub { join(',', partitions_of('frozen')) eq '32,32' }, 'it has a share again');
	cmp_ok($acknowledged->(), 'ge', $done, 'when it wakes, its late acknowledgement takes nothing back');
	$_->stop for $frozen, $other;
};

subtest 'a group that begins with a snapshot' => sub {
	my $first = member('copy', [ '--from', 'snapshot' ]);
	my $second = member('copy', [ '--from', 'snapshot' ]);
	my @copied = $first->wait_for('the rows', sub { grep { $_->{op} eq 'live' } @_ });
	is(scalar(grep { $_->{op} eq 'row' } @copied), 200, 'its first member has every row');
	is(scalar(grep { $_->{op} eq 'row' } $second->records), 0, 'the second has none');
	my $copied = $first->records;
	poll_until(sub { join(',', partitions_of('copy')) eq '32,32' }, 'each half of the partitions');
	sql('UPDATE counter SET n = n + 1');
	poll_until(sub { $first->records - $copied + $second->records >= 200 }, 'all changes');
	is($first->records - $copied + $second->records, 200, 'then both share the changes');
	$_->stop for $first, $second;
};

subtest 'a group that has missed something' => sub {
	my $member = member('late');
	is($member->stop, 0, 'a group is made, and left');
	sql('UPDATE counter SET n = n + 1');
	my ($committed) = sql("UPDATE counter SET n = n + 1;\nSELECT itemize.token()") =~ /:(\d+)-/;
	poll_until(sub { $redis->cli('XREVRANGE', "itemize:{$epoch}:stream", '+', '-', 'COUNT', 1) =~ /^(\d+)-/ && $1 >= $committed }, 'both in the stream');
	$redis->cli('XTRIM', "itemize:{$epoch}:stream", 'MAXLEN', 1);
	my $late = member('late');
	is($late->exit_status, 3, 'the stream was trimmed past it: status 3');
	is_deeply([ map { "$_->{op} $_->{reason}" } $late->lines ], ['resync trimmed'], 'and a line that says so');
	my $anew = member('late');
	is_deeply([ map { "$_->{op} $_->{reason}" } $anew->wait_for('a line', sub { @_ >= 1 }) ], ['resync group_made'], 'begun again, the group is made anew, and says so');
	sql('UPDATE counter SET n = n + 1 WHERE id = 1');
	wait_for_records($anew, 1);
	$anew->stop;
};

subtest 'the stream is kept for a group, up to its limits' => sub {
	my ($stream, $groups) = map { "itemize:{$epoch}:$_" } qw(stream groups);
	$redis->cli('DEL', $groups);
	is(member('keeper')->stop, 0, 'a group is made, and left');
	# An entry before an erasure goes when everybody has read it.
	my $write = sub {
		my ($n) = @_;
		sql("UPDATE counter SET n = $n WHERE id = 1");
		sql(q{SELECT itemize.erase('counter', '200')});
		my $beyond = sql('SELECT pg_current_wal_insert_lsn() - $$0/0$$::pg_lsn');
		poll_until(sub { ($redis->cli('XREVRANGE', $stream, '+', '-', 'COUNT', 1) =~ /^(\d+)-/)[0] >= $beyond }, 'a heartbeat behind it');
		return;
	};
	my $is_there = sub { my ($n) = @_; return $redis->cli('XRANGE', $stream, '-', '+') =~ /"n":$n\}/ };
	$write->(123456);
	# What trims forgets this one in the same step.
	$redis->cli('HSET', $groups, 'copy:broken', '1-1 ' . (($redis->cli('TIME') =~ /^(\d+)/)[0] - 660) * 1000);
	poll_until(sub { !$redis->cli('HEXISTS', $groups, 'copy:broken') }, 'a look at what may be trimmed');
	ok($is_there->(123456), 'what it has not acknowledged is kept');
	my $member = member('keeper');
	wait_for_records($member, 2);
	$member->stop;
	ok(eval { poll_until(sub { !$is_there->(123456) }, 'the trim') }, 'and goes when it has');
	$write->(123457);
	is($global->stop, 0, 'status 0');
	$global = start_sidecar('global', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1, '--stream-max-age-seconds', 1 ]);
	ok(eval { poll_until(sub { !$is_there->(123457) }, 'the trim') }, 'beyond a limit it goes all the same');
	$member = member('keeper');
	is_deeply([ $member->exit_status, map { "$_->{op} $_->{reason}" } $member->lines ], [ 3, 'resync trimmed' ], 'and the group is told');
};

is($global->stop, 0, 'status 0');
done_testing();
