# A running `itemize-sidecar tail`, and the lines that it has printed.
package Itemize::Tail;

use strict;
use warnings;

use IO::Handle;
use Itemize::Process qw(poll_until slurp slurp_new);
use Itemize::Sidecar;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;

use parent -norequire, 'Itemize::Process';

my $count = 0;

# Itemize::Tail->launch([flags...], [input => 1], [stdout => HANDLE]): with `input` its standard input is ours, with
# `stdout` its output goes there and lines() has none.
sub launch
{
	my ($class, $flags, %args) = @_;
	my $base = "$PostgreSQL::Test::Utils::log_path/tail_" . $$ . '_' . ++$count;
	my %descriptors;
	my $writer;
	if ($args{input})
	{
		pipe(my $reader, $writer) or die "pipe: $!\n";
		$writer->autoflush(1);
		$descriptors{0} = $reader;
	}
	$descriptors{1} = $args{stdout} if $args{stdout};
	my $self = $class->start(
		command => [ Itemize::Sidecar::program(), 'tail', @$flags ],
		log => "$base.log",
		output => "$base.jsonl",
		descriptors => \%descriptors);
	$self->{input} = $writer;
	return $self;
}

# What was printed in whole lines, decoded; without those of progress, which come when nothing else has for a while. What was
# decoded once is not again.
sub lines
{
	my ($self) = @_;
	push @{ $self->{lines} }, grep { $_->{op} ne 'progress' } map { decode_json($_) } split /\n/, slurp_new($self->{output}, "\n", \$self->{seen});
	return @{ $self->{lines} };
}

# Those that tell of rows and changes.
sub records { return grep { $_->{op} !~ /^(?:live|resync)$/ } $_[0]->lines }

# Waits until the lines fulfil the condition, which gets them as its arguments; returns them.
sub wait_for
{
	my ($self, $what, $condition) = @_;
	my @lines;
	my $reached = eval { poll_until(sub { @lines = $self->lines; $condition->(@lines) }, $what) };
	die "$@--- log of tail:\n" . $self->log_text . "--- its last lines:\n" . substr(slurp($self->{output}), -2000)
	  if !$reached;
	return @lines;
}

# Waits for its end by itself; the exit status.
sub exit_status
{
	my ($self) = @_;
	poll_until(sub { !$self->alive }, 'the end of tail');
	return $self->status >> 8;
}

sub acknowledge
{
	my ($self, $position) = @_;
	$self->{input}->print("$position\n");
	return;
}

1;
