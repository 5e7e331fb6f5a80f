# A private Redis on a free port of the loopback interface, without persistence.
package Itemize::Redis;

use strict;
use warnings;

use IPC::Run;
use Itemize::Process qw(poll_until free_port);
use PostgreSQL::Test::Utils;

use parent -norequire, 'Itemize::Process';

# Ports are tried until one is really free.
use constant ATTEMPTS => 10;

# Itemize::Redis->launch([flags of redis-server...])
sub launch
{
	my ($class, @flags) = @_;
	for (1 .. ATTEMPTS)
	{
		my $self = $class->_start_on(free_port(), @flags);
		return $self if $self;
	}
	die "redis-server did not start\n";
}

sub _start_on
{
	my ($class, $port, @flags) = @_;
	my $self = $class->start(
		command => [
			'redis-server', '--bind', '127.0.0.1', '--port', $port, '--save', '', '--appendonly', 'no',
			'--dir', PostgreSQL::Test::Utils::tempdir_short(), @flags
		],
		log => "$PostgreSQL::Test::Utils::log_path/redis_$port.log");
	@$self{qw(port flags)} = ($port, \@flags);

	# Another server that already has the port would answer as well; ours would then have ended. It answers before it has read
	# the data that it had.
	my $answers = poll_until(
		sub { $self->alive ? ($self->info('process_id') // 0) == $self->pid && $self->info('loading') eq '0' : -1 },
		"redis-server on port $port");
	return $answers == -1 ? undef : $self;
}

# Starts again, empty, on the port that it had.
sub restart
{
	my ($self) = @_;
	$self->stop if $self->alive;
	my $fresh = ref($self)->_start_on($self->{port}, @{ $self->{flags} }) // die "redis-server did not start again\n";
	%$self = (%$self, %$fresh);
	delete $self->{status};
	return $self;
}

sub port { return $_[0]{port} }
sub url { return "redis://127.0.0.1:$_[0]{port}" }

# Output of redis-cli, raw, without the last newline; undef when the server cannot be reached.
sub cli
{
	my ($self, @command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'redis-cli', '-p', $self->{port}, '--raw', @command ], '<', \undef, '>', \$out, '2>', \$err)
	  or return;
	chomp $out;
	return $out;
}

# One field of INFO.
sub info
{
	my ($self, $field) = @_;
	my ($value) = ($self->cli('INFO') // '') =~ /^\Q$field\E:([^\r\n]*)/m;
	return $value;
}

1;
