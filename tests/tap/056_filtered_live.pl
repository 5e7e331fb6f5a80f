# Live subscriptions with a filter, as docs/how-to/follow-a-search.md describes them: what has entered, changed and left,
# as it happens and after a resume, over event streams and WebSockets, each told of what he may see.
use strict;
use warnings;

use Itemize::EventStream;
use Itemize::Test;
use Itemize::Tokens;
use Itemize::WebSocket;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TYPE state AS ENUM ('draft', 'listed');
CREATE DOMAIN euros AS numeric;
CREATE TABLE listing (id int PRIMARY KEY, name text, room_type text, price euros, rating real, state state, created timestamptz, location geometry(Point, 4326), tags text[], secret int);
ALTER TABLE listing REPLICA IDENTITY FULL;
SELECT itemize.define('listing', 'listing', fields => '{id,name,room_type,price,rating,state,created,location,tags}', location => 'location', read => 'everyone');
CREATE TABLE diary (id int PRIMARY KEY, host text, mood int);
ALTER TABLE diary REPLICA IDENTITY FULL;
SELECT itemize.define('diary', 'diary', fields => '{id,host,mood}', read => 'owner', owner => 'host');
CREATE TABLE inner_item (id int PRIMARY KEY);
ALTER TABLE inner_item REPLICA IDENTITY FULL;
SELECT itemize.define('inner', 'inner_item', fields => '{id}', read => 'role:staff');
CREATE TABLE plain (id int PRIMARY KEY);
SELECT itemize.define('plain', 'plain', fields => '{id}', read => 'everyone');
CREATE TABLE stay (id int, night date, PRIMARY KEY (id, night)) PARTITION BY LIST (id);
CREATE TABLE stay_1 PARTITION OF stay FOR VALUES IN (1);
CREATE TABLE stay_2 PARTITION OF stay FOR VALUES IN (2);
ALTER TABLE stay_1 REPLICA IDENTITY FULL;
SELECT itemize.define('stay', 'stay', fields => '{id,night}', read => 'everyone');
});
my $redis = start_redis();
my $file = secret_file($secret);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwt-secret-file', $file ]);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub listing { my ($id, %row) = @_; return sql(sprintf 'INSERT INTO listing (id, %s) VALUES (%d, %s)', join(', ', sort keys %row), $id, join(', ', map { "'$row{$_}'" } sort keys %row)) }

# An event stream that has begun.
my @streams;
sub follow
{
	my ($query, @headers) = @_;
	my $stream = Itemize::EventStream->launch($sidecar->url("/v1/live/$query"), headers => \@headers);
	push @streams, $stream;
	like($stream->head, qr{^HTTP/1\.1 200 }, "followed: $query") or diag $stream->raw;
	$stream->next_event(sub { $_->{event} eq 'hello' });
	return $stream;
}

sub in_words { return map { "$_->{event}/" . ($_->{data}{key} // $_->{data}{reason} // $_->{data}{op} // '') } @_ }

# What a stream is told up to the event of a key, without those taken before.
sub told_until
{
	my ($stream, $key) = @_;
	my @events;
	do { push @events, $stream->next_event } until ($events[-1]{data}{key} // '') eq $key || $events[-1]{event} eq 'resync';
	return join ' ', in_words(@events);
}

sub problem { my ($query, @headers) = @_; my $answer = http_get($sidecar->url("/v1/live/$query"), @headers); return "$answer->{status} " . ($answer->{json}{detail} // '') }

sub check_outcomes
{
	my $cheap = follow('listing?price=lte.100&room_type=eq.private');
	my $here = follow('listing?bbox=4.3,51.1,4.5,51.3');
	my $around = follow('listing?lat=51.22&lon=4.40&radius=1km');
	my $new = follow('listing?created=gte.2026-07-01&state=in.(listed)&rating=gt.0.1');
	my $either = follow('listing?or=(name.is.null,and(price.gt.500,room_type.not.eq.private))');
	# As PostGIS measures, on the ellipsoid.
	my $metres = sql(q{SELECT ST_Distance('POINT(4.4 51.22)'::geography, 'POINT(4.3517 50.8503)')});
	note "$metres m";
	my %within = map { $_ => follow(sprintf 'listing?lat=50.8503&lon=4.3517&radius=%.3f', $metres + $_) } (-0.01, 0.01);
	listing(1, name => 'Loft', room_type => 'private', price => 95, location => 'SRID=4326;POINT(4.3997 51.2213)');
	listing(2, name => 'Hall', room_type => 'hotel', price => 50.5, rating => 0.1, state => 'listed', created => '2026-07-01 12:00+00');
	sql('UPDATE listing SET price = 100.00 WHERE id = 1');
	sql('UPDATE listing SET secret = 1 WHERE id = 1');
	sql('UPDATE listing SET price = 100.01 WHERE id = 1');
	sql('UPDATE listing SET price = 600 WHERE id = 1');
	sql(q{UPDATE listing SET location = 'SRID=4326;POINT(4.45 51.22)', name = NULL WHERE id = 1});
	sql(q{UPDATE listing SET rating = 4.5 WHERE id = 2});
	sql(q{BEGIN; UPDATE listing SET price = 10 WHERE id = 1; UPDATE listing SET id = 3 WHERE id = 1; COMMIT});
	sql(q{UPDATE listing SET state = 'draft', tags = '{a,b}' WHERE id = 2});
	sql('DELETE FROM listing WHERE id = 3');
	listing(9, room_type => 'private', price => 1, name => 'end', location => 'SRID=4326;POINT(4.4 51.22)', created => '2026-08-01', state => 'listed', rating => 5);
	is(told_until($cheap, 9), 'entered/1 changed/1 changed/1 left/1 entered/1 left/1 entered/3 left/3 entered/9', 'by a price and a kind: entered, changed, left, also under another key');
	is(told_until($here, 9), 'entered/1 ' . 'changed/1 ' x 6 . 'left/1 entered/3 left/3 entered/9', 'in a rectangle of the map');
	is(told_until($around, 9), 'entered/1 ' . 'changed/1 ' x 4 . 'left/1 entered/9', 'around a place');
	is(told_until($within{0.01}, 9), 'entered/9', 'within a distance, to the centimetre');
	is(join(' ', in_words($within{-0.01}->events)), 'hello/', '... and not within a lesser one');
	is(told_until($new, 9), 'entered/2 left/2 entered/9', 'by a time, a label and a number of single precision');
	sql('UPDATE listing SET name = NULL WHERE id = 9');
	is(told_until($either, 9), 'entered/1 changed/1 left/1 entered/3 left/3 entered/9', 'one of several conditions');
	my ($entered) = grep { $_->{event} eq 'entered' } $cheap->events;
	my ($left) = grep { $_->{event} eq 'left' } $cheap->events;
	like($entered->{text}, qr/^\{"type":"listing","key":"1","item":\{"id":1,"name":"Loft","room_type":"private","price":95,.*\}\}$/, 'who has entered is told whole');
	is($left->{text}, '{"type":"listing","key":"1"}', 'of who has left nothing but the key');
	like($left->{id}, qr/^\d+\.\d+\.\d+:\d+-\d+$/, '... and the position');
	sql('TRUNCATE listing');
	is($cheap->next_event(sub { $_->{event} eq 'item' })->{text}, '{"op":"truncate","type":"listing"}', 'all of them gone');
	return;
}

sub check_resume
{
	my $query = 'listing?price=lte.100';
	my $all = follow($query);
	my $first = follow($query);
	listing($_, price => 10 * $_) for 11 .. 13;
	sql(q{BEGIN; UPDATE listing SET price = 200 WHERE id = 11; INSERT INTO listing (id, price) VALUES (14, 14); UPDATE listing SET price = 20 WHERE id = 11; COMMIT});
	sql('DELETE FROM listing WHERE id = 14');
	listing(15, price => 1);
	sql('UPDATE listing SET price = price - 30 WHERE id IN (12, 13)');
	listing(19, price => 1);
	my $expected = told_until($all, 19);
	is($expected, 'entered/14 entered/11 left/14 entered/15 entered/12 entered/13 entered/19', 'what happened');
	my @events = grep { $_->{event} ne 'hello' } $all->events;
	told_until($first, 19);
	$first->stop;
	# From each of the events on, which may be in the middle of a transaction: what came behind it, the same bytes.
	my $same = 0;
	for my $i (0 .. $#events - 1)
	{
		my $again = follow($query, "Last-Event-ID: $events[$i]{id}");
		told_until($again, 19);
		my @again = grep { $_->{event} ne 'hello' } $again->events;
		++$same if join("\n", map { "$_->{id} $_->{event} $_->{text}" } @again) eq join("\n", map { "$_->{id} $_->{event} $_->{text}" } @events[ $i + 1 .. $#events ]);
		$again->stop;
	}
	is($same, $#events, 'a client that resumes is told what it missed, exactly, and nothing twice');
	my $other = follow('listing?price=gt.100', "Last-Event-ID: $events[0]{id}");
	listing(20, price => 500);
	is(told_until($other, 20), 'left/11 left/12 left/13 entered/20', 'another filter from the same position on has other events');
	my $malformed = Itemize::EventStream->launch($sidecar->url('/v1/live/listing?price=gt.1&last_event_id=x'));
	is($malformed->next_event(sub { $_->{event} eq 'resync' })->{data}{reason}, 'malformed', 'no position is answered by resync');
	$malformed->stop;
	return;
}

sub check_web_socket
{
	my $socket = Itemize::WebSocket->open($sidecar->port);
	my $subscribe = sub {
		my ($id, %what) = @_;
		my $answer = $socket->ask({ id => $id, subscribe => \%what });
		return $answer if !$answer->{ok};
		return $socket->until(sub { ($_->{subscription} // '') eq $id && $_->{event} eq 'hello' });
	};
	my $hello = $subscribe->('map', type => 'listing', where => { bbox => '4,51,5,52', price => [ 'gte.10', 'lte.20' ] });
	ok($hello->{position}, 'begun by a message');
	$subscribe->('all', items => ['listing/*']);
	listing(31, price => 15, location => 'SRID=4326;POINT(4.5 51.5)');
	sql('UPDATE listing SET price = 21 WHERE id = 31');
	listing(32, price => 10, location => 'SRID=4326;POINT(4.5 51.5)');
	my $of = sub { my ($id) = @_; return grep { ($_->{subscription} // '') eq $id && $_->{event} !~ /^(?:hello|keepalive)$/ } $socket->messages };
	for my $id (qw(map all))
	{
		ok($socket->until(sub { ($_->{subscription} // '') eq $id && ($_->{data}{key} // '') eq '32' }), "the last event of $id");
	}
	is(join(' ', in_words($of->('map'))), 'entered/31 left/31 entered/32', 'the same events');
	is(join(' ', in_words($of->('all'))), 'item/31 item/31 item/32', 'beside those of another subscription');
	$subscribe->('again', type => 'listing', where => { bbox => '4,51,5,52', price => [ 'lte.20', 'gte.10' ] }, after => ($of->('map'))[0]{position});
	ok($socket->until(sub { ($_->{subscription} // '') eq 'again' && ($_->{data}{key} // '') eq '32' }), 'resumed');
	is(join(' ', in_words($of->('again'))), 'left/31 entered/32', '... behind the position it names');
	like($subscribe->('bad', type => 'listing', where => { prize => 'lte.1' })->{problem}{detail}, qr/no field 'prize'; there are id, name, room_type, price, rating, state, created$/, 'a problem names the field, and those that there are');
	like($subscribe->('both', type => 'listing', items => ['listing/*'])->{problem}{detail}, qr/subscription of their own/, 'both at once');
	$socket->close;
	return;
}

sub check_rules
{
	my %headers = map { $_ => bearer($secret, { sub => $_ }) } qw(ann bob);
	my %diary = map { $_ => follow('diary?mood=gte.5', $headers{$_}) } qw(ann bob);
	sql(q{INSERT INTO diary VALUES (1, 'ann', 7), (2, 'bob', 8), (3, NULL, 9), (4, 'ann', 1)});
	sql('UPDATE diary SET mood = 6 WHERE id = 1');
	sql(q{UPDATE diary SET host = 'bob' WHERE id = 1});
	sql(q{UPDATE diary SET host = 'bob', mood = 9 WHERE id = 4});
	sql('UPDATE diary SET mood = 0 WHERE id = 1');
	sql(q{INSERT INTO diary VALUES (8, 'ann', 9), (9, 'bob', 9)});
	is(told_until($diary{ann}, 8), 'entered/1 changed/1 left/1 entered/8', 'each is told of his own: what he no longer has has left');
	is(told_until($diary{bob}, 9), 'entered/2 entered/1 entered/4 left/1 entered/9', 'and what he has now has entered');
	like(problem('diary?mood=gte.5'), qr/^404/, 'nobody in particular has none');
	like(problem('diary?mood=x'), qr/^404/, '... nor is told what a field is');
	like(problem('inner?id=gt.0', $headers{ann}), qr/^404/, 'a type for others is not there');
	like(problem('none?id=gt.0'), qr/^404/, '... nor one that is none');
	my $staff = bearer($secret, { sub => 'eve', role => 'staff' });
	my $inner = follow('inner?id=gt.0', $staff);
	sql('INSERT INTO inner_item VALUES (1)');
	is(told_until($inner, 1), 'entered/1', 'who may is told');
	sql(q{SELECT itemize.define('inner', 'inner_item', fields => '{id}', read => 'nobody', replace => true)});
	is($inner->next_event->{event}, 'gone', 'until he may no longer');
	return;
}

sub check_refusals
{
	my $refused = problem('plain?id=gt.0');
	like($refused, qr/^400 .*ALTER TABLE \S+ REPLICA IDENTITY FULL/, 'a table whose changes do not say what was before');
	is($sidecar->wait_for_log('live_filter_refused')->{statements}, 'ALTER TABLE public.plain REPLICA IDENTITY FULL;', 'the log has the statement');
	sql('ALTER TABLE plain REPLICA IDENTITY FULL');
	poll_until(sub { http_request('HEAD', $sidecar->url('/v1/live/plain?id=gt.0'))->{status} == 200 }, 'the statement to have helped');
	like(problem('stay?id=eq.1'), qr/^400 .*REPLICA IDENTITY FULL/, 'one partition without it is enough');
	like($sidecar->log_text, qr/ALTER TABLE public\.stay_2 REPLICA IDENTITY FULL;"/, '... which is named, and no other');
	my %problems = (
		'listing' => qr/^400 a filter is needed/,
		'listing?q=sea' => qr/^400 'q' is not possible here: a live filter has conditions on fields/,
		'listing?price=lte.1&currency=USD' => qr/^400 'currency' is not possible here/,
		'listing?secret=eq.1' => qr/^400 the type listing has no field 'secret'; there are id, name/,
		'listing?tags=cs.{a}' => qr/^400 the field 'tags' has a type that live filters do not compare/,
		'listing?price=lte.x' => qr/^400 the field 'price' is compared with a number, not with 'x'/,
		'listing?price=neq.1' => qr/^400 a live filter needs a condition that says which rows/,
		'diary%2F?x=eq.1' => qr/^404/,
	);
	like(problem($_), $problems{$_}, "refused: $_") for sort keys %problems;

	# An identity that is taken away: what was before is no longer told, and that is.
	my $stream = follow('plain?id=gt.0');
	sql('INSERT INTO plain VALUES (1); ALTER TABLE plain REPLICA IDENTITY DEFAULT; UPDATE plain SET id = id; INSERT INTO plain VALUES (2)');
	is(told_until($stream, 2), 'entered/1 resync/former', 'a change that does not say it is told as such');
	is(told_until($stream, 2), 'entered/2', '... and what follows as ever');
	return;
}

sub check_definitions
{
	my $stream = follow('listing?price=lte.100');
	my $position = ($stream->events)[0]{id};
	my $socket = Itemize::WebSocket->open($sidecar->port);
	ok($socket->ask({ id => 'x', subscribe => { type => 'listing', where => { price => 'lte.100' } } })->{ok}, 'a WebSocket');
	$socket->until(sub { ($_->{event} // '') eq 'hello' });
	sql(q{SELECT itemize.define('listing', 'listing', fields => '{name,price,id}', read => 'everyone', replace => true)});
	is($stream->next_event->{data}{reason}, 'definition', 'another definition is told');
	poll_until(sub { !$stream->alive }, 'the end of the stream, whose filter is of the old one');
	like($stream->raw, qr/\nretry: \d+\n/, '... and when to come back');
	ok($socket->until(sub { ($_->{event} // '') eq 'end' }), 'the end of the subscription');
	is(join(' ', map { $_->{event} } grep { ($_->{subscription} // '') eq 'x' && $_->{event} ne 'keepalive' } $socket->messages), 'hello resync retry end', '... in the same words');
	my $again = follow('listing?price=lte.100', 'Last-Event-ID: ' . ($stream->events)[-1]{id});
	listing(41, price => 1, name => 'by the new one');
	is(told_until($again, 41), 'entered/41', 'who comes back goes on from there');
	my $early = follow('listing?price=lte.100', "Last-Event-ID: $position");
	is($early->next_event->{data}{reason}, 'definition', 'and from before it begins anew');
	sql(q{SELECT itemize.define('listing', 'listing', fields => '{name,id}', read => 'everyone', replace => true)});
	poll_until(sub { !$again->alive }, 'another end');
	like(problem('listing?price=lte.100'), qr/^400 the type listing has no field 'price'/, 'a field that is no more is refused');
	$socket->close;
	return;
}

check_outcomes();
check_resume();
check_web_socket();
check_rules();
check_refusals();
check_definitions();
$_->stop for @streams;
like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_live_resyncs_total\{reason="former"\} 1$/m, 'what could not be told is counted');
is($sidecar->stop, 0, 'status 0');
done_testing();
