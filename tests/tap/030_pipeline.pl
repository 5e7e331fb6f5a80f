# The whole path: what psql commits arrives in answers over HTTP and in live events, first with everything in one process,
# then with three processes for each of two clusters.
# tier: quick
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Itemize::Test;

# Seconds from the end of psql until each change was seen: most within one, on a machine that does other work, too.
my @seen_after;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text, n int);
CREATE TABLE wide (id int PRIMARY KEY, n int, body text);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
CREATE TABLE stay (listing int, day date, price numeric(8,2), PRIMARY KEY (listing, day));
CREATE TABLE tag (word text, lang text, count int, PRIMARY KEY (word, lang));
CREATE TABLE doomed (id int PRIMARY KEY);
CREATE TABLE noise (id int);
INSERT INTO item SELECT i, 'item ' || i, i FROM generate_series(1, 9) i;
INSERT INTO wide SELECT i, 0, (SELECT string_agg(md5((i * 10000 + j)::text), '') FROM generate_series(1, 2000) j) FROM generate_series(1, 3) i;
INSERT INTO stay VALUES (1, '2026-07-01', 95), (1, '2026-07-02', 99.5);
INSERT INTO tag VALUES ('a,b', 'ü"', 1), ('a', 'b,ü"', 2);
INSERT INTO doomed VALUES (1);
SELECT itemize.define(name, name, fields => fields, read => 'everyone') FROM (VALUES
  ('item', '{id,name,n}'::text[]), ('wide', '{id,n,body}'), ('stay', '{price}'), ('tag', '{count}'), ('doomed', '{id}')) AS t (name, fields);
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1 ]);
sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub follow { my ($items) = @_; return open_events($sidecar->url("/v1/live?items=$items")) }
sub next_of
{
	my ($stream, $event) = @_;
	my $asked = time();
	my $next = $stream->next_event(sub { $_->{event} eq $event });
	push @seen_after, time() - $asked;
	return $next;
}
sub next_change { my ($stream) = @_; return next_of($stream, 'item')->{data} }

# True once the path answers with this status, or, where a body is given, with that body.
sub becomes
{
	my ($path, $status, $body) = @_;
	my $answer;
	my $reached = eval {
		poll_until(sub { $answer = get($path); $answer->{status} == $status && (!defined $body || $answer->{body} eq $body) }, $path);
	};
	diag("$path: $answer->{status} " . substr($answer->{body}, 0, 300)) if !$reached;
	return $reached // 0;
}

is(sql("SELECT bool_or(rolsuper) FROM pg_roles WHERE rolname IN ('itemize_global', 'itemize_reader')"), 'f', 'neither role is a superuser');
is( sql("SELECT string_agg(DISTINCT usename, ' ' ORDER BY usename) FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender') AND usename <> current_user"),
	'itemize_global itemize_reader',
	'and the sidecar is connected as those two');

subtest 'changes made with psql are followed' => sub {
	my $stream = follow('item/*');
	next_of($stream, 'hello');
	is(get('item/1')->{body}, sql(q{SELECT itemize.item_json('item', '1')}), 'the bytes are those of the database');
	is(get('item/10')->{status}, 404, 'a row that is not there yet');

	sql("INSERT INTO item VALUES (10, 'new', 1)");
	is_deeply(next_change($stream), { op => 'insert', type => 'item', key => '10', item => { id => 10, name => 'new', n => 1 } }, 'insert: event');
	is(get('item/10')->{body}, '{"id":10,"name":"new","n":1}', 'what an event has told is in the answer, though it was known to be missing');

	my $before = get('item/10');
	is(get('item/10', "If-None-Match: $before->{headers}{etag}")->{status}, 304, 'the same again is not modified');
	sql("UPDATE item SET n = 2 WHERE id = 10");
	is_deeply(next_change($stream)->{item}, { id => 10, name => 'new', n => 2 }, 'update: event');
	my $after = get('item/10', "If-None-Match: $before->{headers}{etag}");
	is($after->{body}, '{"id":10,"name":"new","n":2}', 'and the answer, under another entity tag');

	sql("UPDATE item SET id = 20 WHERE id = 10");
	is_deeply(next_change($stream), { op => 'delete', type => 'item', key => '10' }, 'key change: the old key is deleted');
	my $moved = next_change($stream);
	is("$moved->{op} $moved->{key}", 'insert 20', 'and the new one inserted');
	is(get('item/10')->{status}, 404, 'the old key is gone');
	is(get('item/20')->{status}, 200, 'the new one is there');

	sql("DELETE FROM item WHERE id = 20");
	is(next_change($stream)->{op}, 'delete', 'delete: event');
	is(get('item/20')->{status}, 404, 'and the answer');

	sql("BEGIN; INSERT INTO item VALUES (30, 'undone', 1); ROLLBACK; BEGIN; INSERT INTO item VALUES (31, 'kept', 1); SAVEPOINT s; UPDATE item SET n = 9 WHERE id = 31; ROLLBACK TO s; COMMIT;");
	is_deeply(next_change($stream)->{item}, { id => 31, name => 'kept', n => 1 }, 'what was rolled back is not told');

	is(get('item/1')->{status}, 200, 'an item is held');
	sql('TRUNCATE item');
	is_deeply(next_change($stream), { op => 'truncate', type => 'item' }, 'truncate: event');
	is(get('item/1')->{status}, 404, 'and no item is left');
	sql("INSERT INTO item SELECT i, 'item ' || i, i FROM generate_series(1, 9) i");
	is(next_change($stream)->{key}, '1', 'rows after it arrive');
	is(get('item/1')->{status}, 200, 'and are served');
	$stream->stop;
};

subtest 'a value that an update does not touch stays' => sub {
	my $stream = follow('wide/*');
	next_of($stream, 'hello');
	is(sql('SELECT pg_column_size(body) FROM wide WHERE id = 1'), 64000, 'the value is stored outside of the row, uncompressed');
	my $body = sql('SELECT body FROM wide WHERE id = 1');
	is(get('wide/1')->{json}{body}, $body, 'an item is held');
	sql('UPDATE wide SET n = 1 WHERE id = 1');
	is_deeply(next_change($stream)->{item}, { id => 1, n => 1, body => $body }, 'the event is whole');
	is(get('wide/1')->{body}, sql(q{SELECT itemize.item_json('wide', '1')}), 'the answer is whole');

	# Nobody has read this one, so there is nothing to merge with.
	sql('BEGIN; UPDATE wide SET n = 1 WHERE id = 2; UPDATE wide SET n = 2 WHERE id = 2; COMMIT');
	my $other = sql('SELECT body FROM wide WHERE id = 2');
	is(next_change($stream)->{item}{body}, $other, "the event of an item that was not held is whole (number $_ of the transaction)") for 1, 2;
	is(get('wide/2')->{body}, sql(q{SELECT itemize.item_json('wide', '2')}), 'and so is the answer');

	sql("BEGIN; UPDATE wide SET body = 'short' WHERE id = 1; UPDATE wide SET n = 7 WHERE id = 1; COMMIT");
	next_change($stream);
	is_deeply(next_change($stream)->{item}, { id => 1, n => 7, body => 'short' }, 'a value changed earlier in the transaction is the one that stays');
	unlike($stream->raw, qr/"body":null/, 'no event had a null in its place');
	$stream->stop;
};

subtest 'composite keys' => sub {
	my $stream = follow('"stay/1,2026-07-02","tag/a%252Cb,%25C3%25BC%2522"');
	next_of($stream, 'hello');
	is(get('stay/1,2026-07-01')->{body}, '{"price":95.00}', 'values joined by commas');
	is(get('tag/a%2Cb,%C3%BC%22')->{json}{count}, 1, 'a comma inside of a value is escaped');
	is(get('tag/a,b%2C%C3%BC%22')->{json}{count}, 2, 'so that keys do not meet');
	my $many = get('stay?key=in.("1,2026-07-02","1,2026-07-01","1,2026-07-09")');
	is_deeply(
		$many->{json},
		{ items => { '1,2026-07-01' => { price => 95 }, '1,2026-07-02' => { price => 99.5 } }, missing => ['1,2026-07-09'] },
		'many at once');
	sql("UPDATE stay SET price = price + 1");
	my $change = next_change($stream);
	is("$change->{key} $change->{item}{price}", '1,2026-07-02 100.5', 'one of them is followed, the other not');
	sql("UPDATE tag SET count = 5 WHERE word = 'a,b'");
	is(next_change($stream)->{key}, 'a%2Cb,%C3%BC%22', 'and one with a comma in it');
	is(get('stay/1,2026-07-01')->{body}, '{"price":96.00}', 'all are current');
	is(get('stay?after=2026')->{status}, 400, 'a page after what is no key is refused');
	$stream->stop;
};

subtest 'definitions change while clients listen' => sub {
	my $stream = follow('item/*,stay/*');
	next_of($stream, 'hello');
	ok(becomes('item/1', 200, '{"id":1,"name":"item 1","n":1}'), 'three fields');
	sql(q{SELECT itemize.define('item', 'item', fields => '{name}', read => 'everyone', replace => true)});
	is_deeply(next_of($stream, 'resync')->{data}, { reason => 'definition', type => 'item' }, 'a replaced definition makes clients load again');
	ok(becomes('item/1', 200, '{"name":"item 1"}'), 'with the new fields');
	sql("UPDATE item SET name = 'again' WHERE id = 1");
	is_deeply(next_change($stream)->{item}, { name => 'again' }, 'and events have them');

	sql(q{SELECT itemize.undefine('item')});
	is_deeply(next_of($stream, 'gone')->{data}, { type => 'item' }, 'undefined: told to clients');
	ok(becomes('item/1', 404), 'and answered 404');
	sql(q{UPDATE item SET name = 'unseen' WHERE id = 1});
	sql(q{SELECT itemize.define('item', 'item', fields => '{name}', read => 'everyone')});
	ok(becomes('item/1', 200, '{"name":"unseen"}'), 'defined again: served, with what was written in between');

	my $again = follow('item/*,stay/*');
	next_of($again, 'hello');
	sql(q{SELECT itemize.define('item', 'item', fields => '{name}', read => 'nobody', replace => true)});
	is_deeply(next_of($again, 'gone')->{data}, { type => 'item' }, 'no longer readable: told on streams that are open');
	ok(becomes('item/1', 404), 'and answered 404');
	is(http_get($sidecar->url('/v1/live?items=item/1'))->{status}, 404, 'a new stream is refused');
	sql("UPDATE item SET name = 'secret'; UPDATE stay SET price = 1 WHERE day = '2026-07-01'");
	is(next_change($again)->{type}, 'stay', 'later changes of it are not told');
	unlike($again->raw, qr/secret/, 'by no event');
	sql(q{SELECT itemize.define('item', 'item', fields => '{id,name,n}', read => 'everyone', replace => true)});
	ok(becomes('item/1', 200), 'readable again');

	my $doomed = follow('doomed/1');
	next_of($doomed, 'hello');
	is(get('doomed/1')->{status}, 200, 'an item of a table that is going to be dropped');
	sql('DROP TABLE doomed');
	is_deeply(next_of($doomed, 'gone')->{data}, { type => 'doomed' }, 'dropped: told');
	ok(becomes('doomed/1', 404), 'and answered 404');
	$_->stop for $stream, $again, $doomed;
};

# Largest entry of a stream's newest transaction, number of its entries, and id of the last. (Heartbeats, which come any time,
# have the ordinal 0.)
my $measure = q{
local largest, count, last = 0, 0, ''
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+')) do
  if not string.match(entry[1], '-0$') then largest, count, last = math.max(largest, #entry[2][2]), count + 1, entry[1] end
end
return {largest, count, last}
};

subtest 'large transactions and large rows' => sub {
	my $stream = follow('item/40000');
	next_of($stream, 'hello');
	my $from = sql('SELECT pg_current_wal_insert_lsn() - $$0/0$$::pg_lsn');
	sql("INSERT INTO item SELECT i, repeat('x', 60), i FROM generate_series(1001, 51000) i");
	is_deeply(
		next_change($stream),
		{ op => 'insert', type => 'item', key => '40000', item => { id => 40000, name => 'x' x 60, n => 40000 } },
		'one followed key of a transaction of 50,000 rows');
	my $key = 'itemize:{' . $redis->cli('GET', 'itemize:epoch') . '}:stream';
	my ($largest, $count, $last);
	poll_until(sub { ($largest, $count, $last) = split /\n/, $redis->cli('EVAL', $measure, 1, $key, $from); $last =~ /-50000$/ },
		'the last entry of it, which ends with change 50000');
	cmp_ok($largest, '<=', 256 * 1024, "its $count entries are at most 256 KB");
	cmp_ok($count, '<', 60, 'and not much smaller');
	is(scalar(grep { $_->{event} ne 'hello' } $stream->events), 1, 'the client got nothing else');
	$stream->stop;

	$stream = follow('item/3,stay/*');
	next_of($stream, 'hello');
	sql("UPDATE item SET name = repeat('0123456789', 300000) WHERE id = 3");
	ok(becomes('item/3', 200, sql(q{SELECT itemize.item_json('item', '3')})), 'a row of 3 MB is served');
	is(length get('item/3')->{json}{name}, 3_000_000, 'whole');
	my $event = $stream->next_event(sub { $_->{event} =~ /item|resync/ });
	is(length $event->{data}{item}{name}, 3_000_000, 'and told') if $event->{event} eq 'item';
	is($event->{data}{reason}, 'slow', 'or said to be too much for a stream') if $event->{event} ne 'item';
	sql("UPDATE stay SET price = 2 WHERE day = '2026-07-01'");
	is(next_change($stream)->{type}, 'stay', 'what follows arrives');
	$stream->stop;
};

subtest 'positions' => sub {
	my $stream = follow('stay/*,tag/*');
	next_of($stream, 'hello');
	sql("BEGIN; UPDATE stay SET price = $_; UPDATE tag SET count = $_; COMMIT") for 1 .. 5;
	poll_until(sub { $stream->events >= 21 }, 'all events');
	my @ids = map { $_->{id} } $stream->events;
	my $epoch = $redis->cli('GET', 'itemize:epoch');
	is(scalar(grep { !/^\Q$epoch\E:[0-9]+-[0-9]+\z/ } @ids), 0, 'all have the documented form');
	like($epoch, qr/^[0-9]+\.[0-9]+\.[0-9]+\z/, 'and begin with system, timeline and generation');
	is((split /\./, $epoch)[0], sql('SELECT system_identifier FROM pg_control_system()'), 'the system is this one');
	my @order = sort { my ($x, $y) = map { [ /:(\d+)-(\d+)/ ] } $a, $b; $x->[0] <=> $y->[0] || $x->[1] <=> $y->[1] } @ids;
	is_deeply(\@ids, \@order, 'they rise');
	my %seen;
	is(scalar(grep { $seen{$_}++ } @ids), 0, 'and none comes twice');
	is(scalar @ids, 21, 'in hello and 20 changes');
	my ($lsn) = get('stay/1,2026-07-01')->{headers}{'itemize-position'} =~ /^\Q$epoch\E:(\d+)-\d+\z/;
	cmp_ok($lsn, '<=', sql('SELECT pg_current_wal_flush_lsn() - $$0/0$$::pg_lsn'), 'an answer has a position that the database has reached');
	$stream->stop;
};

subtest 'a slot without anything to say moves on' => sub {
	my $slot = sub { return sql("SELECT $_[0] FROM pg_replication_slots WHERE slot_name = 'itemize'") };
	sql('CREATE DATABASE elsewhere');
	for (
		[ 'tables that nobody has defined', 'postgres',  'INSERT INTO noise SELECT generate_series(1, 1000)' ],
		[ 'another database',               'elsewhere', 'CREATE TABLE IF NOT EXISTS noise (n int); INSERT INTO noise SELECT generate_series(1, 1000)' ],
		[ 'messages of others',             'postgres',  q{SELECT pg_logical_emit_message(true, 'theirs', repeat('x', 10000))} ])
	{
		my ($what, $database, $write) = @$_;
		my $writes = sub { return $node->safe_psql($database, "SET client_min_messages = warning; $write; $_[0]") };
		my $written = $writes->('SELECT pg_current_wal_insert_lsn()') =~ s/.*\n//sr;
		ok(eval { poll_until(sub { $slot->("confirmed_flush_lsn >= '$written'") eq 't' }, 'the confirmed position') },
			"the confirmed position passes $what");
		ok( eval { poll_until(sub { $writes->('CHECKPOINT'); $slot->("restart_lsn >= '$written'") eq 't' }, 'the restart position') },
			'and the server may forget the WAL');
	}
};

subtest 'the way of an event is measured, from its commit to its client' => sub {
	my $count = sub { return http_get($sidecar->url('/metrics'))->{body} =~ /^itemize_live_delivery_lag_seconds_$_[0] (\S+)$/m ? $1 + 0 : undef };
	my $stream = follow('item/*');
	my $hello  = next_of($stream, 'hello');
	my $before = $count->('count');
	sql("INSERT INTO item VALUES (900, 'measured', 1)");
	next_change($stream);
	ok(eval { poll_until(sub { $count->('count') == $before + 1 }, 'the measure') }, 'an event is one measure') or diag($count->('count'));
	cmp_ok($count->('sum'), '>', 0, 'of more than nothing');
	my $late = open_events($sidecar->url("/v1/live?items=item/*&last_event_id=$hello->{id}"));
	next_change($late);
	sql("UPDATE item SET n = 2 WHERE id = 900");
	next_change($_) for $stream, $late;
	ok(eval { poll_until(sub { $count->('count') >= $before + 3 }, 'the measures') }, 'a client more is a measure more');
	is($count->('count'), $before + 3, 'what a client has missed and is told later is none');
	$_->stop for $stream, $late;
};

@seen_after = sort { $a <=> $b } @seen_after;
note(sprintf('an event arrives %.3f s after psql in the median, %.3f s at most', $seen_after[ @seen_after / 2 ], $seen_after[-1]));

is($sidecar->stop, 0, 'the sidecar ends with status 0');

subtest 'three processes, two clusters, one slot' => sub {
	my $global_redis = start_redis();
	my @clusters = map { { redis => start_redis() } } 1, 2;
	my $global = launch_sidecar('global', postgres => $node, flags => [ '--global-redis', $global_redis->url, '--slot', 'split' ]);
	for my $cluster (@clusters)
	{
		$cluster->{local} = launch_sidecar('local', flags => [ '--global-redis', $global_redis->url, '--local-redis', $cluster->{redis}->url ]);
		$cluster->{extended} = launch_sidecar('extended', postgres => $node, flags => [ '--local-redis', $cluster->{redis}->url ]);
	}
	$_->wait_ready for $global, map { @$_{qw(local extended)} } @clusters;
	# The one of before may end a little after its sidecar.
	ok(eval { poll_until(sub { sql('SELECT count(*) FROM pg_stat_replication') eq '1' }, 'one walsender') }, 'one walsender serves them all');

	my $both = sub { my ($path) = @_; return map { http_get($_->{extended}->url("/v1/items/$path")) } @clusters };
	my @streams = map { open_events($_->{extended}->url('/v1/live?items=stay/*')) } @clusters;
	$_->next_event(sub { $_->{event} eq 'hello' }) for @streams;
	my @first = $both->('stay/1,2026-07-01');
	is($first[0]{headers}{etag}, $first[1]{headers}{etag}, 'both clusters give the same entity tag');
	sql("UPDATE stay SET price = 777");
	my @told = map { $_->next_event(sub { $_->{event} eq 'item' }) } @streams;
	is($told[0]{text}, $told[1]{text}, 'both tell the same event');
	is($told[0]{id}, $told[1]{id}, 'with the same position');
	my @second = $both->('stay/1,2026-07-01');
	is($_->{body}, '{"price":777.00}', 'both serve it') for @second;
	is($second[0]{headers}{etag}, $second[1]{headers}{etag}, 'again under the same entity tag');
	isnt($second[0]{headers}{etag}, $first[0]{headers}{etag}, 'which is another one than before');

	# A client may come back to the other cluster.
	sql("UPDATE stay SET price = 778 WHERE day = '2026-07-01'");
	my $moved = open_events($clusters[1]{extended}->url('/v1/live?items=stay/*'), "Last-Event-ID: $told[0]{id}");
	my $next = $moved->next_event(sub { $_->{event} eq 'item' || $_->{event} eq 'resync' });
	$next = $moved->next_event(sub { $_->{event} eq 'item' || $_->{event} eq 'resync' }) if ($next->{data}{item}{price} // 0) == 777;
	is($next->{data}{item}{price}, 778, 'a client of one cluster goes on at the other where it was');
	$_->stop for @streams, $moved;
	is($_->stop, 0, 'status 0') for $global, map { @$_{qw(local extended)} } @clusters;
};

done_testing();
