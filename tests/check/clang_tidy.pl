# Runs clang-tidy over the sources, two at a time. A file whose own text, included headers of the house, compiler flags
# and .clang-tidy have not changed since it was found clean by the same clang-tidy and under the same installed headers
# is not read again. The stamps that tell are kept with the user's caches, as a compiler cache is, for all work trees:
# $XDG_CACHE_HOME/itemize/tidy.
use strict;
use warnings;

use Cwd qw(getcwd realpath);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Spec::Functions qw(abs2rel);
use JSON::PP qw(decode_json);

use constant JOBS => 2;

# Where a quoted include is looked up, after the directory of the file itself.
my @include_roots = qw(extension/include extension/src sidecar/src tests/faults);
my $stamps        = ($ENV{XDG_CACHE_HOME} // ($ENV{HOME} // 'build') . '/.cache') . '/itemize/tidy';
my $logs          = 'build/tidy';
my $tree          = getcwd();
my $installed     = qx{clang-tidy --version} . qx{dpkg-query -W 'lib*-dev' 'postgresql-server-dev-*' 2>/dev/null};

sub text_of
{
	my ($file) = @_;
	open(my $in, '<:raw', $file) or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

# The file and every header of the house that it includes, directly or not.
sub closure
{
	my ($file, $seen) = @_;
	return if $seen->{$file}++;
	for my $name (text_of($file) =~ /^\s*#\s*include\s+"([^"]+)"/mg)
	{
		my ($found) = grep { -f } map { "$_/$name" } dirname($file), @include_roots;
		closure($found, $seen) if $found;
	}
	return;
}

sub stamp_of
{
	my ($unit, $config) = @_;
	closure($unit->{file}, \my %files);
	# Where the work tree lies says nothing about the source.
	my $command = $unit->{command} =~ s/\Q$tree\E/./gr;
	return sha256_hex(join("\0", $config, $installed, $command, map { $_, text_of($_) } sort keys %files));
}

# GoogleTest's macros cost the path-sensitive analyzer half a minute a file, and the sanitizers run every path of a test.
sub checks_of
{
	my ($unit) = @_;
	return $unit->{file} =~ m{^tests/} ? '--checks=-clang-analyzer-*' : ();
}

my @units;
for my $database (qw(build/extension build/sidecar))
{
	for my $entry (@{ decode_json(text_of("$database/compile_commands.json")) })
	{
		push @units,
		  { file => abs2rel(realpath($entry->{file})), database => $database, command => $entry->{command} };
	}
}

# A source that no build knows would never be looked at.
my %built = map { $_->{file} => 1 } @units;
my @unbuilt = grep { !$built{$_} } split /\n/, qx{find extension/src sidecar/src tests/unit -name '*.cpp'};
print "not part of any build: $_\n" for @unbuilt;

make_path($stamps, $logs);
my $config = text_of('.clang-tidy');
my @todo   = grep { $_->{stamp} = stamp_of($_, $config); !-e "$stamps/$_->{stamp}" } @units;
my (%running, @bad);
while (@todo || %running)
{
	if (@todo && keys %running < JOBS)
	{
		my $unit = shift @todo;
		my $pid  = fork() // die "fork: $!\n";
		if ($pid == 0)
		{
			open(STDOUT, '>', "$logs/$unit->{stamp}.log") or die;
			open(STDERR, '>&', \*STDOUT) or die;
			# Flags of g++ that clang does not know are no finding.
			exec('clang-tidy', '--quiet', '-p', $unit->{database}, '--extra-arg=-Wno-unknown-warning-option',
				checks_of($unit), $unit->{file}) or die;
		}
		$running{$pid} = $unit;
		next;
	}
	my $pid  = wait();
	my $unit = delete $running{$pid} or next;
	if ($? == 0) { open(my $stamp, '>', "$stamps/$unit->{stamp}") or die "$stamps/$unit->{stamp}: $!\n" }
	else { push @bad, $unit; print text_of("$logs/$unit->{stamp}.log") }
	unlink "$logs/$unit->{stamp}.log";
}
printf "%d sources, %d with findings\n", scalar(@units), scalar(@bad);
exit(@bad || @unbuilt ? 1 : 0);
