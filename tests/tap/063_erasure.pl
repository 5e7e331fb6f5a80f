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
	IPC::Run::run([ Itemize::Sidecar::program(), 'erasure-check', '--database', database_url($node, user => 'itemize_reader'), @urls, '--type', 'person', '--key', $key, @flags ],
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

my $stream = open_events($sidecar->url('/v1/live?items=person/*'));
$stream->next_event(sub { $_->{event} eq 'hello' });
is(get('be,1')->{status}, 404, 'asked for before it is there');
sql("INSERT INTO person VALUES (1, 'be', '$secret'), (2, 'be', 'somebody else')");
$stream->next_event(sub { $_->{event} eq 'item' });
is(get('be,1')->{json}{name}, $secret, 'the item has passed every hop');
sql("UPDATE person SET name = '$secret, again' WHERE id = 1");
poll_until(sub { get('be,1')->{json}{name} =~ /again/ }, 'the change');
cmp_ok(scalar(holders($redis, $directories[0])), '>=', 2, 'the global Redis holds it, in its stream and its file');
cmp_ok(scalar(holders($local, $directories[1])), '>=', 3, 'the local one in stream, copy and file');
my ($status, $out) = check('be,1');
is($status, 4, 'erasure-check finds it');
like($out, qr/THE ROW IS THERE.*global Redis.*stream .*: \d+ entries.*local Redis.*key .*:item:person:/s, 'and says where');

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

# Deleted by other means, its traces go with newer ones; or now, when somebody sees to it, or says that it was erased.
sub passes { my ($id) = @_; sql("INSERT INTO person VALUES ($id, 'be', '$secret')"); return poll_until(sub { (get("be,$id")->{json}{name} // '') eq $secret }, 'the item') }
for my $id (3, 4) { passes($id); sql("DELETE FROM person WHERE id = $id"); poll_until(sub { get("be,$id")->{status} == 404 }, 'the deletion') }
sql(q{SELECT itemize.erase('person', 'be,4')});
poll_until(sub { !holding_keys() }, 'what was deleted before to be forgotten');
passes(1);
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

is(get('be,2')->{json}{name}, 'somebody else', 'other items are served');
sql("UPDATE person SET name = 'the next' WHERE id = 2");
poll_until(sub { get('be,2')->{json}{name} eq 'the next' }, 'the next change');
is(scalar($sidecar->log_events('resynced')), 1, 'and no copy had to be begun anew');
is(scalar($sidecar->stop), 0, 'status 0');
done_testing();
