# Limits for each address and each client: what is refused, with when to come back, and that others are not concerned.
# tier: quick
use strict;
use warnings;

use Itemize::Test;
use Itemize::Tokens;
use Itemize::WebSocket;
use PostgreSQL::Test::Cluster;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text);
INSERT INTO item VALUES (1, 'one');
SELECT itemize.define('item', 'item', fields => '{id,name}', read => 'everyone');
});
my $redis = start_redis();
my $file = secret_file($secret);
# So slowly that no room comes back while the test runs.
my @slow = ('--rate-limit-address', '0.001:20', '--rate-limit-client', '0.001:5');
my @known = ('--jwt-secret-file', $file, '--trusted-proxy', '127.0.0.0/8,2001:db8:f::/48');
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ @known, @slow ]);

sub ask { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/$path"), @headers) }
sub from { my ($address) = @_; return "X-Forwarded-For: $address" }
sub problem { my ($answer) = @_; return "$answer->{status} " . (($answer->{json}{type} // '') =~ s/^urn:itemize:problem://r) }
sub statuses { my ($count, @headers) = @_; return join ' ', map { ask('items/item/1', @headers)->{status} } 1 .. $count }

# ---- Requests of an address

is(statuses(22, from('192.0.2.1')), join(' ', (200) x 20, 429, 429), 'so many at once, and no more');
my $over = ask('items/item/1', from('192.0.2.1'));
is(problem($over), '429 too-many-requests', 'by its name');
like($over->{headers}{'retry-after'}, qr/^[1-9]\d+$/, 'with when to come back');
is(http_request('POST', $sidecar->url('/v1/feedback'), headers => [ from('192.0.2.1') ], body => '{}')->{status}, 429, 'whatever is asked');
is(ask('items/none/1', from('192.0.2.1'))->{status}, 429, 'before it is looked at');
is(ask('items/item/1', from('192.0.2.2'))->{status}, 200, 'another address is not concerned');
is(http_get($sidecar->url('/readyz'), from('192.0.2.1'))->{status}, 200, 'health is for everybody');
cmp_ok(metric($sidecar, 'itemize_limited_total{limit="address"}'), '>=', 5, 'refusals are counted');

# Who the client is: the last that no trusted proxy has written.
is(ask('items/item/1', from('198.51.100.7, 192.0.2.1'))->{status}, 429, 'what a client writes in front does not make it another');
is(ask('items/item/1', from('192.0.2.1, 127.0.0.9, 2001:db8:f::1'))->{status}, 429, 'trusted proxies are seen through');
is(ask('items/item/1', from('192.0.2.1'), from('127.0.0.9'))->{status}, 429, 'in two fields too');
is(ask('items/item/1', from('::ffff:192.0.2.1'))->{status}, 429, 'an IPv4 address is one in IPv6, too');
is(ask('items/item/1', from('192.0.2.1:4711'))->{status}, 429, 'with a port');
is(statuses(21, from('2001:db8:1:2::1')), join(' ', (200) x 20, 429), 'IPv6');
is(ask('items/item/1', from('[2001:db8:1:2:ffff::9]:80'))->{status}, 429, 'counts the network of a customer');
is(ask('items/item/1', from('2001:db8:1:3::1'))->{status}, 200, 'not the next');

# ---- Requests of a client

my $ann = bearer($secret, { sub => 'ann' });
is(statuses(6, from('203.0.113.1'), $ann), '200 200 200 200 200 429', 'a client');
is(ask('items/item/1', from('203.0.113.2'), bearer($secret, { sub => 'ann', other => 1 }))->{status}, 429, 'wherever he comes from, with whatever token');
is(ask('items/item/1', from('203.0.113.2'), bearer($secret, { sub => 'bob' }))->{status}, 200, 'and not another');
is(metric($sidecar, 'itemize_limited_total{limit="client"}'), 2, 'counted');

# ---- Live

my $live = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ @known, '--live-limit-address', 3, '--live-limit-client', 1 ]);
sub follow
{
	my (@headers) = @_;
	my $stream = open_events($live->url('/v1/live?items=item/*'), @headers);
	is($stream->next_event(sub { $_->{event} eq 'hello' })->{event}, 'hello', 'a live stream');
	return $stream;
}
my @open = map { follow(from('203.0.113.10')) } 1 .. 3;
my $refused = http_get($live->url('/v1/live?items=item/*'), from('203.0.113.10'));
is(problem($refused), '429 too-many-requests', 'so many live streams of an address');
ok($refused->{headers}{'retry-after'}, 'with when to come back');
is(http_get($live->url('/v1/items/item/1'), from('203.0.113.10'))->{status}, 200, 'reads are not concerned');
my $bob = bearer($secret, { sub => 'bob' });
my $bobs = follow(from('203.0.113.11'), $bob);
is(http_get($live->url('/v1/live?items=item/*'), from('203.0.113.12'), $bob)->{status}, 429, 'and of a client');
my $socket = Itemize::WebSocket->open($live->port, fields => [ from('203.0.113.10') ]);
is($socket->ask({ id => 1, subscribe => { items => ['item/*'] } })->{problem}{status}, 429, 'a WebSocket subscribes within the same limit');
$open[0]->kill9;
my $id = 1;
poll_until(sub { $socket->ask({ id => ++$id, subscribe => { items => ['item/*'] } })->{ok} }, 'room for another');
pass('an end makes room');
is(http_get($live->url('/v1/live?items=item/*'), from('203.0.113.10'))->{status}, 429, 'for one');
cmp_ok(metric($live, 'itemize_limited_total{limit="live"}'), '>=', 4, 'they are counted');
$live->stop;
$sidecar->stop;

# ---- Of whom nobody says who he is

$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--rate-limit-address', '0.001:20' ]);
is(statuses(21), join(' ', (200) x 20, 429), 'without a proxy it is the peer');
is(ask('items/item/1', from('192.0.2.1'))->{status}, 429, 'whatever it writes');
$sidecar->stop;

my %wrong = (
	'--rate-limit-address' => [qw(0 -1 x 10: 10:0 10:x 1e9 :5 nan)],
	'--trusted-proxy' => [qw(x 10.0.0.0/33 10.0.0.0/ 1.2.3)],
	'--live-limit-address' => [qw(-1 x)]);
for my $option (sort keys %wrong)
{
	for my $value (@{ $wrong{$option} })
	{
		my ($said, $status) = sidecar_says('check-config', 'extended', '--database', database_url($node, user => 'itemize_reader'), '--redis', $redis->url, "$option=$value");
		is($status, 2, "$option $value is refused");
		like($said, qr/\Q@{[ $option =~ s{^--}{}r ]}\E/, 'by its name');
	}
}
done_testing();
