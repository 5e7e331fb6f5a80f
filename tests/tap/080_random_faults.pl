# Random faults while clients write, read and follow; a judge decides from what they saw whether a promise was broken.
# sanitize: no (long; 031_faults.pl goes the same ways through the sidecar)
#
# ITEMIZE_SEED=N repeats the choices of an earlier run, SOAK_SECONDS=N makes it as long as that (make soak), and FAULTS=TEXT
# takes only the kinds whose names have TEXT in them.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Itemize::Faults;
use Itemize::Test;
use Itemize::World;

# Seconds from the end of a fault until everything shows the database's state again: the promise, held against in a soak.
# In a short run the machine does other things as well, so that it only has to come to an end (Itemize::World's PATIENCE).
use constant BAR => 10;

# Seconds from a fault's beginning, for those that another process is there to make good.
my %takeover = ('kill the active global sidecar' => 5);

# Faults of the short run, and how many of a long one's come two at once.
use constant { SHORT => 7, PAIRS => 0.3 };

my $seed = $ENV{ITEMIZE_SEED} || 1 + int(rand(1e9));
srand($seed);
diag("seed $seed: ITEMIZE_SEED=$seed repeats it");

my $soak  = $ENV{SOAK_SECONDS};
my @kinds = grep { !length($ENV{FAULTS} // '') || index($_, $ENV{FAULTS}) >= 0 } sort keys %Itemize::Faults::kinds;
my @turn;

# Every kind comes before one comes again.
sub next_kind
{
	if (!@turn)
	{
		@turn = @kinds;
		for (my $i = $#turn; $i > 0; $i--) { my $j = int rand($i + 1); @turn[ $i, $j ] = @turn[ $j, $i ] }
	}
	return shift @turn;
}

my $world = Itemize::World->new($seed);

sub kept { return "its history is kept with the logs, for judge_history: " . join(' ', $world->keep_history(@_)) . "\n" }

$world->start_workload;
$world->converge;

# What converge() must not take for the database's state: a state from before, a deleted row, and one that the
# database has lost.
my $lost = 1_000_000_000;
my $moment = { truth => { 1001 => '8/8', 1002 => '7/7' }, committed => { map { $_ => 1 } 1 .. 8 } };
for ([ 'as it was', '1001=8/8 1002=7/7', '' ], [ 'older', '1001=6/6 1002=7/7', '1001' ], [ 'deleted', '1001=8/8 1002=7/7 1003=5/5', '1003' ], [ 'lost', "1001=$lost/1 1002=7/7", '1001' ])
{
	my ($how, $shown, $behind) = @$_;
	is(join(' ', $world->_behind($moment, { map { split /=/ } split / /, $shown })), $behind, "shown $how: " . ($behind ? 'not converged' : 'converged'));
}

my $begun = time();
my (%seconds, $stuck);
for (my $count = 0; $soak ? time() - $begun < $soak : $count < SHORT; $count++)
{
	my $kind = next_kind();
	Itemize::Faults::pause(0.2, $soak ? 3 : 1);
	my $from  = time();
	my @beside = Itemize::Faults::kinds_beside($kind);
	my $second = $soak && @beside && rand() < PAIRS ? Itemize::Faults::pick(@beside) : undef;
	my $whom   = Itemize::Faults::inflict($world, $kind, $second);
	my $lasted = time() - $from;
	my $needed = eval { $world->converge };
	my $name   = $kind . (defined $second ? " + $second" : '') . (length $whom ? " ($whom)" : '');
	$stuck = "$name: $@", last if !defined $needed;
	push @{ $seconds{ defined $second ? 'two at once' : $kind } }, $needed + ($takeover{$kind} && !defined $second ? $lasted : 0);
	note(sprintf('%5.1f s  %-55s took %4.1f s, all is well %5.2f s later', $from - $begun, $name, $lasted, $needed));
	$world->replica_fills;
	$world->look_after_replica;
}
is($stuck, undef, 'everything came back by itself');

my ($findings, $report) = eval { $world->judge };
my $died = $@;
die $died . kept() if !defined $findings;
note($_) for grep { !/^FOUND/ } split /\n/, $report;
note('fills from the standby: ' . $world->replica_fills);
note("epochs begun: " . $world->count_log('epoch_begun') . ", copies begun anew: " . $world->count_log('resynced'));
is(scalar(@$findings), 0, 'no promise was broken');
cmp_ok(($report =~ /^reads: (\d+)/m)[0], '>', $soak ? 500 : 0, 'and clients were looking');

my @needed = map { @$_ } values %seconds;
note(sprintf('%d times something was broken; the longest convergence was %.2f s', scalar @needed, (sort { $a <=> $b } @needed)[-1] // 0));
note(sprintf('%-55s %5s %8s %8s', 'fault', 'times', 'median', 'longest'));
for my $kind (sort keys %seconds)
{
	my @sorted = sort { $a <=> $b } @{ $seconds{$kind} };
	note(sprintf('%-55s %5d %6.2f s %6.2f s', $kind, scalar @sorted, $sorted[ $#sorted / 2 ], $sorted[-1]));
	cmp_ok($sorted[-1], '<', $takeover{$kind} // BAR, "$kind: convergence") if $soak;
}

if (!Test::More->builder->is_passing)
{
	diag("FOUND $_") for @$findings[ 0 .. ($#$findings < 49 ? $#$findings : 49) ];
	diag(kept(@$findings));
}
else { $world->drop_history }

done_testing();
