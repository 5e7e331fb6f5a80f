# Searching on the demo's page in Chromium, on a phone and on a desktop: words are typed, results come, a facet and a
# currency are chosen, the map shows where they are; and changes made with SQL come into what is found.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no Chromium' if !Itemize::Browser->program;

my $source = $ENV{ITEMIZE_SOURCE} // "$FindBin::RealBin/../..";
my $postgres = start_postgres('page', extension => 0);
$postgres->safe_psql('postgres', slurp("$source/docker/demo/$_.sql")) for qw(schema define rates);
# 240 places of which 40 are harbours: 20 parks, 20 markets; each price 10 to 49 euros, or as much in yen.
$postgres->safe_psql(
	'postgres', q{
INSERT INTO public.listing
SELECT n, CASE WHEN n <= 40 THEN 'Harbour ' || n ELSE 'Meadow ' || n END, CASE WHEN n = 1 THEN 'with <i>lighthouses</i> & boats' ELSE 'A place' END,
       'BE', 'en', CASE WHEN n % 2 = 0 THEN 'park' ELSE 'market' END, (10 + n % 40) * CASE WHEN n % 4 = 0 THEN 180 ELSE 1 END,
       CASE WHEN n % 4 = 0 THEN 'JPY' ELSE 'EUR' END, ST_Point(n % 20 - 10, 40 + n / 20)::geography
FROM generate_series(1, 240) AS n;
});
create_sidecar_roles($postgres);
my $sidecar = start_sidecar('absolute', postgres => $postgres, redis => start_redis(), flags => [ '--search-timeout-milliseconds', 60000, '--static-dir', "$source/docker/demo/page" ]);
my $url = $sidecar->url('/');

sub quoted { return JSON::PP->new->allow_nonref->ascii->encode($_[0]) }

sub becomes
{
	my ($page, $expression) = @_;
	# A row may go between two looks at it: that is no answer yet.
	return eval { $page->wait_for("(() => { try { return !!($expression); } catch { return false; } })()", $expression); 1 } // 0;
}

# As a reader does: the focus, then key by key.
sub type_words
{
	my ($page, $text) = @_;
	$page->evaluate("filter.focus(); filter.select(); 0");
	$page->call('Input.dispatchKeyEvent', { type => $_, key => 'Delete', code => 'Delete', windowsVirtualKeyCode => 46 }) for qw(rawKeyDown keyUp);
	$page->call('Input.insertText', { text => $_ }) for split //, $text;
	return;
}

sub choose
{
	my ($page, $id, $value) = @_;
	$page->evaluate("(() => { const e = document.getElementById('$id'); e.value = " . quoted($value) . "; e.dispatchEvent(new Event('change')); })(), 0");
	return;
}

sub shown { my ($count) = @_; return "document.body.dataset.search === 'server' && document.body.dataset.shown === '$count'" }
# The chip of a kind says how many there are.
sub chip { return "document.querySelector('#kinds button[data-kind=$_[0]]')?.textContent === '$_[0] $_[1]'" }
my $rows = "[...document.querySelectorAll('[role=option]')]";

sub check_search
{
	my ($page, $name) = @_;
	$page->go($url);
	ok(becomes($page, "document.body.dataset.loaded === 'true' && !document.getElementById('price-label').hidden"), "$name: the page loads, and can search");
	type_words($page, 'harbours');
	ok(becomes($page, shown(40)), "$name: an inflected word finds its items");
	ok(becomes($page, "count.textContent.startsWith('40 of 240')"), "$name: it says how many");
	ok(becomes($page, "$rows.length > 0 && $rows.every((row) => row.querySelector('.text mark')?.textContent === 'Harbour')"), "$name: what matched is marked");
	ok(becomes($page, 'Number(document.body.dataset.clusters) > 0'), "$name: the map shows where they are");
	ok(becomes($page, chip('park', 20)), "$name: the facet counts them");
	ok($page->evaluate('document.documentElement.scrollWidth <= innerWidth'), "$name: nothing is wider than the screen");
	return;
}

sub check_markup
{
	my ($page, $name) = @_;
	type_words($page, 'lighthouse');
	ok(becomes($page, shown(1) . " && $rows\[0].querySelector('.text').textContent.includes('<i>lighthouses</i> & boats')"),
		"$name: what looks like markup is shown as text");
	is($page->evaluate(q{document.querySelectorAll('#rows i').length}), 0, "$name: and makes no element");
	type_words($page, 'harbours');
	ok(becomes($page, shown(40) . ' && ' . chip('park', 20)), "$name: another search");
	return;
}

sub check_facet
{
	my ($page, $name) = @_;
	# With the keyboard: the chips are buttons.
	$page->evaluate(q{document.querySelector('#kinds button[data-kind=park]').focus(); 0});
	$page->call('Input.dispatchKeyEvent', { type => $_, key => ' ', code => 'Space', windowsVirtualKeyCode => 32, $_ eq 'keyUp' ? () : (text => ' ') }) for qw(keyDown keyUp);
	ok(becomes($page, shown(20) . " && $rows.every((row) => row.querySelector('.meta').textContent.startsWith('park'))"), "$name: a facet narrows it");
	ok(becomes($page, q{document.querySelector('#kinds button[data-kind=park]').getAttribute('aria-pressed') === 'true'}), "$name: and is pressed");
	ok(becomes($page, chip('market', 20)), "$name: the other one is still counted");
	is($page->evaluate('document.activeElement.dataset.kind'), 'park', "$name: the focus stays");
	return;
}

sub check_currency
{
	my ($page, $name) = @_;
	choose($page, 'currency', 'USD');
	ok(becomes($page, "$rows.length > 0 && $rows.every((row) => row.querySelector('.price').textContent.startsWith('\\u2248 \$'))"), "$name: prices in the currency chosen");
	choose($page, 'sort', 'price.asc');
	# Number 40 costs 1800 yen, which are 10 euros or 11.60 dollars; the other parks cost more.
	ok(becomes($page, "document.querySelector('[role=option][aria-posinset=\"1\"]')?.dataset.key === '40'"), "$name: the cheapest first, whatever its currency");
	ok(becomes($page, "document.querySelector('[role=option][aria-posinset=\"1\"] .price').textContent === '\\u2248 \$11.60'"), "$name: converted");
	$page->screenshot("$PostgreSQL::Test::Utils::log_path/page_search_$name.png");
	ok(becomes($page, q{[...document.getElementById('price').options].some((option) => option.value === '10,25')}), "$name: there are ranges of prices");
	choose($page, 'price', '10,25');
	ok(becomes($page, "Number(document.body.dataset.shown) > 0 && Number(document.body.dataset.shown) < 20"), "$name: which narrow it");
	choose($page, 'currency', '');
	choose($page, 'sort', 'stored');
	ok(becomes($page, shown(20) . " && $rows.some((row) => row.querySelector('.price').textContent.includes('\\u00a5'))"), "$name: prices as stored again");
	return;
}

sub check_live
{
	my ($page, $name) = @_;
	$postgres->safe_psql('postgres', q{INSERT INTO public.listing VALUES (1000, 'A new harbour', 'x', 'BE', 'en', 'park', 5, 'EUR', ST_Point(5, 50)::geography)});
	ok(becomes($page, shown(21)), "$name: a row that is written comes into what is found");
	$postgres->safe_psql('postgres', 'DELETE FROM public.listing WHERE id = 1000');
	ok(becomes($page, shown(20)), "$name: and goes with its row");
	return;
}

sub check_end
{
	my ($page, $name) = @_;
	$page->evaluate(q{document.querySelector('#kinds button[data-kind=park]').click(); 0}) if becomes($page, chip('park', 20));
	type_words($page, 'harbours unicorn');
	ok(becomes($page, "!note.hidden && note.textContent.startsWith('No item has all')"), "$name: when not all words are found it says so");
	type_words($page, '77');
	ok(becomes($page, "$rows.some((row) => row.dataset.key === '77')"), "$name: a key is found, too");
	type_words($page, '');
	ok(becomes($page, q{document.body.dataset.search === 'held' && document.body.dataset.shown === '240'}), "$name: without words everything is there");
	ok($page->evaluate(q{[...document.querySelectorAll('#controls input, #controls select')].every((one) => one.labels.length > 0)}), "$name: everything has a label");
	is(join("\n", $page->errors), '', "$name: no error on the console");
	is(join("\n", grep { index($_, $url) != 0 } grep { !/^about:/ } $page->requests), '', "$name: no request to anywhere else");
	return;
}

for my $screen ({ name => 'phone', size => [ width => 360, height => 740, mobile => 1 ] }, { name => 'desktop', size => [ width => 1280, height => 800 ] })
{
	my $page = open_browser(@{ $screen->{size} });
	$_->($page, $screen->{name}) for \&check_search, \&check_markup, \&check_facet, \&check_currency, \&check_live, \&check_end;
	$page->stop;
}
done_testing();
