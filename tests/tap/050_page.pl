# The demo's page in Chromium, on a phone and on a desktop: the catalogue on the map and in the list, changes made with
# SQL appearing while it is open, and the way back after the sidecar was gone.
# tier: quick
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
my $items = 1200;
my $key = 7;

# Seconds from the end of psql until a change must be on the page. How fast it is, is for a benchmark to say.
my $live = $PostgreSQL::Test::Utils::timeout_default;

my $postgres = start_postgres('page', extension => 0);
$postgres->safe_psql('postgres', slurp("$source/docker/demo/schema.sql"));
$postgres->safe_psql(
	'postgres', qq{
INSERT INTO public.listing
SELECT n, 'Place ' || n, 'A description', 'BE', 'en', (ARRAY['park', 'square', 'market'])[1 + n % 3], 10 + n % 90, 'EUR',
       ST_Point(4.3 + n % 40 / 100.0, 51.1 + n / 40 / 100.0)::geography
FROM generate_series(1, $items) AS n;
} . slurp("$source/docker/demo/define.sql"));
create_sidecar_roles($postgres);
my $redis = start_redis();
my @static = ('--static-dir', "$source/docker/demo/page");
my $sidecar = start_sidecar('absolute', postgres => $postgres, redis => $redis, flags => \@static);
my $url = $sidecar->url('/');

sub sql { return $postgres->safe_psql('postgres', $_[0]) }
sub quoted { return JSON::PP->new->allow_nonref->ascii->encode($_[0]) }

# True when the expression becomes true in time.
sub becomes
{
	my ($page, $expression, $timeout) = @_;
	return eval { $page->wait_for("!!($expression)", $expression, $timeout // $live); 1 } // 0;
}

sub press
{
	my ($page, $name, $code) = @_;
	$page->call('Input.dispatchKeyEvent', { type => $_, key => $name, code => $name, windowsVirtualKeyCode => $code })
	  for qw(rawKeyDown keyUp);
	return;
}

sub filter
{
	my ($page, $text) = @_;
	$page->evaluate("filter.value = " . quoted($text) . "; filter.dispatchEvent(new Event('input')); 0");
	return;
}

sub check_loading
{
	my ($page, $name) = @_;
	$page->go($url);
	ok(becomes($page, "document.body.dataset.loaded === 'true'"), "$name: the page loads");
	is($page->evaluate('document.body.dataset.items'), $items, "$name: it holds all items");
	is($page->evaluate('document.body.dataset.points'), $items, "$name: the map has a point for each");
	ok(becomes($page, qq{document.querySelector('[role=option]')?.getAttribute('aria-setsize') === '$items'}),
		"$name: the list has rows, and they say how many there are");
	cmp_ok($page->evaluate(q{document.querySelectorAll('[role=option]').length}),
		'<', 100, "$name: only those in sight are in the document");
	ok(becomes($page, q{document.getElementById('status').dataset.state === 'live'}), "$name: it says that it is live");
	ok($page->evaluate('document.documentElement.scrollWidth <= innerWidth'), "$name: nothing is wider than the screen");

	# More than a background and a line.
	cmp_ok(
		$page->evaluate(
			q{(() => { const canvas = document.getElementById('map'), seen = new Set();
			const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
			for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
			return seen.size; })()}), '>', 10, "$name: the map is painted");
	return;
}

sub check_keyboard
{
	my ($page, $name) = @_;
	$page->evaluate("document.getElementById('list').focus(); 0");
	press($page, 'End', 35);
	ok(becomes($page, qq{document.querySelector('[aria-selected=true]')?.getAttribute('aria-posinset') === '$items'}),
		"$name: the End key reaches the last row");
	ok(becomes($page, '!card.hidden'), "$name: the chosen item is shown");
	press($page, 'Escape', 27);
	ok(becomes($page, 'card.hidden'), "$name: Escape closes it");
	return;
}

sub check_change
{
	my ($page, $name, $price) = @_;
	filter($page, $key);
	# The mark goes by itself: it must be seen by somebody who always looks.
	$page->evaluate(
		qq{window.marked = false; new MutationObserver(() => { const row = document.querySelector('[role=option][data-key="$key"]');
		window.marked ||= row?.classList.contains('changed') && row.querySelector('.price').textContent.includes('$price'); })
		.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true }); 0});
	sql("UPDATE public.listing SET price = $price WHERE id = $key");
	ok(becomes($page, 'window.marked'), "$name: a changed price is in the list, marked");
	ok(becomes($page, qq{document.querySelector('#feed li ins')?.textContent.includes('$price')}), "$name: the feed tells it");
	ok(becomes($page, qq{announce.textContent.includes('$price')}), "$name: screen readers are told");
	filter($page, '');
	return;
}

sub check_markup
{
	my ($page, $name) = @_;
	my $text = '<img src=x onerror=alert(1)> & <b>bold</b>';
	sql("UPDATE public.listing SET name = '$text' WHERE id = $key");
	ok( becomes($page, '[...document.querySelectorAll("#feed button")].some((one) => one.textContent === ' . quoted($text) . ')'),
		"$name: a name that looks like markup is shown as text");
	is($page->evaluate(q{document.querySelectorAll('#feed img, #feed b, #rows img').length}), 0, "$name: it makes no element");
	sql("UPDATE public.listing SET name = 'Place $key' WHERE id = $key");
	return;
}

sub check_insert_and_delete
{
	my ($page, $name) = @_;
	my $id = '9007199254740993';    # does not fit a JavaScript number
	sql("INSERT INTO public.listing (id, name, kind, price, currency) VALUES ($id, 'A new place', 'square', 5, 'EUR')");
	ok(becomes($page, "document.body.dataset.items === '" . ($items + 1) . "'"), "$name: a new row appears");
	filter($page, $id);
	ok(becomes($page, qq{document.querySelector('[role=option]')?.dataset.key === '$id'}), "$name: its key is exact beyond 2^53");
	filter($page, '');
	sql("DELETE FROM public.listing WHERE id = $id");
	ok(becomes($page, "document.body.dataset.items === '$items'"), "$name: a deleted row goes");
	return;
}

sub check_quiet
{
	my ($page, $name) = @_;
	is(join("\n", $page->errors), '', "$name: no error on the console");
	is(join("\n", grep { index($_, $url) != 0 } grep { !/^about:/ } $page->requests), '', "$name: no request to anywhere else");
	return;
}

sub check_reconnecting
{
	my ($page, $name) = @_;
	my $port = $sidecar->port;
	$sidecar->stop;
	ok(becomes($page, q{document.getElementById('status').dataset.state === 'reconnecting'}),
		"$name: it says so when the connection is lost");
	sql("UPDATE public.listing SET price = 777 WHERE id = $key");
	$sidecar = start_sidecar(
		'absolute',
		postgres => $postgres,
		redis => $redis,
		listen => 0,
		flags => [ @static, '--listen', "127.0.0.1:$port" ]);
	filter($page, $key);
	ok(becomes($page, qq{document.querySelector('[role=option][data-key="$key"] .price')?.textContent.includes('777')}),
		"$name: back again, it shows what was changed meanwhile");
	ok(becomes($page, q{document.getElementById('status').dataset.state === 'live'}), "$name: and is live");
	return;
}

my @screens = (
	{ name => 'phone', scheme => 'light', size => [ width => 360, height => 740, mobile => 1 ] },
	{ name => 'desktop', scheme => 'dark', size => [ width => 1280, height => 800 ] });
for my $number (0 .. $#screens)
{
	my ($name, $scheme, $size) = @{ $screens[$number] }{qw(name scheme size)};
	my $page = open_browser(@$size);
	$page->call('Emulation.setEmulatedMedia', { features => [ { name => 'prefers-color-scheme', value => $scheme } ] });
	check_loading($page, $name);
	check_keyboard($page, $name);
	check_change($page, $name, 431 + $number);
	check_markup($page, $name);
	check_insert_and_delete($page, $name);
	$page->screenshot("$PostgreSQL::Test::Utils::log_path/page_$name.png");
	check_quiet($page, $name);
	check_reconnecting($page, $name) if $number == $#screens;
	$page->stop;
}
done_testing();
