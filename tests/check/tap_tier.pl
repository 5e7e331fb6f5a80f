# Runs TAP files, three at a time since mostly they wait, and writes counts for run.sh: tap_tier.pl PREFIX RESULTS FILE...
use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Spec;
use TAP::Harness;

# Seconds that one file may take; its own deadlines are shorter, so this ends only what hangs.
use constant FILE_TIMEOUT => 1200;

# How much of the log of a failed file is shown.
use constant LOG_LINES => 40;

my ($prefix, $results, @names) = @ARGV;
my $directory = File::Spec->rel2abs(dirname(__FILE__) . '/../tap');

# PostgreSQL::Test keeps logs and data directories here.
$ENV{TESTDIR} = File::Spec->rel2abs($prefix);
mkdir $ENV{TESTDIR};

# What a test says on standard error goes to ours directly. Where TAP::Harness reads it, it then waits for the next result of
# the same file: meanwhile nobody looks after the other one, whose time runs on, and none is begun.
my $errors;
{
	local $^F = 1000;    # it stays open in the programs that are started
	open($errors, '>&', \*STDERR) or die "standard error: $!\n";
}
my $script = sprintf('exec "$@" 2>&%1$d %1$d>&-', fileno $errors);

my $harness = TAP::Harness->new(
	{
		jobs      => 3,
		timer     => 1,
		verbosity => 0,
		color     => 0,
		merge     => 1,    # one pipe for each file; its standard error is another one by then, see above
		exec      => sub {
			my ($self, $file) = @_;
			return [ 'bash', '-c', $script, 'bash', 'timeout', '--kill-after=20', FILE_TIMEOUT, $^X, '-w', $file ];
		},
	});

my @skips;
$harness->callback(
	made_parser => sub {
		my ($parser, $job) = @_;
		my $name = $job->[1];
		$parser->callback(
			test => sub {
				my ($test) = @_;
				push @skips, "$prefix: $name: " . ($test->explanation || $test->description) if $test->has_skip;
			});
	});

# The long ones have high numbers, and none should be left alone at the end.
my $aggregate = $harness->runtests(map { [ "$directory/$_", $_ ] } reverse @names);

# What a test said before it died stands in its log only, which goes with the workspace.
sub print_end_of_log
{
	my ($name) = @_;
	my $log = "$ENV{TESTDIR}/tmp_check/log/regress_log_" . basename($name, '.pl');
	open(my $in, '<', $log) or return;
	my @said = <$in>;
	splice(@said, 0, -LOG_LINES) if @said > LOG_LINES;
	print "\n== the end of $name\'s log\n", map { substr($_, 0, 500) =~ s/\n?\z/\n/r } @said;
	return;
}

my @lines;
for my $name ($aggregate->descriptions)
{
	my ($parser) = $aggregate->parsers($name);
	if (defined $parser->skip_all && !$parser->has_problems)
	{
		push @lines, [ 'skip', 1, "$prefix: $name: " . $parser->skip_all ];
		next;
	}
	my $passed = scalar($parser->passed) - scalar($parser->skipped);
	push @lines, [ 'pass', $passed, "$prefix: $name" ] if $passed > 0;
	push @lines, [ 'fail', scalar($parser->failed), "$prefix: $name: tests " . join(' ', $parser->failed) ]
	  if $parser->failed;

	# Died, timed out, or ran another number of tests than planned.
	push @lines,
	  [ 'fail', 1, "$prefix: $name: " . join('; ', "exit status " . $parser->exit, $parser->parse_errors) ]
	  if $parser->has_problems && !$parser->failed;
	print_end_of_log($name) if $parser->has_problems;
}
push @lines, map { [ 'skip', 1, $_ ] } @skips;

open(my $out, '>', "$results.part") or die "$results.part: $!\n";
print $out join("\t", @$_), "\n" for @lines;
close($out) or die "$results.part: $!\n";
rename("$results.part", $results) or die "$results: $!\n";
