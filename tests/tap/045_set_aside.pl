# Changes that cannot be sent, through the whole path: the pipeline goes on, clients are told, operators see it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Test::More;

use Itemize::Test;
use PostgreSQL::Test::Utils ();

my $node = start_postgres('set_aside', conf => "allow_system_table_mods = on\n");
create_sidecar_roles($node);

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

sql("CREATE TYPE mood AS ENUM ('fine', 'broken')", 'CREATE TABLE item (id int PRIMARY KEY, name text, mood mood)',
	"SELECT itemize.define('item', 'item', fields => '{id,name,mood}', read => 'everyone')",
	'CREATE TABLE source (mood mood)', "INSERT INTO source VALUES ('broken')", "INSERT INTO item VALUES (1, 'one', 'fine'), (2, 'two', 'fine')");
my $redis   = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);

sub item { my ($key) = @_; return http_get($sidecar->url("/v1/items/item/$key")) }

# Waits until everything committed so far has arrived.
my $marks = 1000;
sub settle
{
	my $key = ++$marks;
	item($key);
	sql("INSERT INTO item VALUES ($key, 'mark')");
	return poll_until(sub { item($key)->{status} == 200 }, 'what was committed to arrive');
}

subtest 'a row of 10 MB goes all the way' => sub {
	my $events = open_events($sidecar->url('/v1/live?items=item/3'));
	$events->next_event(sub { $_->{event} eq 'hello' });
	is(item(3)->{status}, 404, 'not there yet');
	sql("INSERT INTO item VALUES (3, repeat('0123456789', 1000000), 'fine')");
	# Not decoded: JSON in Perl takes seconds for so much.
	poll_until(sub { -s $events->{body} > 10_000_000 && $events->raw =~ /"name":"(?:0123456789){10}/ && $events->raw =~ /\n\n\z/ }, 'the event');
	my ($name) = $events->raw =~ /"name":"(\d+)"/;
	is(length $name, 10_000_000, 'as a live event');
	sql("UPDATE item SET name = 'short again' WHERE id = 3");
	poll_until(sub { $events->raw =~ /"name":"short again"/ }, 'the next event');
	is(item(3)->{json}{name}, 'short again', 'and shrinks');
};

subtest 'an item of 10 MB is served' => sub {
	sql("INSERT INTO item VALUES (6, repeat('0123456789', 1000000), 'fine')");
	my $file = PostgreSQL::Test::Utils::tempdir() . '/item';
	for my $how ('filled', 'held')
	{
		is(system('curl', '--silent', '--fail', '--output', $file, $sidecar->url('/v1/items/item/6')), 0, "$how: it is answered");
		is(-s $file, 10_000_000 + length('{"id":6,"name":"","mood":"fine"}'), "$how: whole");
	}
	sql('DELETE FROM item WHERE id = 6');
};

subtest 'a row over the limit is set aside' => sub {
	is(item(2)->{json}{name}, 'two', 'an item is held');
	my $events = open_events($sidecar->url('/v1/live?items=item/*'));
	$events->next_event(sub { $_->{event} eq 'hello' });
	sql("UPDATE item SET name = repeat('x', 70000000) WHERE id = 2", "UPDATE item SET name = 'uno' WHERE id = 1");
	my $told = $events->next_event(sub { $_->{event} eq 'item' && $_->{data}{key} == 2 });
	is_deeply($told->{data}, { op => 'update', type => 'item', key => '2' }, 'clients hear of the change, without the row');
	is($events->next_event(sub { $_->{event} eq 'item' })->{data}{item}{name}, 'uno', 'and of the next');
	my $answer = item(2);
	is_deeply([ $answer->{status}, $answer->{json}{type} ], [ 500, 'urn:itemize:problem:item-unencodable' ], 'the old copy is not shown; the answer says why there is none');
	my $many = http_get($sidecar->url('/v1/items/item?key=in.(1,2,77)'));
	is($many->{status}, 200, 'together with others, those are answered');
	is_deeply([ $many->{json}{items}{1}{name}, $many->{json}{missing} ], [ 'uno', ['77'] ], 'as they are, and what there is not');
	is_deeply([ keys %{ $many->{json}{items} }, map { $_->@{qw(status type)} } $many->{json}{problems}{2} ],
		[ 1, 500, 'urn:itemize:problem:item-unencodable' ], 'and of that one what is wrong');
	is(http_get($sidecar->url('/v1/items/item?limit=10'))->{status}, 500, 'nor in a page');
	is(item(1)->{json}{name}, 'uno', 'others are served');
	is(metric($sidecar, 'itemize_changes_set_aside_total{reason="too_large"}'), 1, 'it is counted');
	my ($line) = $sidecar->log_events('change_set_aside');
	is_deeply([ @$line{qw(level type)} ], [ 'error', 'item' ], 'and in the log, with its type');
	like($line->{position}, qr/^\d+\.\d+\.\d+:\d+-1$/, 'its position');
	like($line->{reason}, qr/^too_large at least 70000000 bytes, the limit is 67108864$/, 'and the reason');
	sql("UPDATE item SET name = 'zwei' WHERE id = 2");
	settle();
	is(item(2)->{json}{name}, 'zwei', 'and a row that fits again is served again');
};

subtest 'a change whose encoding fails stops nothing' => sub {
	is(item(1)->{json}{mood}, 'fine', 'an item is held');
	my $epochs = $redis->cli('GET', 'itemize:epoch');
	sql("DELETE FROM pg_enum WHERE enumlabel = 'broken'", "INSERT INTO item VALUES (4, 'before', 'fine')", "UPDATE item SET name = 'hidden', mood = (SELECT mood FROM source) WHERE id = 1", "INSERT INTO item VALUES (5, 'after', 'fine')");
	settle();
	is_deeply([ map { item($_)->{json}{name} } 4, 5 ], [ 'before', 'after' ], 'what came before and after is there');
	my $answer = item(1);
	is_deeply([ $answer->{status}, $answer->{json}{type} ], [ 500, 'urn:itemize:problem:item-unencodable' ], 'the item itself cannot be had');
	is(metric($sidecar, 'itemize_changes_set_aside_total{reason="encode_failed"}'), 1, 'it is counted');
	my $line = ($sidecar->log_events('change_set_aside'))[-1];
	is($line->{reason}, 'encode_failed SQLSTATE 22P03', 'with its SQLSTATE in the log');
	is(scalar(my @careful = $sidecar->log_events('encoding_with_care')), 1, 'after one start with care');
	unlike($sidecar->log_text, qr/hidden/, 'nothing of the row is in the log');
	is($redis->cli('GET', 'itemize:epoch'), $epochs, 'and no cluster had to begin anew');
	sql("UPDATE item SET mood = 'fine' WHERE id = 1");
	settle();
	is(item(1)->{json}{name}, 'hidden', 'mended, it is served');
};

# The first time, such an error is taken for the server's state, not for one change's.
subtest 'nor one whose output function raises what a server says that is not set up' => sub {
	$sidecar->stop; # it still encodes with care
	sql("CREATE TYPE refused AS ENUM ('x')", 'CREATE TABLE refusing (id int PRIMARY KEY, v refused)', "SELECT itemize.define('refusing', 'refusing', fields => '{v}', read => 'everyone')", 'CREATE TABLE refusals (v refused)', "INSERT INTO refusals VALUES ('x')");
	$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);
	sql("UPDATE pg_type SET typoutput = 'pg_is_wal_replay_paused'::regproc WHERE typname = 'refused'", 'INSERT INTO refusing SELECT 1, v FROM refusals', "UPDATE pg_type SET typoutput = 'enum_out'::regproc WHERE typname = 'refused'");
	settle();
	is_deeply([ map { "$_->{type}: $_->{reason}" } $sidecar->log_events('change_set_aside') ], ['refusing: encode_failed SQLSTATE 55000'], 'it is set aside');
	is(scalar(my @careful = $sidecar->log_events('encoding_with_care')), 1, 'after the same error came twice at one place');
	cmp_ok(scalar(my @ended = $sidecar->log_events('global_interrupted')), '>=', 2, 'which the log tells');
	is(http_get($sidecar->url('/v1/items/refusing/1'))->{body}, '{"v":"x"}', 'a read asks the database');
};

done_testing();
