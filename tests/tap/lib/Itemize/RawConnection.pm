# A TCP connection to the sidecar that says exactly what a test wants said, and many of them at a time.
package Itemize::RawConnection;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

# Itemize::RawConnection->open(PORT, [receive_buffer => BYTES])
sub open
{
	my ($class, $port, %args) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp')
	  or die "cannot connect to port $port: $!\n";
	$socket->sockopt(SO_RCVBUF, $args{receive_buffer}) if $args{receive_buffer};
	$socket->autoflush(1);
	return bless { socket => $socket, received => '', ended => 0 }, $class;
}

sub send
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $written = 0;
	while ($written < length $bytes)
	{
		my $count = syswrite($self->{socket}, $bytes, length($bytes) - $written, $written);
		last if !defined $count;    # the other side may close before it has read all
		$written += $count;
	}
	return $self;
}

sub received { return $_[0]{received} }
sub ended { return $_[0]{ended} }

# Takes what has arrived on any of these connections, waiting up to $timeout for the first byte.
sub pump
{
	my ($connections, $timeout) = @_;
	my %of = map { fileno($_->{socket}) => $_ } grep { !$_->{ended} } @$connections;
	my $select = IO::Select->new(map { $_->{socket} } values %of);
	for my $socket ($select->can_read($timeout))
	{
		my $self = $of{ fileno $socket };
		my $count = sysread($socket, $self->{received}, 65536, length $self->{received});
		$self->{ended} = 1 if !$count;
	}
	return;
}

# Reads until the other side closes or $wanted finds what it wants in $_; gives everything received.
sub read_until
{
	my ($self, $wanted, $timeout) = @_;
	my $deadline = time() + ($timeout // $PostgreSQL::Test::Utils::timeout_default);
	while (!$self->{ended} && time() < $deadline)
	{
		local $_ = $self->{received};
		last if $wanted && $wanted->();
		pump([$self], 0.05);
	}
	return $self->{received};
}

sub close
{
	my ($self) = @_;
	CORE::close($self->{socket});
	$self->{ended} = 1;
	return;
}

1;
