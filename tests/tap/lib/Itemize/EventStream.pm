# A reader of Server-Sent Events (WHATWG HTML, "Parsing an event stream"), with curl as the connection.
package Itemize::EventStream;

use strict;
use warnings;

use Itemize::Process qw(poll_until slurp slurp_new);
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;

use parent -norequire, 'Itemize::Process';

my $count = 0;

# Itemize::EventStream->launch(URL, [headers => ['Name: value', ...]])
sub launch
{
	my ($class, $url, %args) = @_;
	my $base = "$PostgreSQL::Test::Utils::tmp_check/events_" . $$ . '_' . ++$count;
	my $self = $class->start(
		command => [
			'curl', '--silent', '--show-error', '--no-buffer', '--dump-header', "$base.head",
			(map { ('--header', $_) } @{ $args{headers} // [] }), $url
		],
		log    => "$base.log",
		output => "$base.body");
	@$self{qw(head body taken)} = ("$base.head", "$base.body", 0);
	return $self;
}

# Status and header block of the answer, once it is there.
sub head
{
	my ($self) = @_;
	return poll_until(
		sub {
			my $alive = $self->alive;    # asked first: what it wrote before its end is there then
			my $text = slurp($self->{head});
			return $text =~ /\r\n\r\n\z/ ? $text : !$alive ? "no answer\n" . $self->log_text : undef;
		},
		'the head of the event stream');
}

# Everything received so far, as it came.
sub raw { return slurp($_[0]{body}) }

# All events received so far, see parse_events. What was taken apart once is not again.
sub events
{
	my ($self) = @_;
	push @{ $self->{events} }, parse_events(slurp_new($self->{body}, "\n\n", \$self->{seen}));
	return @{ $self->{events} };
}

# The events of a text, comments left out: hashes with id, event, text, data (decoded where it is JSON) and retry.
sub parse_events
{
	my ($text) = @_;
	my @events;
	while ($text =~ /\G(.*?)\n\n/gs)
	{
		my %event = (event => 'message');
		my @data;
		for my $line (split /\n/, $1)
		{
			my ($field, $value) = $line =~ /^([a-z]+): ?(.*)$/s or next;
			if ($field eq 'data') { push @data, $value }
			else { $event{$field} = $value }
		}
		$event{text} = join("\n", @data);
		$event{data} = eval { decode_json($event{text}) } if @data;
		push @events, \%event if @data || $event{event} ne 'message';
	}
	return @events;
}

# The next event not yet taken that $wanted accepts (called with $_); without it, just the next. Those before are taken.
sub next_event
{
	my ($self, $wanted, $timeout) = @_;
	return poll_until(
		sub {
			my @events = $self->events;
			while ($self->{taken} < @events)
			{
				local $_ = $events[ $self->{taken}++ ];
				return $_ if !$wanted || $wanted->();
			}
			return;
		},
		'an event of the stream; received so far: ' . $self->raw,
		$timeout);
}

1;
