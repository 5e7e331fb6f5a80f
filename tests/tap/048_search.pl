# Searches over HTTP: what they answer, what they refuse and in which words, on the standby or on the primary, in time or
# not at all; and what they show is in the copy from then on.
use strict;
use warnings;

use IPC::Run;
use Itemize::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE listing (id int PRIMARY KEY, name text, about text, kind text, beds int, price numeric(10, 2), currency text,
  lang text, location geography(Point, 4326), owner text, updated_at timestamptz, tags text[] DEFAULT '{}');
INSERT INTO listing VALUES
  (1, 'Loft with a view of the sea', 'Two rooms <b>above</b> the harbour', 'loft', 2, 95, 'EUR', 'en', ST_Point(4.40, 51.22), 'ann', '2026-01-01'),
  (2, 'Casa azul', 'Una casa con vistas al mar', 'house', 4, 2000, 'MXN', 'es', ST_Point(-99.16, 19.36), 'bob', '2026-02-01'),
  (3, 'Quiet room', 'No view at all', 'room', 1, 60, 'USD', 'en', ST_Point(4.42, 51.23), 'ann', '2026-03-01'),
  (4, 'Houseboat <b>above</b> all', 'A view of both banks', 'boat', NULL, NULL, NULL, 'en', ST_Point(4.90, 52.37), NULL, '2026-04-01');
UPDATE listing SET tags = CASE id WHEN 1 THEN '{sea,"two, rooms"}' ELSE '{sea,sun}' END::text[] WHERE id <= 2;
SELECT itemize.set_rates('{"USD": 1.25, "MXN": 20}');
SELECT itemize.define('listing', 'listing', fields => '{id,name,price,currency,beds,tags}', read => 'everyone',
  text => '{"name": "A", "about": "B"}', language => 'lang', location => 'location', price => 'price', currency => 'currency',
  facets => '{kind,beds}', owner => 'owner', changed => 'updated_at');
CREATE TABLE plain (id int PRIMARY KEY);
SELECT itemize.define('plain', 'plain', fields => '{id}', read => 'everyone');
CREATE TABLE secret (id int PRIMARY KEY, name text);
INSERT INTO secret VALUES (1, 'a view');
SELECT itemize.define('secret', 'secret', fields => '{name}', text => '{"name": "A"}', language => 'en', read => 'nobody');
CREATE TABLE many (id int PRIMARY KEY, name text, price numeric, currency text);
INSERT INTO many SELECT i, 'thing ' || i, i, 'EUR' FROM generate_series(1, 250) i;
CREATE TABLE heavy (id int PRIMARY KEY, title text, body text);
INSERT INTO heavy SELECT i, 'a heavy thing', repeat('x', 6000000) FROM generate_series(1, 3) i;
SELECT itemize.define('heavy', 'heavy', fields => '{body}', text => '{"title": "A"}', language => 'en', read => 'everyone');
SELECT itemize.define('many', 'many', fields => '{id,name}', text => '{"name": "A"}', language => 'en', read => 'everyone');
});
my ($redis) = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--heartbeat-seconds', 1, '--search-timeout-milliseconds', 60000 ]);

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/$path"), @headers) }
sub keys_of { my ($answer) = @_; return $answer->{json} && $answer->{json}{items} ? join(' ', map { $_->{key} } @{ $answer->{json}{items} }) : "status $answer->{status}: $answer->{body}" }
sub found { return keys_of(get("search/listing?$_[0]")) }
sub refused { my ($path) = @_; my $answer = get($path); return "$answer->{status} " . ($answer->{json}{detail} // '') }
# Takes items out of the copy.
sub evict { my ($keys) = @_; $redis->cli('DEL', 'none', split /\n/, $redis->cli('KEYS', "*:item:$keys")); return }
# Commits, and gives the token of the commit.

# ---- What is found

is(found('order=key'), '1 2 3 4', 'without a question everything is found');
is(found('q=view&order=key'), '1 3 4', 'words');
is(found('q=vistas+mar'), '2', 'in any language');
is(found('q=views+-boat+sea&lang=en'), '1', 'inflected, in the language given');
is(found('lat=51.22&lon=4.40&radius=5km'), '1 3', 'within a radius, nearest first');
is(found('lat=51.22&lon=4.40&radius=100mi'), '1 3 4', 'in miles');
is(found('bbox=-100,19,-99,20'), '2', 'within a box');
is(found('price=lte.100&currency=EUR&order=price'), '3 1 2', 'prices in the currency of the visitor');
is(found('price=gte.99&price=lte.130&currency=USD'), '1 2', 'between two bounds, converted');
is(found('kind=in.(loft,%22boat%22)&order=key'), '1 4', 'a filter');
is(found('beds=gte.2&beds=lt.4'), '1', 'two on one field');
is(found('beds=is.null'), '4', 'null');
is(found('beds=not.eq.1&order=key'), '1 2', 'not');
is(found('and=(beds.gte.2,not.or(kind.eq.house,beds.is.null))'), '1', 'lists in lists');
is(found('or=(beds.gte.4,kind.eq.room)&order=key'), '2 3', 'one of two');
is(found('name=ilike.*LOFT*'), '1', 'a pattern');
is(found('name=not.like.*o*'), '2', 'and not');
is(found('tags=cs.{sea}&order=key'), '1 2', 'an array that has an element');
is(found('tags=cs.{%22two,%20rooms%22,sea}'), '1', 'or two');
is(found('tags=ov.{moon,sun}'), '2', 'one that has any');
is(found('tags=cd.{sea,sun}&order=key'), '2 3 4', 'one that has no other');
is(found('owner=ann&since=2026-02-15'), '3', 'owner, and changed since');
is(found('until=2026-02-01&order=key'), '1', 'changed until');

my $answer = get('search/listing?q=view&lat=51.22&lon=4.40&radius=2km&currency=USD&total=exact&limit=1');
is($answer->{status}, 200, 'an answer');
my $hit = $answer->{json}{items}[0];
is($hit->{key}, 1, 'the best one first');
like($hit->{headline}, qr{<mark>view</mark>}, 'with what matched');
cmp_ok($hit->{score}, '>', 0, 'its score');
cmp_ok($hit->{distance}, '<', 1, 'its distance');
cmp_ok($hit->{price}, '==', 118.75, 'its price in the visitor\'s currency');
is($answer->{json}{total}, 2, 'how many there are');
ok($answer->{json}{total_is_exact}, 'counted');
ok(!$answer->{json}{relaxed}, 'all words were found');
like($answer->{headers}{'content-type'}, qr{^application/json}, 'as JSON');
is($answer->{headers}{'cache-control'}, 'no-cache', 'to be asked for again');
like($answer->{headers}{'itemize-position'}, qr/^[\d.]+:\d+-\d+$/, 'with a position');
is(index($answer->{body}, '"item":' . get('items/listing/1')->{body}) > 0 ? 1 : 0, 1, 'the item in the bytes that it always has');
like(get('search/listing?q=houseboat')->{json}{items}[0]{headline}, qr{^<mark>Houseboat</mark> &lt;b&gt;above}, 'a headline is escaped');
ok(exists $_->{headline} && !defined $_->{headline}, 'and has nothing of a column that clients do not see') for get('search/listing?q=harbour')->{json}{items}[0];
ok(get('search/listing?q=sea+unicorn')->{json}{relaxed}, 'when not all words are found it says so');
my $estimate = get('search/many?q=thing&total=estimated&limit=1')->{json};
is($estimate->{total}, 250, 'of so few rows an estimate');
ok($estimate->{total_is_exact}, 'is a count');

my $again = get('search/listing?q=view', "If-None-Match: " . get('search/listing?q=view')->{headers}{etag});
is("$again->{status} $again->{body}", '304 ', 'who has the answer gets none');
isnt(get('search/listing?q=sea')->{headers}{etag}, get('search/listing?q=view')->{headers}{etag}, 'another answer has another tag');
for my $path ('search/listing?q=view', 'facets/listing?facets=kind', 'clusters/listing?zoom=3')
{
	my $before = get($path)->{headers}{etag} // 'none';
	$node->safe_psql('postgres', q{BEGIN; INSERT INTO listing (id, name, kind, lang, location) VALUES (5, 'A view', 'hut', 'en', ST_Point(100, 10)); COMMIT});
	isnt(get($path)->{headers}{etag}, $before, "of $path one that has changed as well");
	$node->safe_psql('postgres', 'DELETE FROM listing WHERE id = 5');
	is(get($path)->{headers}{etag}, $before, 'and what is as before has the tag of before');
	is(get($path, "If-None-Match: $before")->{status}, 304, 'which is compared');
}
is(http_request('HEAD', $sidecar->url('/v1/search/listing?q=view'))->{status}, 200, 'HEAD');
is(http_request('POST', $sidecar->url('/v1/search/listing?q=view'))->{status}, 405, 'and nothing else');

# ---- Pages

my ($pages, @seen) = (0);
my $after = '';
while (defined $after)
{
	my $page = get('search/many?q=thing&limit=100&order=key' . ($after ne '' ? "&after=$after" : ''));
	last if !ok($page->{status} == 200, 'page ' . ++$pages) || $pages > 5;
	push @seen, map { $_->{key} } @{ $page->{json}{items} };
	$after = $page->{json}{next};
}
is($pages, 3, 'the last page has no next');
is(join(' ', @seen), join(' ', 1 .. 250), 'each row once, in order');
my $next = get('search/many?q=thing&limit=2')->{json}{next};
like(refused("search/many?q=other&limit=2&after=$next"), qr/^400 .*after/s, 'a cursor of another question is refused');
like(refused("search/many?q=thing&limit=2&after=x$next"), qr/^400 .*after/s, 'and one that was changed');

# ---- Many bytes

# Without reading JSON of many megabytes: what of it are no bodies of items.
sub outline
{
	my ($path) = @_;
	my $text = '';
	IPC::Run::run([ 'curl', '--silent', '--globoff', '--max-time', 120, $sidecar->url("/v1/$path") ], '<', \undef, '>', \$text);
	$text =~ s/\{"body":"(x+)"\}/length $1/ge;
	return $text;
}
like(my $part = outline('search/heavy?q=heavy&order=key'), qr/^\{"items":\[\{"key":"1",[^{]*"item":6000000\},\{"key":"2",[^{]*"item":6000000\}\],"next":"[^"]+"/, 'a page ends where it has 16 MB');
my ($behind) = $part =~ /"next":"([^"]+)"/;
like(outline("search/heavy?q=heavy&order=key&after=$behind"), qr/^\{"items":\[\{"key":"3",[^{]*"item":6000000\}\],"next":null/, 'and goes on behind its next');
is(outline('items/heavy?limit=3'), '{"items":[{"key":"1","item":6000000},{"key":"2","item":6000000}],"next":"2"}', 'so does a page of items');
is(outline('items/heavy?key=in.(3,2,9,1)'), '{"items":{"3":6000000,"2":6000000},"missing":["9"],"rest":["1"]}', 'and a list of keys has a rest');

# ---- The copy

is($redis->cli('EXISTS', grep { /:item:many:.*:7$/ } split /\n/, $redis->cli('KEYS', '*:item:many:*')), 1, 'results are in the copy');
my $fills = metric($sidecar, 'itemize_read_fills_total');
is(get('items/many/7')->{status}, 200, 'opened,');
is(metric($sidecar, 'itemize_read_fills_total'), $fills, 'a result costs the database nothing');
# One that the database cannot give: found, and not had.
$node->safe_psql('postgres', q{UPDATE many SET name = 'thing bulk ' || repeat(' x', 1000) WHERE id = 7});
$node->safe_psql('postgres', qq{SELECT itemize.version();\nALTER SYSTEM SET itemize.max_row_bytes = '1kB'}); # known once the library is loaded
$node->reload;
my $told_since = time;
my $bulk = poll_until(sub {
	evict('many:*:7');
	my $found = get('search/many?q=bulk');
	return $found->{status} == 200 && $found->{json}{items}[0]{problem} ? $found->{json}{items} : undef;
}, 'an item that is too large');
is_deeply([ scalar @$bulk, @{ $bulk->[0] }{qw(key item)} ], [ 1, 7, undef ], 'what is found and cannot be given is said so,');
is($bulk->[0]{problem}{type}, 'urn:itemize:problem:item-unencodable', 'and why');
get('search/many?q=bulk') for 1 .. 3;
cmp_ok(scalar(() = $sidecar->log_events('item_unencodable')), '<=', 1 + int((time - $told_since) / 60), 'the log says it once a minute');
$node->safe_psql('postgres', qq{SELECT itemize.version();\nALTER SYSTEM RESET itemize.max_row_bytes});
$node->reload;
poll_until(sub { my $found = get('search/many?q=bulk'); $found->{status} == 200 && ref $found->{json}{items}[0]{item} }, 'the item again');
my $token = commit($node, q{UPDATE listing SET name = 'Loft with a view of the lake' WHERE id = 1});
is(keys_of(get('search/listing?q=lake', "Itemize-Min-Position: $token", 'Prefer: wait=30')), '1', 'what was written is found by who asks with its position');
like(get('search/listing?q=lake')->{body}, qr/"name":"Loft with a view of the lake"/, 'and shown');
$token = commit($node, 'DELETE FROM listing WHERE id = 4');
is(keys_of(get('search/listing?q=view&order=key', "Itemize-Min-Position: $token", 'Prefer: wait=30')), '1 3', 'what was deleted is not');

# One item that another fill holds on to, always a little longer, takes the others from nobody.
get('search/many?q=thing&order=key&limit=3');
my ($contended) = split /\n/, $redis->cli('KEYS', '*:item:many:*:2');
$contended =~ s/:item:/:fill:/;
my $hold = q{local time = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('RPUSH', KEYS[1], string.format('0-0 %.0f another', time[1] * 1000 + math.floor(time[2] / 1000)))};
my $hoarder = IPC::Run::start([ 'redis-cli', '-p', $redis->{port}, '-r', -1, '-i', 0.05, 'EVAL', $hold, 1, $contended ], '<', \undef, '>', '/dev/null');
my $rest = poll_until(sub {
	die "nobody holds it\n" if !$hoarder->pumpable;
	evict('many:*:2');
	my $found = get('search/many?q=thing&order=key&limit=3');
	return $found->{status} == 200 && $found->{json}{items}[1]{problem} ? $found->{json}{items} : undef;
}, 'an item that cannot be taken into the copy');
is(join(' ', map { $_->{key} . ($_->{item} ? '' : '?') } @$rest), '1 2? 3', 'an item that another holds on to is named, the others are given');
is($rest->[1]{problem}{type}, 'urn:itemize:problem:overloaded', 'and it can be asked for again');
my $of_keys = poll_until(sub {
	evict('many:*:2');
	my $found = get('items/many?key=in.(1,2,3)');
	return $found->{status} == 200 && $found->{json}{problems} ? $found->{json} : undef;
}, 'a list of keys with one that cannot be taken into the copy');
is(join(' ', sort(keys %{ $of_keys->{items} }), 'but', map { "$_ $of_keys->{problems}{$_}{type}" } keys %{ $of_keys->{problems} }),
	'1 3 but 2 urn:itemize:problem:overloaded', 'so it is in a list of keys');
$hoarder->kill_kill;
$redis->cli('DEL', $contended);
is(join(' ', map { $_->{key} . ($_->{item} ? '' : '?') } @{ get('search/many?q=thing&order=key&limit=3')->{json}{items} }), '1 2 3', 'as soon as it is let go');

# ---- Facets and clusters


is(get('facets/listing?facets=kind&q=view')->{body}, '{"facets":{"kind":[{"value":"loft","count":1},{"value":"room","count":1}]}}', 'facets of what is found');
is_deeply([ map { $_->{count} } @{ get('facets/many?facets=id.ranges(1,101,201)&q=thing')->{json}{facets}{id} } ], [ 0, 100, 100, 50 ], 'ranges');
my $clusters = get('clusters/listing?zoom=2&q=view')->{json}{clusters};
is(scalar @$clusters, 1, 'points that are close make one cluster');
is($clusters->[0]{count}, 2, 'of two');
my ($alone) = @{ get('clusters/listing?zoom=2&bbox=-100,19,-99,20')->{json}{clusters} };
is("$alone->{key} $alone->{count}", '2 1', 'one of one has its key');


# ---- What is refused

like(refused('search/listing?radus=5km'), qr/^400 .*'radus'/, 'an unknown parameter');
like(refused('search/listing?q=a&q=b'), qr/^400 .*'q' is given twice/, 'a repeated one');
like(refused('search/listing?lat=91&lon=1'), qr/^400 lat must be .*-90 to 90/, 'a latitude that is none');
like(refused('search/listing?lat=1&lon=1&radius=5parsec'), qr/^400 radius must be .*km/, 'an unknown unit');
like(refused('search/listing?price=lte.cheap'), qr/^400 price must have the form/, 'a price that is no number');
like(refused('search/listing?weather=eq.fine'), qr/^400 .*weather/, 'a field that is none');
like(refused('search/listing?about=eq.x'), qr/^400 .*about/, 'nor is a column that clients do not see');
like(refused('search/listing?beds=eq.two'), qr/^400 .*beds/, 'a value of another type');
like(refused('search/listing?order=weather'), qr/^400 .*weather/, 'an order by what is none');
like(refused('search/listing?price=lte.9&currency=XYZ'), qr/^4\d\d .*XYZ/, 'an unknown currency');
like(refused('facets/listing?facets=weather'), qr/^400 .*weather/, 'an unknown facet');
like(refused('facets/listing'), qr/^400 facets is needed/, 'facets of nothing');
like(refused('clusters/listing?zoom=99'), qr/^400 zoom must be/, 'a zoom that is none');
is(refused('search/nothing'), '404 ', 'a type that does not exist');
is(refused('search/secret?q=view'), '404 ', 'nor does one that nobody may read');
is(refused('facets/secret?facets=name'), '404 ', 'nor its facets');
like(refused("search/listing?name=eq.%27;DROP%20TABLE%20listing;--"), qr/^200/, 'a quote is a quote');
is($node->safe_psql('postgres', 'SELECT count(*) FROM listing'), 3, 'and nothing else');
is(get('search/listing/1')->{status}, 404, 'there is nothing below');

# ---- Whatever is asked

# Random parameters, right ones and others, in any combination: what cannot be answered is the client's fault and said to be.
# ITEMIZE_SEED repeats a run.
my $seed = $ENV{ITEMIZE_SEED} // time() % 1_000_000;
srand($seed);
note("ITEMIZE_SEED=$seed");
sub one_of { return $_[ int(rand(@_)) ] }
my %right = (
	q => [ 'view', 'sea view', '"a view" -boat', 'name:loft OR casa*', '((' ], lang => [qw(en es und nl-BE)],
	lat => [qw(51.22 0 -90 90)], lon => [qw(4.4 180 -180 0)], radius => [qw(5km 0 20000km 3mi 500)],
	bbox => [ '-100,19,-99,20', '179,-17,-179,16', '-180,-90,180,90', '4.4,51.2,4.4,51.2' ],
	price => [qw(lte.100 gte.99.5 eq.95 gte.-1 lte.99999999999999999999)], currency => [qw(EUR usd MXN JPY)],
	since => [qw(2026-01-01 2026-02-01T00:00:00Z 0001-01-01 9999-12-31)], until => [qw(2026-03-01 2026-02-01T12:00:00+02:00)],
	owner => [qw(ann bob)], order => [ qw(price relevance.asc distance.desc changed name), 'beds.desc.nullsfirst,key', 'tags.desc,price.asc' ],
	limit => [qw(1 2 100)], after => [ $next, get('search/listing?limit=1')->{json}{next} ], total => [qw(none estimated exact)],
	facets => [ 'kind', 'kind,beds', 'beds.interval(1)', 'price.ranges(0,50)', 'updated_at.interval(month)', 'tags' ], max_values => [qw(1 1000)],
	zoom => [qw(0 7 20)], beds => [ qw(gte.2 is.null not.eq.1 eq.1.5 lt.-9), 'in.(1,2,99999999999)' ], kind => [ 'eq.loft', 'in.(loft,"a,b")', 'not.is.null' ],
	name => [qw(ilike.*loft* like.* eq.)], tags => [ 'cs.{sea}', 'ov.{"two, rooms",b}', 'cd.{}', 'eq.{sea,sun}' ], id => [qw(lt.3 neq.1)],
	or => [ '(beds.gte.4,kind.eq.room)', '(currency.eq.EUR,not.is.null)', '(tags.cs.{a,b},name.like.*)' ]);
my %only = (search => [qw(order limit after total)], facets => [qw(facets max_values)], clusters => [qw(zoom)]);
my @needed = map { @$_ } values %only;
my @anywhere = grep { my $name = $_; !grep { $_ eq $name } @needed } sort keys %right;
my @signs = ('view', 'eq.', 'not.', 'in.(', 'gte.', ',', '.', '(', ')', '{', '}', '[', '"', "'", '\\', '%', '*', ' ', '-', '0', '1e999', 'NaN', 'null',
	"\0", "\x7f", "\xff\xfe", "\xed\xa0\x80", "\xf0\x9f\x8f\xa0", "\xd9\xa1", 'EUR', '::', ';', '--', 'or', 'km', '2026-02-30');
sub percent { my ($bytes) = @_; $bytes =~ s/([^A-Za-z0-9_.-])/sprintf('%%%02X', ord $1)/ge; return $bytes }
sub any_text { return join('', map { rand() < 0.1 ? one_of(@signs) x 200 : one_of(@signs) } 1 .. 1 + int(rand(6))) }
sub random_target
{
	my $kind = one_of(qw(search search facets clusters));
	my %value = map { $_ => one_of(@{ $right{$_} }) } map { one_of(@anywhere) } 1 .. int(rand(4));
	if (exists $value{lat} || exists $value{lon} || exists $value{radius}) { $value{$_} //= one_of(@{ $right{$_} }) for qw(lat lon) }
	if ($kind eq 'search') { my $name = one_of(@{ $only{search} }); $value{$name} = one_of(@{ $right{$name} }) }
	else { my $name = $only{$kind}[0]; $value{$name} = one_of(@{ $right{$name} }) }
	# Half of them have something that is wrong, in a value or a name.
	if (rand() < 0.5)
	{
		my $name = rand() < 0.8 ? one_of(sort keys %right) : any_text();
		$value{$name} = rand() < 0.7 ? any_text() : ($value{$name} // '') . any_text();
	}
	return "$kind/" . one_of(qw(listing listing listing many plain)) . '?' . join('&', map { percent($_) . '=' . percent($value{$_}) } sort keys %value);
}
my @targets = map { random_target() } 1 .. 500;
my $urls = "$PostgreSQL::Test::Utils::tmp_check/urls";
open(my $file, '>', $urls) or die "$urls: $!";
print {$file} map { 'url = "' . $sidecar->url("/v1/$_") . qq("\noutput = "/dev/null"\n) } @targets;
close($file) or die "$urls: $!";
my ($said_codes, $said_wrong) = ('', '');
IPC::Run::run([ 'curl', '--silent', '--globoff', '--max-time', 120, '--write-out', "%{http_code}\n", '--config', $urls ], '<', \undef, '>', \$said_codes, '2>', \$said_wrong);
my @codes = split /\n/, $said_codes;
is(scalar @codes, 500, '500 random questions have answers');
my %answers;
$answers{$_}++ for @codes;
note(join(', ', map { "$answers{$_} of $_" } sort keys %answers));
my @faults = grep { $codes[$_] !~ /^[24]\d\d$/ } 0 .. $#codes;
is(scalar @faults, 0, 'none is the server\'s fault') or diag(join("\n", "ITEMIZE_SEED=$seed", map { "$codes[$_] $targets[$_]" } @faults));
cmp_ok($answers{200} // 0, '>', 20, 'many are answered');
cmp_ok($answers{400} // 0, '>', 20, 'others refused');

# ---- Who asks

$node->safe_psql('postgres', 'ALTER TABLE listing ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON listing USING (false); ALTER TABLE listing FORCE ROW LEVEL SECURITY');
is(found('q=view&order=key'), '1 3', 'the rule of the definition decides, not the rights of the role');
is($node->safe_psql('postgres', q{SET ROLE itemize_reader; SELECT count(*) FROM pg_catalog.pg_class c WHERE relname = 'listing' AND has_table_privilege(c.oid, 'SELECT')}), 0, 'which has none on the table');

# ---- In time or not at all

$sidecar->stop;
$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis,
	flags => [ '--heartbeat-seconds', 1, '--search-timeout-milliseconds', 3000, '--search-connections', 1 ]);
# A server that lets no search begin may let items be read: by connections that there are already.
evict('many:*');
is(get('items/many/201')->{status}, 200, 'an item has been read, and no search made');
$node->safe_psql('postgres', 'ALTER ROLE itemize_reader CONNECTION LIMIT 1');
my $crowded = get('search/listing?q=view');
is($crowded->{json}{type}, 'urn:itemize:problem:overloaded', 'a search that gets no connection is to come back');
my @lines = $sidecar->log_events('database_refuses');
is_deeply([ map { "$_->{part} $_->{sqlstate}" } @lines ], ['search 53300'], 'which the log tells');
is(scalar(grep { $_->{part} eq 'search' } $sidecar->log_events('database_gone')), 0, 'and to the others the database is there');
my $next_item = 201;
poll_until(sub { my $cold = get('items/many/' . (200 + ++$next_item % 50)); $cold->{status} == 200 && !$cold->{headers}{'itemize-degraded'} }, 'items are read meanwhile');
$node->safe_psql('postgres', 'ALTER ROLE itemize_reader CONNECTION LIMIT -1');
poll_until(sub { found('q=view&order=key') eq '1 3' }, 'a search again');
# A table that somebody holds makes every search of it wait.
my ($out, $err) = ('', '');
my $holder = IPC::Run::start(
	[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'BEGIN; LOCK TABLE listing; SELECT pg_sleep(600)' ],
	'<', \undef, '>', \$out, '2>', \$err);
my $held = q{FROM pg_locks WHERE relation = 'listing'::regclass AND mode = 'AccessExclusiveLock' AND granted};
poll_until(sub { $node->safe_psql('postgres', "SELECT count(*) $held") eq '1' }, 'the table is held');
my $timeouts = metric($sidecar, 'itemize_search_timeouts_total');
my $late = get('search/listing?q=view');
is($late->{status}, 504, 'a search that takes too long is ended');
is($late->{json}{type}, 'urn:itemize:problem:search-timeout', 'and says so');
ok($late->{headers}{'retry-after'}, 'when to come back');
cmp_ok(metric($sidecar, 'itemize_search_timeouts_total') - $timeouts, '>=', 1, 'it is counted');
my $busy = $sidecar->url('/v1/search/listing?q=view');
my ($codes, $errors) = ('', '');
IPC::Run::run(
	[ 'curl', '--silent', '--parallel', '--parallel-max', 100, '--max-time', 150, '--write-out', "%{http_code}\n", (map { ('--output', '/dev/null', $busy) } 1 .. 90) ],
	'<', \undef, '>', \$codes, '2>', \$errors);
my %count;
$count{$_}++ for split /\n/, $codes;
is(join(' ', sort keys %count), '503 504', 'of many, those that would wait for too long are sent away') or diag(explain(\%count));
is(get('items/many/9')->{status}, 200, 'items are served meanwhile');
cmp_ok(metric($sidecar, 'itemize_search_refused_total'), '>', 20, 'which is counted');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $held");
$holder->finish;
poll_until(sub { found('q=view&order=key') eq '1 3' }, 'and then it goes on');

# ---- On a standby

$sidecar->stop;
$node->safe_psql('postgres', 'CREATE ROLE reader_first LOGIN IN ROLE itemize_reader; CREATE ROLE reader_second LOGIN IN ROLE itemize_reader');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis,
	flags => [ '--heartbeat-seconds', 3600, '--search-timeout-milliseconds', 60000, map { ('--replica', database_url($standby, user => "reader_$_")) } qw(first second) ]);
my $on = sub { metric($sidecar, qq(itemize_search_seconds_count{kind="search",server="$_[0]"})) };
# Nothing wrong is ever said; that no server answers now may be.
sub says
{
	my ($keys) = @_;
	my $one = get('search/listing?q=view&order=key');
	die "wrong\n" if $one->{status} == 200 && keys_of($one) ne $keys;
	return;
}
poll_until(sub { says('1 3'); $on->('replica') > 0 }, 'a search on the standby');
pass('the standby answers');
# Of several the first that can is asked. One server serves as two here: by the role one sees as which one it was asked.
sub asked_as
{
	my ($role) = @_;
	my $in_a_row = 0;
	poll_until(sub {
		says('1 3');
		$in_a_row = $standby->safe_psql('postgres', q{SELECT usename FROM pg_stat_activity WHERE usename LIKE 'reader%' ORDER BY state_change DESC LIMIT 1}) eq $role ? $in_a_row + 1 : 0;
		return $in_a_row == 5;
	}, "searches as $role");
	return pass("searches go to $role");
}
asked_as('reader_first');
$node->safe_psql('postgres', 'ALTER ROLE reader_first NOLOGIN');
$node->wait_for_catchup($standby, 'replay');
$standby->safe_psql('postgres', q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'reader_first'});
asked_as('reader_second');
$node->safe_psql('postgres', 'ALTER ROLE reader_first LOGIN');
asked_as('reader_first');
is($standby->safe_psql('postgres', 'SELECT history FROM itemize.replayed()') =~ /^\d+\.1$/ ? 1 : 0, 1, 'it says what it follows');
my ($status, $said, $error) = $node->psql('postgres', 'SELECT itemize.replayed()');
like($error, qr/no standby.*itemize\.position/s, 'a primary says that it is none');

# What visitors ask for in vain takes it from nobody: they ask all the time here, for what the standby refuses, and the primary then as well.
$node->safe_psql('postgres', 'REVOKE EXECUTE ON FUNCTION itemize.facets FROM PUBLIC');
$node->wait_for_catchup($standby, 'replay');
evict('many:*');
my $filled = 10;
my $noise = IPC::Run::start([ 'curl', '--silent', '--output', '/dev/null', $sidecar->url('/v1/facets/listing?facets=kind&q=view[1-1000000]') ], '<', \undef);
poll_until(sub {
	die "nobody asks in vain\n" if !$noise->pumpable || get('facets/listing?facets=kind&q=view')->{status} == 200;
	# Moves the stream, which has no heartbeats here, to where the standby comes to stand.
	commit($node, 'UPDATE many SET price = price + 1 WHERE id = 1');
	my $fills_there = metric($sidecar, 'itemize_read_replica_fills_total');
	get('items/many/' . ++$filled);
	return metric($sidecar, 'itemize_read_replica_fills_total') > $fills_there;
}, 'an item filled from the standby between searches that fail there');
$noise->kill_kill;
pass('searches that fail do not keep items from being filled there');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION itemize.facets TO PUBLIC');

# One that lags is not believed.
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
poll_until(sub { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' }, 'replay is paused');
$token = commit($node, q{INSERT INTO listing (id, name, lang) VALUES (5, 'A tent with a view', 'en')});
my $before = $on->('primary');
is(keys_of(get('search/listing?q=view&order=key', "Itemize-Min-Position: $token", 'Prefer: wait=30')), '1 3 5', 'a standby that lags behind what is shown is not asked');
cmp_ok($on->('primary'), '>', $before, 'but the primary');
is(found('q=view&order=key'), '1 3 5', 'so that nothing is shown that was no more');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$before = $on->('replica');
poll_until(sub { says('1 3 5'); $on->('replica') > $before }, 'the standby again');

# One that is gone is done without, and one server is enough.
$standby->stop('immediate');
is(found('q=view&order=key'), '1 3 5', 'without the standby the primary answers');
$standby->start;
$before = $on->('replica');
poll_until(sub { says('1 3 5'); $on->('replica') > $before }, 'the standby is back');
$node->wait_for_catchup($standby, 'replay');
$node->stop('immediate');
poll_until(sub { my $one = get('search/listing?q=view&order=key'); $one->{status} == 200 && ($one->{headers}{'itemize-degraded'} // '') eq 'database' && keys_of($one) eq '1 3 5' },
	'without the primary the standby answers, from what is held');
pass('and the standby without the primary');
$standby->stop('immediate');
poll_until(sub { get('search/listing?q=view')->{status} == 503 }, 'with neither there is no answer');
is(get('search/listing?q=view')->{json}{type}, 'urn:itemize:problem:database-unavailable', 'and the reason');
$node->start;
poll_until(sub { get('search/listing?q=view')->{status} == 200 }, 'a database is back');

# Without Redis the primary is asked, rows and all.
$redis->stop;
poll_until(sub { my $one = get('search/listing?q=view&order=key'); $one->{status} == 200 && ($one->{headers}{'itemize-degraded'} // '') eq 'redis' && keys_of($one) eq '1 3 5' },
	'without Redis it comes from the database');
pass('searches survive Redis');
my $listed = get('items/many?limit=300')->{json};
is(join(' ', (map { $_->{key} } @{ $listed->{items} }), $listed->{next} // 'end'), join(' ', 1 .. 250, 'end'), 'pages of items as well, some rows at a time');
is(join(' ', map { $_->{key} } @{ get('items/many?limit=100&after=249')->{json}{items} }), '250', 'from where they begin');
is(outline('items/heavy?limit=3'), '{"items":[{"key":"1","item":6000000},{"key":"2","item":6000000}],"next":"2"}', 'and end where they have 16 MB');
is(join('', map { "$_\n" } grep { /"(search_failed|request_failed)"/ } split /\n/, $sidecar->log_text), '', 'no fault was logged');
done_testing();
