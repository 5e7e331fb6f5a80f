# A page in headless Chromium, driven over the Chrome DevTools Protocol through a pair of pipes
# (--remote-debugging-pipe: JSON messages, each ended by a zero byte).
package Itemize::Browser;

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use Itemize::Process qw(poll_until);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

use parent -norequire, 'Itemize::Process';

# Seconds until an answer of the browser must be there.
use constant ANSWER_TIMEOUT => 120;

my $json = JSON::PP->new->utf8->allow_nonref;

sub program
{
	for my $directory (split /:/, $ENV{PATH})
	{
		for my $name (qw(chromium chromium-browser google-chrome)) { return $name if -x "$directory/$name" }
	}
	return;
}

# Itemize::Browser->launch([width => PIXELS, height => PIXELS, mobile => 1]): an empty page of that size.
sub launch
{
	my ($class, %args) = @_;
	pipe(my $commands_out, my $commands_in) or die "pipe: $!\n";
	pipe(my $answers_out,  my $answers_in)  or die "pipe: $!\n";
	my $profile = PostgreSQL::Test::Utils::tempdir();
	my $self    = $class->start(
		command => [
			program(), '--headless', '--remote-debugging-pipe', "--user-data-dir=$profile",
			# Sandboxes need rights that containers often lack; the only page opened is the one under test.
			'--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
			'--disable-background-networking', '--disable-component-update', '--disable-sync', 'about:blank'
		],
		descriptors => { 3 => $commands_out, 4 => $answers_in },
		log         => "$PostgreSQL::Test::Utils::log_path/chromium_$$.log");
	close $commands_out;
	close $answers_in;
	$commands_in->autoflush(1);
	@$self{qw(commands answers buffer last_id events)} = ($commands_in, $answers_out, '', 0, []);

	my $target = $self->call('Target.createTarget', { url => 'about:blank' })->{targetId};
	$self->{session} = $self->call('Target.attachToTarget', { targetId => $target, flatten => \1 })->{sessionId};
	$self->call("$_.enable") for qw(Page Runtime Log Network);
	$self->resize($args{width} // 1280, $args{height} // 800, $args{mobile});
	return $self;
}

# One message of the browser; undef when none comes before the deadline.
sub _read_message
{
	my ($self, $deadline) = @_;
	my $end;
	while (($end = index($self->{buffer}, "\0")) < 0)
	{
		my $left = $deadline - time();
		return if $left <= 0 || !IO::Select->new($self->{answers})->can_read($left);
		sysread($self->{answers}, $self->{buffer}, 65536, length $self->{buffer})
		  or die "the browser has ended\n" . $self->log_text;
	}
	my $message = substr($self->{buffer}, 0, $end + 1, '');
	chop $message;
	return $json->decode($message);
}

# call(METHOD, [PARAMETERS]): the result of a protocol command. Events that arrive meanwhile are kept.
sub call
{
	my ($self, $method, $parameters) = @_;
	my $id      = ++$self->{last_id};
	my %message = (id => $id, method => $method, params => $parameters // {});
	$message{sessionId} = $self->{session} if defined $self->{session};
	print { $self->{commands} } $json->encode(\%message), "\0";

	my $deadline = time() + ANSWER_TIMEOUT;
	while (my $answer = $self->_read_message($deadline))
	{
		if (!defined $answer->{id}) { push @{ $self->{events} }, $answer; next }
		next if $answer->{id} != $id;
		die "$method: $answer->{error}{message}\n" if $answer->{error};
		return $answer->{result};
	}
	die "$method: the browser does not answer\n";
}

# CSS pixels; mobile: touch instead of a mouse, and the viewport as the page's meta element says.
sub resize
{
	my ($self, $width, $height, $mobile) = @_;
	$self->call('Emulation.setDeviceMetricsOverride',
		{ width => $width, height => $height, deviceScaleFactor => 1, mobile => $mobile ? \1 : \0 });
	$self->call('Emulation.setTouchEmulationEnabled', { enabled => $mobile ? \1 : \0 });
	return;
}

# Opens a URL and waits until the document is loaded.
sub go
{
	my ($self, $url) = @_;
	my $result = $self->call('Page.navigate', { url => $url });
	die "$url: $result->{errorText}\n" if $result->{errorText};
	$self->wait_for(q{document.readyState === 'complete' && location.href !== 'about:blank'}, "$url");
	return;
}

# The value of a JavaScript expression, awaited when it is a promise. Dies when it throws.
sub evaluate
{
	my ($self, $expression) = @_;
	my $answer =
	  $self->call('Runtime.evaluate', { expression => $expression, returnByValue => \1, awaitPromise => \1 });
	die "$expression: " . ($answer->{exceptionDetails}{exception}{description} // 'exception') . "\n"
	  if $answer->{exceptionDetails};
	return $answer->{result}{value};
}

# Polls until the expression is true, and returns its value.
sub wait_for
{
	my ($self, $expression, $what, $timeout) = @_;
	return poll_until(
		sub {
			my $value = eval { $self->evaluate($expression) };
			# A page that is just being left has no answer.
			die $@ if $@ && $@ !~ /context was destroyed|navigated or closed|Cannot find (?:default execution )?context/;
			return $value;
		},
		$what // $expression, $timeout);
}

# A click of the mouse in the middle of the first element that the CSS selector finds.
sub click
{
	my ($self, $selector) = @_;
	my $quoted = $json->encode($selector);
	my $at     = $self->wait_for(
		qq{(() => { const e = document.querySelector($quoted); if (!e) return null; e.scrollIntoView({block: 'center'});
		const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()}, "element $selector");
	for my $type (qw(mousePressed mouseReleased))
	{
		$self->call('Input.dispatchMouseEvent',
			{ type => $type, x => $at->[0], y => $at->[1], button => 'left', clickCount => 1 });
	}
	return;
}

# Cuts the page off the network, and connects it again.
sub set_offline
{
	my ($self, $offline) = @_;
	$self->call('Network.emulateNetworkConditions',
		{ offline => $offline ? \1 : \0, latency => 0, downloadThroughput => -1, uploadThroughput => -1 });
	return;
}

# Writes a PNG of what is visible.
sub screenshot
{
	my ($self, $file) = @_;
	open(my $out, '>:raw', $file) or die "$file: $!\n";
	print $out decode_base64($self->call('Page.captureScreenshot')->{data});
	close($out) or die "$file: $!\n";
	return;
}

# Texts of errors so far: uncaught exceptions, console.error and what the browser logged (a request that failed).
sub errors
{
	my ($self) = @_;
	$self->evaluate('0');    # collects what has arrived
	my @errors;
	for my $event (@{ $self->{events} })
	{
		my ($method, $params) = @$event{qw(method params)};
		if ($method eq 'Runtime.exceptionThrown')
		{
			push @errors, $params->{exceptionDetails}{exception}{description} // $params->{exceptionDetails}{text};
		}
		elsif ($method eq 'Runtime.consoleAPICalled' && $params->{type} eq 'error')
		{
			push @errors, join(' ', map { $_->{value} // $_->{description} // '' } @{ $params->{args} });
		}
		elsif ($method eq 'Log.entryAdded' && $params->{entry}{level} eq 'error')
		{
			push @errors, join(' ', grep { defined } @{ $params->{entry} }{qw(text url)});
		}
	}
	return @errors;
}

# URLs of all requests so far.
sub requests
{
	my ($self) = @_;
	$self->evaluate('0');
	return map { $_->{params}{request}{url} } grep { $_->{method} eq 'Network.requestWillBeSent' } @{ $self->{events} };
}

1;
