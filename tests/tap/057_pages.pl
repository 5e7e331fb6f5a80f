# Rendered pages: served until one of the items they were made of changes, to those who may see all of these.
# tier: quick
use strict;
use warnings;

use Itemize::Test;
use Itemize::Tokens;
use JSON::PP;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, t text);
SELECT itemize.define('item', 'item', fields => '{t}', read => 'everyone');
INSERT INTO item SELECT i, 'text ' || i FROM generate_series(1, 20) i;
CREATE TABLE inner_item (id int PRIMARY KEY, t text);
SELECT itemize.define('inner_item', 'inner_item', fields => '{t}', read => 'role:staff');
INSERT INTO inner_item VALUES (1, 'inner');
CREATE TABLE slug (path text PRIMARY KEY, t text);
SELECT itemize.define('slug', 'slug', fields => '{t}', read => 'role:staff');
INSERT INTO slug VALUES ('', 'the root'), ('a', 'another');
CREATE TABLE own (id int PRIMARY KEY, host text);
ALTER TABLE own REPLICA IDENTITY FULL;
SELECT itemize.define('own', 'own', fields => '{id,host}', read => 'owner', owner => 'host');
INSERT INTO own VALUES (1, 'app'), (2, 'ann'), (3, 'app');
});
my $redis = start_redis();
my $file = secret_file($secret);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwt-secret-file', $file, '--page-role', 'renderer' ]);
my @renderer = (bearer($secret, { sub => 'app', role => [ 'renderer', 'staff' ] }));
my @staff = (bearer($secret, { sub => 'ann', role => 'staff' }));
my @reader = (bearer($secret, { sub => 'bob', role => 'reader' }));

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/$path"), @headers) }
sub page { my ($path, @headers) = @_; return get("pages/$path", @headers) }
# The ETags of items, as a page names them.
sub tags
{
	my %tags;
	for my $name (@_)
	{
		my ($type, $key) = split m{/}, $name;
		$tags{$type}{$key} = get("items/$name", @staff)->{headers}{etag};
	}
	return \%tags;
}
sub put
{
	my ($path, $body, $items, @headers) = @_;
	return http_request('PUT', $sidecar->url("/v1/pages/$path"), headers => [ @headers ? @headers : @renderer ],
		body => encode_json({ content_type => 'text/html; charset=utf-8', body => $body, items => $items }));
}
sub problem_is { my ($answer, $expected, $name) = @_; return is("$answer->{status} " . ($answer->{json}{type} // ''), $expected =~ s/ / urn:itemize:problem:/r, $name) }
# Rendered from the items of now, and stored.
sub render { my ($path, $body, @items) = @_; return is(put($path, $body, tags(@items))->{status}, 204, "$path is put") }

# An item whose key is empty counts as any other.
is(put('root', 'the root', { slug => { '' => get('items/slug/', @staff)->{headers}{etag} } })->{status}, 204, 'a page of an item with an empty key');
is(page('root', @staff)->{status}, 200, 'is for whom its item is for');
problem_is(page('root'), '404 not-found', 'and for nobody else');
commit($node, q{UPDATE slug SET t = 'changed' WHERE path = ''});
poll_until(sub { page('root', @staff)->{status} == 404 }, 'it to end with the item');

# ---- Put and served

problem_is(page('home'), '404 not-found', 'a page that nobody has put');
my $put = put('home', '<h1>Home</h1>', tags('item/1', 'item/2'));
is($put->{status}, 204, 'put');
my $home = page('home');
is("$home->{status} $home->{body}", '200 <h1>Home</h1>', 'served');
is($home->{headers}{'content-type'}, 'text/html; charset=utf-8', 'as what it is');
is($home->{headers}{etag}, $put->{headers}{etag}, 'with its ETag');
is(join(' ', map { $home->{headers}{$_} // '-' } qw(cache-control cache-status vary)), 'no-cache itemize; hit -', 'from here, for everybody');
ok($home->{headers}{'itemize-position'}, 'as of a position');
my $same = page('home', "If-None-Match: $home->{headers}{etag}");
is("$same->{status} $same->{body}", '304 ', 'not again to who has it');
is(http_request('HEAD', $sidecar->url('/v1/pages/home'))->{headers}{'content-length'}, length $home->{body}, 'HEAD');
render('shop/a%20b/index', 'nested', 'item/3');
is(page('shop/a%20b/index')->{body}, 'nested', 'paths have segments');
problem_is(page('home?x=1'), '400 unknown-parameter', 'and no parameters');

# ---- Until an item changes

render('other', 'other', 'item/4');
my $token = commit($node, q{UPDATE item SET t = 'new' WHERE id = 2});
problem_is(page('home', "Itemize-Min-Position: $token", 'Prefer: wait=30'), '404 not-found', 'gone with the change of an item');
is(page('other')->{body}, 'other', 'another one is not');
render('home', 'again', 'item/1', 'item/2');
is(page('home')->{body}, 'again', 'put anew');
for my $end ('DELETE FROM item WHERE id = 1', q{UPDATE item SET t = t WHERE id = 4; UPDATE item SET t = 'x' || t WHERE id = 4},
	q{SELECT itemize.define('item', 'item', fields => '{t,id}', read => 'everyone', replace => true)}, 'TRUNCATE item; INSERT INTO item VALUES (3), (4)')
{
	my @items = $end =~ /^DELETE/ ? 'item/1' : 'item/4';
	render('short', 'short', 'item/3', @items);
	$token = commit($node, $end);
	problem_is(page('short', "Itemize-Min-Position: $token", 'Prefer: wait=30'), '404 not-found', "gone with $end");
}
render('removed', 'removed', 'item/3');
problem_is(http_request('DELETE', $sidecar->url('/v1/pages/removed'), headers => \@reader), '403 forbidden', 'not everybody removes one');
is(http_request('DELETE', $sidecar->url('/v1/pages/removed'), headers => \@renderer)->{status}, 204, 'removed');
problem_is(page('removed'), '404 not-found', 'and gone');

# ---- Refused: what is not of now

my $old = tags('item/3');
commit($node, q{UPDATE item SET t = 'newer' WHERE id = 3});
problem_is(put('late', 'late', $old, @renderer, 'Itemize-Min-Position: ' . commit($node, q{UPDATE item SET t = 'newest' WHERE id = 3}), 'Prefer: wait=30'), '409 conflict', 'rendered from an item that has changed');
problem_is(page('late'), '404 not-found', 'is not served');
problem_is(put('late', 'late', { item => { 99 => $old->{item}{3} } }), '409 conflict', 'of an item that does not exist');
problem_is(put('late', 'late', { nosuch => { 1 => $old->{item}{3} } }), '409 conflict', 'of a type that does not exist');

# ---- Who puts, and who sees

problem_is(put('mine', 'mine', tags('item/3'), @$_), '403 forbidden', 'only a renderer puts') for \@reader, ['X-Nothing: 1'];
problem_is(put('mine', 'mine', tags('item/3'), bearer("$secret!", { sub => 'app', role => 'renderer' })), '401 invalid-token', 'with a token that holds');
my $inner = tags('inner_item/1', 'item/3');
problem_is(put('inner', 'inner', $inner, bearer($secret, { sub => 'app', role => 'renderer' })), '409 conflict', 'who may not read an item makes no page of it');
is(put('inner', 'inner', $inner)->{status}, 204, 'who may does');
problem_is(page('inner', @$_), '404 not-found', 'who may not see an item does not see the page') for [], \@reader;
my $seen = page('inner', @staff);
is("$seen->{body} $seen->{headers}{'cache-control'} $seen->{headers}{vary}", 'inner private, no-cache Authorization', 'who may does, alone');
$token = commit($node, q{SELECT itemize.define('inner_item', 'inner_item', fields => '{t}', read => 'role:admin', replace => true)});
problem_is(page('inner', @staff, "Itemize-Min-Position: $token", 'Prefer: wait=30'), '404 not-found', 'until the rule is another');

# Of what each sees for himself.
my @owner = (bearer($secret, { sub => 'app', role => 'reader' }));
my $own = { own => { 1 => get('items/own/1', @owner)->{headers}{etag} } };
is(put('own', 'his own', $own)->{status}, 204, 'of what is his own');
is(page('own', @owner)->{body}, 'his own', 'he sees it');
problem_is(page('own', @$_), '404 not-found', 'another does not') for [], \@reader, \@staff;
my $of_ann = { own => { 2 => get('items/own/2', bearer($secret, { sub => 'ann' }))->{headers}{etag} } };
like($of_ann->{own}{2}, qr/^"/, 'what is another\'s has a tag');
problem_is(put('own', 'hers', $of_ann), '409 conflict', 'which lets nobody else make a page of it, nor learn that it is right');
$token = commit($node, q{UPDATE own SET host = 'ann' WHERE id = 1});
problem_is(page('own', @owner, "Itemize-Min-Position: $token", 'Prefer: wait=30'), '404 not-found', 'gone with the owner');

for my $malformed ('', '[]', '{}', '{"content_type":"text/html","body":"x"}', '{"content_type":"text/html","body":"x","items":{}}', '{"content_type":"text/html","body":"x","items":{"item":{"3":null}}}',
	'{"content_type":"html","body":"x","items":{"item":{"3":"x"}}}', '{"content_type":"text/html\r\nX: y","body":"x","items":{"item":{"3":"x"}}}', '{"content_type":"text/html","body":5,"items":{"item":{"3":"x"}}}')
{
	problem_is(http_request('PUT', $sidecar->url('/v1/pages/bad'), headers => \@renderer, body => $malformed), '400 bad-request', "malformed: $malformed");
}
my $post = http_request('POST', $sidecar->url('/v1/pages/home'), headers => \@renderer, body => '{}');
is("$post->{status} $post->{headers}{allow}", '405 GET, HEAD, PUT, DELETE', 'POST');
problem_is(page($_), '404 not-found', "'" . substr($_, 0, 30) . "' is no path of a page") for '', 'a//b', '../v1/items/item/3', 'a/.', 'x' x 1025;
problem_is(page('other', 'Itemize-Min-Position: ' . $token =~ s/:\d+-/:1152921504606846976-/r, 'Prefer: wait=0'), '503 position-not-reached', 'of a future');
is(metric($sidecar, 'itemize_pages_total{result="refused"}'), 5, 'refusals are counted');

# ---- A copy that is away

render('kept', 'kept', 'item/3');
$redis->stop;
problem_is(poll_until(sub { my $answer = page('kept'); $answer->{status} == 503 && $answer }, 'Redis is away'), '503 not-ready', 'without Redis there are no pages');
$sidecar->stop;
done_testing();
