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
	return $class->_start_on(free_port(), $target, @spoil);
}

sub _start_on
{
	my ($class, $port, @arguments) = @_;
	my $self = $class->start(
		command => [ $^X, '-MItemize::Proxy', '-e', 'Itemize::Proxy::forward(@ARGV)', $port, @arguments ],
		log => "$PostgreSQL::Test::Utils::log_path/proxy_$port.log");
	@$self{qw(port arguments)} = ($port, \@arguments);
	poll_until(sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") || !$self->alive }, 'the proxy');
	return $self;
}

# After kill9: the network is there again, at the same port.
sub restart
{
	my ($self) = @_;
	my $fresh = ref($self)->_start_on($self->{port}, @{ $self->{arguments} });
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

# The process: never returns.
sub forward
{
	my ($port, $target, $text, $from, $to) = @_;
	$SIG{PIPE} = 'IGNORE';
	my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => "127.0.0.1:$port", ReuseAddr => 1) or die "port $port: $!\n";
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
			delete $peer{$_}, $_->close for $ready, $other;
		}
	}
}

1;
