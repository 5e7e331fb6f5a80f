# Currencies and rates: the list is that of ISO 4217, and amounts are converted exactly by published rates.
# tier: quick
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use Math::BigFloat;
use Math::BigRat;
use Test::More;

my $node = start_postgres('currency');

sub query { return $node->safe_psql('postgres', $_[0]) }

# Rows of a file, each a hash by the names in its first line.
sub table
{
	my ($file, $separator) = @_;
	my ($head, @lines) = split /\r?\n/, slurp(collection($file));
	my @names = split /$separator/, $head;
	return map { my %row; @row{@names} = split /$separator/, $_, -1; \%row } grep { $_ ne '' } @lines;
}

SKIP:
{
	my $file = 'iso-countries-currencies/currencies.tsv';
	skip "no $file", 2 if !-e collection($file);
	my @wanted = map { "$_->{code}|" . (0 + $_->{numeric}) . "|$_->{minor_unit}" } table($file, "\t");
	my %there = map { $_ => 1 } split /\n/, query('SELECT code, number, minor_units FROM itemize.currency');
	cmp_ok(scalar @wanted, '>', 150, 'a list to compare with');
	is_deeply([ grep { !$there{$_} } @wanted ], [], 'every currency in use, with its number and decimals');
}

SKIP:
{
	my $file = 'ecb-fx/eurofxref-hist.csv';
	skip "no $file", 6 if !-e collection($file);
	my @days = table($file, ',');
	my %rates = map { my $day = $_; $day->{Date} => { map { $_ => $day->{$_} } grep { /^[A-Z]{3}$/ && $day->{$_} =~ /^[0-9.]+$/ } keys %$day } } @days;
	cmp_ok(scalar keys %rates, '>', 5000, 'days of published rates');

	# Days from all of the history, a call each, as a job would make it.
	my @dates = sort keys %rates;
	@dates = @dates[ grep { $_ % 100 == 0 || $_ == $#dates } 0 .. $#dates ];
	my $sql = '';
	for my $date (@dates)
	{
		my $json = join ', ', map { qq{"$_": $rates{$date}{$_}} } sort keys %{ $rates{$date} };
		$sql .= "SELECT itemize.set_rates('{$json}', '$date', 'ecb') \\g /dev/null\n";
	}
	query("BEGIN;\n${sql}COMMIT;");
	my $count = 0;
	$count += keys %$_ for @rates{@dates};
	is(query('SELECT count(*) FROM itemize.currency_rate'), $count, 'each of their rates is stored');
	my $last = $rates{ $dates[-1] };
	is(query(qq{SELECT itemize.set_rates('{"USD": $last->{USD}}', '$dates[-1]', 'ecb')}), 0, 'what is known already is no news');

	# Against rational numbers: any two currencies of any day, the day after the last rate of one included.
	srand(20260413);
	my (@conversions, @expected);
	for (1 .. 300)
	{
		my $date = $dates[ rand @dates ];
		my @codes = (sort(keys %{ $rates{$date} }), 'EUR');
		my ($from, $to) = map { $codes[ rand @codes ] } 1 .. 2;
		my $amount = sprintf '%d.%02d', int(rand 100000), int(rand 100);
		push @conversions, "('$amount'::numeric, '$from', '$to', '$date'::timestamptz + interval '1 hour')";
		my ($rate_from, $rate_to) = map { $_ eq 'EUR' ? 1 : $rates{$date}{$_} } $from, $to;
		my $exact = Math::BigRat->new($amount) * Math::BigRat->new($rate_to) / Math::BigRat->new($rate_from);
		$exact = Math::BigRat->new($amount) if $from eq $to;
		push @expected, $exact;
	}
	my @got = split /\n/, query('SELECT itemize.convert(amount, a, b, at) FROM (VALUES ' . join(', ', @conversions) . ') AS c (amount, a, b, at)');
	is(scalar @got, 300, 'amounts in all directions');
	my $half = Math::BigRat->new('1/200000000000000000000');
	my @wrong = grep { (Math::BigRat->new($got[$_]) - $expected[$_])->babs > $half } 0 .. $#got;
	is_deeply([ map { "$conversions[$_] is not $got[$_]" } @wrong ], [], 'exact to twenty decimals');

	is( query(q{SELECT r.currency FROM itemize.current_rates r WHERE r.currency IN ('CYP', 'EUR', 'USD') ORDER BY 1}),
		"CYP\nEUR\nUSD", 'a currency out of use keeps its last rate');
}

# Rates and currencies of one's own survive a dump; what came with the extension is not in it twice.
query(q{
DELETE FROM itemize.currency_rate;
INSERT INTO itemize.currency (code, minor_units, name) VALUES ('COIN', 8, 'a coin');
SELECT itemize.set_rates('{"USD": 1.1684, "COIN": 0.00001234}', '2026-04-13', 'test');
CREATE DATABASE copy});
my $directory = $node->basedir;
$node->command_ok([ 'pg_dump', '--format=custom', '--dbname', database_url($node), '--file', "$directory/dump" ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', database_url($node, dbname => 'copy'), "$directory/dump" ], 'pg_restore');
my $all = q{SELECT currency, rate, valid_from = '2026-04-13', source FROM itemize.currency_rate ORDER BY 1};
is($node->safe_psql('copy', $all), "COIN|0.00001234|t|test\nUSD|1.1684|t|test", 'rates are back');
is( $node->safe_psql('copy', 'SELECT count(*), count(*) FILTER (WHERE NOT standard) FROM itemize.currency'),
	query('SELECT count(*), 1 FROM itemize.currency'), 'and so is the currency of one\'s own');

# The script is read in every encoding; signs that one does not have are left out.
query(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('latin', 'CREATE EXTENSION itemize CASCADE');
is($node->safe_psql('latin', q{SELECT code, symbol FROM itemize.currency WHERE code IN ('EUR', 'USD') ORDER BY 1}), "EUR|\nUSD|\$", 'in LATIN1, too');
is(query(q{SELECT symbol = U&'\20AC' FROM itemize.currency WHERE code = 'EUR'}), 't', 'in UTF-8 there are signs');

done_testing();
