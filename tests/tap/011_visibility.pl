# Nothing ships before it is visible: the plugin holds a commit back until every new snapshot contains it.
# tier: quick
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

my $node = start_postgres('primary');
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, name text);
SELECT itemize.define('item', 'item', fields => '{id,name}');
SELECT pg_create_logical_replication_slot('slot', 'itemize');
});

my ($out, $error) = ('', '');
my $receiver = IPC::Run::start(
	[ 'pg_recvlogical', '--dbname', $node->connstr('postgres') . ' application_name=receiver', '--slot', 'slot', '--start', '--no-loop', '--file', '-' ],
	'<', \undef, '>', \$out, '2>', \$error);
sub received { my ($text) = @_; $receiver->pump_nb; return index($out, $text) >= 0 }
sub ask { return $node->safe_psql('postgres', $_[0]) }

# A commit that waits for a synchronous standby that is not there: flushed, hence decoded, but not visible.
ask("ALTER SYSTEM SET synchronous_standby_names = 'absent'");
$node->reload;
poll_until(sub { ask('SHOW synchronous_standby_names') eq 'absent' }, 'the setting is in force');
my ($writer_out, $writer_error) = ('', '');
my $writer = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', "INSERT INTO item VALUES (1, 'held back')" ],
	'<', \undef, '>', \$writer_out, '2>', \$writer_error);

poll_until(sub { ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") eq '1' }, 'the writer waits for its standby');
poll_until(sub { ask("SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'walsender'") eq 'Extension' }, 'the walsender has come to the commit and waits in the plugin');
is(ask('SELECT count(*) FROM item'), '0', 'no snapshot contains the row');
ok(!received('held back'), 'and it has not been shipped');

# What is committed meanwhile, visibly, stays behind it: the stream is in commit order.
ask("SET synchronous_commit = local; INSERT INTO item VALUES (2, 'after it')");
is(ask('SELECT name FROM item'), 'after it', 'the later row is visible');
ok(!received('after it'), 'but not shipped before the earlier one');

# Waiting, the walsender still answers: it can be ended, and nothing is lost by it.
my $walsender = ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'");
ask("SELECT pg_terminate_backend($walsender)");
$receiver->finish;
like($error, qr/terminating connection due to administrator command/, 'a walsender that waits can be terminated');
wait_for_slot($node, 'slot');
($out, $error) = ('', '');
$receiver = IPC::Run::start(
	[ 'pg_recvlogical', '--dbname', $node->connstr('postgres') . ' application_name=receiver', '--slot', 'slot', '--start', '--no-loop', '--file', '-' ],
	'<', \undef, '>', \$out, '2>', \$error);
poll_until(sub { ask("SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'walsender'") eq 'Extension' }, 'the next one waits as well');

ask('ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
$writer->finish;
poll_until(sub { received('after it') }, 'both are shipped once the first is visible');
like($out, qr/held back.*after it/s, 'in commit order');
is(ask('SELECT count(*) FROM item'), '2', 'and then a snapshot contains what was shipped');

# A walsender that commits wait for would wait for them: refused, before it can hang them both.
ask("ALTER SYSTEM SET synchronous_standby_names = 'receiver'");
$node->reload;
$node->safe_psql('postgres', "SET synchronous_commit = local; INSERT INTO item VALUES (3, 'local')");
eval { poll_until(sub { $receiver->pump_nb; !$receiver->pumpable }, 'the receiver was sent away') };
$receiver->kill_kill(grace => 1) if $receiver->pumpable;
eval { $receiver->finish };
like($error, qr/cannot serve a synchronous standby \(application_name "receiver"\)/, 'refused with the reason');
like($error, qr/Take this application_name out of synchronous_standby_names/, 'and with what to do');
ask('ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
wait_for_slot($node, 'slot');

# The memory of a walsender does not grow with a transaction: pieces leave as they are made.
ask("INSERT INTO item SELECT i, repeat('x', 300) FROM generate_series(1000, 401000) i");
($out, $error) = ('', '');
$receiver = IPC::Run::start([ 'pg_recvlogical', '--dbname', $node->connstr('postgres'), '--slot', 'slot', '--start', '--no-loop', '--file', '/dev/null' ],
	'<', \undef, '>', \$out, '2>', \$error);
my ($pid, $peak) = ('', 0);
my $end = ask('SELECT pg_current_wal_flush_lsn()');
poll_until(
	sub {
		$pid ||= ask("SELECT pid FROM pg_stat_replication");
		return 0 if $pid eq '';
		my ($private) = slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
		$peak = $private if defined $private && $private > $peak;
		return ask("SELECT coalesce(bool_and(sent_lsn >= '$end'), false) FROM pg_stat_replication") eq 't';
	},
	'a transaction of 400,001 rows was sent');
$receiver->kill_kill(grace => 1);
cmp_ok($peak, '<', 150 * 1024, "a walsender took $peak kB, 64 MB of it logical_decoding_work_mem");

done_testing();
