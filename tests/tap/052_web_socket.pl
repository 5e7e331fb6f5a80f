# WebSockets as docs/reference/websocket.md describes them: subscriptions begun, resumed and ended by messages, errors that
# name their message, and what no client should send.
use strict;
use warnings;

use Itemize::RawConnection;
use Itemize::Test;
use Itemize::Tokens;
use Itemize::WebSocket;
use JSON::PP ();
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text);
SELECT itemize.define('item', 'item', fields => '{id,name}', read => 'everyone');
CREATE TABLE secret (id int PRIMARY KEY);
SELECT itemize.define('secret', 'secret', fields => '{id}');
CREATE TABLE inner_item (id int PRIMARY KEY);
SELECT itemize.define('inner', 'inner_item', fields => '{id}', read => 'role:staff');
SELECT itemize.define_topic('news', read => 'everyone');
});
my $redis = start_redis();
my $file = secret_file($secret);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwt-secret-file', $file ]);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub web_socket { return Itemize::WebSocket->open($sidecar->port, @_) }
sub problem_of { my ($answer) = @_; return ($answer->{problem}{type} // '') =~ s/^urn:itemize:problem://r }

# Begins a subscription; gives its hello.
sub subscribe
{
	my ($socket, $id, %what) = @_;
	my $answer = $socket->ask({ id => $id, subscribe => \%what });
	ok($answer->{ok}, "$id is begun") or diag explain $answer;
	return $socket->until(sub { ($_->{subscription} // '') eq $id && $_->{event} eq 'hello' });
}

# The events of a subscription up to the one of a key.
sub events_until
{
	my ($socket, $id, $key) = @_;
	my $of = sub { ($_->{subscription} // '') eq $id && $_->{event} ne 'keepalive' };
	ok($socket->until(sub { $of->() && ($_->{data}{key} // '') eq $key }), "$id: the event of $key");
	return grep { $of->() } $socket->messages;
}

sub check_subscriptions
{
	my $socket = web_socket();
	my $position = qr/^\d+\.\d+\.\d+:\d+-\d+$/;
	my $hello = subscribe($socket, 'one', items => ['item/1']);
	like($hello->{position}, $position, 'hello has the position');
	is($hello->{retry}, 2000, '... and when to come back');
	subscribe($socket, 'all', items => ['item/*'], topics => ['news']);
	sql(q{INSERT INTO item VALUES (1, E'é "\\n\\u2028'), (2, 'two')});
	sql(q{SELECT itemize.publish('news', '{"headline": "x"}')});
	sql(q{INSERT INTO item VALUES (3, 'three')});
	my @all = events_until($socket, 'all', 3);
	is(join(' ', map { $_->{event} . ($_->{data}{key} // '') } @all), 'hello item1 item2 message item3', 'all of one subscription, in order');
	my ($first) = grep { ($_->{data}{key} // '') eq '1' } @all;
	my $row = sql(q{SELECT item FROM itemize.fetch('item', '{1}')});
	my $expected = qq("data":{"op":"insert","type":"item","key":"1","item":$row}});
	is(substr($first->{text}, -length $expected), $expected, 'an event has the bytes of itemize.fetch');
	like($first->{position}, $position, '... and a position');
	is(scalar(events_until($socket, 'one', 1)), 2, 'the other subscription hears of its item alone');

	my $resumed = $first->{position};
	ok($socket->ask({ id => 'x', unsubscribe => 'all' })->{ok}, 'a subscription is ended');
	is(problem_of($socket->ask({ id => 'x2', unsubscribe => 'all' })), 'not-found', '... once');
	subscribe($socket, 'again', items => ['item/*'], topics => ['news'], after => $resumed);
	my @again = events_until($socket, 'again', 3);
	is(join(' ', map { $_->{event} . ($_->{data}{key} // '') } @again), 'hello item2 message item3', 'one resumes behind the position it names');
	sql(q{UPDATE item SET name = 'uno' WHERE id = 1});
	events_until($socket, 'again', 1);
	is(scalar(grep { ($_->{subscription} // '') eq 'all' } $socket->messages), scalar @all, 'the ended one is told nothing more');
	subscribe($socket, 'lost', items => ['item/*'], after => '1.1.1:1-0');
	is($socket->until(sub { ($_->{subscription} // '') eq 'lost' && $_->{event} eq 'resync' })->{data}{reason}, 'epoch', 'a position of another epoch is answered by resync');
	is($socket->ask({ id => 17, ping => JSON::PP::true })->{text}, '{"id":17,"ok":true}', 'ping, with a number for an id, which comes back as it was');
	like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_web_sockets 1$/m, 'it is counted');
	$socket->close;
	poll_until(sub { http_get($sidecar->url('/metrics'))->{body} =~ /^itemize_web_sockets 0$/m }, 'its end');
	poll_until(sub { http_get($sidecar->url('/metrics'))->{body} =~ /^itemize_live_connections 0$/m }, 'the end of its subscriptions');
	return;
}

sub check_refusals
{
	my $socket = web_socket();
	subscribe($socket, 'a', items => ['item/1']);
	my %refused = (
		'[1]' => qr/bad-request.*JSON object/,
		'{"id":"i","ping":true' => qr/bad-request.*JSON object/,
		'{"id":"i","id":"j","ping":true}' => qr/bad-request.*JSON object/,
		'{"ping":true}' => qr/bad-request.*an id is needed/,
		'{"id":{},"ping":true}' => qr/bad-request.*an id is needed/,
		'{"id":1.5,"ping":true}' => qr/bad-request.*an id is needed/,
		qq({"id":"@{['x' x 70]}","ping":true}) => qr/bad-request.*an id is needed/,
		'{"id":"i"}' => qr/"id":"i".*bad-request.*nothing is asked for/,
		'{"id":"i","shout":1}' => qr/"id":"i".*bad-request.*'shout' is unknown/,
		'{"id":"i","ping":1,"subscribe":{}}' => qr/"id":"i".*bad-request.*two things/,
		'{"id":"i","subscribe":"item/1"}' => qr/"id":"i".*bad-request.*an object with items/,
		'{"id":"i","subscribe":{}}' => qr/"id":"i".*bad-request.*items or topics/,
		'{"id":"i","subscribe":{"items":[]}}' => qr/"id":"i".*bad-request.*array of texts/,
		'{"id":"i","subscribe":{"items":[1]}}' => qr/"id":"i".*bad-request.*array of texts/,
		'{"id":"i","subscribe":{"items":["item"]}}' => qr/"id":"i".*bad-request/,
		'{"id":"i","subscribe":{"items":["item/\\"a,b"]}}' => qr/"id":"i".*bad-request/,
		'{"id":"i","subscribe":{"items":["item/1"],"filter":1}}' => qr/"id":"i".*unknown-parameter.*'filter'/,
		'{"id":"i","subscribe":{"items":["item/1"],"after":7}}' => qr/"id":"i".*bad-request.*after/,
		'{"id":"i","subscribe":{"items":["secret/1"]}}' => qr/"id":"i".*not-found/,
		'{"id":"i","subscribe":{"topics":["unheard"]}}' => qr/"id":"i".*not-found/,
		'{"id":"a","subscribe":{"items":["item/1"]}}' => qr/"id":"a".*bad-request.*already/,
		'{"id":"i","unsubscribe":"b"}' => qr/"id":"i".*not-found/,
		'{"id":"i","unsubscribe":true}' => qr/"id":"i".*bad-request/,
		'{"id":"i","authenticate":1}' => qr/"id":"i".*bad-request.*token/,
		'{"id":"i","authenticate":"a\\r\\nHost: b"}' => qr/"id":"i".*bad-request.*line ends/,
		'{"id":"i","authenticate":"nonsense"}' => qr/"id":"i".*invalid-token/,
	);
	for my $message (sort keys %refused)
	{
		my $before = scalar $socket->messages;
		$socket->say($message);
		my $new = sub { my @all = @{ $socket->{messages} }; grep { $_->{problem} } @all[ $before .. $#all ] };
		$socket->until(sub { $new->() });
		my ($answer) = $new->();
		like($answer->{text} // '', $refused{$message}, 'refused: ' . substr($message, 0, 80));
	}
	$socket->send_frame('x', type => 'binary');
	ok($socket->until(sub { ($_->{problem}{detail} // '') =~ /binary/ }), 'refused: a binary message');
	for my $n (1 .. 99) { $socket->say({ id => $n, subscribe => { items => ["item/$n"] } }) }
	ok($socket->until(sub { ($_->{id} // '') eq '99' })->{ok}, 'a hundred subscriptions');
	like($socket->ask({ id => 'more', subscribe => { items => ['item/1'] } })->{problem}{detail}, qr/at most 100 subscriptions/, '... and no more');
	$socket->close;

	my $big = web_socket();
	ok($big->ask({ id => 'many', subscribe => { items => [ map { "item/$_" } 1 .. 5000 ] } })->{ok}, '5,000 items in one message');
	$big->say('"' . 'x' x 300_000 . '"');
	is($big->close_code, 1009, 'a message that is too large ends the WebSocket');
	my $unmasked = web_socket();
	$unmasked->send_frame('{"id":1,"ping":1}', masked => 0);
	is($unmasked->close_code, 1002, 'so does a frame that is not masked');
	my $no_text = web_socket();
	$no_text->send_frame("\xff\xfe", type => 'text');
	is($no_text->close_code, 1007, 'so does text that is no UTF-8');
	return;
}

# One that cannot become a WebSocket is answered over HTTP.
sub check_handshakes
{
	my $key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
	my @fields = ('Host: h', 'Connection: Upgrade', 'Upgrade: websocket');
	my $answer = sub {
		my $connection = Itemize::RawConnection->open($sidecar->port);
		$connection->send(join "\r\n", @_, '', '');
		my ($status) = $connection->read_until(sub { m{\AHTTP/1\.1 \d+.*\r\n\r\n}s }) =~ m{\AHTTP/1\.1 (\d+)};
		$connection->close;
		return $status;
	};
	my $get = 'GET /v1/live HTTP/1.1';
	is($answer->($get, @fields, $key, 'Sec-WebSocket-Version: 13'), 101, 'a handshake');
	is($answer->($get, @fields, $key, 'Sec-WebSocket-Version: 8'), 426, 'another version');
	is($answer->($get, @fields, 'Sec-WebSocket-Version: 13'), 400, 'no key');
	is($answer->('GET /v1/live?items=item/1 HTTP/1.1', @fields, $key, 'Sec-WebSocket-Version: 13'), 400, 'with parameters');
	is($answer->('GET /v1/items/item/1 HTTP/1.1', @fields, $key, 'Sec-WebSocket-Version: 13'), 200, 'elsewhere the wish is not heard');
	is($answer->($get, @fields, $key, 'Sec-WebSocket-Version: 13', 'Authorization: Bearer nonsense'), 401, 'with a token that does not hold');
	return;
}

sub check_tokens
{
	my $good = sign_token($secret, { sub => 'ann', role => 'staff' });
	my $who = http_get($sidecar->url('/v1/caller'), bearer($secret, { sub => 'ann', role => 'staff' }))->{json};
	is_deeply([ $who->{authenticated}, $who->{subject}, $who->{roles} ], [ JSON::PP::true, 'ann', ['staff'] ], 'who a token is of');
	is(http_get($sidecar->url('/v1/caller'))->{body}, '{"authenticated":false}', 'nobody in particular');
	my $socket = web_socket(fields => [ bearer($secret, { sub => 'bob' }) ]);
	ok($socket->ask({ id => 1, subscribe => { items => ['item/1'] } })->{ok}, 'a token of the handshake');
	is($socket->ask({ id => 2, authenticate => $good })->{result}{subject}, 'ann', 'a token in a message');
	my $staff = { id => 'inner', subscribe => { items => ['inner/*'] } };
	ok($socket->ask($staff)->{ok}, 'who has the role may follow');
	is($socket->ask({ id => 3, authenticate => undef })->{result}{authenticated}, JSON::PP::false, 'and none');
	is(problem_of($socket->ask({ %$staff, id => 'again' })), 'not-found', 'nobody in particular may not');
	is(problem_of(web_socket(fields => [ bearer($secret, { sub => 'bob' }) ])->ask($staff)), 'not-found', 'nor one without the role');
	sql('INSERT INTO inner_item VALUES (1)');
	events_until($socket, 'inner', 1);
	pass('a subscription stays with the token that it was begun with');
	sql(q{SELECT itemize.define('inner', 'inner_item', fields => '{id}', read => 'role:chief', replace => true)});
	ok($socket->until(sub { ($_->{subscription} // '') eq 'inner' && $_->{event} eq 'gone' }), '... and hears when the rule takes it away');
	$socket->close;
	return;
}

# Who does not read is conflated, and slows nobody.
sub check_slow
{
	my ($rounds, $bytes) = (60, 100_000);
	my $slow = web_socket(receive_buffer => 65_536);
	subscribe($slow, 's', items => ['item/200']);
	my $quick = web_socket();
	subscribe($quick, 'q', items => ['item/200']);
	sql("INSERT INTO item VALUES (200, '0')");
	sql(join '', map { "UPDATE item SET name = repeat('x', $bytes) || ' $_' WHERE id = 200;" } 1 .. $rounds);
	my $last = sub { ($_->{data}{item}{name} // '') =~ / $rounds$/ };
	ok($quick->until($last), 'who reads has heard the last of many large changes');
	ok($slow->until($last), 'who begins to read hears it too');
	my @told = map { $_->{data}{item}{name} =~ / (\d+)$/ } grep { $_->{data}{item} } $slow->messages;
	cmp_ok(scalar @told, '<', $rounds, '... but not of all that came before');
	is_deeply(\@told, [ sort { $a <=> $b } @told ], '... and of nothing older after something newer');
	$_->close for $slow, $quick;
	return;
}

# Many at once; who ends badly leaves nothing behind.
sub check_crowd
{
	my @crowd = map { web_socket() } 1 .. 50;
	$_->say({ id => 's', subscribe => { items => ['item/*'] } }) for @crowd;
	$_->until(sub { ($_->{event} // '') eq 'hello' }) for @crowd;
	sql(q{INSERT INTO item VALUES (100, 'for all')});
	is(scalar(grep { $_->until(sub { ($_->{data}{key} // '') eq '100' }) } @crowd), 50, 'fifty hear of a change');
	$_->close for @crowd;
	poll_until(sub { http_get($sidecar->url('/metrics'))->{body} =~ /^itemize_web_sockets 0$/m }, 'their ends');
	return;
}

# What a browser's own WebSocket makes of it.
sub check_browser
{
	my $page = Itemize::Browser->launch;
	$page->go($sidecar->url('/v1/caller'));
	my $told = $page->evaluate(q{new Promise((resolve, reject) => {
		const socket = new WebSocket(`ws://${location.host}/v1/live`);
		const told = [];
		socket.onopen = () => socket.send('{"id":"page","subscribe":{"items":["item/1"]}}');
		socket.onerror = () => reject(new Error('the WebSocket failed'));
		socket.onmessage = ({ data }) => {
			const message = JSON.parse(data);
			told.push(message.event ?? `ok ${message.id}`);
			if (message.event === 'hello') { socket.onclose = ({ code }) => resolve(`${told.join(' ')} ${code}`); socket.close(1000); }
		};
	})});
	is($told, 'ok page hello 1000', 'a browser');
	return;
}

sub check_stop
{
	my $quiet = web_socket();
	my $socket = web_socket();
	subscribe($socket, 's', items => ['item/*']);
	$sidecar->signal('TERM');
	my $last = $socket->until(sub { ($_->{event} // '') eq 'end' });
	ok($last, 'a server that stops ends its subscriptions');
	my ($retry) = grep { ($_->{event} // '') eq 'retry' } $socket->messages;
	cmp_ok($retry->{retry} // 0, '>=', 1000, '... having said when to come back');
	is($socket->close_code, 1012, '... and closes as a restart');
	is($quiet->close_code, 1012, '... also those without any');
	is($sidecar->stop, 0, '... and the server ends well');
	return;
}

check_subscriptions();
check_refusals();
check_handshakes();
check_tokens();
check_slow();
check_crowd();
SKIP:
{
	skip 'no Chromium', 1 if !Itemize::Browser->program;
	check_browser();
}
check_stop();
done_testing();
