# Reads, searches, writes, feedback and live streams at once, for a while: each answer is one that the request can have, who
# wrote reads what was written, who follows ends at what the database has, and memory stays flat.
#
# SOAK_SECONDS=N makes it as long as that (make soak) and holds memory and refusals against their bars; ITEMIZE_SEED=N
# repeats the choices of an earlier run.
use strict;
use warnings;

use Itemize::RawConnection;
use Itemize::Test;
use JSON::PP ();
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

use constant { WORKERS => 16, STREAMS => 60, ROWS => 1600, SHORT => 6 };

# Seconds for the last answers.
use constant PATIENCE => 180;

# Memory of the sidecar at the end over that after a third of the time: the allocator's own ups and downs.
use constant { GROWTH => 1.15, SLACK_KB => 8192 };

my $soak    = $ENV{SOAK_SECONDS};
my $seconds = $soak || SHORT;
my $seed    = $ENV{ITEMIZE_SEED} || 1;
srand($seed);
diag("seed $seed: ITEMIZE_SEED=$seed repeats it");

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE listing (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, name text NOT NULL, kind text NOT NULL, price numeric NOT NULL, currency text NOT NULL, place geography(Point, 4326));
INSERT INTO listing SELECT i, 0, 'house w' || i % 40 || ' with a view', 'k' || i % 5, i % 300, (ARRAY['EUR', 'USD'])[1 + i % 2], ST_Point(i % 90, i % 45)
FROM generate_series(1, } . ROWS . q{) i;
SELECT itemize.set_rates('{"USD": 1.25}');
SELECT itemize.define('listing', 'listing', fields => '{id,n,name,kind,price,currency}', text => '{"name": "A"}', language => 'en', location => 'place', price => 'price',
  currency => 'currency', facets => '{kind}', read => 'everyone');
CREATE INDEX ON listing USING gin ((itemize.document('en', 'A', name)));
CREATE INDEX ON listing USING gist (place);
CREATE INDEX ON listing (currency, price);
ANALYZE;
CREATE ROLE visitor NOLOGIN;
CREATE ROLE itemize_writer LOGIN NOINHERIT;
GRANT visitor TO itemize_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON listing TO visitor;
});
my $redis = start_redis();
my $sidecar = start_sidecar(
	'absolute',
	postgres => $node,
	redis => $redis,
	flags => [
		'--write-database', database_url($node, user => 'itemize_writer'),
		'--write-anonymous-role', 'visitor', '--write-timeout-milliseconds', 60000, '--search-timeout-milliseconds', 60000
	]);

# ---- Requests. A worker writes rows of its own alone, so that it knows what they are.

my (%count, @wrong, %written, $until);
my $next_id = ROWS;

sub any { return $_[ rand @_ ] }
sub own_key { my ($worker) = @_; return 1 + $worker->{number} + WORKERS * int(rand(ROWS / WORKERS)) }

sub ask
{
	my ($worker, $kind, $method, $target, $allowed, %more) = @_;
	my $body = defined $more{body} ? JSON::PP::encode_json($more{body}) : '';
	my $type = $method eq 'PATCH' ? 'application/merge-patch+json' : 'application/json';
	my $request = "$method $target HTTP/1.1\r\nHost: x\r\n" . join('', map { "$_\r\n" } @{ $more{headers} // [] });
	$request .= "Content-Type: $type\r\nContent-Length: " . length($body) . "\r\n" if $body ne '';
	@$worker{qw(asked kind allowed check)} = ("$request\r\n$body", $kind, $allowed, $more{check});
	$worker->{connection}{received} = '';
	$worker->{connection}->send($worker->{asked});
	return;
}

sub patch
{
	my ($worker) = @_;
	my ($key, $n) = (own_key($worker), ++$worker->{writes});
	return if exists $written{$key} && !defined $written{$key};
	ask($worker, 'patch', 'PATCH', "/v1/items/listing/$key", [200], body => { n => $n },
		check => sub {
			my ($answer) = @_;
			$written{$key} = $n;
			my ($position) = $answer =~ /^Itemize-Position: (\S+)\r$/mi or return 'no position';
			$worker->{then} = sub {
				ask($worker, 'read own write', 'GET', "/v1/items/listing/$key", [200], headers => [ "Itemize-Min-Position: $position", 'Prefer: wait=30' ],
					check => sub { return $_[0] =~ /"n":$n,/ ? '' : "wrote n $n and read another" });
			};
			return '';
		});
	return 1;
}

my @kinds = (
	(sub { my ($w) = @_; ask($w, 'item', 'GET', '/v1/items/listing/' . (1 + int rand ROWS), [ 200, 404 ]); return 1 }) x 10,
	(sub { my ($w) = @_; ask($w, 'item again', 'GET', '/v1/items/listing/7', [ 200, 304 ], headers => [ 'Accept-Encoding: gzip', 'If-None-Match: ' . ($w->{tag} // '"x"') ],
			check => sub { ($w->{tag}) = $_[0] =~ /^ETag: (\S+)\r$/mi; return '' }); return 1 }) x 2,
	(sub { my ($w) = @_; ask($w, 'many', 'GET', '/v1/items/listing?key=in.(' . join(',', map { 1 + int rand ROWS } 1 .. 20) . ')', [200]); return 1 }) x 2,
	(sub { my ($w) = @_; ask($w, 'search', 'GET', '/v1/search/listing?q=house+w' . int(rand 40) . '&limit=10', [200]); return 1 }) x 2,
	sub { my ($w) = @_; ask($w, 'nearest', 'GET', '/v1/search/listing?lat=' . int(rand 45) . '&lon=' . int(rand 90) . '&radius=500km&price=lte.100&currency=USD&limit=5', [200]); return 1 },
	sub { my ($w) = @_; ask($w, 'facets', 'GET', '/v1/facets/listing?facets=kind&q=view', [200]); return 1 },
	(\&patch) x 4,
	sub {
		my ($w) = @_;
		my $id = ++$next_id;
		ask($w, 'create', 'POST', '/v1/items/listing', [201], body => { id => $id, n => 1, name => 'a new house', kind => 'k9', price => 5, currency => 'EUR' },
			check => sub { $written{$id} = 1; push @{ $w->{made} }, $id; return '' });
		return 1;
	},
	sub {
		my ($w) = @_;
		my $id = shift @{ $w->{made} } or return;
		ask($w, 'delete', 'DELETE', "/v1/items/listing/$id", [ 200, 204 ], check => sub { $written{$id} = undef; return '' });
		return 1;
	},
	sub { my ($w) = @_; ask($w, 'feedback', 'POST', '/v1/feedback', [200], body => { items => { listing => { map { 1 + int(rand ROWS) => undef } 1 .. 20 } } }); return 1 });

# A whole answer on the connection: its text, else nothing.
sub answer_of
{
	my ($connection) = @_;
	my $text = $connection->received;
	my $head = index($text, "\r\n\r\n");
	return if $head < 0;
	return $text if substr($text, 0, 13) =~ / (?:304|204)/;
	my ($length) = substr($text, 0, $head) =~ /^Content-Length: (\d+)\r?$/mi or return;
	return length($text) >= $head + 4 + $length ? $text : undef;
}

sub next_request
{
	my ($worker) = @_;
	if (my $then = delete $worker->{then}) { $then->() }
	elsif (time() >= $until) { $worker->{idle} = 1 }
	else { 1 until any(@kinds)->($worker) }
	return;
}

sub take
{
	my ($worker, $answer) = @_;
	my ($status) = $answer =~ m{^HTTP/1\.1 (\d+)};
	$count{ $worker->{kind} }++;
	if ($status == 503 || $status == 504)
	{
		# The client's part is to come again; how often that was is told.
		$count{refused}++;
		$worker->{connection}{received} = '';
		$worker->{connection}->send($worker->{asked});
		return;
	}
	my $wrong = grep({ $_ == $status } @{ $worker->{allowed} }) ? $worker->{check} ? $worker->{check}->($answer) : '' : 'status';
	push @wrong, "$worker->{kind}: $wrong: " . substr($worker->{asked}, 0, 200) . "\n" . substr($answer, 0, 400) if $wrong ne '' && @wrong < 5;
	next_request($worker);
	return;
}

# ---- Streams: what each was last told of a key. One follows everything, the others some items, and come and go.

my %told;

sub follow
{
	my ($stream, $resume) = @_;
	$stream->{connection} = Itemize::RawConnection->open($sidecar->port);
	my $items = $stream->{items} // 'listing/*';
	my $from = $resume && $stream->{id} ? "Last-Event-ID: $stream->{id}\r\n" : '';
	$stream->{connection}->send("GET /v1/live?items=$items HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n$from\r\n");
	return $stream;
}

sub take_events
{
	my ($stream) = @_;
	my $text = \$stream->{connection}{received};
	while ($$text =~ s/^(.*?)\r?\n\r?\n//s)
	{
		my $block = $1;
		($stream->{id}) = $1 if $block =~ /^id: ?(\S+)/m;
		$stream->{ready} = 1 if $block =~ /^event: hello/m;
		$stream->{resyncs}++ if $block =~ /^event: resync/m;
		next if $stream->{items} || $block !~ /^data: ?(.*)$/m;
		my $event = eval { JSON::PP::decode_json($1) } or next;
		$told{ $event->{key} } = $event->{item} ? $event->{item}{n} : undef if ref $event eq 'HASH' && exists $event->{key};
	}
	return;
}

sub memory_kb { my ($pid) = @_; return slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }

my $all = follow({});
my @streams = ($all, map { my $first = $_; follow({ items => join(',', map { "listing/" . (1 + ($first * 20 + $_) % ROWS) } 0 .. 19) }) } 1 .. STREAMS - 1);
poll_until(sub { Itemize::RawConnection::pump([ map { $_->{connection} } @streams ], 0.05); take_events($_) for @streams; !grep { !$_->{ready} } @streams }, 'all streams to begin');

my @workers = map { { number => $_, writes => 0, made => [], connection => Itemize::RawConnection->open($sidecar->port) } } 0 .. WORKERS - 1;
my $began = time();
my (@memory, $restarted);
$until = $began + $seconds;
next_request($_) for @workers;
while (my @busy = grep { !$_->{idle} } @workers)
{
	die "the workers do not come to an end\n" if time() > $until + PATIENCE;
	Itemize::RawConnection::pump([ map { $_->{connection} } @busy, @streams ], 0.05);
	for my $worker (@busy)
	{
		die "a connection was closed after: $worker->{asked}\n" if $worker->{connection}->ended;
		my $answer = answer_of($worker->{connection}) // next;
		take($worker, $answer);
	}
	take_events($_) for @streams;
	next if @memory > time() - $began;
	# Each second; and a client goes and comes back to where it was.
	push @memory, memory_kb($sidecar->pid);
	my $stream = $streams[ 1 + int rand(@streams - 1) ];
	$stream->{connection}->close;
	follow($stream, 1);
	$restarted++;
}

my $requests = 0;
$requests += $count{$_} for grep { $_ ne 'refused' } keys %count;
note(sprintf('%d requests in %.0f s: %s', $requests, time() - $began, join(', ', map { "$_ $count{$_}" } sort keys %count)));
is(join("\n", @wrong), '', "each of $requests answers is one that its request can have");
cmp_ok(scalar(keys %count), '>=', 10, 'of all kinds');

# Everything that was written is in the database, and the follower of everything has been told so.
my %have = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT id, n FROM listing');
is_deeply([ grep { ($have{$_} // 'none') ne ($written{$_} // 'none') } sort keys %written ], [], 'the database has what was written');
poll_until(
	sub {
		Itemize::RawConnection::pump([ $all->{connection} ], 0.05);
		take_events($all);
		return !grep { !exists $told{$_} || ($told{$_} // 'none') ne ($written{$_} // 'none') } keys %written;
	},
	'the follower of everything to have heard of all');
is($all->{resyncs} // 0, 0, 'without a resync');
is(http_get($sidecar->url('/readyz'))->{status}, 200, 'and the sidecar is well');
note("$restarted streams came back; the sidecar took $memory[-1] KB at the end, " . max(@memory) . ' at most') if @memory;
if ($soak)
{
	my $settled = $memory[ @memory / 3 ];
	cmp_ok($memory[-1], '<=', $settled * GROWTH + SLACK_KB, "memory is flat ($settled KB after a third of the time)");
	is($count{refused} // 0, 0, 'no answer says to come again');
}
is($sidecar->stop, 0, 'status 0');

done_testing();
