# A TCP proxy between the sidecar and a server, as a process of its own: signal('STOP') freezes the network, kill9 cuts
# it. It can spoil what the server sends.
package Itemize::Proxy;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Itemize::Process qw(poll_until free_port);
use PostgreSQL::Test::Utils;

use parent -norequire, 'Itemize::Process';

# Itemize::Proxy->launch(PORT or path of a Unix socket, [TEXT, FROM, TO]): in what the server sends at once, and that has
# TEXT in it, each FROM becomes TO, which is as long.
sub launch
{
	my ($class, $target, @spoil) = @_;
	my $listener = poll_until(sub { _listen(free_port()) }, 'a port for the proxy');
	return $class->_start_with($listener, $target, @spoil);
}

sub _listen { my ($port) = @_; return IO::Socket::INET->new(Listen => 16, LocalAddr => "127.0.0.1:$port", ReuseAddr => 1) }

# It listens already: who connects before the process is there waits for it.
sub _start_with
{
	my ($class, $listener, @arguments) = @_;
	my $port = $listener->sockport;
	my $self = $class->start(
		command => [ $^X, '-MItemize::Proxy', '-e', 'Itemize::Proxy::forward(@ARGV)', @arguments ],
		descriptors => { 3 => $listener },
		log => "$PostgreSQL::Test::Utils::log_path/proxy_$port.log");
	@$self{qw(port arguments)} = ($port, \@arguments);
	return $self;
}

# After kill9: the network is there again, at the same port.
sub restart
{
	my ($self) = @_;
	my $listener = poll_until(sub { _listen($self->{port}) }, "port $self->{port} for the proxy");
	my $fresh = ref($self)->_start_with($listener, @{ $self->{arguments} });
	%$self = (%$self, %$fresh);
	delete $self->{status};
	return $self;
}

sub port { return $_[0]{port} }

sub _connect
{
	my ($target) = @_;
	return $target =~ m{^/} ? IO::Socket::UNIX->new(Peer => $target) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$target");
}

# The process, which has the listening socket as its descriptor 3: never returns.
sub forward
{
	my ($target, $text, $from, $to) = @_;
	$SIG{PIPE} = 'IGNORE';
	my $listener = IO::Socket::INET->new_from_fd(3, '+<') or die "descriptor 3: $!\n";
	my $select = IO::Select->new($listener);
	my (%peer, %from_server);
	while (1)
	{
		for my $ready ($select->can_read)
		{
			if ($ready == $listener)
			{
				my $client = $listener->accept or next;
				my $server = _connect($target) or next;
				@peer{ $client, $server } = ($server, $client);
				$from_server{$server} = 1;
				$select->add($client, $server);
				next;
			}
			my $other = $peer{$ready} or next;
			my $count = sysread($ready, my $bytes, 1 << 20);
			$bytes =~ s/\Q$from\E/$to/g if $count && $from_server{$ready} && defined $text && index($bytes, $text) >= 0;
			for (my $at = 0; $count && $at < length $bytes;)
			{
				my $written = syswrite($other, $bytes, length($bytes) - $at, $at);
				last if !$written;
				$at += $written;
			}
			next if $count;
			$select->remove($ready, $other);
			delete $peer{$_}, delete $from_server{$_}, $_->close for $ready, $other;
		}
	}
}

1;
