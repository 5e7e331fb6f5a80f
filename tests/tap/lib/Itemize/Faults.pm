# The faults that the randomized test puts upon an Itemize::World. Each begins and ends by itself, and another one may happen
# meanwhile; the random numbers are perl's rand, seeded by the test.
package Itemize::Faults;

use strict;
use warnings;

use File::Path qw(remove_tree);
use Itemize::Process qw(poll_until);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# What is to happen in the middle of a fault that has begun.
my $meanwhile;

# Seconds, so short that they stand for "at a random moment".
sub pause
{
	my ($least, $most) = @_;
	my $length = $least + rand($most - $least);
	if (my $other = $meanwhile)
	{
		undef $meanwhile;
		select(undef, undef, undef, rand($length));
		$other->();
	}
	select(undef, undef, undef, $length);
	return;
}

sub pick { return $_[ rand @_ ] }

# Kills a process, and starts it again a moment later.
sub kill_sidecar
{
	my ($world, $name) = @_;
	$world->{sidecars}{$name}->kill9;
	pause(0, 1);
	$world->start_sidecar($name);
	return;
}

sub stop_database { my ($world) = @_; $world->{primary}->stop('immediate'); return }

# The server's files, as they are while it is down.
sub copy_database
{
	my ($world) = @_;
	my $data = $world->{primary}->data_dir;
	remove_tree("$data.copy");
	system_or_bail('cp', '-a', $data, "$data.copy");
	$world->{copied} = 1;
	return;
}

sub restart_database
{
	my ($world) = @_;
	stop_database($world);
	copy_database($world);
	pause(0, 1);
	$world->{primary}->start;
	return;
}

# It loses something that was published: what only a fill has shown, and then was written past, is out of anybody's reach, see
# docs/explanations/limits.md.
sub restore_database
{
	my ($world) = @_;
	if (!$world->{copied})
	{
		restart_database($world);
		$world->converge;
		pause(0.3, 1);
	}
	my $data = $world->{primary}->data_dir;
	$world->go_back(
		sub { stop_database($world) },
		sub {
			$world->drop_replica;
			remove_tree($data);
			system_or_bail('cp', '-a', "$data.copy", $data);
			pause(0, 1);
			$world->{primary}->start;
		});
	return;
}

# Nobody publishes until the restored database has written further than it ever had before.
sub restore_database_unseen
{
	my ($world) = @_;
	if (!$world->{copied})
	{
		restart_database($world);
		$world->converge;
		pause(0.3, 1);
	}
	$world->{sidecars}{$_}->kill9 for qw(global1 global2);
	my $reached = $world->sql(q{SELECT pg_current_wal_flush_lsn()});
	restore_database($world);
	# A copy may be old; it need not take as long as it took the first time.
	poll_until(sub { $world->sql("SELECT pg_switch_wal(); SELECT pg_current_wal_flush_lsn() > '$reached'::pg_lsn + 100000") =~ /^t$/m }, 'the restored database has gone on');
	$world->start_sidecar($_) for qw(global1 global2);
	return;
}

# The standby does not get the last commits.
sub fail_over
{
	my ($world) = @_;
	my $standby = $world->make_standby;
	$world->{primary}->wait_for_catchup($standby);
	$standby->safe_psql('postgres', q{ALTER SYSTEM SET primary_conninfo = ''});
	$standby->reload;
	poll_until(sub { $standby->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_wal_receiver') eq '0' }, 'the standby is cut off');
	pause(0.1, 0.7);
	my $old = $world->{primary};
	$world->go_back(
		sub { stop_database($world) },
		sub {
			pause(0, 1);
			$standby->promote;
			$standby->safe_psql('postgres', 'ALTER SYSTEM RESET primary_conninfo');    # its backups take it along
			$world->{primary} = $standby;
			$world->point_database;
		});
	$old->clean_node;
	remove_tree($old->data_dir . '.copy');
	$world->{copied} = 0;
	return;
}

sub drop_slot
{
	my ($world) = @_;
	$world->sql(q{DO $$ BEGIN LOOP
	PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'itemize';
	BEGIN PERFORM pg_drop_replication_slot('itemize'); EXIT;
	EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.001); WHEN undefined_object THEN EXIT; END;
	END LOOP; END $$});
	return;
}

# Nobody reads the slot, and the server may not keep what it waits for.
sub invalidate_slot
{
	my ($world) = @_;
	$world->{sidecars}{$_}->kill9 for qw(global1 global2);
	$world->sql(q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'});
	$world->{primary}->reload;
	# Recycling begins behind wal_keep_size.
	$world->sql(q{ALTER SYSTEM SET wal_keep_size = '0'});
	$world->{primary}->reload;
	poll_until(
		sub {
			$world->sql('INSERT INTO committed VALUES (-1); DELETE FROM committed WHERE v = -1; SELECT pg_switch_wal()');
			$world->sql('CHECKPOINT');
			return $world->sql(q{SELECT coalesce(bool_and(wal_status = 'lost'), true) FROM pg_replication_slots WHERE slot_name = 'itemize'}) eq 't';
		},
		'the server gives the slot up');
	$world->sql('ALTER SYSTEM RESET max_slot_wal_keep_size');
	$world->sql(q{ALTER SYSTEM RESET wal_keep_size});
	$world->{primary}->reload;
	$world->start_sidecar($_) for qw(global1 global2);
	return;
}

sub empty_redis { my ($world, $name) = @_; $world->{redis}{$name}->cli('FLUSHALL'); return }

sub restart_redis_empty
{
	my ($world, $name) = @_;
	my $redis = $world->{redis}{$name};
	$redis->kill9;
	unlink $redis->{dump};
	pause(0, 1);
	$redis->restart;
	return;
}

sub restart_redis_with_data
{
	my ($world, $name) = @_;
	my $redis = $world->{redis}{$name};
	$redis->stop;    # saves
	pause(0, 1);
	$redis->restart;
	return;
}

sub restart_redis_older
{
	my ($world, $name) = @_;
	my $redis = $world->{redis}{$name};
	$redis->cli('SAVE');
	pause(0.05, 1.5);
	$redis->kill9;
	pause(0, 1);
	$redis->restart;
	return;
}

# Another server has taken over, and it lacks what came last.
sub promote_redis_replica
{
	my ($world, $name) = @_;
	my $replica = $world->start_replica($name);
	$replica->cli('REPLICAOF', 'NO', 'ONE');
	pause(0.02, 0.7);
	$world->{redis}{$name}->kill9;
	pause(0, 1);
	$world->point_redis($name, $replica);
	return;
}

sub cut_link
{
	my ($world, $link) = @_;
	$world->{proxy}{$link}->kill9;
	pause(0.1, 3);
	$world->{proxy}{$link}->restart;
	return;
}

# Nothing gets through, and nobody is told.
sub freeze_link
{
	my ($world, $link) = @_;
	$world->{proxy}{$link}->signal('STOP');
	pause(0.5, 6);
	$world->{proxy}{$link}->signal('CONT');
	return;
}

sub freeze_sidecar
{
	my ($world, $name) = @_;
	$world->{sidecars}{$name}->signal('STOP');
	pause(0.5, 4);
	$world->{sidecars}{$name}->signal('CONT');
	return;
}

# On the standby that cluster B reads from, for as long as it is the same.
sub on_replica
{
	my ($world, $begin, $end, @length) = @_;
	my $replica = $world->{replica} or return;
	$begin->($replica);
	pause(@length);
	$end->($replica) if ($world->{replica} // 0) == $replica;
	return;
}

sub pause_replay
{
	my ($world) = @_;
	my $say = sub { my ($what) = @_; return sub { $_[0]->psql('postgres', "SELECT pg_wal_replay_$what()") } };
	on_replica($world, $say->('pause'), $say->('resume'), 0.5, 5);
	return;
}

sub delay_replay
{
	my ($world) = @_;
	my $set = sub { my ($node, $value) = @_; $node->psql('postgres', "ALTER SYSTEM SET recovery_min_apply_delay = $value"); $node->reload };
	on_replica($world, sub { $set->(@_, int(50 + rand(700))) }, sub { $set->(@_, 0) }, 1, 5);
	return;
}

sub restart_replica
{
	my ($world) = @_;
	# One that was ahead of a standby promoted meanwhile cannot follow it, and does not start.
	on_replica($world, sub { $_[0]->stop('immediate') }, sub { $_[0]->start(fail_ok => 1) or $world->drop_replica }, 0, 2);
	return;
}

# Name => sub that does it to a world and returns to whom, where that was chosen at random.
our %kinds = (
	'kill the active global sidecar' => sub { my ($world) = @_; kill_sidecar($world, $world->active_global); return },
	'kill both global sidecars' => sub { my ($world) = @_; $world->{sidecars}{$_}->kill9 for qw(global1 global2); pause(0, 1); $world->start_sidecar($_) for qw(global1 global2); return },
	'kill a local sidecar' => sub { my ($world) = @_; my $which = pick(qw(localA localB)); kill_sidecar($world, $which); return $which },
	'kill an extended sidecar' => sub { my ($world) = @_; my $which = pick(qw(extendedA extendedB)); kill_sidecar($world, $which); return $which },
	'freeze a sidecar' => sub { my ($world) = @_; my $which = pick($world->active_global, qw(localA localB extendedA extendedB)); freeze_sidecar($world, $which); return $which },
	'PostgreSQL: immediate shutdown' => \&restart_database,
	'PostgreSQL: restored from an older copy' => \&restore_database,
	'PostgreSQL: restored, and gone on unseen' => \&restore_database_unseen,
	'PostgreSQL: failover without the last commits' => \&fail_over,
	'the slot is dropped' => \&drop_slot,
	'the slot is invalidated' => \&invalidate_slot,
	'standby: replay is paused' => \&pause_replay,
	'standby: replay lags' => \&delay_replay,
	'standby: immediate shutdown' => \&restart_replica,
	'a link is cut' => sub { my ($world) = @_; my $which = pick($world->links); cut_link($world, $which); return $which },
	'a link is frozen' => sub { my ($world) = @_; my $which = pick($world->links); freeze_link($world, $which); return $which },
);
for my $place ([ 'global Redis', ['global'] ], [ 'local Redis', [qw(A B)] ])
{
	my ($what, $names) = @$place;
	my %ways = (
		'FLUSHALL'                        => \&empty_redis,
		'killed, restarts empty'          => \&restart_redis_empty,
		'restarts with its data'          => \&restart_redis_with_data,
		'restarts from an older snapshot' => \&restart_redis_older,
		'a replica that lacks the end is promoted' => \&promote_redis_replica,
	);
	for my $way (keys %ways)
	{
		$kinds{"$what: $way"} = sub { my ($world) = @_; my $which = pick(@$names); $ways{$way}->($world, $which); return $which };
	}
}

# What a kind of fault happens to.
sub part
{
	my ($kind) = @_;
	return $kind =~ /^(global Redis|local Redis|a link|standby)/ ? $1 : $kind =~ /^(?:kill|freeze) an? / ? 'sidecar' : 'database';
}

# The kinds that can happen in the middle of this one: another part is hit. (That a database was restored has to be noticed by
# what was published, so nothing may keep that away, or lose it, at the same time.)
sub kinds_beside
{
	my ($kind) = @_;
	return if $kind =~ /unseen/;
	my @others = grep { !/restored/ && part($_) ne part($kind) } sort keys %kinds;
	return $kind =~ /restored/ ? grep { part($_) =~ /^(?:local Redis|standby)$/ } @others : @others;
}

# Does it, and the second one, if any, in its middle or right after it; returns to whom.
sub inflict
{
	my ($world, $kind, $second) = @_;
	my @whom;
	my $other = sub { push @whom, $kinds{$second}->($world); return };
	$meanwhile = $other if defined $second;
	unshift @whom, $kinds{$kind}->($world);
	if ($meanwhile) { undef $meanwhile; $other->() }
	return join(', ', grep { defined && /\w/ } @whom);
}

1;
