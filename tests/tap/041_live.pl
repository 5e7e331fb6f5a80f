# Live events as docs/reference/http-api.md describes them: their form, resuming without a gap or a double, who is told
# what, clients that are slow, and a thousand connections at a time.
use strict;
use warnings;

use Itemize::EventStream;
use Itemize::Process;
use Itemize::RawConnection;
use Itemize::Test;
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(time);

use constant {
	STREAM_ENTRIES => 200,
	RESUMES => 40,
	CONNECTIONS => 500,
	# Bytes of a row that fills buffers, and how many times the live buffer of the sidecar for slow clients holds them.
	BIG_ROW => 20_000,
	LIVE_BUFFER => 262_144,
};

# A thousand sockets.
system('prlimit', "--pid=$$", '--nofile=4096:') == 0 or plan skip_all => 'file descriptors are limited to 4096 or less';

my $seed = $ENV{ITEMIZE_SEED} // int(time()) % 1_000_000;
srand $seed;
note "ITEMIZE_SEED=$seed";

my $node = start_postgres('live');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text, note text);
ALTER TABLE item ALTER note SET STORAGE EXTERNAL;
SELECT itemize.define('item', 'item', fields => '{id,name,note}', read => 'everyone');
CREATE TABLE stay (listing int, night date, price int, PRIMARY KEY (listing, night));
SELECT itemize.define('stay', 'stay', fields => '{listing,night,price}', read => 'everyone');
CREATE TABLE secret (id int PRIMARY KEY);
SELECT itemize.define('secret', 'secret', fields => '{id}');
});
my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--local-stream-max-entries', STREAM_ENTRIES ]);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# follow(ITEMS, [id => ID], [in => 'header' or 'parameter'], [from => SIDECAR], [receive_buffer => BYTES])
sub follow
{
	my ($items, %args) = @_;
	my $connection = Itemize::RawConnection->open(($args{from} // $sidecar)->port, receive_buffer => $args{receive_buffer});
	my ($parameter, $header) = ('', '');
	if (defined $args{id} && ($args{in} // 'header') eq 'header') { $header = "Last-Event-ID: $args{id}\r\n" }
	elsif (defined $args{id}) { $parameter = "&last_event_id=$args{id}" }
	return $connection->send("GET /v1/live?items=$items$parameter HTTP/1.1\r\nHost: h\r\n$header\r\n");
}

sub body_of { my ($text) = @_; return $text =~ s/\A.*?\r\n\r\n//sr }

# All events received so far; what was taken apart once is not taken apart again.
sub events_of
{
	my ($stream) = @_;
	my $head_end = index($stream->received, "\r\n\r\n");
	return if $head_end < 0;
	my $parsed = $stream->{parsed} //= { events => [], up_to => $head_end + 4 };
	my $complete = rindex($stream->received, "\n\n") + 2;
	return @{ $parsed->{events} } if $complete <= $parsed->{up_to};
	push @{ $parsed->{events} },
	  Itemize::EventStream::parse_events(substr($stream->received, $parsed->{up_to}, $complete - $parsed->{up_to}));
	$parsed->{up_to} = $complete;
	return @{ $parsed->{events} };
}

# Waits until $wanted (called with $_) finds an event; gives all events so far.
sub events_until
{
	my ($stream, $wanted, $what) = @_;
	my $found = sub { grep { $wanted->() } events_of($stream) };
	$stream->read_until($found);
	ok($found->(), $what) or diag substr($stream->received, -2000);
	return events_of($stream);
}

sub hello { my ($stream) = @_; my ($event) = events_until($stream, sub { $_->{event} eq 'hello' }, 'hello'); return $event }

# What a client was told: ids and texts of item events, by which two clients can be compared.
sub told { return map { "$_->{id} $_->{text}" } grep { $_->{event} eq 'item' } @_ }

# A marker after which nothing more is waited for.
my $marker = 1_000_000;
sub mark { ++$marker; sql("INSERT INTO item VALUES ($marker)"); return $marker }
sub until_mark
{
	my ($stream, $mark, $what) = @_;
	return events_until($stream, sub { ($_->{data}{key} // '') eq $mark }, $what);
}

sub check_form
{
	my $stream = follow('item/*');
	hello($stream);
	my ($head) = $stream->received =~ /\A(.*?)\r\n\r\n/s;
	like($head, qr{^HTTP/1\.1 200 }, 'a stream');
	like($head, qr{^$_\r?$}mi, $_) for 'Content-Type: text/event-stream', 'Cache-Control: no-store', 'X-Content-Type-Options: nosniff';
	my $position = qr/\d+\.\d+\.\d+:\d+-\d+/;
	like(body_of($stream->received), qr/\Aretry: 2000\n\nid: ($position)\nevent: hello\ndata: \{"position":"\1"\}\n\n\z/, 'begins with retry and hello');

	sql(qq{INSERT INTO item VALUES (1, E'two\\nlines, \\r \\u2028 é "', 'n')});
	until_mark($stream, mark(), 'the events');
	my $row = sql(q{SELECT item FROM itemize.fetch('item', '{1}')});
	my $expected = qq({"op":"insert","type":"item","key":"1","item":$row});
	like(body_of($stream->received), qr/\n\nid: $position\nevent: item\ndata: \Q$expected\E\n\n/, 'an event: id, name, and one line of data in the bytes of itemize.fetch');

	sql(q{UPDATE item SET note = repeat('long', 5000) WHERE id = 1});
	sql(q{UPDATE item SET name = 'short' WHERE id = 1});
	# Its note is completed by reading the row, which must still be there then.
	$stream->read_until(sub { /"op":"update"[^\n]*"name":"short"/ });
	sql('UPDATE item SET id = 2 WHERE id = 1');
	sql('DELETE FROM item WHERE id = 2');
	sql('BEGIN; INSERT INTO item VALUES (1); ROLLBACK');
	sql('TRUNCATE item');
	my @events = until_mark($stream, mark(), 'more events');
	my @items = map { $_->{data} } grep { $_->{event} eq 'item' } @events;
	is(join(' ', map { $_->{op} . ($_->{key} ? "/$_->{key}" : '') } @items[ 2 .. 7 ]),
		'update/1 update/1 delete/1 insert/2 delete/2 truncate', 'each operation; a key that changes is a delete and an insert');
	is(length $items[3]{item}{note}, 20_000, 'what the change itself does not carry is completed');
	ok(!exists $items[$_]{item}, "$items[$_]{op} has no row") for 4, 6, 7;
	my @ids = map { $_->{id} } @events;
	my @order = map { my ($lsn, $n) = /:(\d+)-(\d+)$/; [ $lsn, $n ] } @ids;
	is(scalar(grep { ($order[$_][0] <=> $order[ $_ - 1 ][0] || $order[$_][1] <=> $order[ $_ - 1 ][1]) <= 0 } 1 .. $#order), 0, 'ids only rise');
	is(http_request('HEAD', $sidecar->url('/v1/live?items=item/*'))->{headers}{'content-type'}, 'text/event-stream', 'HEAD');
	$stream->close;
	return;
}

sub check_interests
{
	my %streams = (
		one => follow('item/7'),
		type => follow('stay/*'),
		both => follow('item/7,stay/*,item/8'),
		composite => follow('"stay/1,2026-07-01"'),
		twice => follow('item/*,item/7,item/*'));
	hello($_) for values %streams;
	sql(q{BEGIN; INSERT INTO item VALUES (7), (8), (9); INSERT INTO stay VALUES (1, '2026-07-01', 1), (1, '2026-07-02', 2);
		UPDATE item SET name = 'x' WHERE id IN (7, 9); COMMIT});
	sql(q{DELETE FROM item; DELETE FROM stay});
	my %expected = (
		one => 'insert item/7 update item/7 delete item/7',
		type => 'insert stay/1,2026-07-01 insert stay/1,2026-07-02 delete stay/1,2026-07-01 delete stay/1,2026-07-02',
		both => 'insert item/7 insert item/8 insert stay/1,2026-07-01 insert stay/1,2026-07-02 update item/7 '
		  . 'delete item/7 delete item/8 delete stay/1,2026-07-01 delete stay/1,2026-07-02',
		composite => 'insert stay/1,2026-07-01 delete stay/1,2026-07-01');
	for my $name (sort keys %expected)
	{
		my ($last) = $expected{$name} =~ /(\S+)$/;
		my @told = grep { $_->{event} eq 'item' }
		  events_until($streams{$name}, sub { ($_->{data}{op} // '') eq 'delete' && "$_->{data}{type}/$_->{data}{key}" eq $last }, "$name: the events");
		@told = grep { !($_->{data}{type} eq 'item' && $_->{data}{key} > 1000) } @told;
		# The order of deletes is that of the table.
		my $order = sub { join ' ', (grep { !/^delete/ } @_), sort grep { /^delete/ } @_ };
		is($order->(map { "$_->{data}{op} $_->{data}{type}/$_->{data}{key}" } @told),
			$order->($expected{$name} =~ /(\S+ \S+)/g), "$name: what was asked for, and nothing else");
	}
	my @twice = until_mark($streams{twice}, mark(), 'the events');
	my %seen;
	is(scalar(grep { $seen{$_}++ } told(@twice)), 0, 'what is wanted twice is told once');
	$_->close for values %streams;
	return;
}

sub check_refusals
{
	for my $query ('', 'items=', 'items=item', 'items=item/1,', 'items=,item/1', 'items=%22item/1', 'items=/1', 'items=item/%25zz',
		'items=Item/1', 'items=item/*&items=stay/*', 'items=item/*&since=1', 'items=%zz')
	{
		my $answer = http_get($sidecar->url("/v1/live?$query"));
		is("$answer->{status} $answer->{headers}{'content-type'}", '400 application/problem+json', "?$query");
	}
	is(http_get($sidecar->url("/v1/live?items=$_"))->{status}, 404, "$_: not readable") for 'secret/*', 'secret/1', 'none/*', 'item/1,secret/1';
	is(http_request('POST', $sidecar->url('/v1/live?items=item/*'))->{status}, 405, 'POST');
	return;
}

# psql in the background.
my $scripts = 0;
sub start_writing
{
	my ($script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/' . ++$scripts;
	PostgreSQL::Test::Utils::append_to_file("$file.sql", $script);
	return Itemize::Process->start(
		command => [ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$file.sql", '-o', '/dev/null' ],
		log => "$file.log");
}

# Clients leave at a random event, also between two changes of one transaction, and come back while changes go on.
sub check_resuming
{
	my $reference = follow('item/*,stay/*');
	my $start = hello($reference)->{id};
	my $id = 100;
	my $some_changes = sub {
		my @statements = map {
			my $kind = rand;
			++$id;
			  $kind < 0.4 ? "INSERT INTO item VALUES ($id, 'v$id')"
			: $kind < 0.6 ? "INSERT INTO stay VALUES ($id, '2026-07-01', $id)"
			: $kind < 0.9 ? "UPDATE item SET name = 'u$id' WHERE id > $id - 12 AND id % 3 = 0"
			: "DELETE FROM item WHERE id BETWEEN 101 AND $id - 5 AND id % 7 = 0";
		} 1 .. 1 + int(rand(10));
		return 'BEGIN; ' . join('; ', @statements) . '; COMMIT;';
	};
	sql($some_changes->()) for 1 .. 10;
	my @events = ({ id => $start }, grep { $_->{event} eq 'item' } until_mark($reference, mark(), 'the events to cut'));

	# Meanwhile more is written.
	my $script = join("\n", map { $some_changes->() . ' SELECT pg_sleep(0.01);' } 1 .. 40);
	my $writer = start_writing($script);
	my @resumed;
	for my $number (1 .. RESUMES)
	{
		my $cut = $events[ rand @events ]{id};
		my $in = $number % 2 ? 'header' : 'parameter';
		push @resumed, { cut => $cut, in => $in, stream => follow('stay/*,item/*', id => $cut, in => $in) };
		select(undef, undef, undef, 0.01);
	}
	poll_until(sub { !$writer->alive }, 'the end of psql');
	is($writer->status, 0, 'more is written meanwhile') or diag $writer->log_text;
	my $last = mark();
	my @all = until_mark($reference, $last, 'a client that stays gets all');
	my @told = told(@all);
	cmp_ok(scalar @told, '>', 150, 'that is much');
	my $wrong = 0;
	for my $resumed (@resumed)
	{
		my $stream = $resumed->{stream};
		$stream->read_until(sub { /"key":"$last"[^\n]*\n\n/ });
		my @back = events_of($stream);
		my ($place) = grep { $_ == 0 || $told[ $_ - 1 ] =~ /^\Q$resumed->{cut}\E / } reverse 0 .. @told;
		my @expected = @told[ $place .. $#told ];
		my @got = told(@back);
		next if $back[0]{event} eq 'hello' && "@got" eq "@expected" && !grep { $_->{event} eq 'resync' } @back;
		++$wrong;
		diag "cut at $resumed->{cut} in the $resumed->{in}: " . @got . ' events instead of ' . @expected . ', first ' . ($got[0] // 'none');
	}
	is($wrong, 0, RESUMES . " clients that come back get exactly what they missed (seed $seed)");
	$_->{stream}->close for @resumed;

	# The header is newer than what stands in the URL.
	my $stream = follow("item/*&last_event_id=$start", id => $events[-1]{id});
	$stream->read_until(sub { /"key":"$last"[^\n]*\n\n/ });
	my ($first) = told(events_of($stream));
	unlike($first, qr/^\Q$events[1]{id}\E /, 'the header goes before the parameter');
	$_->close for $stream, $reference;
	return;
}

sub resync_reason
{
	my ($id, $in) = @_;
	my $stream = follow('item/*', id => $id, in => $in);
	my @events = events_until($stream, sub { $_->{event} eq 'resync' }, "$id: resync");
	ok(!(grep { $_->{event} eq 'hello' && exists $_->{id} } @events), "$id: the hello before it moves nobody");
	my $mark = mark();
	until_mark($stream, $mark, 'changes follow');
	$stream->close;
	return join ' ', map { $_->{data}{reason} } grep { $_->{event} eq 'resync' } @events;
}

sub check_resyncs
{
	my $stream = follow('item/*');
	my $id = hello($stream)->{id};
	$stream->close;
	for my $in (qw(header parameter))
	{
		is(resync_reason($_, $in), 'malformed', "$_ in the $in") for 'abc', '1:2-3', "$id-4", "${id}x", '-', '1.2.3:4';
		is(resync_reason($id =~ s/\.(\d+):/'.' . ($1 + 1) . ':'/er, $in), 'epoch', "another epoch in the $in");
		is(resync_reason('1.1.1:5-0', $in), 'epoch', "another server in the $in");
	}
	# No faster than it is followed: who falls behind is told the same.
	$stream = follow('item/*');
	hello($stream);
	for my $last (map { 500_000 + $_ * STREAM_ENTRIES / 2 } 1 .. 10)
	{
		sql("DO \$\$ BEGIN FOR n IN $last - @{[STREAM_ENTRIES / 2 - 1]} .. $last LOOP INSERT INTO item VALUES (n); COMMIT; END LOOP; END \$\$");
		$stream->read_until(sub { /"key":"$last"/ });
	}
	until_mark($stream, mark(), 'the stream has moved on');
	$stream->close;
	is(resync_reason($id, 'header'), 'window', 'longer away than the stream reaches back');
	return;
}

sub check_definitions
{
	my ($both, $stay) = (follow('item/*,stay/*'), follow('stay/*'));
	hello($_) for $both, $stay;
	sql(q{SELECT itemize.define('stay', 'stay', fields => '{listing,price}', read => 'everyone', replace => true)});
	my @events = events_until($stay, sub { $_->{event} eq 'resync' }, 'a definition changes');
	is($events[-1]{text}, '{"reason":"definition","type":"stay"}', 'as a resync of the type');
	sql(q{SELECT itemize.define('stay', 'stay', fields => '{listing,price}', read => 'nobody', replace => true)});
	@events = events_until($stay, sub { $_->{event} eq 'gone' }, 'a type becomes unreadable');
	is($events[-1]{text}, '{"type":"stay"}', 'as gone');
	sql(q{INSERT INTO stay VALUES (5, '2026-01-01', 1)});
	my @rest = until_mark($both, mark(), 'the other type goes on');
	is(scalar(grep { $_->{event} eq 'gone' } @rest), 1, 'gone is told once');
	unlike($both->received, qr/2026-01-01/, 'nothing of the type follows');
	is(http_get($sidecar->url('/v1/live?items=stay/*'))->{status}, 404, 'nor can it be asked for');
	is(http_get($sidecar->url('/v1/items/stay'))->{status}, 404, 'in any way');
	$_->close for $both, $stay;
	return;
}

# Big updates, no faster than the stream takes them: portions that fit in a subscriber's buffer, and after each the last
# of its names must have come. $update gives the statement of a number, $name the name that it writes.
sub update_at_the_pace_of
{
	my ($stream, $update, $name) = @_;
	my $portion = int(LIVE_BUFFER / BIG_ROW / 2);
	for (my $from = 1; $from <= 200; $from += $portion)
	{
		my $to = $from + $portion - 1 < 200 ? $from + $portion - 1 : 200;
		my $before = length $stream->received;
		sql(join('', map { $update->($_) } $from .. $to));
		my $last = '"name":"' . $name->($to) . '"';
		$stream->read_until(sub { index($_, $last, $before) >= 0 });
	}
	return;
}

sub check_slow_clients
{
	my $small = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ '--live-buffer', LIVE_BUFFER ]);
	sql('INSERT INTO item SELECT 600000 + n FROM generate_series(1, 200) n');
	my $fast = follow('item/*', from => $small);
	my $slow = follow('item/600001', from => $small, receive_buffer => 4096);
	hello($_) for $fast, $slow;

	my $update = sub { my ($key, $n) = @_; return "UPDATE item SET name = '$n', note = repeat('x', @{[BIG_ROW]}) WHERE id = $key;\n" };
	update_at_the_pace_of($fast, sub { $update->(600_001, $_[0]) }, sub { $_[0] });
	my $mark = mark();
	my @fast = map { $_->{data}{item}{name} // () } until_mark($fast, $mark, 'the fast client has all');
	is("@fast", join(' ', 1 .. 200), 'the fast one gets every version');
	cmp_ok(metric($small, 'itemize_live_waiting_bytes'), '>=', BIG_ROW, 'what waits for the slow one is measured');
	my @slow = map { $_->{data}{item}{name} // () }
	  events_until($slow, sub { ($_->{data}{item}{name} // '') eq '200' }, 'the slow one reads again');
	is($slow[-1], 200, 'the slow one gets the newest');
	cmp_ok(scalar @slow, '<', 100, 'and not all');
	is("@slow", join(' ', sort { $a <=> $b } @slow), 'in order');
	unlike($slow->received, qr/event: resync/, 'no resync');
	cmp_ok(metric($small, 'itemize_live_events_conflated_total'), '>=', 200 - @slow, 'conflated events are counted');
	$slow->close;

	my $asleep = follow('item/*', from => $small, receive_buffer => 4096);
	hello($asleep);
	my $before = metric($small, 'itemize_live_evictions_total');
	update_at_the_pace_of($fast, sub { $update->(600_000 + $_[0], "late$_[0]") }, sub { "late$_[0]" });
	$mark = mark();
	@fast = map { ($_->{data}{item}{name} // '') =~ /^late(\d+)/ ? $1 : () } until_mark($fast, $mark, 'the fast client has all');
	is("@fast", join(' ', 1 .. 200), 'the fast one gets each of many items');
	is(metric($small, 'itemize_live_evictions_total'), $before + 1, 'the one that sleeps is evicted');
	is(metric($small, 'itemize_live_connections'), 1, 'its connection is closed');
	ok(eval { poll_until(sub { metric($small, 'itemize_live_waiting_bytes') == 0 }, 'nothing to wait') }, 'and nothing waits any more');
	$_->close for $asleep, $fast;
	is(scalar $small->stop, 0, 'the sidecar stops');
	return;
}

sub threads { my ($process) = @_; my @tasks = glob("/proc/@{[$process->pid]}/task/*"); return scalar @tasks }

sub check_many_connections
{
	my $threads = threads($sidecar);
	my $request = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
	my @live = map { follow($_ % 2 ? 'item/*' : 'item/42') } 1 .. CONNECTIONS;
	my @idle = map { Itemize::RawConnection->open($sidecar->port)->send($request) } 1 .. CONNECTIONS;
	my $all = sub {
		my ($connections, $pattern) = @_;
		my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;
		while (grep { $_->received !~ $pattern } @$connections)
		{
			return 0 if time() > $deadline;
			Itemize::RawConnection::pump($connections, 0.1);
		}
		return 1;
	};
	ok($all->(\@live, qr/event: hello/), CONNECTIONS . ' clients follow');
	ok($all->(\@idle, qr/ok\n/), CONNECTIONS . ' connections stay open');
	is(threads($sidecar), $threads, 'no thread more');
	is(metric($sidecar, 'itemize_live_connections'), CONNECTIONS + 1, 'they are counted, with the quiet one');
	sql(q{INSERT INTO item VALUES (42, 'for all')});
	ok($all->(\@live, qr/"name":"for all"/), 'an event reaches all');
	is(threads($sidecar), $threads, 'still no thread more');
	is(http_get($sidecar->url('/v1/items/item/42'))->{status}, 200, 'GET beside them');
	$_->send($request) for @idle;
	ok($all->(\@idle, qr/ok\n.*ok\n/s), 'the idle ones can go on');
	is(scalar(grep { $_->ended } @live, @idle), 0, 'none was closed');
	$_->close for @live, @idle;
	ok(poll_until(sub { metric($sidecar, 'itemize_live_connections') == 1 }, 'the clients to be gone'), 'all but one are gone');
	return;
}

# Begun first and looked at last: what takes its time.
my $quiet = follow('stay/9');
hello($quiet);
my $quiet_since = time();
my $head = Itemize::RawConnection->open($sidecar->port)->send("GET /livez HTTP/1.1\r\nHost: ");
check_form();
check_interests();
check_refusals();
check_resuming();
check_resyncs();
check_slow_clients();
check_many_connections();

$head->read_until;
like($head->received, qr{^HTTP/1\.1 408 .*urn:itemize:problem:request-timeout}s, 'a head that does not come to its end is answered 408');
$quiet->read_until(sub { /: keepalive\n[^\n]*\n\n/ });
like(body_of($quiet->received), qr/\n\n: keepalive\nid: \d+\.\d+\.\d+:\d+-\d+\n\n/, 'a quiet client is sent a comment, with the position');
cmp_ok(time() - $quiet_since, '>=', 14, 'every 15 seconds') if (() = $quiet->received =~ /: keepalive/g) == 1;
check_definitions();

my $stream = follow('item/*');
hello($stream);
my ($status, $seconds) = $sidecar->stop;
is($status, 0, 'the sidecar stops');
note(sprintf('after %.1f seconds', $seconds));
like(body_of($stream->read_until), qr/\n\nretry: [1-5]\d\d\d\n\n\z/, 'clients are told when to come back');
done_testing();
