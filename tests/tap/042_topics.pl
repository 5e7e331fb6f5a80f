# Application events end to end: publish in a transaction, follow over HTTP, resume, and what a slow client gets.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Test::More;

use Itemize::RawConnection;
use Itemize::Test;

my $node = start_postgres('topics');
create_sidecar_roles($node);

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

sql('CREATE TABLE item (id int PRIMARY KEY, name text)', "SELECT itemize.define('item', 'item', fields => '{id,name}', read => 'everyone')",
	"SELECT itemize.define_topic('prices', read => 'everyone')", "SELECT itemize.define_topic('orders.new', read => 'everyone')", "SELECT itemize.define_topic('private')");
my $redis   = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--live-buffer', 300_000 ]);

sub follow { my ($query, @headers) = @_; return open_events($sidecar->url("/v1/live?$query"), @headers) }
sub hello { my ($events) = @_; return $events->next_event(sub { $_->{event} eq 'hello' }) }

# Everything up to an event of topic prices with the payload "end", without that.
sub until_end
{
	my ($events) = @_;
	my @before;
	$events->next_event(sub { return 1 if $_->{text} eq '{"topic":"prices","payload":"end"}'; push @before, $_; return });
	return @before;
}
sub publish_end { return sql(q{SELECT itemize.publish('prices', '"end"')}) }

subtest 'an event reaches those who follow its topic, in its place, with its bytes' => sub {
	my $both   = follow('items=item/*&topics=prices,orders.new');
	my $prices = follow('topics=prices');
	hello($_) for $both, $prices;
	sql('BEGIN', "INSERT INTO item VALUES (1, 'a')", q{SELECT itemize.publish('prices', '{"b": [1, 2.50, "tab\t \"quoted\" ü  "], "a": null}')}, "UPDATE item SET name = 'b'",
		q{SELECT itemize.publish('orders.new', '[]')}, q{SELECT itemize.publish('private', '1')}, 'COMMIT');
	publish_end();
	my @told = until_end($both);
	is_deeply([ map { $_->{event} . ' ' . ($_->{data}{op} // $_->{data}{topic}) } @told ], [ 'item insert', 'message prices', 'item update', 'message orders.new' ], 'among the changes of the transaction');
	is($told[1]{text}, '{"topic":"prices","payload":{"a":null,"b":[1,2.50,"tab\t \"quoted\" ü  "]}}', 'byte by byte what jsonb gives, without white space');
	is_deeply([ map { $_->{id} =~ /-(\d+)\z/ } @told ], [ 1 .. 4 ], 'ids are positions');
	is_deeply([ map { $_->{text} } until_end($prices) ], [ $told[1]{text} ], 'and only to those');
};

subtest 'a topic that is unknown or not readable is answered as an item type would be' => sub {
	for my $query ('topics=none', 'topics=private', 'topics=prices,private', 'items=item/*&topics=none')
	{
		my $answer = http_get($sidecar->url("/v1/live?$query"));
		is_deeply([ @$answer{qw(status)}, $answer->{json}{type} ], [ 404, 'urn:itemize:problem:not-found' ], $query);
	}
	for my $query ('topics=', 'topics=a,,b', 'topics=Upper', 'topics=%40prices', 'topics=item/*', 'topics=a&topics=b', 'topics=' . 'x' x 64, 'topics=' . join(',', ('a') x 3000), '')
	{
		my $answer = http_get($sidecar->url("/v1/live?$query"));
		is($answer->{status}, $query =~ /a,a,a/ ? 404 : 400, substr($query, 0, 20) . '…: ' . ($answer->{json}{detail} // ''));
	}
	is(http_get($sidecar->url('/v1/items/@prices/1'))->{status}, 404, 'a topic is no item type');
	is(http_get($sidecar->url('/v1/live?items=@prices/*'))->{status}, 400, 'nor to be followed as one');
};

subtest 'Last-Event-ID resumes with what was missed, inside of a transaction too' => sub {
	my $first = follow('topics=prices');
	hello($first);
	sql('BEGIN', (map { "SELECT itemize.publish('prices', '$_')" } 1 .. 5), 'COMMIT');
	my @ids = map { $first->next_event(sub { $_->{event} eq 'message' })->{id} } 1 .. 5;
	sql("SELECT itemize.publish('prices', '6')");
	publish_end();
	my $again = follow('topics=prices', "Last-Event-ID: $ids[1]");
	hello($again);
	is_deeply([ map { $_->{data}{payload} } until_end($again) ], [ 3 .. 6 ], 'exactly');
	my $stranger = follow('topics=orders.new', "Last-Event-ID: $ids[1]");
	hello($stranger);
	sql("SELECT itemize.publish('orders.new', '7')");
	is($stranger->next_event(sub { $_->{event} ne 'hello' })->{data}{payload}, 7, 'and of the topics asked for only');
	my $lost = follow('topics=prices', 'Last-Event-ID: 1.1.1:5-0');
	is($lost->next_event(sub { $_->{event} eq 'resync' })->{data}{reason}, 'epoch', 'or it is said that something was missed');
};

subtest 'access is decided when an event is sent' => sub {
	my $events = follow('topics=orders.new');
	hello($events);
	sql("SELECT itemize.define_topic('orders.new', read => 'nobody', replace => true)", "SELECT itemize.publish('orders.new', '8')", "SELECT itemize.define_topic('orders.new', read => 'everyone', replace => true)");
	is_deeply($events->next_event(sub { $_->{event} eq 'gone' })->{data}, { topic => 'orders.new' }, 'a topic that is closed is gone');
	my $answer = poll_until(sub { my $e = follow('topics=orders.new'); $e->head =~ / 200 / ? $e : undef }, 'the topic to be open again');
	hello($answer);
	sql("SELECT itemize.publish('orders.new', '9')");
	is($answer->next_event(sub { $_->{event} eq 'message' })->{data}{payload}, 9, 'who comes back hears again');
	unlike($events->raw, qr/"payload":[89]/, 'who had it, does not');
	sql("SELECT itemize.undefine_topic('orders.new')");
	is_deeply($answer->next_event(sub { $_->{event} eq 'gone' })->{data}, { topic => 'orders.new' }, 'removed, it is gone as well');
};

subtest 'a sidecar that begins with an empty Redis knows the topics' => sub {
	$redis->cli('FLUSHALL');
	my $events = poll_until(sub { my $e = follow('topics=prices'); $e->head =~ / 200 / ? $e : undef }, 'the topic to be known again');
	hello($events);
	poll_until(sub { sql("SELECT itemize.publish('prices', '10')"); grep { $_->{event} eq 'message' } $events->events }, 'an event after that');
	pass('and carries their events');
};

subtest 'for a slow client no event is dropped in silence' => sub {
	my $fast = follow('topics=prices');
	hello($fast);
	my $slow = Itemize::RawConnection->open($sidecar->port, receive_buffer => 4096)->send("GET /v1/live?topics=prices&items=item/* HTTP/1.1\r\nHost: h\r\n\r\n");
	$slow->read_until(sub { /event: hello\n.*\n\n/ }); # and no more for now
	# More than the kernel and the buffer hold together, at the pace of the fast one.
	for my $i (1 .. 40)
	{
		sql("SELECT itemize.publish('prices', to_jsonb(repeat('x', 60000) || $i))");
		poll_until(sub { $fast->raw =~ /x$i"\}\n\n\z/ }, "event $i to arrive at the fast one");
	}
	is_deeply([ $fast->raw =~ /x(\d+)"\}\n/g ], [ 1 .. 40 ], 'one that keeps up gets all');
	# A second overflow, before the resync is taken, ends the connection.
	my $received = $slow->read_until(sub { /event: resync\ndata: \{"reason":"slow"\}/ });
	ok($received =~ /event: resync/ || $slow->ended, 'the slow one is told that it has missed some, or cut off');
	my @before = $received =~ /x(\d+)"\}\n/g;
	is_deeply(\@before, [ 1 .. @before ], 'what it got before has no gap: ' . scalar @before);
	ok(@before > 0 && @before < 40, 'some of them came, and not all');
	$slow->close;
	my ($last) = $received =~ /.*^id: (\S+)\nevent: message\ndata: [^\n]*\n\n/ms;
	my $again = follow('topics=prices', "Last-Event-ID: $last");
	hello($again);
	is($again->next_event->{data}{reason}, 'window', 'and when it comes back, it is told so again: more is missing than may wait for it');
};

done_testing();
