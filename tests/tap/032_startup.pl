# What the sidecar says when it cannot start: one line, what to do, and the exit status; where its configuration comes
# from; and that no text holds a password.
# tier: quick
use strict;
use warnings;

use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
sub sql { my ($text, $database) = @_; return $node->safe_psql($database // 'postgres', $text) }
sql($_) for 'CREATE DATABASE bare', 'CREATE ROLE plain LOGIN', "CREATE ROLE secretive LOGIN REPLICATION PASSWORD 'the right one'",
  "CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1)",
  "SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone')";
my $redis = start_redis();
my $directory = PostgreSQL::Test::Utils::tempdir();
sub write_file { my ($name, $text) = @_; append_to_file("$directory/$name", $text); return "$directory/$name" }

# Runs the program to its end: exit status, standard output, standard error.
sub run
{
	my ($arguments, %env) = @_;
	local @ENV{ keys %env } = values %env;
	my ($out, $error) = ('', '');
	IPC::Run::run([ Itemize::Sidecar::program(), @$arguments ], '<', \undef, '>', \$out, '2>', \$error, IPC::Run::timeout(Itemize::Process::DEFAULT_TIMEOUT));
	return ($? >> 8, $out, $error);
}
my $database = database_url($node, user => 'itemize_reader');
my @database = ('--database', $database);
my @redis = ('--redis', $redis->url);

# The flags of a sidecar in which all is right, but for those given.
sub flags
{
	my %flags = (
		'--database' => $database,
		'--replication-database' => database_url($node, user => 'itemize_global'),
		'--redis' => $redis->url,
		'--listen' => '127.0.0.1:0', @_);
	return map { ($_, $flags{$_}) } sort keys %flags;
}

subtest 'asked for information' => sub {
	my ($status, $out, $error) = run(['--version']);
	my ($version) = slurp(($ENV{ITEMIZE_SOURCE} // '.') . '/itemize.control') =~ /default_version *= *'(.*?)'/;
	is("$status $out$error", "0 itemize-sidecar $version\n", '--version');
	($status, $out, $error) = run(['--help']);
	is("$status $error", '0 ', '--help');
	like($out, qr/^\s*--$_\b/m, "which names --$_") for qw(database replication-database redis global-redis local-redis listen slot prefix config static-dir log-level);
};

# What is wrong with the configuration itself: one line on standard error that names the option, and status 2.
my $occupied = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0);
my @refused = (
	[ 'no mode', [], qr/MODE/ ],
	[ 'an unknown mode', ['relative'], qr/MODE must be absolute, global, local, extended, or one of the commands that --help lists, not "relative"/ ],
	[ 'an unknown flag', [ 'absolute', flags('--colour', 'red') ], qr/--colour/ ],
	[ 'a flag without its value', [ 'absolute', flags(), '--slot' ], qr/--slot/ ],
	[ 'a flag given twice', [ 'absolute', flags(), '--slot', 'a', '--slot', 'b' ], qr/--slot/ ],
	[ 'an argument too many', [ 'absolute', flags(), 'more' ], qr/more/ ],
	[ 'no database', [ 'absolute', @redis ], qr/absolute needs --database/ ],
	[ 'no Redis', [ 'global', @database ], qr/global needs --global-redis or --redis/ ],
	[ 'a database URL that libpq does not understand', [ 'extended', @redis, '--database', 'postgresql://u:hidden7@[::1/x' ], qr/database: .*postgresql:/ ],
	[ 'another scheme for Redis', [ 'local', '--redis', 'http://:hidden7@h' ], qr{redis://.*unix://} ],
	[ 'a Redis URL with a wrong port', [ 'local', '--redis', 'redis://:hidden7@h:99999' ], qr/port/ ],
	[ 'a number below its range', [ 'absolute', flags('--heartbeat-seconds', '0') ], qr/heartbeat-seconds must be at least 1/ ],
	[ 'what is no number', [ 'absolute', flags('--item-ttl-seconds', 'long') ], qr/item-ttl-seconds/ ],
	[ 'a name that no slot can have', [ 'absolute', flags('--slot', 'Slot-1') ], qr/slot must be/ ],
	[ 'a prefix with a pattern in it', [ 'absolute', flags('--prefix', 'a*') ], qr/prefix must be/ ],
	[ 'an unknown log level', [ 'absolute', flags('--log-level', 'loud') ], qr/log-level|level/ ],
	[ 'an address without a port', [ 'absolute', flags('--listen', 'localhost') ], qr/listen must be ADDRESS:PORT/ ],
	[ 'a port that is taken', [ 'absolute', flags('--listen', '127.0.0.1:' . $occupied->sockport) ], qr/--listen: cannot listen on 127\.0\.0\.1:\d+: .*in use/ ],
	[ 'a directory that does not exist', [ 'absolute', flags('--static-dir', "$directory/nowhere") ], qr/--static-dir: .*nowhere/ ],
	[ 'a configuration file that does not exist', [ 'absolute', flags('--config', "$directory/nowhere.toml") ], qr/nowhere\.toml/ ],
	[ 'a configuration file with an unknown key', [ 'absolute', flags('--config', write_file('unknown.toml', qq(colour = "red"\n))) ], qr/colour/ ],
	[ 'a configuration file that is no TOML', [ 'absolute', flags('--config', write_file('broken.toml', "[[[\n= 5 =\n")) ], qr/./ ],
);
for my $case (@refused)
{
	my ($name, $arguments, $text) = @$case;
	my ($status, $out, $error) = run($arguments);
	subtest $name => sub {
		is($status, 2, 'status 2');
		my @lines = grep { !/"level":"info"/ } split /\n/, $error;
		is(scalar @lines, 1, 'one line') or diag($error);
		like($lines[0] // '', $text, 'that says what is wrong');
		like($lines[0] // '', qr/^itemize-sidecar: /, 'and who says so');
		is($out, '', 'nothing on standard output');
		unlike($error, qr/hidden7/, 'no password');
	};
}

# What the server is not set up for: a line with level error, and status 1.
sub fatal
{
	my ($name, $flags, $text) = @_;
	my ($status, undef, $error) = run([ 'absolute', flags(@$flags) ]);
	my @lines = grep { /"level":"error"/ } split /\n/, $error;
	is($status, 1, "$name: status 1") or diag($error);
	is(scalar @lines, 1, "$name: one line with level error") or diag($error);
	like($lines[0] // '', $text, "$name: it says what to do");
	unlike($error, qr/hidden7/, "$name: no password");
	return;
}

subtest 'a server that is not set up for it' => sub {
	my $bare = database_url($node, user => 'itemize_reader', dbname => 'bare');
	fatal('no extension', [ '--database', $bare, '--replication-database', $bare ], qr/"fatal".*CREATE EXTENSION itemize/);
	fatal('no grants', [ '--database', database_url($node, user => 'plain') ], qr/"fatal".*GRANT USAGE ON SCHEMA itemize.*GRANT SELECT ON itemize\.definitions/);
	fatal('no REPLICATION', [ '--replication-database', database_url($node, user => 'itemize_reader') ], qr/"fatal".*--replication-database.*ALTER ROLE … REPLICATION/);
	fatal('no such database', [ '--database', database_url($node, user => 'itemize_reader', dbname => 'nowhere') ], qr/"fatal".*--database.*CREATE DATABASE/);
	fatal('no such role', [ '--database', database_url($node, user => 'nobody_like_this') ], qr/"fatal".*--database.*CREATE ROLE/);

	sql('CREATE DATABASE other');
	sql('CREATE EXTENSION itemize CASCADE', 'other');
	my $other = database_url($node, user => 'itemize_global', dbname => 'other');
	fatal('two databases', [ '--replication-database', $other ], qr/"fatal".*not the same database.*postgres of system \d+, other of system/);
	sql(q{SELECT pg_create_logical_replication_slot('elsewhere', 'itemize')}, 'other');
	fatal('the slot of another database', [ '--slot', 'elsewhere' ], qr/"fatal".*elsewhere.*belongs to database other, not to postgres.*--slot/);
	sql(q{SELECT pg_drop_replication_slot('elsewhere')}, 'other');
	# What tail --from snapshot goes on with.
	$redis->cli('SET', 'skewed:epoch', '1.1.1');
	$redis->cli('XADD', 'skewed:{1.1.1}:stream', '5-0', 'p', "H\t1\t0/5\n");
	for my $version ('0.0.9', '7.5.0')
	{
		sql("CREATE OR REPLACE FUNCTION itemize.version() RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS \$\$ SELECT '$version'::text \$\$", 'other');
		my $skewed = database_url($node, dbname => 'other');
		fatal("version $version", [ '--database', $skewed, '--replication-database', $skewed ], qr/"fatal".*version \Q$version\E, this program of .*ALTER EXTENSION itemize UPDATE/);
		for my $other ([ 'extended', '--listen', '127.0.0.1:0' ], ['verify'], [ 'erasure-check', '--type', 'item', '--key', 1 ],
			[ 'tail', '--prefix', 'skewed', '--types', 'item', '--from', 'snapshot' ])
		{
			my ($status, undef, $error) = run([ @$other, '--database', $skewed, @redis ]);
			is($status, 1, "$other->[0] of version $version: status 1") or diag($error);
			like($error, qr/version \Q$version\E, this program of .*ALTER EXTENSION itemize UPDATE/, 'it says the same');
		}
	}

	sql(q{SELECT pg_create_logical_replication_slot('foreign_slot', 'wal2json')});
	fatal('the slot of another plugin', [ '--slot', 'foreign_slot' ], qr/"fatal".*foreign_slot.*wal2json.*--slot/);
	sql(q{SELECT pg_drop_replication_slot('foreign_slot'); SELECT pg_create_physical_replication_slot('physical_slot')});
	fatal('a physical slot', [ '--slot', 'physical_slot' ], qr/"fatal".*physical_slot.*physical replication.*--slot/);

	my $plugins = sql(q{SELECT coalesce(current_setting('output_plugin_libraries', true), '')});
  SKIP:
	{
		skip 'this server does not know output_plugin_libraries', 8 if $plugins eq '';
		sql('ALTER SYSTEM SET output_plugin_libraries = pgoutput');
		$node->reload;
		poll_until(sub { sql('SHOW output_plugin_libraries') eq 'pgoutput' }, 'the setting');
		fatal('a plugin that is not trusted', [ '--slot', 'untrusted' ], qr/"fatal".*ALTER SYSTEM SET output_plugin_libraries = .*'itemize'/);
		sql('ALTER SYSTEM RESET output_plugin_libraries');
		$node->reload;
		poll_until(sub { sql('SHOW output_plugin_libraries') eq $plugins }, 'the setting');
		sql(q{SELECT pg_create_logical_replication_slot('earlier', 'itemize')});
		sql('ALTER SYSTEM SET output_plugin_libraries = pgoutput');
		$node->reload;
		poll_until(sub { sql('SHOW output_plugin_libraries') eq 'pgoutput' }, 'the setting');
		fatal('nor any more, with a slot', [ '--slot', 'earlier' ], qr/"fatal".*ALTER SYSTEM SET output_plugin_libraries = .*'itemize'/);
		sql('ALTER SYSTEM RESET output_plugin_libraries');
		$node->reload;
		sql(q{SELECT pg_drop_replication_slot('earlier')});
	}

	# The texts of the server are in its language; the reasons must be known all the same.
	my $hba = $node->data_dir . '/pg_hba.conf';
	my $trusting = slurp($hba);
	$node->safe_psql('postgres', q{ALTER SYSTEM SET lc_messages = 'de_DE.utf8'}) if sql(q{SELECT count(*) FROM pg_collation WHERE collname ~ '^de_DE'}) > 0;
	PostgreSQL::Test::Utils::append_to_file("$hba.new", "local all secretive scram-sha-256\nlocal replication secretive scram-sha-256\n$trusting");
	rename("$hba.new", $hba);
	$node->reload;
	my $url = sub { return database_url($node, user => 'secretive') . "&password=$_[0]" };
	poll_until(sub { !IPC::Run::run([ 'psql', '-XAt', '-w', '-d', $url->('x'), '-c', 'SELECT 1' ], '>', '/dev/null', '2>', '/dev/null') }, 'pg_hba.conf');
	fatal('a wrong password', [ '--replication-database', $url->('hidden7') ], qr/"fatal".*password for --replication-database/);
	fatal('no password', [ '--replication-database', database_url($node, user => 'secretive') ], qr/"fatal".*password for --replication-database/);

	# Mode extended alone, which otherwise serves on without its database.
	for my $case ([ $url->('hidden7'), qr/password for --database/ ], [ database_url($node, user => 'itemize_reader', dbname => 'bare'), qr/CREATE EXTENSION itemize/ ], [ database_url($node, user => 'itemize_reader', dbname => 'nowhere'), qr/CREATE DATABASE/ ])
	{
		my ($code, undef, $text) = run([ 'extended', @redis, '--listen', '127.0.0.1:0', '--database', $case->[0] ]);
		is($code, 1, 'mode extended refuses');
		like($text, qr/"fatal".*$case->[1]/, 'and says why');
		unlike($text, qr/hidden7/, 'without the password');
	}

	my ($status, $out, $error) = run([ 'check-config', '--connect', flags('--replication-database' => $url->('hidden7')) ]);
	is($status, 1, 'check-config --connect meets it, too');
	($status) = run([ 'check-config', '--connect', flags('--replica' => $url->('hidden7')) ]);
	is($status, 1, 'also of a replica');
	is($error =~ tr/\n//, 1, 'and says so in one line');
	unlike("$out$error", qr/hidden7/, 'without the password');
};

subtest 'a server without logical decoding' => sub {
	sql('ALTER SYSTEM SET wal_level = replica');
	sql(q{ALTER SYSTEM SET max_replication_slots = 1});
	$node->restart;
	fatal('wal_level', [], qr/"fatal".*wal_level is replica.*ALTER SYSTEM SET wal_level = 'logical'.*restart/);
	sql('ALTER SYSTEM RESET wal_level');
	$node->restart;
	fatal('no slot is free', [], qr/"fatal".*no slot is free.*ALTER SYSTEM SET max_replication_slots = 6.*restart/);
	sql('ALTER SYSTEM RESET max_replication_slots');
	sql('ALTER SYSTEM SET max_wal_senders = 0');
	$node->restart;
	fatal('no walsender is free', [], qr/"fatal".*no walsender is free.*ALTER SYSTEM SET max_wal_senders = 5.*restart/);
	sql('ALTER SYSTEM RESET max_wal_senders');
	$node->restart;
};

subtest 'check-config' => sub {
	my ($status, $out, $error) = run([ 'check-config', flags() ]);
	is("$status $out$error", "0 configuration is valid for mode absolute\n", 'valid');
	($status, $out, $error) = run([ 'check-config', 'local', @redis ]);
	is("$status $out$error", "0 configuration is valid for mode local\n", 'for one mode');
	($status, $out, $error) = run([ 'check-config', 'extended', @redis ]);
	is($status, 2, 'not valid: status 2');
	like($error, qr/\Aitemize-sidecar: mode extended needs --database\n\z/, 'and one line');
	($status, $out, $error) = run([ 'check-config', '--connect', flags() ]);
	is("$status $error", '0 ', 'connected once to all');
	($status, $out, $error) = run([ 'check-config', '--connect', flags('--local-redis' => 'redis://:hidden7@127.0.0.1:1') ]);
	is($status, 1, 'a server that is not there: status 1');
	is($error =~ tr/\n//, 1, 'one line');
	unlike($error, qr/hidden7/, 'no password');
	($status, $out, $error) = run([ 'check-config', '--connect', flags('--database' => 'postgresql://u:hidden7@127.0.0.1:1/x') ]);
	is($status . ($error =~ tr/\n//), '11', 'the same for the database') or diag($error);
	unlike($error, qr/hidden7/, 'no password');
};

# Which of them holds is seen by the slot that the sidecar refuses: all three are wrong, each in its own way.
subtest 'a flag goes before the environment, the environment before the file' => sub {
	my $file = write_file('valid.toml', qq(slot = "FILE"\nredis = "$redis[1]"\ndatabase = "$database"\nheartbeat-seconds = 0\n));
	my $check = sub {
		my ($arguments, %env) = @_;
		my ($status, undef, $error) = run([ 'check-config', @$arguments ], %env);
		return $status == 0 ? 'valid' : $error;
	};
	my %heartbeat = (ITEMIZE_HEARTBEAT_SECONDS => '5');
	like($check->([ '--config', $file ]), qr/heartbeat-seconds/, 'the file is read');
	like($check->([ '--config', $file ], %heartbeat), qr/slot/, 'the environment goes before it, option by option');
	is($check->([ '--config', $file ], %heartbeat, ITEMIZE_SLOT => 'right'), 'valid', 'with both set there, the file may be wrong');
	like($check->([ '--config', $file, '--slot', 'FLAG' ], %heartbeat, ITEMIZE_SLOT => 'right'), qr/slot/, 'a flag goes before the environment');
	is($check->([ '--config', $file, '--slot', 'right' ], %heartbeat, ITEMIZE_SLOT => 'WRONG'), 'valid', 'whichever is right');
	is($check->([ '--slot', 'right', '--heartbeat-seconds', 7 ], ITEMIZE_CONFIG => $file), 'valid', 'the file can be named in the environment');
	like($check->([ '--config', $file ], %heartbeat, ITEMIZE_SLOT => ''), qr/slot/, 'an empty variable counts as unset');
};

subtest 'no password in the log' => sub {
	local $ENV{REDISCLI_AUTH} = 'hidden7';
	my $secured = start_redis('--requirepass', 'hidden7');
	(my $address = $secured->url) =~ s{//}{//:hidden7\@};
	my $sidecar = start_sidecar('absolute', listen => 0, flags => [ flags('--redis' => $address, '--log-level' => 'debug', '--database' => "$database&password=hidden7") ]);
	is(http_get($sidecar->url('/v1/items/item/1'))->{body}, '{"n":1}', 'it works with passwords');
	$secured->kill9;
	$sidecar->wait_for_log('local_interrupted');
	$node->stop('fast');
	$sidecar->wait_for_log('global_interrupted');
	$sidecar->stop;
	unlike($sidecar->log_text, qr/hidden7/, 'and logs none, also when servers go away');
	$node->start;
};

subtest 'a role that may not read items' => sub {
	sql('REVOKE EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text) FROM itemize_reader');
	my $fresh = start_redis();
	my $sidecar = start_sidecar('absolute', postgres => $node, redis => $fresh);
	for my $path ('item/1', 'item?key=in.(1)', 'item?limit=5')
	{
		my $answer = http_get($sidecar->url("/v1/items/$path"));
		is("$answer->{status} $answer->{json}{type}", '503 urn:itemize:problem:database-refuses', "$path: a problem of its own");
	}
	my @told = $sidecar->log_events('database_refuses');
	is(scalar @told, 1, 'the log says it once');
	like($told[0]{hint}, qr/GRANT EXECUTE ON FUNCTION itemize\.fetch/, 'with what to do');
	is($told[0]{sqlstate}, '42501', 'and the SQLSTATE');
	create_grants();
	ok(eval { poll_until(sub { http_get($sidecar->url('/v1/items/item/1'))->{status} == 200 }, 'the item') }, 'granted: served without a restart');
	$sidecar->stop;
};

subtest 'a role that may not report' => sub {
	my $reported = sub { return sql('SELECT epoch FROM itemize.stream') };
	sql('DELETE FROM itemize.stream');
	sql('REVOKE EXECUTE ON FUNCTION itemize.report_stream(text) FROM itemize_global');
	my $fresh = start_redis();
	my $sidecar = start_sidecar('absolute', postgres => $node, redis => $fresh);
	my @told = $sidecar->log_events('report_failed');
	is("$told[0]{level} " . scalar @told, 'warning 1', 'a warning, once; it works all the same');
	like($told[0]{hint}, qr/GRANT EXECUTE ON FUNCTION itemize\.report_stream/, 'with what to do');
	$sidecar->stop;
	is($reported->(), '', 'the database knows of no stream');
	sql('GRANT EXECUTE ON FUNCTION itemize.report_stream(text) TO itemize_global');
	$sidecar = start_sidecar('absolute', postgres => $node, redis => $fresh);
	is($reported->(), $fresh->cli('GET', 'itemize:epoch'), 'granted: the epoch that goes on');
	$sidecar->stop;
	# What fails for a while is tried again, by a publisher that does not connect anew.
	sql('DELETE FROM itemize.stream; ALTER TABLE itemize.stream ADD CONSTRAINT later CHECK (false)');
	$sidecar = start_sidecar('absolute', postgres => $node, redis => $fresh);
	is($sidecar->wait_for_log('report_failed')->{hint}, 'tried again within seconds', 'a report that fails for a while');
	sql('ALTER TABLE itemize.stream DROP CONSTRAINT later');
	ok(eval { poll_until(sub { $reported->() eq $fresh->cli('GET', 'itemize:epoch') }, 'the epoch') }, 'is made again');
	# As if the clock had gone back by years since: Redis forgets, the database does not.
	my ($server) = $reported->() =~ /^(\d+\.\d+)\./;
	sql("UPDATE itemize.stream SET epoch = '$server.5000000000'");
	$fresh->cli('FLUSHALL');
	$sidecar->wait_for_log('epoch_begun');
	ok(eval { poll_until(sub { my $epoch = $fresh->cli('GET', 'itemize:epoch'); $epoch && $reported->() eq $epoch }, 'the epoch') }, 'and each that begins');
	is($reported->(), "$server.5000000001", 'which is above the last, whatever the clock says');
	$sidecar->stop;
};

sub create_grants
{
	sql('GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text) TO itemize_reader');
	return;
}

done_testing();
