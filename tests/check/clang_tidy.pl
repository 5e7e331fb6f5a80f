# Runs clang-tidy over the sources, two runs at a time. Most of what it takes for a source are the headers of others that this
# includes, so sources of one room are read together, as one source that includes them; what is found there is looked at
# again source by source, which decides. A file whose own text, included headers of the house, compiler flags
# and .clang-tidy have not changed since it was found clean by the same clang-tidy and under the same installed headers
# is not read again. The stamps that tell are kept with the user's caches, as a compiler cache is, for all work trees:
# $XDG_CACHE_HOME/itemize/tidy.
use strict;
use warnings;

use Cwd qw(getcwd realpath);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Spec::Functions qw(abs2rel);
use JSON::PP qw(decode_json encode_json);

use constant JOBS => 2;

# Sources that are read together, at most.
use constant TOGETHER => 8;

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
		  { file => abs2rel(realpath($entry->{file})), database => $database, command => $entry->{command}, directory => $entry->{directory} };
	}
}

# A source that no build knows would never be looked at.
my %built = map { $_->{file} => 1 } @units;
my @unbuilt = grep { !$built{$_} } split /\n/, qx{find extension/src sidecar/src tests/unit -name '*.cpp'};
print "not part of any build: $_\n" for @unbuilt;

# Names that a file may give to something at the outermost level, in whatever namespace. Too many do no harm, and too few end in
# an error of the compiler, hence in single sources.
my %names_of;
sub names_of
{
	my ($file) = @_;
	return $names_of{$file} if $names_of{$file};
	my %names;
	for my $line (split /\n/, text_of($file))
	{
		if ($line =~ /^\s*#\s*define\s+(\w+)/) { $names{$1} = 1 }
		next if $line !~ /^(?:[A-Za-z_]|template)/ || $line =~ /^(?:using|namespace|extern|return)\b/;
		# A header also declares what a source defines.
		next if $file =~ /\.hpp$/ && $line =~ /;$/ && $line !~ /\bconstexpr\b/;
		if ($line =~ /^(?:enum )?(?:class|struct|union|enum)\s+(\w+)/) { $names{$1} = 1; next }
		my ($declared) = $line =~ /^([^(={\[;]*)[(={\[;]/ or next;
		$names{$1} = 1 if $declared =~ /(?<![:~])\b(\w+)\s*$/ && $declared !~ /^[A-Z_0-9]+$/;    # TEST(...)
	}
	return $names_of{$file} = \%names;
}

# Sources that may be read together, since no name stands in two files of theirs: lists of units.
sub batches
{
	my (@units) = @_;
	my (%rooms, @batches);
	for my $unit (@units)
	{
		my $flags = $unit->{command} =~ s/ -[oc] \S+//gr;
		push @{ $rooms{ join("\0", $unit->{database}, $flags =~ s/\S*\Q$unit->{file}\E//r, checks_of($unit)) } }, $unit;
	}
	for my $room (sort keys %rooms)
	{
		my @open;
		for my $unit (@{ $rooms{$room} })
		{
			closure($unit->{file}, \my %files);
			my %names;    # and in which file each is
			for my $file (keys %files) { $names{$_} = $file for keys %{ names_of($file) } }
			my ($fit) = grep { my $taken = $_->{names}; @{ $_->{units} } < TOGETHER && !grep { ($taken->{$_} // $names{$_}) ne $names{$_} } keys %names } @open;
			push @open, $fit = { units => [], names => {} } if !$fit;
			push @{ $fit->{units} }, $unit;
			@{ $fit->{names} }{ keys %names } = values %names;
		}
		push @batches, map { $_->{units} } @open;
	}
	return @batches;
}

# What clang-tidy is told to read: the source, or a file that includes the sources, compiled as the first of them.
my $number = 0;
sub target_of
{
	my (@batch) = @_;
	return ($batch[0]{database}, $batch[0]{file}) if @batch == 1;
	my $directory = "$tree/$logs/" . ++$number;
	make_path($directory);
	my $file = "$directory/together.cpp";
	write_text($file, join('', map { qq{#include "$tree/$_->{file}" // NOLINT(bugprone-suspicious-include)\n} } @batch));
	write_text("$directory/compile_commands.json",
		encode_json([ { file => $file, directory => $batch[0]{directory}, command => "$batch[0]{command} -c $file" =~ s/ -c \S*\Q$batch[0]{file}\E//r } ]));
	return ($directory, $file);
}

sub write_text
{
	my ($file, $text) = @_;
	open(my $out, '>', $file) or die "$file: $!\n";
	print $out $text;
	close($out) or die "$file: $!\n";
	return;
}

make_path($stamps, $logs);
my $config = text_of('.clang-tidy');
# Where what is found is reported: in the headers that .clang-tidy names, and in every source, which is included, too.
my ($headers) = $config =~ /^HeaderFilterRegex: '(.*)'$/m or die ".clang-tidy has no HeaderFilterRegex\n";
my $reported = "$headers|[.]cpp\$";
# The long ones first, so that none is left to the end.
my @todo = sort { @$b <=> @$a } batches(grep { $_->{stamp} = stamp_of($_, $config); !-e "$stamps/$_->{stamp}" } @units);
my (%running, @bad);
while (@todo || %running)
{
	if (@todo && keys %running < JOBS)
	{
		my $batch = shift @todo;
		my ($database, $file) = target_of(@$batch);
		my $log = "$logs/$batch->[0]{stamp}.log";
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0)
		{
			open(STDOUT, '>', $log) or die;
			open(STDERR, '>&', \*STDOUT) or die;
			# Flags of g++ that clang does not know are no finding.
			exec('clang-tidy', '--quiet', '-p', $database, '--extra-arg=-Wno-unknown-warning-option', "--header-filter=$reported", checks_of($batch->[0]), $file) or die;
		}
		$running{$pid} = { batch => $batch, log => $log, directory => @$batch > 1 ? $database : undef };
		next;
	}
	my $pid = wait();
	my $run = delete $running{$pid} or next;
	my @batch = @{ $run->{batch} };
	if ($? == 0) { write_text("$stamps/$_->{stamp}", '') for @batch }
	elsif (@batch > 1)
	{
		unshift @todo, map { [$_] } @batch;
		print 'read one by one: ', join(' ', map { $_->{file} } @batch), "\n";
	}
	else { push @bad, @batch; print text_of($run->{log}) }
	unlink $run->{log};
	remove_tree($run->{directory}) if defined $run->{directory};
}
printf "%d sources, %d with findings\n", scalar(@units), scalar(@bad);
exit(@bad || @unbuilt ? 1 : 0);
