# A consumer of the output plugin: a slot read with pg_recvlogical, and its messages taken apart by the documented
# format (docs/reference/change-event.md), independently of the C++ reader.
package Itemize::Decoding;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run;
use Itemize::Process qw(poll_until);

our @EXPORT_OK = qw(wait_for_slot);

# Waits until nobody reads the slot: its last reader has ended, but the server may not have seen to it yet.
sub wait_for_slot
{
	my ($node, $slot) = @_;
	return poll_until(sub { $node->safe_psql('postgres', "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'") eq 'f' }, "slot $slot to be free");
}

sub new
{
	my ($class, $node, $slot) = @_;
	return bless { node => $node, slot => $slot }, $class;
}

sub command
{
	my ($self, @rest) = @_;
	return ('pg_recvlogical', '--no-password', '--dbname', $self->{node}->connstr('postgres'), '--slot', $self->{slot}, @rest);
}

sub create_slot
{
	my ($self) = @_;
	$self->{node}->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$self->{slot}', 'itemize')");
	return $self;
}

# Starts streaming with further flags, which is expected to fail: its status and what it said.
sub refused
{
	my ($self, @flags) = @_;
	my ($out, $error) = ('', '');
	IPC::Run::run([ $self->command('--start', '--no-loop', '--file', '-', @flags) ], '<', \undef, '>', \$out, '2>', \$error);
	my $status = $? >> 8;
	wait_for_slot($self->{node}, $self->{slot});
	return ($status, $error);
}

# Further options of the plugin, as NAME=VALUE, for what is read from now on.
sub use_options
{
	my ($self, @options) = @_;
	$self->{options} = [ map { ('--option', $_) } @options ];
	return $self;
}

# Everything up to now, message by message. What is written after the LSN to stop at makes the walsender pass it.
sub messages
{
	my ($self) = @_;
	my $node = $self->{node};
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'end', '')");
	my ($out, $error) = ('', '');
	my $ran = IPC::Run::run([ $self->command('--start', '--no-loop', '--file', '-', '--endpos', $end, '--fsync-interval', '0', @{ $self->{options} // [] }) ], '<', \undef, '>', \$out, '2>', \$error);
	wait_for_slot($node, $self->{slot});
	die "pg_recvlogical: $error" if !$ran;

	# pg_recvlogical ends each message with a newline of its own.
	my @messages;
	while ($out =~ /\G((?:B\t.*?\n[CP]\t[^\n]*\n)|(?:F\t1\t[^\t]*\t\d+\t\d+\n.*?))\n(?=B\t[1-3]\t|F\t1\t|\z)/sgc) { push @messages, $1 }
	die 'unexpected output: ' . substr($out, pos($out) // 0, 200) if (pos($out) // 0) != length $out;
	return @messages;
}

# One piece: its frame and its changes, each an array of the line's columns.
sub parse_piece
{
	my ($text) = @_;
	my @lines = map { [ split /\t/, $_, -1 ] } split /\n/, $text;
	my ($begin, $end) = ($lines[0], $lines[-1]);
	die "no piece: $text" if $begin->[0] ne 'B' || $begin->[1] !~ /^[1-3]$/ || $begin->[2] ne $end->[1];
	my %piece = (format => $begin->[1], lsn => $begin->[2], xid => $begin->[3], time => $begin->[4], origin => $begin->[5]);
	return { %piece, complete => $end->[0] eq 'C' ? 1 : 0, count => $end->[2], changes => [ @lines[ 1 .. $#lines - 1 ] ] };
}

# Whole transactions: hashes with lsn, xid, time, origin, count, changes, pieces and messages.
sub transactions
{
	my ($self) = @_;
	my (@transactions, $current, $fragments);
	for my $message ($self->messages)
	{
		my $text = $message;
		if ($message =~ /^F\t1\t[^\t]*\t(\d+)\t(\d+)\n/)
		{
			my ($number, $count) = ($1, $2);
			$fragments = '' if $number == 1;
			$fragments .= substr($message, $+[0]);
			$text = $number == $count ? $fragments : undef;
		}
		push @{ $current->{messages} }, $message;
		next if !defined $text;
		my $piece = parse_piece($text);
		$current->{$_} = $piece->{$_} for qw(lsn xid time origin count);
		push @{ $current->{pieces} }, $piece;
		push @{ $current->{changes} }, @{ $piece->{changes} };
		if ($piece->{complete})
		{
			push @transactions, $current;
			$current = undef;
		}
	}
	die 'a transaction is incomplete' if $current;
	return @transactions;
}

1;
