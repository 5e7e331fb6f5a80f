# A WebSocket to the sidecar's /v1/live, framed by Debian's Protocol::WebSocket.
package Itemize::WebSocket;

use strict;
use warnings;

use Itemize::RawConnection;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;
use Protocol::WebSocket::Request;
use Time::HiRes qw(time);

# Itemize::WebSocket->open(PORT, [fields => [ 'Authorization: …' ]]): dies when it is refused.
sub open
{
	my ($class, $port, %args) = @_;
	my $connection = Itemize::RawConnection->open($port, %args);
	my $handshake = Protocol::WebSocket::Handshake::Client->new(
		url => "ws://127.0.0.1:$port/v1/live",
		req => Protocol::WebSocket::Request->new(headers => [ map { split /: /, $_, 2 } @{ $args{fields} // [] } ]));
	$connection->send($handshake->to_string);
	$connection->read_until(sub { /\r\n\r\n/ });
	my ($head) = $connection->received =~ /\A(.*?\r\n\r\n)/s or die 'no answer: ' . $connection->received . "\n";
	$handshake->parse(my $consumed = $head) && $handshake->is_done or die "no WebSocket: $head";
	my $self = bless { connection => $connection, taken => length $head, messages => [], closed => undef,
		frame => Protocol::WebSocket::Frame->new(max_payload_size => 0, max_fragments_amount => 1_000_000) }, $class;
	return $self;
}

# One frame as a client sends it; %args as Protocol::WebSocket::Frame takes them.
sub send_frame
{
	my ($self, $bytes, %args) = @_;
	$self->{connection}->send(Protocol::WebSocket::Frame->new(buffer => $bytes, masked => 1, max_payload_size => 0, %args)->to_bytes);
	return $self;
}

# A message: a hash is sent as JSON.
sub say
{
	my ($self, $message) = @_;
	return $self->send_frame(ref $message ? JSON::PP->new->utf8->canonical->encode($message) : $message);
}

# What the server has said so far, taken apart; pings are answered, and a closing frame ends the connection.
sub messages
{
	my ($self) = @_;
	my $received = $self->{connection}->received;
	$self->{frame}->append(my $new = substr($received, $self->{taken}));
	$self->{taken} = length $received;
	while (defined(my $bytes = $self->{frame}->next_bytes))
	{
		if ($self->{frame}->is_ping) { $self->send_frame($bytes, type => 'pong') }
		elsif ($self->{frame}->is_close) { $self->{closed} = length $bytes >= 2 ? unpack 'n', $bytes : 0 }
		elsif ($self->{frame}->is_text) { push @{ $self->{messages} }, { %{ JSON::PP->new->utf8->decode($bytes) }, text => $bytes } }
	}
	return @{ $self->{messages} };
}

# Reads until $wanted finds a message in $_, and gives it; nothing when the other side closes or the time is over.
sub until
{
	my ($self, $wanted) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;
	while (1)
	{
		my $over = $self->{connection}->ended || time() > $deadline;
		my ($found) = grep { $wanted->() } $self->messages;
		return $found if $found || $over;
		Itemize::RawConnection::pump([ $self->{connection} ], 0.05);
	}
}

# The answer to a message that is sent now.
sub ask
{
	my ($self, $message) = @_;
	$self->say($message);
	return $self->until(sub { defined $_->{id} && $_->{id} eq $message->{id} });
}

# The code that the server closes with; nothing when the connection ends without one.
sub close_code
{
	my ($self) = @_;
	$self->until(sub { defined $self->{closed} });
	return $self->{closed};
}

sub close { $_[0]{connection}->close; return }

1;
