# The doctor's word is enough: on a server that has nothing itemize needs, its statements and restarts, followed to the
# letter, make everything work.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('doctor');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nmax_replication_slots = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION itemize CASCADE');

sub status_of
{
	my ($check) = @_;
	return $node->safe_psql('postgres', "SELECT status, restart FROM itemize.doctor() WHERE check_name = '$check'");
}

is(status_of($_), 'missing|t', "$_ is missing and needs a restart") for qw(wal_level max_replication_slots max_wal_senders);
is(status_of($_), 'missing|f', "$_ is missing") for qw(replication_role reader_role);
is(status_of($_), 'warning|f', "$_ is worth a word") for qw(max_slot_wal_keep_size slot);
like($node->safe_psql('postgres', q{SELECT fix FROM itemize.doctor() WHERE check_name = 'slot'}), qr/^-- start the global sidecar/, 'the slot is made by the sidecar');
my $names_plugins = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
is(status_of('output_plugin_libraries'), $names_plugins ? 'missing|f' : 'ok|f', 'output_plugin_libraries is as the server has it');

# Follows every fix; those of the slot wait until the restart that the others ask for.
sub follow_fixes
{
	my ($condition) = @_;
	my $fixes = $node->safe_psql('postgres', "SELECT fix FROM itemize.doctor() WHERE fix IS NOT NULL AND $condition");
	$node->safe_psql('postgres', $_) for map { "$_;" } grep { /\S/ } split /;/, $fixes;
	return;
}
my $kept = $names_plugins ? $node->safe_psql('postgres', 'SHOW output_plugin_libraries') : '';
follow_fixes(q{check_name <> 'slot'});
$node->restart;
# What the global sidecar does when it is started, as the doctor says.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('itemize', 'itemize')});

is( $node->safe_psql('postgres', q{SELECT check_name, detail, fix FROM itemize.doctor() WHERE status = 'missing'}),
	'', 'nothing is missing any more');
is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), "$kept, itemize", 'what output_plugin_libraries held is kept')
  if $names_plugins;

# and it works: a change comes out of the slot
$node->safe_psql(
	'postgres', q{
CREATE TABLE listing (id int PRIMARY KEY, name text);
SELECT itemize.define('listing', 'listing', fields => '{name}');
INSERT INTO listing VALUES (1, 'one');
});
like($node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_peek_changes('itemize', NULL, NULL)}),
	qr/I\t1\tlisting\t1\t1\t\{"name":"one"\}/, 'the slot gives the change');
like($node->safe_psql('postgres', q{SELECT status, detail FROM itemize.doctor() WHERE check_name = 'slot'}),
	qr/^warning\|slot itemize is not active, WAL reserved, holds back /, 'a slot that nobody reads is worth a word');

# A slot that lost its WAL: the remedy is to make it anew.
$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'});
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
poll_until(
	sub {
		$node->safe_psql('postgres',
			q{CREATE TABLE IF NOT EXISTS filler (); SELECT pg_switch_wal(); DROP TABLE filler; CHECKPOINT});
		return $node->safe_psql('postgres', q{SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'itemize'}) eq 'lost';
	},
	'the slot to lose its WAL');
is(status_of('slot'), 'missing|f', 'a lost slot is missing');
follow_fixes(q{check_name = 'slot'});
is(status_of('slot'), 'warning|f', 'it is dropped, to be made anew');

done_testing();
