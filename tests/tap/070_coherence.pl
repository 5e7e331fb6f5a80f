# What a cluster holds is compared with the database: entries that were corrupted are found, told and healed, and
# nothing is called corrupt that is only on its way, whatever is written meanwhile.
use strict;
use warnings;

use IPC::Run;
use Test::More;
use Time::HiRes qw(time);

use Itemize::Test;

# Bytes of the log that the copy may be behind those who write.
use constant MOST_BEHIND => 1024 * 1024;

my $node = start_postgres('primary');
create_sidecar_roles($node);
my $redis = start_redis();
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int, t text, big text);
ALTER TABLE item ALTER big SET STORAGE EXTERNAL;
CREATE TABLE place (code text PRIMARY KEY, n int);
INSERT INTO item SELECT i, 0, 'text ' || i, repeat(i || ' ', 1500) FROM generate_series(1, 400) i;
INSERT INTO place SELECT 'p/' || i, i FROM generate_series(1, 20) i;
SELECT itemize.define('item', 'item', fields => '{id,n,t,big}', read => 'everyone');
SELECT itemize.define('place', 'place', fields => '{code,n}', read => 'everyone');
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

my @database = ('--database', database_url($node, user => 'itemize_reader'));
my @local = ('--local-redis', $redis->url);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis,
	flags => [ '--heartbeat-seconds', '1', '--coherence-interval-seconds', '0', '--missing-ttl-seconds', '3600' ]);
sub get { my ($path) = @_; return http_get($sidecar->url("/v1/items/$path")) }

# One comparison by hand: its exit status and what it said. What is to be done all the time meanwhile may be given.
my $meanwhile = sub { };
sub verify
{
	my $run = Itemize::Sidecar->launch('verify', [ @database, @local, @_ ]);
	poll_until(sub { $meanwhile->(); !$run->alive }, 'the end of verify');
	return ($run->status >> 8, $run->log_text);
}

# The whole table, and keys that have no item.
sub hold
{
	get("item?key=in.($_)") for join(',', 1 .. 200), join(',', 201 .. 420);
	get('place?key=in.(' . join(',', map { "p%252F$_" } 1 .. 25) . ')');
	return;
}

sub redis_key
{
	my ($type, $key) = @_;
	my $name = $redis->cli('HGET', 'itemize:local', 'namespace');
	my ($generation, $truncations) = $redis->cli('HGET', "$name:local:types", $type) =~ /^(\d+) \S+ (\d+)$/;
	return "$name:item:$type:$generation.$truncations:$key";
}

sub held { my ($key, $field) = @_; return $redis->cli('HGET', redis_key('item', $key), $field) }
sub put { my ($key, %fields) = @_; $redis->cli('HSET', redis_key('item', $key), %fields); return }

# Every way in which an entry can be wrong; FORGED must never be seen in a log.
my %plants = (
	'another row' => [ 1, sub { put(1, r => '{"id":1,"n":0,"t":"FORGED","big":null}', l => '6,5,12,10') } ],
	'another row (one byte)' => [ 2, sub { put(2, r => held(2, 'r') =~ s/"n":0/"n":1/r) } ],
	'another row (of another key)' => [ 3, sub { put(3, r => held(4, 'r'), l => held(4, 'l')) } ],
	'other member lengths' => [ 5, sub { put(5, l => held(5, 'l') =~ s/^6,5/5,6/r) } ],
	'held as missing' => [ 6, sub { put(6, d => 1); $redis->cli('HDEL', redis_key('item', 6), 'r', 'l') } ],
	'no such item' => [ 405, sub { put(405, r => '{"FORGED":405}', l => 12); $redis->cli('HDEL', redis_key('item', 405), 'd') } ],
	'no such item (no key of the table)' => [ '007', sub { put('007', r => held(7, 'r'), l => held(7, 'l')) } ],
	'malformed' => [ 8, sub { $redis->cli('HDEL', redis_key('item', 8), 'r') } ],
	'malformed (both)' => [ 9, sub { put(9, d => 1) } ],
	'malformed (nothing of an item)' => [ 10, sub { $redis->cli('DEL', redis_key('item', 10)); put(10, FORGED => 1) } ],
	'malformed (no hash)' => [ 11, sub { $redis->cli('SET', redis_key('item', 11), 'FORGED') } ],
	'another row (which the applier leaves alone)' => [
		12,
		sub {
			put(12, s => '99999999:99999999:');
			sql('UPDATE item SET n = 1 WHERE id = 12');
			my $seen = get('item/13')->{headers}{'itemize-position'};
			poll_until(sub { get('item/13')->{headers}{'itemize-position'} ne $seen }, 'the change to pass');
		}
	]);

subtest 'verify: by hand' => sub {
	hold();
	my ($status, $said) = verify();
	is($status, 0, 'nothing is wrong with what was filled');
	like($said, qr/^compared 445 items with the database at \d+\.1\.\d+:\d+-0: 0 wrong$/, 'every item held was compared, and those known to be missing');

	for my $how (sort keys %plants)
	{
		my ($key, $plant) = @{ $plants{$how} };
		$plant->();
	}
	($status, $said) = verify();
	is($status, 4, 'entries were corrupted: status 4');
	for my $how (sort keys %plants)
	{
		my $key = $plants{$how}[0];
		my ($words) = $how =~ /^([^(]*\w)/;
		like($said, qr/^wrong: item $key: \Q$words\E$/m, "$key: $how");
	}
	my $planted = keys %plants;
	like($said, qr/: $planted wrong \(dropped, the next read fills them\)$/m, 'these and no others');
	unlike($said, qr/FORGED/, 'no row is told');
	for my $how (sort keys %plants)
	{
		my $key = $plants{$how}[0];
		my $answer = get("item/$key");
		is($answer->{body}, sql("SELECT itemize.item_json('item', '$key')"), "$key is served as it is in the database") if $key =~ /^[1-9]\d?$/;
		is($answer->{status}, 404, "$key is no item") if $key !~ /^[1-9]\d?$/;
	}
	($status, $said) = verify();
	is($status, 0, 'and all is well');
	is($redis->cli('EXISTS', 'itemize:coherence'), 0, 'no comparison is scheduled in this process');
};

subtest 'on a schedule' => sub {
	my $compares = sub { launch_sidecar('extended', postgres => $node, flags => [ @local, '--coherence-interval-seconds', '1', @_ ])->wait_ready };
	my $first = $compares->();
	poll_until(sub { metric($first, 'itemize_coherence_last_success_timestamp_seconds') > 0 }, 'the first comparison');
	cmp_ok(metric($first, 'itemize_coherence_checked_total'), '>=', 445, 'items checked are counted');
	my $second = $compares->();
	my $follow = sub { my ($more) = @_; return open_events($sidecar->url("/v1/live?items=item/20,place/p%252F3$more")) };
	my $follower = $follow->('');
	my $hello = $follower->next_event(sub { $_->{event} eq 'hello' });
	put(20, r => '{"id":20,"n":0,"t":"FORGED","big":null}', l => '6,5,12,10');
	$redis->cli('SET', redis_key('place', 'p%2F3'), 'FORGED');
	my $found = sub { my ($of) = @_; my $n = 0; $n += metric($_, "itemize_coherence_mismatches_total{type=\"$of\"}") for $first, $second; return $n };
	poll_until(sub { $found->('item') && $found->('place') }, 'what was corrupted to be found');
	is($found->($_), 1, "one $_ counted, by one of the two") for qw(item place);
	my %told;
	poll_until(sub { %told = map { ("$_->{type} $_->{key}" => $_) } map { $_->log_events('coherence_mismatch') } $first, $second; keys %told >= 2 }, 'the log');
	is_deeply([ sort keys %told ], [ 'item 20', 'place p%2F3' ], 'and named in the log');
	is($told{'item 20'}{level}, 'error', 'as an error');
	is($told{'item 20'}{held}, 'another row', 'with how it was wrong');
	unlike($_->log_text, qr/FORGED/, 'but not the row') for $first, $second;
	is(get('item/20')->{body}, sql(q{SELECT itemize.item_json('item', '20')}), 'the item is healed');
	is(get('place/p%2F3')->{body}, '{"code":"p/3","n":3}', 'and the other');
	# Two comparisons may have found them, in either order.
	my $heard = sub {
		my ($stream, $who) = @_;
		my $told = poll_until(sub { my %of = map { $_->{data}{key} => $_->{data}{item} } grep { $_->{event} eq 'item' } $stream->events; $of{20} && $of{'p%2F3'} && \%of }, "what $who hears");
		is_deeply($told->{$_}, get($_ eq '20' ? 'item/20' : 'place/p%2F3')->{json}, "$who hears of $_") for '20', 'p%2F3';
	};
	$heard->($follower, 'a live client');
	my $later = $follow->("&last_event_id=$hello->{id}");
	$heard->($later, 'a live client that comes back');

	# Whose turn it is dies.
	my $token = $redis->cli('GET', 'itemize:coherence') // '';
	is($_->stop, 0, 'status 0') for $first, $second;
	my $third = $compares->();
	poll_until(sub { metric($third, 'itemize_coherence_last_success_timestamp_seconds') > 0 }, 'another one to go on');
	sql('REVOKE EXECUTE ON FUNCTION itemize.checksum(text, text[], integer) FROM itemize_reader');
	like($third->wait_for_log('coherence_interrupted')->{hint}, qr/GRANT EXECUTE ON FUNCTION itemize\.checksum/, 'without the right: told what to grant');
	is(get('item/21')->{status}, 200, 'items are served all the same');
	my ($status, $said) = verify();
	is($status, 1, 'verify cannot do it either');
	like($said, qr/permission denied/, 'and says why');
	sql('GRANT EXECUTE ON FUNCTION itemize.checksum(text, text[], integer) TO itemize_reader');
	is($third->stop, 0, 'status 0');
};

subtest 'no false alarm while everything changes' => sub {
	sql(q{
CREATE TABLE finish ();
CREATE TABLE hold ();
CREATE PROCEDURE write(who int) LANGUAGE plpgsql AS $$
DECLARE round int := 0;
BEGIN
  WHILE NOT EXISTS (SELECT FROM finish) LOOP
    round := round + 1;
    CASE (round + who) % 7
    WHEN 0 THEN UPDATE item SET n = n + 1 WHERE id BETWEEN 30 + who * 20 AND 50 + who * 20;
    WHEN 1 THEN UPDATE item SET n = n + 1, t = 'round ' || round WHERE id = 30 + round % 10;
    WHEN 2 THEN DELETE FROM item WHERE id = 200 + (round * 7 + who) % 50;
    WHEN 3 THEN INSERT INTO item VALUES (200 + (round * 5 + who) % 50, round, NULL, repeat('x', round % 5000)) ON CONFLICT DO NOTHING;
    WHEN 4 THEN UPDATE item SET big = repeat(md5(round::text), 200) WHERE id = 100 + round % 10;
    WHEN 5 THEN UPDATE item SET id = CASE WHEN id < 1000 THEN id + 1000 ELSE id - 1000 END WHERE id IN (260 + round % 20, 1260 + round % 20);
    ELSE UPDATE item SET n = n WHERE id = 130 + who;
    END CASE;
    IF round % 11 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
    IF who = 1 AND round % 100 = 50 THEN
      TRUNCATE place;
      INSERT INTO place SELECT 'p/' || i, round + i FROM generate_series(1, 15) i;
      COMMIT;
    END IF;
    IF who = 2 AND round % 400 = 200 THEN
      PERFORM itemize.define('place', 'place', fields => CASE WHEN round % 800 = 200 THEN '{n,code}' ELSE '{code,n}' END::text[], read => 'everyone', replace => true);
      COMMIT;
    END IF;
    IF who = 3 AND round % 200 = 100 THEN UPDATE item SET t = 'all ' || round WHERE id < 200; COMMIT; END IF;
    LOOP
      PERFORM pg_sleep(0.004 * who);
      COMMIT;
      EXIT WHEN NOT EXISTS (SELECT FROM hold);
    END LOOP;
  END LOOP;
END $$});
	my $reader = start_sidecar('extended', postgres => $node, flags => [ @local, '--item-ttl-seconds', '2', '--coherence-interval-seconds', '1', '--coherence-items-per-second', '100000' ]);
	my @writers = map { IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', "CALL write($_)" ], '<', \undef, '>&', \my $output) } 1 .. 3;
	# On a slow machine the copy cannot keep up with as much as three can write: they wait for it, else nothing could be compared.
	my ($waiting, $looked) = (0, 0);
	$meanwhile = sub {
		return if time() - $looked < 0.1;
		$looked = time();
		my $behind = sql(q{SELECT pg_current_wal_insert_lsn() - '0/0'}) - $redis->cli('HGET', 'itemize:local', 'complete');
		if (!$waiting && $behind > MOST_BEHIND) { sql('INSERT INTO hold DEFAULT VALUES'); $waiting = 1 }
		elsif ($waiting && $behind < MOST_BEHIND / 4) { sql('DELETE FROM hold'); $waiting = 0 }
	};
	my ($rounds, $checked, $unsettled) = (0, 0, 0);
	my @alarms;
	while ($checked < 4000 && !@alarms && $rounds < 100)
	{
		$_->pump_nb for @writers;
		hold();
		http_get($reader->url('/v1/items/item?key=in.(' . join(',', 250 .. 280, 1250 .. 1280) . ')'));
		my ($status, $said) = verify();
		push @alarms, $said if $status;
		$rounds++;
		($checked, $unsettled) = ($checked + $1, $unsettled + ($2 // 0)) if $said =~ /^compared (\d+) items .* wrong(?:.*, (\d+) not settled)?$/m;
	}
	$meanwhile = sub { };
	sql('INSERT INTO finish DEFAULT VALUES; DELETE FROM hold');
	ok($_->finish, 'a writer came to its end') for @writers;
	my ($last) = sql("UPDATE item SET n = n WHERE id = 1;\nSELECT itemize.token()") =~ /:(\d+)-/;
	poll_until(sub { $redis->cli('HGET', 'itemize:local', 'complete') >= $last }, 'the copy to have all of it');
	is("@alarms", '', 'no comparison by hand found anything wrong');
	is(metric($reader, "itemize_coherence_mismatches_total{type=\"$_\"}"), 0, "nor did those on schedule: $_") for qw(item place);
	cmp_ok($checked, '>=', 4000, 'thousands of items were compared meanwhile');
	note("$rounds comparisons by hand of $checked items, $unsettled not settled; on schedule " . metric($reader, 'itemize_coherence_checked_total') .
		', ' . metric($reader, 'itemize_coherence_unsettled_total') . ' not settled; ' . sql('SELECT sum(xact_commit) FROM pg_stat_database') . ' transactions');
	my ($status, $said) = verify();
	is($status, 0, 'nothing is wrong at the end');
	unlike($said, qr/not settled/, 'and nothing in doubt');
	is($reader->stop, 0, 'status 0');
};

subtest 'a copy that cannot be compared' => sub {
	my $empty = start_redis();
	my $run = Itemize::Sidecar->launch('verify', [ @database, '--local-redis', $empty->url ]);
	poll_until(sub { !$run->alive }, 'the end of verify');
	is($run->status >> 8, 1, 'none: status 1');
	like($run->log_text, qr/^itemize-sidecar: there is no local copy$/, 'and why');
	$redis->cli('HSET', 'itemize:local', 'server', 'another');
	my ($status, $said) = verify();
	is($status, 1, 'behind: status 1');
	like($said, qr/has not caught up/, 'and why');
};

is($sidecar->stop, 0, 'status 0');
done_testing();
