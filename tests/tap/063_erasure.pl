# An erased item is gone from every hop, and it can be shown: a row with a recognizable text passes all of them, is
# erased, and afterwards neither a key, nor an entry, nor a file of either Redis holds the text.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Process qw(poll_until slurp);
use Itemize::Sidecar;
use Itemize::Test;

my $secret = 'recognizable-' . unpack('H*', pack('N', $$)) . '-text';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE person (id int, country text, name text, PRIMARY KEY (country, id));
CREATE ROLE clerk LOGIN;
CREATE ROLE guest LOGIN;
GRANT SELECT, DELETE ON person TO clerk;
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person TO clerk USING (country <> 'xx');
SELECT itemize.define('person', 'person', fields => '{name}', read => 'everyone');
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

# Both keep an append-only file.
my @directories = map { PostgreSQL::Test::Utils::tempdir_short() } 1, 2;
my ($redis, $local) = map { start_redis('--dir', $_, '--appendonly', 'yes') } @directories;
my @urls = ('--global-redis', $redis->url, '--local-redis', $local->url);
my $sidecar = start_sidecar('absolute', postgres => $node, flags => [ @urls, '--heartbeat-seconds', 1, '--missing-ttl-seconds', 1 ]);
sub get { my ($key) = @_; return http_get($sidecar->url("/v1/items/person/$key")) }

sub check
{
	my ($key, @flags) = @_;
	my ($out, $err) = ('', '');
	my @servers = grep({ $_ eq '--local-redis' } @flags) ? @urls[ 0, 1 ] : @urls;
	IPC::Run::run([ Itemize::Sidecar::program(), 'erasure-check', '--database', database_url($node, user => 'itemize_reader'), @servers, '--type', 'person', '--key', $key, @flags ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $status = $? >> 8;
	diag($err) if $status != 0 && $status != 4;
	return ($status, $out);
}

# Names of keys, and files, that hold the text.
sub holders
{
	my ($server, $directory) = @_;
	my @found;
	for my $key (split /\n/, $server->cli('KEYS', '*'))
	{
		my $type = $server->cli('TYPE', $key);
		my @command = $type eq 'stream' ? ('XRANGE', $key, '-', '+') : $type eq 'hash' ? ('HGETALL', $key) : $type eq 'list' ? ('LRANGE', $key, 0, -1) : ('GET', $key);
		push @found, $key if index($server->cli(@command), $secret) >= 0;
	}
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'grep', '-rl', $secret, $directory ], '>', \$out, '2>', \$err);
	push @found, split /\n/, $out;
	return @found;
}

# A copy is spoilt by hand, and a comparison with the database finds it.
sub heal
{
	my ($key) = @_;
	my $copy = $local->cli('HGET', 'itemize:local', 'namespace');
	my ($held) = grep { /:item:person:[^:]*:\Q$key\E$/ } split /\n/, $local->cli('KEYS', '*');
	$local->cli('HSET', $held, 'r', '{"name":"another"}', 'l', '16');
	my $run = Itemize::Sidecar->launch('verify', [ '--database', database_url($node, user => 'itemize_reader'), '--local-redis', $local->url ]);
	poll_until(sub { !$run->alive }, 'the end of verify');
	return $run->status >> 8;
}
sub told_healed { my $copy = $local->cli('HGET', 'itemize:local', 'namespace'); return $local->cli('XRANGE', "$copy:local:healed", '-', '+') // '' }

my $stream = open_events($sidecar->url('/v1/live?items=person/*'));
$stream->next_event(sub { $_->{event} eq 'hello' });
is(get('be,1')->{status}, 404, 'asked for before it is there');
sql("INSERT INTO person VALUES (1, 'be', '$secret'), (2, 'be', 'somebody else')");
$stream->next_event(sub { $_->{event} eq 'item' });
is(get('be,1')->{json}{name}, $secret, 'the item has passed every hop');
sql("UPDATE person SET name = '$secret, again' WHERE id = 1");
poll_until(sub { get('be,1')->{json}{name} =~ /again/ }, 'the change');
is(heal('be,1'), 4, 'a copy of it that was found wrong is dropped');
like(told_healed(), qr/^be,1$/m, 'and the cluster tells its live clients by the key');
is(get('be,1')->{json}{name}, "$secret, again", 'it is filled again');
cmp_ok(scalar(holders($redis, $directories[0])), '>=', 2, 'the global Redis holds it, in its stream and its file');
cmp_ok(scalar(holders($local, $directories[1])), '>=', 3, 'the local one in stream, copy and file');
my ($status, $out) = check('be,1');
is($status, 4, 'erasure-check finds it');
like($out, qr/THE ROW IS THERE.*global Redis.*stream .*: \d+ entries.*local Redis.*key .*:item:person:/s, 'and says where');
like($out, qr/^local Redis .*: stream .*:local:healed: 1 entries$/m, 'also where it is told of only');

like(($node->psql('postgres', q{SET ROLE guest; SELECT itemize.erase('person', 'be,1')}))[2], qr/permission denied for table person/, 'erased only by who may delete it');
sql(q{INSERT INTO person VALUES (1, 'xx', 'hidden by a policy')});
is(sql(q{SET ROLE clerk; SELECT itemize.erase('person', 'xx,1')}) =~ s/^SET\n//r, 0, 'and row-level security holds');
is(sql(q{SET ROLE clerk; SELECT itemize.erase('person', 'be,1', 'be,77', 'no,key,at,all')}) =~ s/^SET\n//r, 1, 'it says how many rows there were');
poll_until(sub { get('be,1')->{status} == 404 }, 'the erasure to arrive');


# The keys that hold the text, of both Redis.
sub holding_keys { return grep { !m{^/} } holders($redis, $directories[0]), holders($local, $directories[1]) }
my $began = time();
poll_until(sub { !holding_keys() }, 'every cluster, and the global stream, to forget it by themselves');
note('forgotten after ' . (time() - $began) . ' s');
poll_until(sub { ($status, $out) = check('be,1'); $status == 0 }, 'nothing to be left');
like($out, qr/^database: no such row\n.*nothing is left of person be,1\n\z/s, 'erased, and nothing is left, without anybody\'s help');
unlike(told_healed(), qr/^be,1$/m, 'not even that it had been found wrong');

# Deleted by other means, its traces go with newer ones; or now, when somebody sees to it, or says that it was erased.
sub passes { my ($id) = @_; sql("INSERT INTO person VALUES ($id, 'be', '$secret')"); return poll_until(sub { (get("be,$id")->{json}{name} // '') eq $secret }, 'the item') }
for my $id (3, 4) { passes($id); sql("DELETE FROM person WHERE id = $id"); poll_until(sub { get("be,$id")->{status} == 404 }, 'the deletion') }
sql(q{SELECT itemize.erase('person', 'be,4')});
poll_until(sub { !holding_keys() }, 'what was deleted before to be forgotten');
passes(1);
is(heal('be,1'), 4, 'another one that was found wrong');
sql('DELETE FROM person WHERE id = 1');
poll_until(sub { get('be,1')->{status} == 404 }, 'the deletion to arrive');
is((check('be,1'))[0], 4, 'a plain deletion leaves its traces');
$began = time();
($status, $out) = check('be,1', '--scrub');
is($status, 0, 'scrubbed, and nothing is left') or diag($out);
note($out);
note('took ' . (time() - $began) . ' s');
like($out, qr/^database: no such row\n.*slot itemize: confirmed to .*, will not send it again; .*\nnothing is left of person be,1\n\z/s, 'the proof');
is_deeply([ grep { !m{^/} } holders($redis, $directories[0]), holders($local, $directories[1]) ], [], 'no key of either Redis holds the text');
for my $server ($redis, $local)
{
	my $rewrites = $server->info('aof_rewrites') // 0;
	$server->cli('BGREWRITEAOF');
	poll_until(sub { $server->info('aof_rewrite_in_progress') == 0 && $server->info('aof_rewrite_scheduled') == 0 && ($server->info('aof_rewrites') // 0) > $rewrites }, 'the file to be written anew');
}
poll_until(sub { !(holders($redis, $directories[0]), holders($local, $directories[1])) }, 'the old files to go');
pass('and after a rewrite no file of theirs does');

# A cluster that does not move keeps what it has; the proof says so, and says when it is gone there, too.
my $far = start_redis();
my @far = ('--local-redis', $far->url);
my $south = start_sidecar('local', flags => [ '--global-redis', $redis->url, @far, '--cluster', 'south' ]);
sub far_holds { my $copy = $far->cli('HGET', 'itemize:local', 'namespace') // return ''; return $far->cli('XRANGE', "$copy:local:stream", '-', '+') }
passes(5);
poll_until(sub { index(far_holds(), $secret) >= 0 }, 'the other cluster to have it');
$south->signal('STOP');
sql(q{SELECT itemize.erase('person', 'be,5')});
poll_until(sub { get('be,5')->{status} == 404 }, 'the erasure to arrive');
is((check('be,5'))[0], 4, 'a cluster has not heard of the erasure: the global stream keeps it');
($status, $out) = check('be,5', @far);
is($status, 4, 'and that cluster has everything');
like($out, qr/^local Redis .*: stream .*:local:stream: \d+ entries/m, 'where');
$south->signal('CONT');
poll_until(sub { (check('be,5'))[0] == 0 && (check('be,5', @far))[0] == 0 }, 'nothing to be left in any cluster');
is($south->stop, 0, 'status 0');

is(get('be,2')->{json}{name}, 'somebody else', 'other items are served');
sql("UPDATE person SET name = 'the next' WHERE id = 2");
poll_until(sub { get('be,2')->{json}{name} eq 'the next' }, 'the next change');
is(scalar($sidecar->log_events('resynced')), 1, 'and no copy had to be begun anew');
is(scalar($sidecar->stop), 0, 'status 0');
done_testing();
