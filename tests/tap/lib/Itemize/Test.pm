# What the TAP tests start and ask: PostgreSQL with this extension, Redis, the sidecar, HTTP and event streams.
# Everything started here ends with the test, also when the test dies; nothing has a fixed port.
package Itemize::Test;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

use Exporter qw(import);
use IPC::Run;
use Itemize::Browser;
use Itemize::Decoding qw(wait_for_slot);
use Itemize::EventStream;
use Itemize::Process qw(poll_until slurp);
use Itemize::Redis;
use Itemize::Sidecar;
use JSON::PP ();
use List::Util qw(sum0);

our @EXPORT = qw(
  start_postgres configure_postgres database_url create_sidecar_roles drop_slot wait_for_slot
  start_redis start_sidecar launch_sidecar http_request http_get metric commit sidecar_says open_events open_browser poll_until slurp collection
);

# Seconds until an answer over HTTP must be there: longer than any of the sidecar's own waits, on a slow machine.
use constant ANSWER_TIMEOUT => 120;

# Where a collection of others' data is, if it is anywhere: beside the repository, or where a run of the tests has its copy.
sub collection
{
	my ($name) = @_;
	my $source = $ENV{ITEMIZE_SOURCE} // '.';
	return ($ENV{ITEMIZE_DATA} // "$source/../shared/data") . "/$name";
}

# Settings of every server under test. What runs in the background would hold locks and renew statistics at moments that no
# test knows.
sub configure_postgres
{
	my ($node, $conf) = @_;
	$node->append_conf(
		'postgresql.conf', qq{
max_connections = 60
max_wal_senders = 20
max_replication_slots = 20
wal_level = logical
log_statement = none
autovacuum = off
shared_preload_libraries = ''
});

	# Minor releases from late 2026 on load only output plugins that this setting names; earlier ones do not know it.
	my ($plugins, $ignored) = ('', '');
	$node->append_conf('postgresql.conf', "output_plugin_libraries = '$plugins, itemize, wal2json'\n")
	  if IPC::Run::run([ 'postgres', '-C', 'output_plugin_libraries', '-D', $node->data_dir ],
		'>', \$plugins, '2>', \$ignored)
	  && chomp($plugins);
	$node->append_conf('postgresql.conf', $conf) if defined $conf;
	return $node;
}

# start_postgres(NAME, [conf => TEXT], [extension => 0]): a running server, with the extension in database postgres.
sub start_postgres
{
	my ($name, %args) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
	configure_postgres($node, $args{conf});
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION itemize CASCADE') if $args{extension} // 1;
	return $node;
}

# database_url(NODE, [user => NAME], [dbname => NAME])
sub database_url
{
	my ($node, %args) = @_;
	my $host = $node->host;
	my $url = sprintf('postgresql:///%s?host=%s&port=%d', $args{dbname} // 'postgres', $host, $node->port);
	$url .= "&user=$args{user}" if defined $args{user};
	return $url;
}

# The two roles that a sidecar logs in with, neither a superuser: itemize_global reads the slot, itemize_reader the rows.
sub create_sidecar_roles
{
	my ($node, $dbname) = @_;
	$node->safe_psql(
		$dbname // 'postgres', q{
CREATE ROLE itemize_global LOGIN REPLICATION;
CREATE ROLE itemize_reader LOGIN;
GRANT USAGE ON SCHEMA itemize TO itemize_reader;
GRANT SELECT ON itemize.definitions TO itemize_reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text),
  itemize.checksum(text, text[], integer), itemize.fetch_replayed(text, text[]) TO itemize_reader;
GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO itemize_global;
});
	return;
}

# A server has its slot in use for a moment after its reader has ended.
sub drop_slot
{
	my ($node, $slot) = @_;
	wait_for_slot($node, $slot);
	$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$slot')");
	return;
}

sub start_redis { return Itemize::Redis->launch(@_) }

# launch_sidecar(MODE, postgres => NODE, redis => REDIS, [flags => [...]], [env => {...}]): a sidecar that has only been
# started, on a free port, with the roles of create_sidecar_roles. Further named nodes and flags override.
sub launch_sidecar
{
	my ($mode, %args) = @_;
	my @flags;
	if (my $node = $args{postgres})
	{
		push @flags, '--database', database_url($node, user => $args{user} // 'itemize_reader', dbname => $args{dbname});
		push @flags, '--replication-database',
		  database_url($node, user => $args{replication_user} // 'itemize_global', dbname => $args{dbname})
		  if $mode eq 'absolute' || $mode eq 'global';
	}
	push @flags, '--redis', $args{redis}->url if $args{redis};
	push @flags, '--listen', '127.0.0.1:0' if ($args{listen} // 1) && ($mode eq 'absolute' || $mode eq 'extended');
	return Itemize::Sidecar->launch($mode, [ @flags, @{ $args{flags} // [] } ], $args{env});
}

# As launch_sidecar, and waits until it serves.
sub start_sidecar
{
	my ($mode, %args) = @_;
	return launch_sidecar($mode, %args)->wait_ready($args{timeout});
}

# sidecar_says(COMMAND, FLAGS...): what a command that ends by itself prints, its log included, and its exit status.
sub sidecar_says
{
	my ($command, @flags) = @_;
	my $run = Itemize::Sidecar->launch($command, \@flags);
	poll_until(sub { !$run->alive }, "the end of $command");
	return ($run->log_text, $run->status >> 8);
}

my $requests = 0;

# http_request(METHOD, URL, [headers => ['Name: value', ...]], [body => TEXT], [raw => 1]): a hash with status, headers (names
# in lower case), body, and json (decoded where the body is JSON, unless raw). Status 0 when there was no answer, with error.
sub http_request
{
	my ($method, $url, %args) = @_;
	my $base = "$PostgreSQL::Test::Utils::tmp_check/http_" . $$ . '_' . ++$requests;
	my @command = (
		'curl', '--silent', '--show-error', '--globoff', '--path-as-is', '--max-time', ANSWER_TIMEOUT,
		'--dump-header', "$base.head", '--output', "$base.body");
	push @command, $method eq 'HEAD' ? '--head' : ('--request', $method);
	push @command, '--header', $_ for @{ $args{headers} // [] };
	push @command, '--data-binary', $args{body} if defined $args{body};
	my ($out, $error) = ('', '');
	my $answered = IPC::Run::run([ @command, $url ], '<', \undef, '>', \$out, '2>', \$error);

	my ($head, $body) = (slurp("$base.head"), slurp("$base.body"));
	unlink("$base.head", "$base.body");
	my %answer = (status => 0, headers => {}, body => $method eq 'HEAD' ? '' : $body, error => $error);
	return \%answer if !$answered;

	# Interim answers (100) have a block of their own before the last.
	my ($last) = (split /\r\n\r\n/, $head)[-1];
	my ($status, @headers) = split /\r\n/, $last;
	($answer{status}) = $status =~ m{^HTTP/\S+ (\d+)};
	for my $header (@headers)
	{
		my ($name, $value) = $header =~ /^([^:]+):\s*(.*?)\s*$/ or next;
		$answer{headers}{ lc $name } = $value;
	}
	$answer{json} = eval { JSON::PP::decode_json($body) } if $body ne '' && !$args{raw};
	return \%answer;
}

sub http_get
{
	my ($url, @headers) = @_;
	return http_request('GET', $url, headers => \@headers);
}

# metric(SIDECAR, NAME): its value now, 0 when there is none yet. Of a name without labels, the sum of all that have some.
sub metric
{
	my ($sidecar, $name) = @_;
	my @values = http_get($sidecar->metrics_url)->{body} =~ /^\Q$name\E(?:\{[^}]*\})? (\S+)$/mg;
	return @values == 1 ? $values[0] : sum0(@values);
}

# commit(NODE, STATEMENTS): the token of the commit.
sub commit
{
	my ($node, $statements) = @_;
	return (split /\n/, $node->safe_psql('postgres', "$statements;\nSELECT itemize.token()"))[-1];
}

# open_events(URL, [headers...]): an Itemize::EventStream
sub open_events
{
	my ($url, @headers) = @_;
	return Itemize::EventStream->launch($url, headers => \@headers);
}

# open_browser([width => 390, height => 844, mobile => 1]): an Itemize::Browser
sub open_browser { return Itemize::Browser->launch(@_) }

1;
