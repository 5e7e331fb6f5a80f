# Two clusters of one database, and a workload that records what its clients see: what the fault tests break.
#
#   database ── global1 (through proxies), global2 (directly) ── global Redis
#   cluster A: local, extended and Redis, each link through a proxy;  cluster B: the same, and beside it a standby
#   of the database, from which it fills, its links through proxies as well; what is not read for two seconds is let go there
#
# Servers are reached through links in one directory, so that another server can take a name over as a virtual address
# would let it.
package Itemize::World;

use strict;
use warnings;

use File::Path qw(remove_tree);
use IPC::Run;
use Itemize::Process qw(poll_until free_port slurp);
use Itemize::Proxy;
use Itemize::Redis;
use Itemize::Sidecar;
use Itemize::Test qw(configure_postgres create_sidecar_roles http_get);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# Keys of each type are the numbers from 1 to this; tests/faults/recorder.hpp says the same, and how a history calls them.
use constant { KEYS => 40, BULK_KEYS => 600 };
my @types = ([ 'item', '', KEYS ], [ 'bulk', 'bulk/', BULK_KEYS ]);
my @all_keys = map { my ($type, $prefix, $count) = @$_; map { "$prefix$_" } 1 .. $count } @types;

# Seconds in which everything has to have come to rest before it is called stuck.
use constant PATIENCE => Itemize::Process::DEFAULT_TIMEOUT;

# Changes and sights of a key that an excerpt has: its last ones.
use constant EXCERPT => 5000;

my ($nodes, $worlds) = (0, 0);

sub microseconds { return int(clock_gettime(CLOCK_MONOTONIC) * 1e6) }

# Itemize::World->new(SEED): everything runs and serves, nothing is written yet.
sub new
{
	my ($class, $seed) = @_;
	my $self = bless {
		seed     => $seed,
		dir      => PostgreSQL::Test::Utils::tempdir_short(),
		history  => "$PostgreSQL::Test::Utils::log_path/history_" . ++$worlds,
		redis    => {},
		sidecars => {},
		backs    => 0,
		standbys => 0,
		fills    => { before => 0, now => 0 },
	}, $class;
	$self->{primary} = $self->_make_primary;
	$self->point_database;
	$self->{redis}{$_} = $self->_start_redis($_) for qw(global A B);
	my %server = (database => $self->_database_socket, standby => $self->_standby_socket, global => "$self->{dir}/global");
	$self->{proxy}{$_} = Itemize::Proxy->launch($server{ (split /-/)[1] }) for qw(global1-database global1-global standby-database);
	for my $place (qw(A B))
	{
		$self->{proxy}{"local$place-global"} = Itemize::Proxy->launch($server{global});
		$self->{proxy}{"extended$place-database"} = Itemize::Proxy->launch($server{database});
		$self->{proxy}{"$_$place-redis"} = Itemize::Proxy->launch("$self->{dir}/$place") for qw(local extended);
	}
	$self->{proxy}{'extendedB-standby'} = Itemize::Proxy->launch($server{standby});
	$self->_make_replica;
	$self->{port}{$_} = free_port() for qw(A B);
	$self->start_sidecar($_) for $self->sidecar_names;
	$self->{sidecars}{$_}->wait_ready for qw(localA localB extendedA extendedB);
	return $self;
}

# The names of all links that can be broken: who asks, and whom.
sub links { my ($self) = @_; return sort keys %{ $self->{proxy} } }

sub sidecar_names { return qw(global1 global2 localA localB extendedA extendedB) }

sub _make_primary
{
	my ($self) = @_;
	my $node = PostgreSQL::Test::Cluster->new('primary' . ++$nodes);
	$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
	configure_postgres($node, "wal_keep_size = '64MB'\nmax_wal_size = '128MB'\nmin_wal_size = '16MB'\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION itemize CASCADE');
	create_sidecar_roles($node);
	$node->safe_psql(
		'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, v bigint NOT NULL, bv bigint NOT NULL, big text NOT NULL);
ALTER TABLE item ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE committed (v bigint PRIMARY KEY);
CREATE TABLE bulk (id int PRIMARY KEY, v bigint NOT NULL, bv bigint NOT NULL, big text NOT NULL);
CREATE FUNCTION medium(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1 || ':' || repeat('0123456789', 40)$$;
CREATE FUNCTION large(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1 || ':' || repeat('0123456789', 250)$$;
SELECT itemize.define('item', 'item', fields => '{id,v,bv,big}', read => 'everyone');
SELECT itemize.define('bulk', 'bulk', fields => '{id,v,bv,big}', read => 'everyone');
});
	return $node;
}

sub sql { my ($self, $text) = @_; return $self->{primary}->safe_psql('postgres', $text) }

sub _database_socket { return "$_[0]{dir}/pg/.s.PGSQL.5432" }

sub _standby_socket { return "$_[0]{dir}/replica/.s.PGSQL.5432" }

# A running standby that follows the primary; with these settings besides.
sub make_standby
{
	my ($self, $conf) = @_;
	my $name = 'standby' . ++$self->{standbys};
	$self->{primary}->backup($name);
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($self->{primary}, $name, has_streaming => 1);
	remove_tree($self->{primary}->backup_dir . "/$name");
	$standby->append_conf('postgresql.conf', $conf) if defined $conf;
	$standby->start;
	return $standby;
}

sub _make_replica
{
	my ($self) = @_;
	# It follows whoever has the primary's name, over a link that can be broken, and looks soon whether that is there again.
	my $name = 'standby' . ($self->{standbys} + 1);
	$self->{replica} = $self->make_standby(sprintf(
		"primary_conninfo = '%s application_name=%s'\nwal_retrieve_retry_interval = '200ms'\n", _over_tcp($self->{proxy}{'standby-database'}), $name));
	mkdir "$self->{dir}/replica";
	_link($self->{replica}->host . '/.s.PGSQL.' . $self->{replica}->port, $self->_standby_socket);
	return;
}

# A restored database is no continuation of what its standbys have: whoever restores it takes them away first.
sub drop_replica
{
	my ($self) = @_;
	my $replica = delete $self->{replica} or return;
	$replica->teardown_node;
	$replica->clean_node;
	return;
}

# What an operator does beside: a standby that does not follow any more is made anew.
sub look_after_replica
{
	my ($self) = @_;
	my $name = $self->{replica} ? $self->{replica}->name : '';
	my $follows = $self->sql("SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '$name' AND state = 'streaming'") eq 't';
	$self->{strayed} = $follows ? 0 : ($self->{strayed} // 0) + 1;
	return if $self->{replica} && $self->{strayed} < 3;
	$self->drop_replica;
	$self->_make_replica;
	return;
}

# How many items cluster B has filled from its standby.
sub replica_fills
{
	my ($self) = @_;
	my $answer = http_get("http://127.0.0.1:$self->{port}{B}/metrics");
	my ($now) = $answer->{body} =~ /^itemize_read_replica_fills_total (\d+)/m;
	my $fills = $self->{fills};
	$fills->{before} += $fills->{now} if defined $now && $now < $fills->{now};    # it was restarted
	$fills->{now} = $now if defined $now;
	return $fills->{before} + $fills->{now};
}

# A link that changes from one server to the other in one step.
sub _link
{
	my ($target, $name) = @_;
	symlink($target, "$name.new") && rename("$name.new", $name) or die "link $name: $!\n";
	return;
}

sub point_database
{
	my ($self) = @_;
	mkdir "$self->{dir}/pg";
	_link($self->{primary}->host . '/.s.PGSQL.' . $self->{primary}->port, $self->_database_socket);
	return;
}

sub conninfo
{
	my ($self, $user) = @_;
	return sprintf('postgresql:///postgres?host=%s/pg&port=5432&connect_timeout=5&user=%s', $self->{dir}, $user);
}

sub _over_tcp { my ($proxy) = @_; return sprintf('host=127.0.0.1 port=%d sslmode=disable gssencmode=disable', $proxy->port) }

sub _start_redis
{
	my ($self, $name, @flags) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $redis = Itemize::Redis->launch('--dir', $dir, '--save', '3600 1', '--unixsocket', "$dir/socket", '--repl-diskless-sync-delay', 0, @flags);
	$redis->{dump} = "$dir/dump.rdb";
	$self->point_redis($name, $redis) if !@flags;
	return $redis;
}

# A server with a copy of the other's data, kept up to date by it.
sub start_replica
{
	my ($self, $name) = @_;
	my $replica = $self->_start_redis($name, '--replicaof', '127.0.0.1', $self->{redis}{$name}->port);
	poll_until(sub { ($replica->info('master_link_status') // '') eq 'up' }, 'the replica');
	splice(@{ $replica->{flags} }, -3);    # what it is started with again
	return $replica;
}

sub point_redis
{
	my ($self, $name, $redis) = @_;
	$self->{redis}{$name} = $redis;
	_link($redis->{dump} =~ s/dump\.rdb$/socket/r, "$self->{dir}/$name");
	return;
}

sub start_sidecar
{
	my ($self, $name) = @_;
	my ($mode, $place) = $name =~ /^([a-z]+)(.)$/;
	my $link = sub { return $self->{proxy}{"$name-$_[0]"} };
	my $database = sub {
		my ($user, $server) = @_;
		my $proxy = $link->($server // 'database') or return $self->conninfo($user);
		return _over_tcp($proxy) . " dbname=postgres user=$user";
	};
	my $redis = sub {
		my ($which) = @_;
		my $proxy = $link->($which eq 'global' ? 'global' : 'redis') or return "unix://$self->{dir}/$which";
		return 'redis://127.0.0.1:' . $proxy->port;
	};
	my @flags;
	if ($mode eq 'global')
	{
		@flags = ('--database', $database->('itemize_reader'), '--replication-database', $database->('itemize_global'),
			'--global-redis', $redis->('global'), '--heartbeat-seconds', 1);
	}
	elsif ($mode eq 'local')
	{
		@flags = ('--global-redis', $redis->('global'), '--local-redis', $redis->($place), '--cluster', $place);
	}
	else
	{
		@flags = ('--database', $database->('itemize_reader'), '--local-redis', $redis->($place),
			'--listen', "127.0.0.1:$self->{port}{$place}",
			# The judge wants each change told, so no follower may be so slow that its changes are conflated.
			'--live-buffer', 256 * 1024 * 1024);
		push @flags, '--replica', $database->('itemize_reader', 'standby') if $place eq 'B';
	}
	push @flags, '--item-ttl-seconds', 2 if $mode ne 'global' && $place eq 'B';
	$self->{sidecars}{$name} = Itemize::Sidecar->launch($mode, \@flags);
	push @{ $self->{logs} }, $self->{sidecars}{$name}{log};
	return;
}

# Of the global sidecars the one that holds the slot, else any.
sub active_global
{
	my ($self) = @_;
	for my $name (qw(global1 global2))
	{
		my @events = grep { ($_->{event} // '') =~ /^(streaming|waiting_for_slot|global_interrupted)$/ } $self->{sidecars}{$name}->log_events;
		return $name if @events && $events[-1]{event} eq 'streaming';
	}
	return 'global1';
}

sub start_workload
{
	my ($self) = @_;
	$self->{workload} = Itemize::Process->start(
		command => [ "$ENV{ITEMIZE_STAGE}/bin/fault_workload", $self->conninfo('postgres'), "$self->{history}.clients", $self->{seed},
			map { "$_=$self->{port}{$_}" } qw(A B) ],
		log => "$PostgreSQL::Test::Utils::log_path/workload.log");
	poll_until(sub { $self->sql('SELECT count(*) > 20 FROM committed') eq 't' }, 'writing');
	return;
}

sub record
{
	my ($self, @columns) = @_;
	open(my $out, '>>', "$self->{history}.servers") or die "$self->{history}: $!\n";
	print $out join("\t", @columns), "\n";
	close($out) or die;
	return;
}

# Around what makes the database go back to an earlier state. The first sub stops it, the second starts what comes then.
sub go_back
{
	my ($self, $stop, $start) = @_;
	# Redis may be away, or have lost it: the database knows the epochs that it was told of.
	my $look = sub {
		my ($generation) = (shift // '') =~ /\.(\d+)$/;
		$self->{generation} = $generation if ($generation // 0) > ($self->{generation} // 0);
	};
	my $in_redis = sub { return $self->{redis}{global}->cli('GET', 'itemize:epoch') };
	$look->($_) for $in_redis->(), $self->sql('SELECT epoch FROM itemize.stream');
	$stop->();
	$look->($in_redis->());
	my $stopped = microseconds();
	$start->();
	my $number = ++$self->{backs};
	$self->record('G', $number, $stopped, microseconds(), $self->{generation});
	$self->_record_committed;
	return;
}

sub _record_committed
{
	my ($self) = @_;
	$self->record('A', $self->{backs}, split /\n/, $self->sql('SELECT v FROM committed'));
	return;
}

# What one cluster shows of all keys: a hash with "VERSION/BASE", or nothing where there is no item; nothing at all when it
# does not answer or is not in good order.
sub shown
{
	my ($self, $cluster, $with_answer) = @_;
	my %shown;
	for (@types)
	{
		my ($type, $prefix, $count) = @$_;
		my $begin  = microseconds();
		my $answer = http_get("http://127.0.0.1:$self->{port}{$cluster}/v1/items/$type?key=in.(" . join(',', 1 .. $count) . ')');
		return if $answer->{status} != 200 || exists $answer->{headers}{'itemize-degraded'};
		my %state = $answer->{body} =~ /"(\d+)":\{"id":\d+,"v":(\d+,"bv":\d+),"big":"/g;
		s{,"bv":}{/} for values %state;
		@shown{ map { "$prefix$_" } keys %state } = values %state;
		$self->record('R', $begin, microseconds(), $cluster, 'final', '-', $answer->{headers}{'itemize-position'} // '-', '-',
			map { "$prefix$_=" . ($state{$_} // '-') } 1 .. $count)
		  if $with_answer;
	}
	return \%shown;
}

sub truth
{
	my ($self) = @_;
	my %truth;
	for (@types)
	{
		my ($type, $prefix) = @$_;
		my $out = '';
		return if $self->{primary}->psql('postgres', "SELECT id, v, bv FROM $type", stdout => \$out, timeout => PATIENCE) != 0;
		while ($out =~ m{^(\d+)\|(\d+)\|(\d+)$}mg) { $truth{"$prefix$1"} = "$2/$3" }
	}
	return \%truth;
}

# Of one moment: what the database has, as truth() says it, and the transactions that it has.
sub _goal
{
	my ($self) = @_;
	my $out = '';
	my $rows = join(' UNION ALL ', map { "SELECT '$_->[1]' || id, v, bv FROM $_->[0]" } @types);
	return if $self->{primary}->psql('postgres', "$rows UNION ALL SELECT 'committed', v, 0 FROM committed", stdout => \$out, timeout => PATIENCE) != 0;
	my (%truth, %committed);
	while ($out =~ m{^([^|]+)\|(\d+)\|(\d+)$}mg)
	{
		if ($1 eq 'committed') { $committed{$2} = 1 }
		else                   { $truth{$1} = "$2/$3" }
	}
	return { truth => \%truth, committed => \%committed };
}

# Keys that are not shown as the database had them at the moment of the goal, or as it has had them since. Versions never
# come twice, also when the database has lost some.
sub _behind
{
	my ($self, $goal, $shown) = @_;
	my ($truth, $committed) = @$goal{qw(truth committed)};
	# Shown in a state that was over by then.
	my @behind = grep { $committed->{ _version($shown->{$_}) } && _version($shown->{$_}) != _version($truth->{$_} // '') } keys %$shown;
	# In one that came later, unless the database has lost it.
	my %later = map { _version($shown->{$_}) => $_ } grep { !$committed->{ _version($shown->{$_}) } } keys %$shown;
	if (%later)
	{
		my ($values, $out) = (join(',', map { "($_)" } keys %later), '');
		return 'the database'
		  if $self->{primary}->psql('postgres', "SELECT v FROM (VALUES $values) l (v) WHERE NOT EXISTS (SELECT FROM committed c WHERE c.v = l.v)", stdout => \$out, timeout => PATIENCE) != 0;
		push @behind, @later{ split /\n/, $out };
	}
	# Not at all, unless it has been deleted since.
	my @missing = grep { !defined $shown->{$_} } keys %$truth;
	if (@missing)
	{
		my $now = $self->truth or return 'the database';
		push @behind, grep { defined $now->{$_} && _version($now->{$_}) == _version($truth->{$_}) } @missing;
	}
	return @behind;
}

# Seconds from now until both clusters show, in good order and from their copies, all that the database has now or
# something newer, and nothing that it has no more; dies when that takes too long. Writing goes on meanwhile.
sub converge
{
	my ($self) = @_;
	my $begin = microseconds();
	my $goal;
	poll_until(sub { $goal = $self->_goal }, 'the database', PATIENCE);
	my %left = map { $_ => ['its answer'] } qw(A B);
	my $there = eval {
		poll_until(
			sub {
				for my $cluster (sort keys %left)
				{
					my $shown = $self->shown($cluster) or next;
					$left{$cluster} = [ sort $self->_behind($goal, $shown) ];
					delete $left{$cluster} if !@{ $left{$cluster} };
				}
				return !%left;
			},
			'both clusters to converge',
			PATIENCE);
	};
	die "$@left: " . join('; ', map { "cluster $_: @{ $left{$_} }[0 .. ($#{ $left{$_} } < 9 ? $#{ $left{$_} } : 9)]" } sort keys %left) . "\n" if !$there;
	return (microseconds() - $begin) / 1e6;
}

sub _version { my ($state) = @_; return $state =~ m{^(\d+)/} ? $1 : 0 }

# Writing ends, everything comes to rest, and the verdict is returned: findings, and all that the judge said.
sub judge
{
	my ($self) = @_;
	$self->{workload}->signal('USR1');
	poll_until(sub { $self->{workload}->log_text =~ /^finished$/m || !$self->{workload}->alive }, 'the end of writing', PATIENCE);
	die 'the workload has ended: ' . $self->{workload}->log_text if !$self->{workload}->alive;
	my $truth = $self->truth;
	for my $cluster (qw(A B))
	{
		my $shown;
		my $same = sub { my ($state) = @_; return join(',', map { $state->{$_} // '-' } @all_keys) };
		eval { poll_until(sub { $shown = $self->shown($cluster); $shown && $same->($shown) eq $same->($truth) }, 'rest', PATIENCE) };
		poll_until(sub { $self->shown($cluster, 1) }, "a last answer of cluster $cluster", PATIENCE);
	}
	$self->record('Z', map { "$_=" . ($truth->{$_} // '-') } @all_keys);
	$self->_record_committed;
	my $status = $self->{workload}->stop(PATIENCE);
	die "the workload ended with status $status: " . $self->{workload}->log_text if $status != 0;
	my $out = '';
	IPC::Run::run([ "$ENV{ITEMIZE_STAGE}/bin/judge_history", map { "$self->{history}.$_" } qw(clients servers) ],
		'<', \undef, '>', \$out, '2>&1');
	die "the judge cannot judge: $out" if $out !~ /^writes: \d+$/m;
	return ([ $out =~ /^FOUND (.*)$/mg ], $out);
}

# What explains a failure: the whole history, for judge_history, and for each key that a finding names what happened to it.
# Returns the names of the files, which are among the logs.
sub keep_history
{
	my ($self, @findings) = @_;
	my %named = map { $_ => 1 } map { m{\bkey ([\w/]+)}g } @findings;
	my @kept;
	for my $key ((sort keys %named)[ 0 .. (keys %named > 5 ? 4 : keys(%named) - 1) ])
	{
		my @lines;
		for my $part (qw(clients servers))
		{
			open(my $in, '<', "$self->{history}.$part") or next;
			while (my $line = <$in>)
			{
				next if $line !~ /\t$key[:=]/ && $line !~ /^[SG]\t/ && $line !~ /^E(?:\t[^\t]*){3}\t(?!item|keepalive)/;
				# Of a transaction or read, only this key.
				$line =~ s{\t(?!$key[:=])[\w/]+[:=][^\t\n]*}{}g if $line =~ /^[RWZ]/;
				push @lines, $line;
				shift @lines if @lines > EXCERPT;
			}
		}
		push @kept, "$self->{history}_key_" . ($key =~ s{/}{_}r) . '.log';
		open(my $out, '>', $kept[-1]) or die "$kept[-1]: $!\n";
		print $out map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ /^[GAZ]/ ? 0 : (split /\t/)[1], $_ ] } @lines;
		close($out) or die;
	}
	for my $part (grep { -e } map { "$self->{history}.$_" } qw(clients servers))
	{
		system_or_bail('gzip', '--force', '--fast', $part);
		push @kept, "$part.gz";
	}
	return map { s{.*/}{}r } @kept;
}

# Nothing needs explaining.
sub drop_history { my ($self) = @_; unlink map { "$self->{history}.$_" } qw(clients servers); return }

# How often an event stands in the logs of all sidecars that have ever run.
sub count_log
{
	my ($self, $event) = @_;
	my $count = 0;
	$count += () = slurp($_) =~ /"event": ?"\Q$event\E"/g for @{ $self->{logs} };
	return $count;
}

1;
