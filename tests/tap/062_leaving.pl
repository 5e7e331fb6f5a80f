# Leaving safely: the extension is not dropped under a slot, uninstall takes everything away, and a pause holds the stream.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Process qw(poll_until);
use Itemize::Sidecar;
use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
INSERT INTO item VALUES (1, 0);
SELECT itemize.define('item', 'item', fields => '{id,n}', read => 'everyone');
CREATE ROLE operator LOGIN;
GRANT EXECUTE ON FUNCTION itemize.pause(text, interval), itemize.resume() TO operator;
CREATE ROLE landlord SUPERUSER;
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

# What psql says on standard error, for a statement that fails.
sub refusal
{
	my ($text, @args) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $text, @args);
	return $status == 0 ? 'succeeded' : $err;
}

my ($redis, $local) = (start_redis(), start_redis());
my @urls = ('--global-redis', $redis->url, '--local-redis', $local->url);
my $sidecar = start_sidecar('absolute', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 1 ]);

# Runs the command to its end: status, and both streams.
sub command
{
	my ($name, @flags) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ Itemize::Sidecar::program(), $name, '--database', database_url($node, user => 'itemize_reader'), '--replication-database', database_url($node, user => 'itemize_global'), @urls, @flags ],
		'<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}
sub answer { return http_get($sidecar->url('/v1/items/item/1'))->{body} }

subtest 'a pause' => sub {
	like(refusal('SET ROLE itemize_reader; SELECT itemize.pause()'), qr/permission denied/, 'not for everybody');
	like(refusal(q{SELECT itemize.pause(longest => '0')}), qr/must have an end/, 'without an end is refused');
	is(answer(), '{"id":1,"n":0}', 'an item is held');
	sql(q{SET ROLE operator; SELECT itemize.pause('moving Redis', longest => '2 hours')});
	$sidecar->wait_for_log('paused');
	sql('UPDATE item SET n = 1');
	like(sql(q{SELECT detail FROM itemize.doctor() WHERE check_name = 'pause'}), qr/nothing is published until .* paused by .*, moving Redis/, 'the doctor says so');
	is(sql('SELECT reason FROM itemize.paused()'), 'moving Redis', 'and everybody may ask');
	my ($text) = sidecar_says('status', '--database', database_url($node, user => 'itemize_reader'), '--global-redis', $urls[1]);
	like($text, qr/^pause .* paused +until .* at the latest: moving Redis\n +-> SELECT itemize\.resume\(\)/m, 'so does the status');
	is(sql(q{SELECT state FROM itemize.status() WHERE part = 'pause' AND detail ~ ': moving Redis$' AND todo ~ 'itemize.resume'}), 'paused', 'in SQL as well');

	# A heartbeat would be due several times over.
	my $last = sub { (split /\n/, $redis->cli('XREVRANGE', 'itemize:{' . $redis->cli('GET', 'itemize:epoch') . '}:stream', '+', '-', 'COUNT', 1))[0] };
	my $before = $last->();
	poll_until(sub { sql(q{SELECT clock_timestamp() > since + interval '3 seconds' FROM itemize.paused()}) eq 't' }, 'three seconds of a pause');
	is($last->(), $before, 'nothing is published');
	is(answer(), '{"id":1,"n":0}', 'what is held is served');
	is(sql('SELECT active FROM pg_replication_slots'), 't', 'the slot is held');

	is(scalar($sidecar->stop), 0, 'the sidecar is restarted');
	$node->restart;
	$sidecar = start_sidecar('absolute', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 1 ]);
	$sidecar->wait_for_log('paused');
	is($last->(), $before, 'a pause outlives sidecar and server');
	is(sql('SET ROLE operator; SELECT itemize.resume()') =~ s/^SET\n//r, 't', 'resumed');
	$sidecar->wait_for_log('resumed');
	poll_until(sub { answer() eq '{"id":1,"n":1}' }, 'the change made in the pause');
	pass('what was changed meanwhile arrives');
	is(sql('SELECT itemize.resume()'), 'f', 'nothing was paused');
	sql(q{SELECT itemize.pause(longest => '1 millisecond')});
	is(sql('SELECT count(*) FROM itemize.paused()'), 0, 'a pause ends by itself');
};

subtest 'the extension stays while a slot uses it' => sub {
	like(refusal('DROP EXTENSION itemize'), qr/is in use by replication slot "itemize".*itemize-sidecar uninstall/s, 'DROP EXTENSION');
	like(refusal('DROP EXTENSION postgis CASCADE'), qr/is in use by replication slot "itemize"/, 'DROP EXTENSION of what it requires');
	like(refusal('DROP SCHEMA itemize CASCADE'), qr/is in use by replication slot "itemize"/, 'DROP SCHEMA');
	sql('CREATE DATABASE second TEMPLATE template0');
	is($node->psql('second', 'CREATE EXTENSION itemize CASCADE; SET ROLE landlord; CREATE SCHEMA mine; DROP OWNED BY landlord CASCADE; RESET ROLE; DROP EXTENSION itemize'), 0, 'in a database without a slot it goes');
	$node->safe_psql('second', 'SET ROLE landlord; CREATE EXTENSION itemize CASCADE');
	sql(q{SELECT pg_create_logical_replication_slot('unrelated', 'test_decoding')});
	is($node->psql('second', 'SELECT 1'), 0, 'still there');
	$node->safe_psql('second', q{SELECT pg_create_logical_replication_slot('owned', 'itemize')});
	my ($status, $out, $err) = $node->psql('second', 'DROP OWNED BY landlord CASCADE');
	like($err, qr/is in use by replication slot "owned"/, 'DROP OWNED');
	$node->safe_psql('second', q{SELECT pg_drop_replication_slot('owned')});
	is($node->psql('second', 'DROP OWNED BY landlord CASCADE'), 0, 'which works without the slot');
	is($node->safe_psql('second', q{SELECT count(*) FROM pg_extension WHERE extname = 'itemize'}), 0, 'and takes the extension away');
	sql(q{SELECT pg_drop_replication_slot('unrelated')});
	is(sql('SELECT count(*) FROM itemize.definitions'), 1, 'a refusal has changed nothing');
};

subtest 'uninstall' => sub {
	answer();
	$redis->cli('SET', 'itemize:else:epoch', 'of the prefix itemize:else');
	$redis->cli('SET', 'itemizer:epoch', 'of the prefix itemizer');
	my ($status, $out, $err) = command('uninstall');
	is($status, 1, 'refused while a sidecar runs');
	like($err, qr/stop all sidecars first/, 'with a hint');
	is(scalar($sidecar->stop), 0, 'the sidecar ends');
	cmp_ok($redis->cli('DBSIZE'), '>', 3, 'keys are there');
	cmp_ok($local->cli('DBSIZE'), '>', 2, 'and in the other Redis');
	($status, $out, $err) = command('uninstall', '--slot', 'nobody', '--prefix', 'nobody');
	is($status, 0, 'of another name') or diag($err);
	like($out, qr/slot "nobody": was not there\n.*: 0 keys removed\n/, 'nothing to do');
	($status, $out, $err) = command('uninstall', '--force');
	is($status, 0, 'uninstalled') or diag($err);
	like($out, qr/slot "itemize": dropped\nglobal Redis .*: \d+ keys removed\nlocal Redis .*: \d+ keys removed\n/, 'it says what it removed');
	is(sql('SELECT count(*) FROM pg_replication_slots'), 0, 'no slot is left');
	is(join(' ', sort split /\n/, $redis->cli('KEYS', '*')), 'itemize:else:epoch itemizer:epoch', 'no key but those of other prefixes');
	is($local->cli('DBSIZE'), 0, 'none in the local Redis');
	($status, $out) = command('uninstall');
	is($status, 0, 'once more');
	like($out, qr/slot "itemize": was not there\n/, 'finds nothing');
	sql('DROP EXTENSION itemize');
	is(sql('SELECT count(*) FROM item'), 1, 'the extension goes, the table stays');
};

done_testing();
