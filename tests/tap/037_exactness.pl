# Every committed change is in the global stream exactly once, transactions whole and in commit order, whenever the
# publishers are killed: compared with an audit written by triggers, in the order that another output plugin tells.
# sanitize: no (fifty crashes and restarts; what they exercise runs there in 031_faults.pl)
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

# ITEMIZE_SEED repeats a run's choices, though not its timing.
my $seed = $ENV{ITEMIZE_SEED} // int(rand(2**31));
srand($seed);
note("ITEMIZE_SEED=$seed");

my $crashes = 50;
my $node = start_postgres('exact');
create_sidecar_roles($node);
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }
sql(q{
CREATE TABLE item (id int PRIMARY KEY, n int, t text);
CREATE TABLE audit (number bigserial, kind text, key text, n int);
CREATE TABLE finish ();
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF TG_OP = 'UPDATE' AND OLD.id = NEW.id THEN INSERT INTO audit (kind, key, n) VALUES ('U', NEW.id, NEW.n); RETURN NULL; END IF;
	IF TG_OP <> 'INSERT' THEN INSERT INTO audit (kind, key) VALUES ('D', OLD.id); END IF;
	IF TG_OP <> 'DELETE' THEN INSERT INTO audit (kind, key, n) VALUES ('I', NEW.id, NEW.n); END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION audit();
SELECT itemize.define('item', 'item', fields => '{id,n,t}', read => 'everyone');
SELECT pg_create_logical_replication_slot('witness', 'test_decoding');
});

# One writer's transactions, until there is a row in table finish: each has a range of keys of its own.
sub start_writer
{
	my ($writer) = @_;
	my %one = (error => '');
	my $base = $writer * 100_000_000;
	my $large = 1_000_000_000 + $base;    # for rows of large transactions
	my $loop = qq{
SELECT setseed(} . sprintf('%.9f', rand()) . qq{);
DO \$\$ DECLARE i int := 0; large int := $large; key int; BEGIN LOOP
	EXIT WHEN EXISTS (SELECT FROM finish);
	i := i + 1;
	key := $base + i * 10;
	CASE (random() * 9)::int
	WHEN 0, 1, 2 THEN INSERT INTO item VALUES (key, i, 'one');
	WHEN 3 THEN
		INSERT INTO item SELECT key + g, g, 'several' FROM generate_series(1, 5) g;
		UPDATE item SET n = n + 100 WHERE id BETWEEN key + 1 AND key + 5;
	WHEN 4 THEN
		INSERT INTO item VALUES (key, i, 'moves');
		UPDATE item SET id = id + 1, n = n + 1 WHERE id = key;
		DELETE FROM item WHERE id = key + 1;
	WHEN 5 THEN
		INSERT INTO item VALUES (key, i, 'kept');
		BEGIN
			UPDATE item SET n = -1 WHERE id = key;
			INSERT INTO item VALUES (key + 1, -1, 'rolled back');
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		UPDATE item SET n = n + 2 WHERE id = key;
	WHEN 6 THEN
		IF random() < 0.05 THEN INSERT INTO item SELECT large + g, g, repeat('large ', 100) FROM generate_series(1, 1500) g; large := large + 1500; END IF;
	ELSE
		UPDATE item SET n = n + 1 WHERE id = (SELECT id FROM item WHERE id BETWEEN $base AND key LIMIT 1);
	END CASE;
	IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
	PERFORM pg_sleep(0.001 * random());
END LOOP; END \$\$};
	my $file = PostgreSQL::Test::Utils::tempdir() . '/writer.sql';
	PostgreSQL::Test::Utils::append_to_file($file, $loop);
	$one{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $file ], '<', \undef, '>', '/dev/null', '2>', \$one{error}, IPC::Run::timeout(300));
	return \%one;
}

# The pieces of the stream: [first id part, xid, [changes as "kind key n"], [ordinals], whether the transaction ends].
sub pieces
{
	my ($redis) = @_;
	my $text = $redis->cli('XRANGE', 'itemize:{' . $redis->cli('GET', 'itemize:epoch') . '}:stream', '-', '+');
	my @pieces;
	while ($text =~ /^B\t[1-3]\t(\S+)\t(\d+)\t[^\n]*\n(.*?)^([CP])\t\1\t\d+$/gms)
	{
		my ($lsn, $xid, $lines, $end) = ($1, $2, $3, $4);
		my (@changes, @ordinals);
		for my $line (split /\n/, $lines)
		{
			my ($kind, $ordinal, undef, undef, $key, $row) = split /\t/, $line;
			my ($n) = ($row // '') =~ /"n":(-?\d+)/;
			push @ordinals, $ordinal;
			push @changes, join(' ', $kind, $key, $n // '');
		}
		push @pieces, { lsn => $lsn, xid => $xid, changes => \@changes, ordinals => \@ordinals, complete => $end eq 'C' };
	}
	return @pieces;
}

# Joins pieces to transactions; what does not fit together is in the second list.
sub transactions
{
	my @pieces = @_;
	my (@transactions, @wrong, $open);
	for my $piece (@pieces)
	{
		if (!$open) { $open = { xid => $piece->{xid}, changes => [], ordinals => [] } }
		elsif ($open->{xid} ne $piece->{xid}) { push @wrong, "transaction $open->{xid} ends without its end"; $open = { xid => $piece->{xid}, changes => [], ordinals => [] } }
		push @{ $open->{$_} }, @{ $piece->{$_} } for qw(changes ordinals);
		next if !$piece->{complete};
		my @ordinals = @{ $open->{ordinals} };
		push @wrong, "ordinals of $open->{xid}: @ordinals[0 .. ($#ordinals < 9 ? $#ordinals : 9)]" if grep { $ordinals[$_] != $_ + 1 } 0 .. $#ordinals;
		push @transactions, $open;
		$open = undef;
	}
	push @wrong, 'the last transaction has no end' if $open;
	return (\@transactions, \@wrong);
}

subtest 'publishers are killed at random moments' => sub {
	my $redis = start_redis();
	my @flags = ('--stream-max-entries', 10_000_000);
	my @publishers = map { launch_sidecar('global', postgres => $node, redis => $redis, flags => \@flags) } 1 .. 2;
	poll_until(sub { grep { $_->log_events('streaming') } @publishers }, 'a publisher');
	my $epoch = $redis->cli('GET', 'itemize:epoch');
	my @writers = map { start_writer($_) } 1 .. 4;
	my ($killed, $active) = (0, 0);
	while ($killed < $crashes)
	{
		# Mostly the one that publishes, some time after it has begun; now and then whichever, or both.
		my $choice = rand();
		poll_until(sub { grep { $_->log_events('streaming') } @publishers }, 'one that streams') if $choice < 0.9;
		select(undef, undef, undef, rand(0.08));
		my @victims = $choice < 0.8 ? grep { $publishers[$_]->log_events('streaming') } 0, 1 : $choice < 0.9 ? (0, 1) : (int(rand(2)));
		for my $victim (@victims)
		{
			$active++ if $publishers[$victim]->log_events('streaming');
			$publishers[$victim]->kill9;
			$killed++;
			$publishers[$victim] = launch_sidecar('global', postgres => $node, redis => $redis, flags => \@flags);
		}
	}
	sql('INSERT INTO finish DEFAULT VALUES');
	$_->{run}->finish for @writers;
	is($_->{error}, '', 'a writer has met no error') for grep { $_->{error} ne '' } @writers;
	sql(q{INSERT INTO item VALUES (-1, 0, 'the last')});
	my $last = 'itemize:{' . $redis->cli('GET', 'itemize:epoch') . '}:stream';
	poll_until(sub { $redis->cli('XREVRANGE', $last, '+', '-', 'COUNT', 20) =~ /the last/ }, 'the end of the stream');
	note("$killed kills, $active of them while publishing");
	cmp_ok($active, '>=', $crashes / 2, 'most of them were killed at work');
	is($redis->cli('GET', 'itemize:epoch'), $epoch, 'the epoch is still the same');

	my ($transactions, $wrong) = transactions(pieces($redis));
	is_deeply([ @$wrong[ 0 .. ($#$wrong < 4 ? $#$wrong : 4) ] ], [], 'transactions are whole');

	# The witness: audit rows in the order of commits.
	my (@expected, $open);
	for my $line (split /\n/, sql(q{SELECT data FROM pg_logical_slot_get_changes('witness', NULL, NULL) WHERE data ~ '^(BEGIN|table public.audit)'}))
	{
		if ($line =~ /^BEGIN (\d+)/) { $open = { xid => $1, changes => [] }; push @expected, $open }
		elsif ($line =~ /kind\[text\]:'(.)' key\[text\]:'(-?\d+)' n\[integer\]:(\S+)/) { push @{ $open->{changes} }, join(' ', $1, $2, $3 eq 'null' ? '' : $3) }
	}
	@expected = grep { @{ $_->{changes} } } @expected;
	my $changes = 0;
	$changes += @{ $_->{changes} } for @expected;
	is($changes, sql('SELECT count(*) FROM audit'), 'the witness has seen the whole audit');
	note(scalar(@expected) . " transactions, $changes changes, " . scalar(grep { @{ $_->{changes} } > 1000 } @expected) . ' of them large');
	cmp_ok(scalar @expected, '>', 500, 'there was something to lose');
	is(scalar @$transactions, scalar @expected, 'as many transactions in the stream');
	my ($first) = grep { "$transactions->[$_]{xid} @{ $transactions->[$_]{changes} }" ne "$expected[$_]{xid} @{ $expected[$_]{changes} }" } 0 .. $#expected;
	ok(!defined $first, 'the same ones, each with the same changes, in the order of their commits')
	  or diag(explain([ $first, $transactions->[$first], $expected[$first] ]));
	is($_->stop, 0, 'status 0') for @publishers;
	drop_slot($node, 'itemize');
};

subtest 'what is sent again in other pieces is not doubled' => sub {
	my $redis = start_redis();
	my $publisher = launch_sidecar('global', postgres => $node, redis => $redis);
	$publisher->wait_ready;
	my $epoch = $redis->cli('GET', 'itemize:epoch');
	is($publisher->stop, 0, 'a publisher has begun an epoch, and ends');
	sql(q{INSERT INTO item SELECT -1000 - g, g, repeat('large ', 100) FROM generate_series(1, 1500) g});

	wait_for_slot($node, 'itemize');
	# What a publisher would leave behind whose pieces were smaller: the stream ends inside what is now the first piece.
	my ($piece) = split /\n(?=B\t)/, sql(q{SELECT data FROM pg_logical_slot_peek_changes('itemize', NULL, NULL, 'version', '1')});
	my ($head, @changes) = split /\n/, $piece;
	my ($high, $low) = $head =~ m{^B\t[1-3]\t([0-9A-F]+)/([0-9A-F]+)\t};
	my $lsn = hex($high) * 2**32 + hex($low);
	pop @changes while @changes && $changes[-1] !~ /^I/;
	my $kept = 100;
	cmp_ok(scalar @changes, '>', $kept, 'the first piece has more changes than the stream shall have');
	$redis->cli('XADD', "itemize:{$epoch}:stream", "$lsn-$kept", 'p', join("\n", $head, @changes[ 0 .. $kept - 1 ], "P\t$high/$low\t$kept") . "\n");

	$publisher = launch_sidecar('global', postgres => $node, redis => $redis);
	poll_until(sub { $redis->cli('XREVRANGE', "itemize:{$epoch}:stream", '+', '-', 'COUNT', 1) =~ /^C\t/m }, 'the end of the transaction');
	is($redis->cli('GET', 'itemize:epoch'), $epoch, 'the epoch goes on');
	my @pieces = pieces($redis);
	my ($transactions, $wrong) = transactions(@pieces);
	is_deeply($wrong, [], 'nothing is lost and nothing doubled');
	is(scalar @{ $transactions->[-1]{changes} }, 1500, 'all changes are there');
	is_deeply([ map { (split / /, $_)[1] } @{ $transactions->[-1]{changes} } ], [ map { -1000 - $_ } 1 .. 1500 ], 'in their order');
	is($pieces[1]{ordinals}[0], $kept + 1, 'the second piece begins where the first ended');
	is($publisher->stop, 0, 'status 0');
	drop_slot($node, 'itemize');
};

done_testing();
