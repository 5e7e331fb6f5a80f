# Many clients that ask for what is not held, readers that die while they fill, and a local Redis without room.
# tier: quick
use strict;
use warnings;

use IPC::Run ();
use Itemize::Proxy;
use Itemize::RawConnection;
use Itemize::Test;
use Test::More;
use Time::HiRes qw(time);

use constant CLIENTS => 1000;
# The sidecar gives a database up that does not answer for 3 seconds: a burst that took longer proves nothing.
use constant BURST_SECONDS => 2;

# A descriptor for each client.
system('prlimit', '--pid', $$, '--nofile=' . 2 * CLIENTS . ':') if POSIX::sysconf(&POSIX::_SC_OPEN_MAX) < 2 * CLIENTS;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n text);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item SELECT i, i || repeat('x', 1000) FROM generate_series(1, 20000) i;
ALTER ROLE itemize_reader SET log_statement = 'all';
});
my ($redis, $local) = (start_redis(), start_redis());
my $proxy = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port);
my @urls = ('--global-redis', $redis->url, '--local-redis', $local->url);
my $global = start_sidecar('global', postgres => $node, flags => \@urls);
my $applier = start_sidecar('local', flags => [ @urls, '--metrics-listen', '127.0.0.1:0' ]);
my $sidecar = start_sidecar('extended', flags => [ @urls, '--database', "postgresql://itemize_reader\@127.0.0.1:$proxy->{port}/postgres" ]);

sub get { my ($key, $from) = @_; return http_get(($from // $sidecar)->url("/v1/items/item/$key")) }
sub row { my ($key) = @_; return qq({"n":"$key) . 'x' x 1000 . '"}' }
# Questions for items that have come to the database so far.
sub questions { my $count = () = slurp($node->logfile) =~ /itemize\.fetch\(/g; return $count }

# All clients ask while the database does not answer; then it does. Gives the answers that are as they should be, and the
# number of questions to the database; tries again with other keys when the machine was too slow.
sub burst
{
	my ($key_of) = @_;
	for my $round (1 .. 10)
	{
		get(19000 + $round);    # a connection to the database that works
		my @clients = map { Itemize::RawConnection->open($sidecar->port) } 1 .. CLIENTS;
		my $before = questions();
		my $began  = time();
		$proxy->signal('STOP');
		$clients[$_]->send('GET /v1/items/item/' . $key_of->($round, $_) . " HTTP/1.1\r\nHost: x\r\n\r\n") for 0 .. $#clients;
		$proxy->signal('CONT');
		poll_until(sub { Itemize::RawConnection::pump(\@clients, 0.05); !grep { $_->received !~ /"\}$/ && $_->received !~ /^HTTP\/1.1 [45]/ } @clients }, 'all are answered');
		my $took = time() - $began;
		my $good = grep { my $row = row($key_of->($round, $_)); $clients[$_]->received =~ /^HTTP\/1\.1 200 .*\Q$row\E$/s } 0 .. $#clients;
		$_->close for @clients;
		next if $good < CLIENTS && $took > BURST_SECONDS;
		# The log is written a little after the answer.
		my $asked = poll_until(sub { questions() - $before }, 'the log of the database');
		return ($good, $asked);
	}
	die "no burst was fast enough\n";
}

my ($good, $asked) = burst(sub { my ($round) = @_; return $round });
is($good, CLIENTS, CLIENTS . ' clients that ask for one cold key get it');
is($asked, 1, 'for one question to the database');
($good, $asked) = burst(sub { my ($round, $client) = @_; return $round * CLIENTS + $client });
is($good, CLIENTS, CLIENTS . ' clients that ask for a cold key each get it');
cmp_ok($asked, '<=', CLIENTS / 20, "for $asked questions");

# A reader that dies while it fills: whoever comes next does not wait for it in vain.
my $other = start_sidecar('extended', postgres => $node, flags => \@urls);
sub marker { my ($key) = @_; return $local->cli('KEYS', "*:fill:item:*:$key") }
sub ask_frozen
{
	my ($key) = @_;
	$proxy->signal('STOP');
	my $client = Itemize::RawConnection->open($sidecar->port);
	$client->send("GET /v1/items/item/$key HTTP/1.1\r\nHost: x\r\n\r\n");
	poll_until(sub { marker($key) }, 'a fill has begun');
	return $client;
}
my $client = ask_frozen(18000);
is(get(18000, $other)->{body}, row(18000), 'one that is slow: another reader fills the key');
is(marker(18000), '', 'and its marker is used up');
$proxy->signal('CONT');
like($client->read_until(sub { /"\}$/ || /^HTTP\/1.1 5/ }), qr/^HTTP\/1\.1 (?:200 .*18000x|503)/s, 'the slow one finds it done, or gives up');
# While the lease lasts it waits for the first. It is short: on a slow machine it may be over before the second one asks.
my ($cold, $warm) = (18100, 17000);
ok(eval {
	poll_until(
		sub {
			my $slow = ask_frozen(++$cold);
			get($cold, $other)->{body} eq row($cold) or die "wrong answer for $cold\n";
			$proxy->signal('CONT');
			$slow->read_until(sub { /"\}$/ || /^HTTP\/1.1 5/ });
			poll_until(sub { get(++$warm)->{status} == 200 }, 'the first one to be well');
			return metric($other, 'itemize_read_lease_waits_total') > 0;
		},
		'a wait');
}, 'the other one has waited for its lease') or diag($@);
ask_frozen(18001);
$sidecar->kill9;
is(get(18001, $other)->{body}, row(18001), 'one that has died: another reader fills the key');
$proxy->signal('CONT');
$sidecar = $other;

# What is read stays, what is not goes.
sub item_key { my ($key) = @_; return $local->cli('KEYS', "*:item:item:*:$key") }
my $read = item_key(18001);
my $brisk = start_sidecar('extended', postgres => $node, flags => [ @urls, '--item-ttl-seconds', 8 ]);
$local->cli('EXPIRE', $read, 100);
get(18001, $brisk);
cmp_ok($local->cli('TTL', $read), '<=', 8, 'a read renews how long an item is held');
$local->cli('EXPIRE', $read, 100);
poll_until(sub { get(18001, $brisk); $local->cli('TTL', $read) <= 8 }, 'reads from memory to renew it as well');
$local->cli('EXPIRE', $read, 3600);
is($brisk->stop, 0, 'status 0');
my $brief = start_sidecar('extended', postgres => $node, flags => [ @urls, '--item-ttl-seconds', 1 ]);
get(18500, $brief);
get(18501);
poll_until(sub { item_key(18500) eq '' }, 'one that nobody reads any more to go');
isnt(item_key(18501), '', 'when its time is over, not before');
is($brief->stop, 0, 'status 0');

# No memory: what is held is served, what is not comes from the database, and nothing goes wrong later.
my $applier_metrics = 'http://127.0.0.1:' . $applier->wait_for_log('metrics_listening')->{port} . '/metrics';
sub applier_count { my ($name) = @_; my ($count, $metrics) = (0, http_get($applier_metrics)->{body}); $count += $1 while $metrics =~ /^\Q$name\E\S* (\d+)/mg; return $count }
my ($resyncs, $waits) = map { applier_count($_) } 'itemize_resyncs_total', 'itemize_reconnects_total';
$local->cli('CONFIG', 'SET', 'maxmemory', 1);
is(join(' ', map { get($_)->{status} . ($_ == 18001 ? '' : ' ' . get($_)->{body}) } 18001), '200', 'held: served');
my $answer = get(18002);
is($answer->{body}, row(18002), 'not held: served from the database');
is($answer->{headers}{'itemize-degraded'}, undef, 'as exact as ever');
cmp_ok(metric($sidecar, 'itemize_read_uncached_total'), '>=', 1, 'but not stored');
is($local->cli('KEYS', '*:item:item:*:18002'), '', 'really');
is(scalar $sidecar->log_events('redis_full'), 1, 'the log tells, once');
is($local->cli('HGET', 'itemize:local', 'ahead'), '', 'how far rows were shown is not known any more');
$node->safe_psql('postgres', q{UPDATE item SET n = 'new' WHERE id IN (18001, 18003)});
is(get(18003)->{body}, '{"n":"new"}', 'a row that is newer than the copy');
is(get(18003)->{body}, '{"n":"new"}', 'is not followed by an older one');
# The copy cannot hear of another rule either; what the database gives is shown by the rule that the database has.
$node->safe_psql('postgres', q{SELECT itemize.define('item', 'item', fields => '{n}', read => 'authenticated', replace => true)});
is(get(18004)->{status}, 404, 'rows of a definition that the copy has not heard of are not shown by the rule it knows');
my $many = http_get($sidecar->url('/v1/items/item?key=in.(18004,18001)'));
is($many->{status}, 404, 'nor are those that it holds, beside them');
$node->safe_psql('postgres', q{SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone', replace => true)});
is(get(18004)->{body}, row(18004), 'with the rule of before they are');
poll_until(sub { applier_count('itemize_reconnects_total') > $waits + 1 || applier_count('itemize_resyncs_total') > $resyncs }, 'the applier has tried, and again');
$local->cli('CONFIG', 'SET', 'maxmemory', 0);
poll_until(sub { get(18001)->{body} eq '{"n":"new"}' }, 'with room again changes are applied');
is(applier_count('itemize_resyncs_total'), $resyncs, 'to the same copy, which was not begun anew');
poll_until(sub { get(18002)->{body} eq row(18002) && $local->cli('KEYS', '*:item:item:*:18002') ne '' }, 'and items held');
ok(scalar $sidecar->log_events('redis_has_room'), 'which the log tells as well');

# A policy that evicts items and markers.
$local->cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-random');
$local->cli('CONFIG', 'SET', 'maxmemory', $local->info('used_memory') + 300_000);
my $wrong = 0;
for my $round (0 .. 5)
{
	my @keys = map { 12000 + 200 * $round + $_ } 1 .. 200;
	my $many = http_get($sidecar->url('/v1/items/item?key=in.(' . join(',', @keys) . ')'));
	$wrong += grep { ($many->{json}{items}{$_}{n} // '') ne $_ . 'x' x 1000 } @keys;
}
is($wrong, 0, 'a copy that does not fit is served all the same');
cmp_ok($local->info('evicted_keys'), '>', 100, 'most of it evicted on the way');
$node->safe_psql('postgres', q{UPDATE item SET n = 'newer' WHERE id IN (12001, 18001)});
poll_until(sub { my $found = 0; $found += get($_)->{body} eq '{"n":"newer"}' for 12001, 18001; $found == 2 }, 'and kept current');

# Release, of one type and of all.
$local->cli('CONFIG', 'SET', 'maxmemory', 0);
sub release { my ($out) = ''; IPC::Run::run([ Itemize::Sidecar::program(), 'release', @_ ], '<', \undef, '>', \$out, '2>&1'); return $out }
get(18001);
my $held = () = $local->cli('KEYS', '*:item:item:*') =~ /^./mg;
is(release('--type', 'other', '--local-redis', $local->url), "released 0 items\n", 'of another type nothing is held');
is(release('--type', 'item', '--local-redis', $local->url), "released $held item" . ($held == 1 ? '' : 's') . "\n", 'what is held is released');
is($local->cli('KEYS', '*:item:item:*'), '', 'all of it');
is(get(18001)->{body}, '{"n":"newer"}', 'and filled again when it is asked for');
is(release('--redis', $local->url, '--prefix', 'none'), "released 0 items\n", 'another prefix');
like(release(), qr/release needs --local-redis/, 'it says what it needs');
like(release('--type', 'it*', '--local-redis', $local->url), qr/"it\*" is no name of an item type/, 'and takes no pattern for a type');

is($_->stop, 0, 'status 0') for $sidecar, $applier, $global;
done_testing();
