# Servers that come back with another past than the one that was told: a database restored from an older copy of its files, a
# standby promoted without the last commits, a Redis that lost the end of the stream. What is gone is shown to nobody any
# more, and live clients are told to load again.
use strict;
use warnings;

use File::Path qw(remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
INSERT INTO item SELECT i, 0 FROM generate_series(1, 3) i;
SELECT itemize.define('item', 'item', fields => '{id,n}', read => 'everyone');
});
sub sql { my ($text) = @_; return $node->safe_psql('postgres', $text) }

my $redis = start_redis('--dir', PostgreSQL::Test::Utils::tempdir_short(), '--save', '3600 1');
my ($sidecar, $stream, $epoch);

sub start
{
	my @urls = map { "postgresql:///postgres?host=$_[0]&port=$_[1]&target_session_attrs=read-write&user=$_" } qw(itemize_reader itemize_global);
	return start_sidecar('absolute', redis => $redis, flags => [ '--heartbeat-seconds', 1, '--database', $urls[0], '--replication-database', $urls[1] ]);
}
sub get { my ($id) = @_; my $answer = http_get($sidecar->url("/v1/items/item/$id")); return $answer->{json} ? $answer->{json}{n} : undef }
sub shows { my ($id, $n, $name) = @_; my $seen; ok(eval { poll_until(sub { $seen = get($id); defined $seen && $seen == $n }, "item $id") }, $name) or diag("it shows " . ($seen // 'nothing')); return }
sub epoch { return $redis->cli('GET', 'itemize:epoch') // '' }
sub begun { return map { $_->{reason} } $sidecar->log_events('epoch_begun') }

# A client that has heard of a change, and so has an id; it comes back with that later.
sub follow
{
	$stream = open_events($sidecar->url('/v1/live?items=item/*'));
	$stream->next_event(sub { $_->{event} eq 'hello' });
	return;
}
sub hears { my ($n) = @_; return $stream->next_event(sub { $_->{event} eq 'item' && $_->{data}{item}{n} == $n }) }

subtest 'restored from an older copy, and written to before anybody looks' => sub {
	$sidecar = start($node->host, $node->port);
	$epoch   = epoch();
	$node->stop('immediate');
	my $data = $node->data_dir;
	system_or_bail('cp', '-a', $data, "$data.copy");
	$node->start;
	follow();
	shows($_, 0, "item $_ is held") for 1 .. 3;
	sql('UPDATE item SET n = 1 WHERE id = 1');
	my $id = hears(1)->{id};
	shows(1, 1, 'a change');
	is(epoch(), $epoch, 'a crash of the server is no other history');
	$sidecar->kill9;
	my $reached = sql('SELECT pg_current_wal_flush_lsn()');

	$node->stop('immediate');
	remove_tree($data);
	rename("$data.copy", $data) or die "rename: $!";
	$node->start;
	is(sql('SELECT n FROM item WHERE id = 1'), 0, 'restored: the change is gone');
	sql('UPDATE item SET n = 2 WHERE id = 2');
	poll_until(sub { sql(q{SELECT pg_logical_emit_message(false, 'filler', repeat('x', 100000)); UPDATE item SET n = n + 1 WHERE id = 3}); sql("SELECT pg_current_wal_flush_lsn() > '$reached'") eq 't' }, 'it writes on');
	my $third = sql('SELECT n FROM item WHERE id = 3');

	$sidecar = start($node->host, $node->port);
	shows(1, 0, 'the lost change is shown no more');
	shows(2, 2, 'nor is one missed that stands where it stood');
	shows(3, $third, 'nor those behind it');
	isnt(epoch(), $epoch, 'there is a new epoch');
	is_deeply([ begun() ], ['database_went_back'], 'for this reason');
	$stream = open_events($sidecar->url('/v1/live?items=item/*'), "Last-Event-ID: $id");
	is($stream->next_event(sub { $_->{event} ne 'hello' })->{data}{reason}, 'epoch', 'a client that comes back is told');
	sql('UPDATE item SET n = 3 WHERE id = 1');
	hears(3);
	shows(1, 3, 'what follows goes on');
};

subtest 'a standby is promoted that lacks the last commits' => sub {
	$sidecar->stop;
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$sidecar = start(join(',', map { $_->host } $node, $standby), join(',', map { $_->port } $node, $standby));
	$epoch = epoch();
	follow();
	sql('UPDATE item SET n = 11 WHERE id = 1');
	hears(11);
	$node->wait_for_catchup($standby);
	$standby->safe_psql('postgres', q{ALTER SYSTEM SET primary_conninfo = ''});
	$standby->reload;
	poll_until(sub { $standby->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_wal_receiver') eq '0' }, 'the standby is cut off');
	sql('UPDATE item SET n = 12 WHERE id = 1');
	hears(12);
	shows(1, 12, 'a change that the standby does not have');
	$node->stop('immediate');
	$standby->promote;
	$node = $standby;
	my $resync = $stream->next_event(sub { $_->{event} ne 'item' });
	is("$resync->{event} $resync->{data}{reason}", 'resync epoch', 'live clients are told');
	isnt(epoch(), $epoch, 'of a new epoch');
	shows(1, 11, 'the lost change is shown no more');
	sql('UPDATE item SET n = 13 WHERE id = 1');
	hears(13);
	shows(1, 13, 'what follows goes on');
};

subtest 'Redis comes back without the end of the stream' => sub {
	$epoch = epoch();
	$redis->cli('SAVE');
	sql('UPDATE item SET n = 21 WHERE id = 1');
	hears(21);
	my $now = sql('SELECT pg_current_wal_flush_lsn()');
	poll_until(sub { sql("SELECT bool_or(confirmed_flush_lsn >= '$now') FROM pg_replication_slots WHERE active") eq 't' }, 'the slot has forgotten it');
	$redis->kill9;
	$redis->restart;
	# Maybe first that the local copy, which is in the same Redis, has gone back.
	ok($stream->next_event(sub { $_->{event} eq 'resync' && $_->{data}{reason} eq 'epoch' }), 'live clients are told');
	is((begun())[-1], 'stream_lost_entries', 'of an epoch that was begun for this reason');
	shows(1, 21, 'nothing is lost');
	sql('UPDATE item SET n = 22 WHERE id = 1');
	hears(22);
	is($sidecar->stop, 0, 'status 0');
};

done_testing();
