# Child processes that never outlive the test, and waiting with a deadline.
package Itemize::Process;

use strict;
use warnings;

use Exporter qw(import);
use Fcntl qw(F_DUPFD);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(poll_until free_port slurp slurp_new);

# Seconds until a wait gives up: what a loaded machine needs under the sanitizers, with room to spare.
use constant DEFAULT_TIMEOUT => 180;

# Seconds in which a program ends that was told to; a sanitizer looks for leaks before.
use constant END_TIMEOUT => 60;

# Seconds between two looks at the condition.
use constant POLL_INTERVAL => 0.02;

# Ports that tests choose begin here.
use constant { FIRST_PORT => 10_000, PORT_ATTEMPTS => 100 };

my $owner = $$;
my %running;

# An exit runs the END blocks, here and in PostgreSQL::Test::Cluster; a death by the signal itself would not.
INIT
{
	$SIG{INT}  = sub { exit(130) };
	$SIG{TERM} = sub { exit(143) };
	$SIG{HUP}  = sub { exit(129) };
}

# Calls $condition until it returns something true, which is returned. Dies with $what when the deadline passes.
sub poll_until
{
	my ($condition, $what, $timeout) = @_;
	my $deadline = time() + ($timeout // DEFAULT_TIMEOUT);
	while (1)
	{
		my $result = $condition->();
		return $result if $result;
		die "gave up waiting for $what\n" if time() > $deadline;
		select(undef, undef, undef, POLL_INTERVAL);
	}
}

# A TCP port that was free a moment ago, and that the system gives to nobody by itself, so that a server which is away for a
# while finds it free again. Somebody else may take it first: the caller tries again with another one.
sub free_port
{
	my ($first_given) = slurp('/proc/sys/net/ipv4/ip_local_port_range') =~ /^(\d+)/;
	my $ports = ($first_given // 32_768) - FIRST_PORT;
	open(my $random, '<:raw', '/dev/urandom') or die "/dev/urandom: $!\n";    # perl's numbers are the test's, which repeats them
	for (1 .. PORT_ATTEMPTS)
	{
		read($random, my $bytes, 4) == 4 or die "/dev/urandom: $!\n";
		my $port = $ports > 0 ? FIRST_PORT + unpack('L', $bytes) % $ports : 0;
		my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port) or next;
		return $socket->sockport;
	}
	die "no free port: $@\n";
}

sub slurp
{
	my ($file) = @_;
	open(my $in, '<:raw', $file) or return '';
	local $/;
	return scalar(<$in>) // '';
}

# What a file that only grows has in it since the last time, up to the last end of a unit (a line, say); what follows is left
# for the next time. $seen is ours, undef at first.
sub slurp_new
{
	my ($file, $end, $seen) = @_;
	open(my $in, '<:raw', $file) or return '';
	seek($in, $$seen //= 0, 0) or die "$file: $!\n";
	local $/;
	my $text = <$in> // '';
	my $complete = rindex($text, $end) + 1 or return '';
	$complete += length($end) - 1;
	$$seen += $complete;
	return substr($text, 0, $complete);
}

# Gives file handles the numbers that a program expects. Two steps, since a handle may have the number of another.
sub _place_descriptors
{
	my ($handles) = @_;
	my %copies = map { $_ => fcntl($handles->{$_}, F_DUPFD, 100) } keys %$handles;
	POSIX::dup2($copies{$_}, $_) // POSIX::_exit(126) for keys %copies;
	POSIX::close($_) for values %copies;
	return;
}

# Itemize::Process->start(command => [...], log => FILE, [output => FILE], [env => {...}], [descriptors => {NUMBER =>
# HANDLE}]): both streams go to the log unless standard output has a file of its own.
sub start
{
	my ($class, %args) = @_;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0)
	{
		# No die here: it would run the test's END blocks in the child.
		# PostgreSQL::Test ignores SIGPIPE, and a program under test would inherit that.
		$SIG{$_} = 'DEFAULT' for qw(PIPE INT TERM HUP);
		local @ENV{ keys %{ $args{env} // {} } } = values %{ $args{env} // {} };
		open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
		open(STDERR, '>>', $args{log}) or POSIX::_exit(126);
		open(STDOUT, '>>', $args{output} // $args{log}) or POSIX::_exit(126);
		_place_descriptors($args{descriptors}) if $args{descriptors};
		exec({ $args{command}[0] } @{ $args{command} }) or POSIX::_exit(127);
	}
	delete $args{descriptors};    # the process has them now
	my $self = bless { %args, pid => $pid }, $class;
	$running{$pid} = $self;
	return $self;
}

sub pid { return $_[0]{pid} }
sub log_text { return slurp($_[0]{log}) }

# The exit status as waitpid reports it; undef while the process runs.
sub status
{
	my ($self) = @_;
	if (!defined $self->{status} && waitpid($self->{pid}, WNOHANG) == $self->{pid})
	{
		$self->{status} = $?;
		delete $running{ $self->{pid} };
	}
	return $self->{status};
}

sub alive { return !defined $_[0]->status }

sub signal
{
	my ($self, $signal) = @_;
	kill($signal, $self->{pid}) if $self->alive;
	return;
}

# Ends the process with TERM, and returns its exit status and how many seconds the end took. KILL after the timeout.
sub stop
{
	my ($self, $timeout) = @_;
	my $began = time();
	$self->signal('TERM');
	$self->kill9 if !eval { poll_until(sub { !$self->alive }, 'the end', $timeout // END_TIMEOUT) };
	return wantarray ? ($self->{status}, time() - $began) : $self->{status};
}

# As a crash would.
sub kill9
{
	my ($self) = @_;
	$self->signal('KILL');
	poll_until(sub { !$self->alive }, "the end of process $self->{pid}");
	return;
}

END
{
	# The test's own exit status stays; a forked child that gets here owns nothing.
	local ($?, $!);
	if ($$ == $owner)
	{
		my @left = values %running;
		$_->signal('TERM') for @left;
		$_->stop(8) for @left;
	}
}

1;
