# API tokens made in SQL and blocked subjects, in two clusters: what a token may do, and how fast it is over.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Itemize::Proxy;
use Itemize::Tail;
use Itemize::Test;
use Itemize::Tokens;
use Itemize::WebSocket;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE ROLE editor NOLOGIN;
CREATE ROLE itemize_writer LOGIN NOINHERIT;
GRANT editor TO itemize_writer;
CREATE TABLE open (id int PRIMARY KEY, name text);
CREATE TABLE edited (id int PRIMARY KEY, name text);
CREATE TABLE own (id int PRIMARY KEY, name text, host text);
ALTER TABLE own REPLICA IDENTITY FULL;
INSERT INTO open VALUES (1, 'one'), (2, 'two');
INSERT INTO edited VALUES (1, 'thing');
INSERT INTO own VALUES (1, 'hers', 'ann'), (2, 'his', 'bob');
GRANT SELECT, INSERT, UPDATE, DELETE ON open TO editor;
SELECT itemize.define('open', 'open', fields => '{id,name}', read => 'everyone', text => '{"name": "A"}', language => 'en', facets => '{name}');
SELECT itemize.define('edited', 'edited', fields => '{id,name}', read => 'role:editor');
SELECT itemize.define('own', 'own', fields => '{id,name,host}', read => 'owner', owner => 'host');
});
my ($redis, $other) = (start_redis(), start_redis());
my $file = secret_file($secret);
my $proxy = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port);
my $near = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [
	'--jwt-secret-file', $file, '--write-database', database_url($node, user => 'itemize_writer'), '--write-timeout-milliseconds', 60000,
	'--search-timeout-milliseconds', 60000, '--memory-cache-bytes', 1_000_000 ]);
my $applier = start_sidecar('local', flags => [ '--global-redis', $redis->url, '--local-redis', $other->url ]);
# Without keys for signed tokens.
my $far = start_sidecar('extended', flags =>
	  [ '--database', "postgresql://itemize_reader\@127.0.0.1:$proxy->{port}/postgres", '--local-redis', $other->url ]);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub field { my ($token) = @_; return "Authorization: Bearer $token" }
sub ask { my ($sidecar, $path, @headers) = @_; return http_get($sidecar->url("/v1/$path"), @headers) }
sub problem { my ($answer) = @_; return "$answer->{status} " . (($answer->{json}{type} // '') =~ s/^urn:itemize:problem://r) }
my %at = (near => $near, far => $far);

# ---- What a token is

my $token = sql(q{SELECT itemize.create_token('ann', '{editor}')});
for my $where (sort keys %at)
{
	my $sidecar = $at{$where};
	is(ask($sidecar, 'items/edited/1', field($token))->{json}{name}, 'thing', "$where: its role reads");
	is(ask($sidecar, 'items/own/1', field($token))->{json}{name}, 'hers', "$where: its subject owns");
	is(ask($sidecar, 'items/own/2', field($token))->{status}, 404, "$where: and no other's");
	is(problem(ask($sidecar, 'items/edited/1')), '404 not-found', "$where: nobody in particular does not");
	is_deeply(ask($sidecar, 'caller', field($token))->{json}{roles}, ['editor'], "$where: who it is");
	my $answer = ask($sidecar, 'items/edited/1', field($token));
	is("$answer->{headers}{vary}, $answer->{headers}{'cache-control'}", 'Authorization, Accept-Encoding, private, no-cache', "$where: what it sees is for no shared cache");
	my %refused = (
		'there is not' => 'itz_' . '0' x 64, 'short' => 'itz_0', 'with another letter' => uc $token, 'with something behind it' => "$token.", 'cut off' => substr($token, 0, -1),
	);
	delete $refused{'with another letter'} if $where eq 'far';    # no token of ours: for somebody else, where there are no keys
	for my $what (sort keys %refused)
	{
		my $refusal = ask($sidecar, 'items/open/1', field($refused{$what}));
		is(problem($refusal), '401 invalid-token', "$where: a token $what is refused");
		is($refusal->{headers}{'cache-control'}, 'no-store', '... for nobody else');
	}
	is(problem(ask($sidecar, 'items/open/1', field($token), field($token))), '401 invalid-token', "$where: and two of them");
	is(problem(ask($sidecar, "items/open/1?access_token=$token")), '400 unknown-parameter', "$where: in a URL it is none");
}

# ---- What it may do

my %scoped = map { $_ => field(sql("SELECT itemize.create_token('ann', '{editor}', '{$_}')")) } qw(read search live write);
my %surfaces = (
	read => [ 'items/open/1', 'items/open?key=in.(1)', 'items/open' ],
	search => [ 'search/open?q=one', 'facets/open?facets=name' ],
	live => ['live?items=open/*'],
);
for my $scope (qw(read search live write))
{
	for my $needed (sort keys %surfaces)
	{
		for my $path (@{ $surfaces{$needed} })
		{
			# A live stream that is let in does not end: of it the head is asked for.
			my $answer = http_request($needed eq 'live' ? 'HEAD' : 'GET', $near->url("/v1/$path"), headers => [ $scoped{$scope} ]);
			is($answer->{status}, $scope eq $needed ? 200 : 403, "a token for $scope: $path");
			like($answer->{headers}{'www-authenticate'}, qr/error="insufficient_scope", scope="$needed"/, '... and what it lacks') if $scope ne $needed;
		}
	}
	my $feedback = http_request('POST', $near->url('/v1/feedback'), headers => [ $scoped{$scope}, 'Content-Type: application/json' ], body => '{"held":{}}');
	is($feedback->{status} == 403, $scope ne 'read', "a token for $scope: feedback");
	my $write = http_request('PATCH', $near->url('/v1/items/open/1'), headers => [ $scoped{$scope}, 'Content-Type: application/merge-patch+json' ], body => '{"name":"one"}');
	is($write->{status}, $scope eq 'write' ? 200 : 403, "a token for $scope: a write");
	is(ask($near, 'caller', $scoped{$scope})->{json}{subject}, 'ann', "a token for $scope: who it is");
}
my $socket = Itemize::WebSocket->open($near->port);
is($socket->ask({ id => 1, authenticate => $scoped{read} =~ s/.* //r })->{result}{subject}, 'ann', 'a WebSocket takes it');
is($socket->ask({ id => 2, subscribe => { items => ['open/*'] } })->{problem}{status}, 403, 'and holds it to its scopes');

# ---- Limited

my $limited = field(sql(q{SELECT itemize.create_token('ann', rate => 0.001, burst => 3)}));
is(join(' ', map { ask($near, 'items/open/1', $limited)->{status} } 1 .. 5), '200 200 200 429 429', 'so many at once, and no more');
my $over = ask($near, 'items/open/1', $limited);
is(problem($over), '429 too-many-requests', 'by its name');
like($over->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'and when to come back');
is(ask($near, 'items/open/1', field($token))->{status}, 200, 'another token is not concerned');

# ---- Nobody sees them

my $hash = sha256_hex($token);
my $jwt = bearer($secret, { sub => 'ann', role => 'editor' });
sql(q{SELECT itemize.block('eve', 'a reason')});
for my $header ([], [$jwt], [ field($token) ])
{
	for my $type ([ 'itemize_token', $hash ], [ 'itemize_block', sha256_hex('eve') ])
	{
		for my $path ("items/$type->[0]/$type->[1]", "items/$type->[0]?key=in.($type->[1])", "items/$type->[0]", "search/$type->[0]", "facets/$type->[0]?facets=subject",
			"live?items=$type->[0]/*", "live?items=$type->[0]/$type->[1]")
		{
			my $answer = ask($near, $path, @$header);
			is($answer->{status}, 404, "$path is nowhere");
			unlike($answer->{body}, qr/editor|scopes|until/, '... and tells nothing');
		}
		my $feedback = http_request('POST', $near->url('/v1/feedback'), headers => [ @$header, 'Content-Type: application/json' ],
			body => JSON::PP->new->encode({ items => { "$type->[0]/$type->[1]" => '"none"' } }));
		unlike($feedback->{body}, qr/editor|scopes|until/, "feedback of $type->[0] tells nothing");
		my $write = http_request('DELETE', $near->url("/v1/items/$type->[0]/$type->[1]"), headers => $header);
		cmp_ok($write->{status}, '>=', 400, "$type->[0] is not written");
	}
}
is(sql('SELECT count(*) FROM itemize.blocked'), 1, 'it is all there still');
my $tail = Itemize::Tail->launch([ '--global-redis', $redis->url, '--prefix', 'itemize', '--types', '*', '--from', sql('SELECT epoch FROM itemize.stream') . ':0-0', '--limit', 1 ]);

# ---- Revoked

# Streams of both clusters, by token and by JWT, and what becomes of them.
sub follow
{
	my ($sidecar, $header) = @_;
	my $stream = open_events($sidecar->url('/v1/live?items=open/*'), $header);
	$stream->next_event(sub { $_->{event} eq 'hello' });
	return $stream;
}
sub wait_until_over
{
	my ($since, $about, @streams) = @_;
	poll_until(sub { !grep { $_->alive } @streams }, "$about");
	note(sprintf '%s: %.2f s', $about, time - $since);
	return pass("$about");
}
sub wait_until_answered
{
	my ($since, $wanted, $header, @sidecars) = @_;
	for my $sidecar (@sidecars)
	{
		my $answer = '';
		poll_until(sub { $answer = problem(ask($sidecar, 'items/open/1', $header)); $answer eq $wanted }, "$wanted: $answer");
	}
	note(sprintf '%s everywhere: %.2f s', $wanted, time - $since);
	return pass("answered $wanted");
}

my $kept = field($token);
my $doomed_token = sql(q{SELECT itemize.create_token('joe')});
my $doomed = field($doomed_token);
my @kept = map { follow($_, $kept) } $near, $far;
my @doomed = map { follow($_, $doomed) } $near, $far;
$socket = Itemize::WebSocket->open($near->port, fields => [$doomed]);
ok($socket->ask({ id => 1, subscribe => { items => ['open/*'] } })->{ok}, 'a WebSocket follows by it too');
ok($socket->until(sub { ($_->{event} // '') eq 'hello' }), 'and has begun');
my $since = time;
is(sql("SELECT itemize.revoke_token('$doomed_token')"), 't', 'revoked');
wait_until_answered($since, '401 invalid-token', $doomed, $near, $far);
wait_until_over($since, 'streams of a revoked token end', @doomed);
ok($socket->until(sub { ($_->{event} // '') eq 'end' }), 'and its subscriptions by WebSocket');
is($socket->ask({ id => 2, subscribe => { items => ['open/*'] } })->{problem}{status}, 401, 'and it begins no other');
is(scalar(grep { $_->alive } @kept), 2, 'those of others go on');

# Expired, and with other rights.
my $changing_token = sql(q{SELECT itemize.create_token('joe', '{editor}')});
my $changing = field($changing_token);
is(ask($_, 'items/edited/1', $changing)->{status}, 200, 'a token reads') for $near, $far;
sql(q{UPDATE itemize.access_token SET roles = '{}' WHERE hash = '} . sha256_hex($changing_token) . q{'});
poll_until(sub { !grep { ask($_, 'items/edited/1', $changing)->{status} != 404 } $near, $far }, 'its role is gone');
pass('and no more without its role');
sql(q{UPDATE itemize.access_token SET expires = extract(epoch FROM now()) - 1 WHERE hash = '} . sha256_hex($changing_token) . q{'});
wait_until_answered(time, '401 invalid-token', $changing, $near, $far);
like(ask($near, 'items/open/1', $changing)->{json}{detail}, qr/has expired/, 'expired');

# ---- Blocked

my $bob = bearer($secret, { sub => 'bob' });
my $bobs_token = field(sql(q{SELECT itemize.create_token('bob')}));
my @bobs = (follow($near, $bob), follow($near, $bobs_token), follow($far, $bobs_token));
my $anns = follow($near, $jwt);
$since = time;
sql(q{SELECT itemize.block('bob', 'a reason that he is not told')});
wait_until_answered($since, '403 blocked', $bob, $near);
wait_until_answered($since, '403 blocked', $bobs_token, $near, $far);
wait_until_over($since, 'streams of a blocked subject end', @bobs);
unlike(ask($near, 'items/open/1', $bob)->{body}, qr/reason/, 'he is not told why');
for my $path ('items/open', 'search/open?q=one', 'live?items=open/*', 'caller')
{
	is(problem(ask($near, $path, $bob)), '403 blocked', "$path is refused");
}
is(http_request('POST', $near->url('/v1/items/open'), headers => [ $bob, 'Content-Type: application/json' ], body => '{"id":9}')->{status}, 403, 'and a write');
is(ask($near, 'items/open/1')->{status}, 200, 'nobody in particular is not concerned');
ok($_->alive, 'nor is another') for $anns, @kept;
sql(q{SELECT itemize.unblock('bob')});
wait_until_answered(time, '200 ', $_, $near) for $bob, $bobs_token;
# For a while: seen to hold, then left to end by itself.
sql(q{SELECT itemize.block('bob', until => clock_timestamp() + '1 hour')});
wait_until_answered(time, '403 blocked', $bob, $near);
sql(q{SELECT itemize.block('bob', until => clock_timestamp() + '1 second')});
wait_until_answered(time, '200 ', $bob, $near);

# ---- A tail of all types

sql(q{INSERT INTO open VALUES (3, 'three')});
poll_until(sub { !$tail->alive }, 'a line of tail');
my ($line) = $tail->lines;
unlike($tail->log_text . join('', map { JSON::PP->new->canonical->encode($_) } $tail->lines), qr/itemize_(token|block)/, 'has none of them');

# ---- The database is away

is(ask($far, 'items/open/1', $kept)->{status}, 200, 'a token is known');
my $unused = field(sql(q{SELECT itemize.create_token('ann')}));
$proxy->kill9;
poll_until(sub { !http_get($far->url('/readyz'))->{json}{parts}{database} || ask($far, 'items/open/7')->{status} == 503 }, 'the database to be away');
is(ask($far, 'items/open/1', $kept)->{status}, 200, 'and goes on without the database');
my $unknown = ask($far, 'items/open/1', $unused);
is(problem($unknown), '503 not-ready', 'of another it cannot be told');
ok($unknown->{headers}{'retry-after'}, 'for now');
is(problem(ask($far, 'items/open/1', field('itz_' . '1' x 64))), '503 not-ready', 'nor of one made up');
$proxy->restart;
poll_until(sub { ask($far, 'items/open/1', $unused)->{status} == 200 }, 'the database to be back');
pass('it can again');

# Redis is away: the database tells.
$other->stop;
poll_until(sub { (ask($far, 'items/open/1', $kept)->{headers}{'itemize-degraded'} // '') eq 'redis' }, 'reads without Redis');
is(problem(ask($far, 'items/open/1', $doomed)), '401 invalid-token', 'without Redis a revoked token is none');
is(ask($far, 'items/edited/1', $kept)->{json}{name}, 'thing', 'and one that is good reads');
sql(q{SELECT itemize.block('ann')});
is(problem(ask($far, 'items/open/1', $kept)), '403 blocked', 'who is blocked now is so at once');

unlike($_->log_text, qr/itz_[0-9a-f]/, 'no token is in the log') for $near, $far, $applier;
done_testing();
