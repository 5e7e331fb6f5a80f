# A running itemize-sidecar.
package Itemize::Sidecar;

use strict;
use warnings;

use Itemize::Process qw(poll_until slurp_new);
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;

use parent -norequire, 'Itemize::Process';

my $count = 0;

# The program under test; the sanitizer tier puts another build of it here.
sub program { return $ENV{ITEMIZE_SIDECAR} // "$ENV{ITEMIZE_STAGE}/bin/itemize-sidecar" }

# Itemize::Sidecar->launch(MODE, [flags...], {environment}): starts without waiting for anything.
sub launch
{
	my ($class, $mode, $flags, $env) = @_;
	my $log = "$PostgreSQL::Test::Utils::log_path/sidecar_" . $$ . '_' . ++$count . '.log';
	my $self = $class->start(command => [ program(), $mode, @$flags ], log => $log, env => $env);
	$self->{mode} = $mode;
	return $self;
}

# The JSON lines of the log as they are now, decoded; an optional event name selects. What was decoded once is not again.
sub log_events
{
	my ($self, $event) = @_;
	push @{ $self->{log_events} }, map { eval { decode_json($_) } // () } split /\n/, slurp_new($self->{log}, "\n", \$self->{log_seen});
	return grep { !defined $event || ($_->{event} // '') eq $event } @{ $self->{log_events} };
}

# Waits for a line of the log with this event, and returns it (the last one). $after skips as many earlier ones.
sub wait_for_log
{
	my ($self, $event, %args) = @_;
	my $after = $args{after} // 0;
	my $found = eval {
		poll_until(
			sub {
				my $alive = $self->alive;    # asked first: what it wrote before its end is there then
				my @events = $self->log_events($event);
				return $events[-1] if @events > $after;
				die "the sidecar has ended\n" if !$alive;
				return;
			},
			"log event $event",
			$args{timeout});
	};
	die "$@" . "--- log of the sidecar:\n" . $self->log_text if !$found;
	return $found;
}

# The port that it announced; each start of the process has a new one.
sub port
{
	my ($self) = @_;
	$self->{port} //= $self->wait_for_log('http_listening')->{port};
	return $self->{port};
}

# URL of a path that begins with a slash.
sub url
{
	my ($self, $path) = @_;
	return 'http://127.0.0.1:' . $self->port . ($path // '');
}

# Where its metrics are, in any mode.
sub metrics_url
{
	my ($self) = @_;
	return $self->url('/metrics') if $self->{mode} eq 'absolute' || $self->{mode} eq 'extended';
	return 'http://127.0.0.1:' . $self->wait_for_log('metrics_listening')->{port} . '/metrics';
}

sub wait_ready
{
	my ($self, $timeout) = @_;
	$self->wait_for_log('ready', timeout => $timeout);
	return $self;
}

1;
