# Items compressed, once and by agreement; and feedback: what has become of the items that a client has.
# tier: quick
use strict;
use warnings;

use IO::Uncompress::Gunzip;
use Itemize::Test;
use JSON::PP;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, t text);
SELECT itemize.define('item', 'item', fields => '{t}', read => 'everyone');
INSERT INTO item SELECT i, repeat('x', 2000) FROM generate_series(1, 300) i;
CREATE TABLE secret (id int PRIMARY KEY, t text);
SELECT itemize.define('secret', 'secret', fields => '{t}', read => 'everyone');
INSERT INTO secret VALUES (1, 'one'), (2, 'two');
});
my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub gunzip { my ($bytes) = @_; my $text; IO::Uncompress::Gunzip::gunzip(\$bytes => \$text) or return 'no gzip'; return $text }

subtest 'an item compressed' => sub {
	my $plain = poll_until(sub { my $answer = get('item/1'); $answer->{status} == 200 && $answer }, 'an item');
	my ($opaque) = $plain->{headers}{etag} =~ /^"(.*)"$/;
	is($plain->{headers}{'content-encoding'}, undef, 'unasked it is not');
	is($plain->{headers}{vary}, 'Accept-Encoding', 'but might be');

	my $gzip = get('item/1', 'Accept-Encoding: gzip');
	is($gzip->{headers}{'content-encoding'}, 'gzip', 'asked for');
	is($gzip->{headers}{etag}, qq{"$opaque-gzip"}, 'it has a tag of its own');
	is($gzip->{headers}{vary}, 'Accept-Encoding', 'and says why');
	is($gzip->{headers}{'content-length'}, length $gzip->{body}, 'its length is that of what is sent');
	cmp_ok(length $gzip->{body}, '<', 200, 'which is less');
	is(gunzip($gzip->{body}), $plain->{body}, 'and the same');
	my $before = metric($sidecar, 'itemize_memory_hits_total');
	my $kept = poll_until(sub { my $answer = get('item/1', 'Accept-Encoding: gzip'); metric($sidecar, 'itemize_memory_hits_total') > $before && $answer }, 'it comes from memory');
	is($kept->{body}, $gzip->{body}, 'from memory in the same bytes');
	is($kept->{headers}{$_}, $gzip->{headers}{$_}, "and with the same $_") for qw(etag vary content-encoding content-type content-length);
	my $head = http_request('HEAD', $sidecar->url('/v1/items/item/1'), headers => ['Accept-Encoding: gzip']);
	is("$head->{headers}{'content-encoding'} $head->{headers}{'content-length'}", 'gzip ' . length $gzip->{body}, 'HEAD says as much');

	is(get('item/1', 'Accept-Encoding: gzip, br')->{headers}{etag}, qq{"$opaque-br"}, 'Brotli goes first');
	is(get('item/1', 'Accept-Encoding: gzip, br;q=0.5')->{headers}{etag}, qq{"$opaque-gzip"}, 'unless it weighs less');
	is(get('item/1', 'Accept-Encoding: br;q=0, gzip;q=0')->{headers}{etag}, qq{"$opaque"}, 'none is wanted');
	is(get('secret/1', 'Accept-Encoding: gzip')->{headers}{'content-encoding'}, undef, 'a short one is sent as it is');

	my $answer = sub { my $got = get('item/1', @_); return "$got->{status} $got->{headers}{etag}" };
	for my $tag ($opaque, "$opaque-gzip")
	{
		is($answer->('Accept-Encoding: gzip', qq{If-None-Match: "$tag"}), qq{304 "$tag"}, "who has $tag");
	}
	is($answer->(qq{If-None-Match: "$opaque-gzip"}), qq{200 "$opaque"}, 'who cannot read what is named gets what can be read');

	my $token = commit($node, q{UPDATE item SET t = repeat('y', 2000) WHERE id = 1});
	my $changed = get('item/1', 'Accept-Encoding: gzip', "Itemize-Min-Position: $token", 'Prefer: wait=30');
	like(gunzip($changed->{body}), qr/^\{"t":"y{2000}"\}$/, 'a changed one is compressed anew');
	return;
};

sub feedback
{
	my ($items, @headers) = @_;
	return http_request('POST', $sidecar->url('/v1/feedback'), headers => [ 'Content-Type: application/json', @headers ], body => encode_json({ items => $items }));
}

subtest 'feedback' => sub {
	my %tags = map { $_ => get("item/$_")->{headers}{etag} } 1 .. 4;
	my $gzip = get('item/3', 'Accept-Encoding: gzip')->{headers}{etag};
	my $secret = get('secret/1')->{headers}{etag};
	my $answer = feedback({ item => { %tags, 3 => $gzip }, secret => { 1 => $secret } });
	is($answer->{status}, 200, 'answered');
	is($answer->{body}, '{"changed":{},"gone":{},"hidden":{}}', 'nothing has changed');
	is($answer->{headers}{'cache-control'}, 'no-store', 'kept by nobody');
	ok($answer->{headers}{'itemize-position'}, 'as of a position');

	my $token = commit($node, q{UPDATE item SET t = 'new' WHERE id = 2; DELETE FROM item WHERE id = 4;
SELECT itemize.define('secret', 'secret', fields => '{t}', read => 'nobody', replace => true)});
	$answer = feedback({ item => { %tags, 999 => undef }, secret => { 1 => $secret, 77 => undef }, nosuch => { 1 => undef } },
		"Itemize-Min-Position: $token", 'Prefer: wait=30');
	is_deeply(
		$answer->{json},
		{
			changed => { item => { 2 => { etag => get('item/2')->{headers}{etag} =~ s/"//gr, item => { t => 'new' } } } },
			gone => { item => [ '4', '999' ] },
			hidden => { secret => [ '1', '77' ], nosuch => ['1'] },
		},
		'what is new, what is gone, what may not be seen') or diag(explain($answer));

	my %none = map { $_ => undef } 1 .. 300;
	$answer = feedback({ item => \%none });
	is(keys %{ $answer->{json}{changed}{item} }, 299, 'who has nothing gets all there is');
	my %all = map { $_ => $answer->{json}{changed}{item}{$_}{etag} // 'none' } 1 .. 300;
	is(feedback({ item => \%all })->{body}, '{"changed":{},"gone":{"item":["4"]},"hidden":{}}', 'and nothing twice');
	is(metric($sidecar, 'itemize_feedback_items_total{result="hidden"}'), 3, 'counted');

	my $refused = feedback({ item => { '%zz' => undef } });
	is("$refused->{status} $refused->{json}{type}", '400 urn:itemize:problem:malformed-key', 'a key that is none');
	$refused = http_request('POST', $sidecar->url('/v1/feedback'), body => '[]');
	is("$refused->{status} $refused->{json}{type}", '400 urn:itemize:problem:bad-request', 'a body that is none');
	$refused = http_get($sidecar->url('/v1/feedback'));
	is("$refused->{status} $refused->{headers}{allow}", '405 POST', 'GET');
	return;
};

is($sidecar->stop, 0, 'status 0');
done_testing();
