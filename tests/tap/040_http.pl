# HTTP as docs/reference/http-api.md describes it: items one, many and in pages, conditional requests, each problem, and
# what else may come through a socket; and the server is whole afterwards.
# tier: quick
use strict;
use warnings;

use Digest::SHA qw(sha1_hex sha256);
use IPC::Run ();
use Itemize::RawConnection;
use Itemize::Test;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils ();
use Test::More;

use constant PAGED => 2345;

my $node = start_postgres('http');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric(12, 2), tags text[], made timestamptz);
INSERT INTO item SELECT n, 'Item ' || n, n / 3.0, ARRAY['a', 'é"\\'], '2026-07-01 12:00+02' FROM unnest(array_append(ARRAY(SELECT generate_series(1, 20)), 2000)) n;
SELECT itemize.define('item', 'item', fields => '{id,name,price,tags,made}', read => 'everyone');
CREATE TABLE stay (listing int, night date, price int, PRIMARY KEY (listing, night));
INSERT INTO stay VALUES (1, '2026-07-01', 80), (1, '2026-07-02', 90);
SELECT itemize.define('stay', 'stay', fields => '{listing,night,price}', read => 'everyone');
CREATE TABLE tag (name text PRIMARY KEY, n int);
SELECT itemize.define('tag', 'tag', fields => '{name,n}', read => 'everyone');
CREATE TABLE paged (id int PRIMARY KEY);
SELECT itemize.define('paged', 'paged', fields => '{id}', read => 'everyone');
CREATE TABLE secret (id bigint PRIMARY KEY, name text);
INSERT INTO secret VALUES (1, 'not for everyone');
SELECT itemize.define('secret', 'secret', fields => '{id,name}');
} . "INSERT INTO paged SELECT generate_series(1, @{[PAGED]});");

my $files = PostgreSQL::Test::Utils::tempdir();
my %files = (
	'secret.txt' => 'OUTSIDE',
	'www/index.html' => '<p>start</p>',
	'www/sub/page.txt' => 'page',
	'www/.hidden' => 'OUTSIDE');
mkdir "$files/$_" for qw(www www/sub);
PostgreSQL::Test::Utils::append_to_file("$files/$_", $files{$_}) for keys %files;

my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--static-dir', "$files/www" ]);

sub get { my ($path, @headers) = @_; return http_get($sidecar->url($path), @headers) }
sub ask { my ($method, $path, %args) = @_; return http_request($method, $sidecar->url($path), %args) }

# The unreserved characters of RFC 3986 stay; as bytes.
sub escape { my ($text) = @_; return $text =~ s/([^A-Za-z0-9._~-])/sprintf('%%%02X', ord $1)/gre }
sub key_text { return join(',', map { escape($_) } @_) }
sub fetched
{
	my ($type, $key) = @_;
	return $node->safe_psql('postgres', "SELECT item FROM itemize.fetch('$type', ARRAY['$key'])");
}

sub check_problem
{
	my ($answer, $status, $name, $about) = @_;
	my $problem = $answer->{json} // {};
	is( join(' ', $answer->{status}, $answer->{headers}{'content-type'} // '-', $problem->{status} // '-', $problem->{type} // '-'),
		"$status application/problem+json $status urn:itemize:problem:$name", "$about: $status $name");
	ok($problem->{title} && ($answer->{headers}{'x-content-type-options'} // '') eq 'nosniff', "$about: titled, nosniff");
	return;
}

# Descriptors of the process but for those to Redis and PostgreSQL, which each worker opens when it first needs them.
sub descriptors
{
	my ($process) = @_;
	my $pid = $process->pid;
	my (%backend, $count);
	for my $line (split /\n/, slurp("/proc/$pid/net/tcp"))
	{
		my @columns = split ' ', $line;
		$backend{ $columns[9] } = 1 if ($columns[2] // '') =~ /:(\w+)$/ && hex($1) == $redis->port;
	}
	for my $line (split /\n/, slurp("/proc/$pid/net/unix")) { $backend{ (split ' ', $line)[6] } = 1 }
	for my $link (map { readlink($_) // () } glob("/proc/$pid/fd/*"))
	{
		++$count if $link !~ /^socket:\[(\d+)\]$/ || !$backend{$1};
	}
	return $count;
}

sub check_one
{
	my $answer = get('/v1/items/item/1');
	my $headers = $answer->{headers};
	is("$answer->{status} $headers->{'content-type'}", '200 application/json', 'an item is there');
	is($answer->{body}, fetched('item', 1), 'in the bytes of itemize.fetch');
	is($headers->{etag}, '"' . encode_base64url(substr(sha256($answer->{body}), 0, 16)) . '"', 'its tag is of its bytes');
	like($headers->{'itemize-position'}, qr/^\d+\.\d+\.\d+:\d+-\d+$/, 'its position has the form <epoch>:<lsn>-<n>');
	is(join('|', @$headers{qw(cache-control x-content-type-options content-length)}),
		'no-cache|nosniff|' . length $answer->{body}, 'caching, sniffing, length');
	is(get('/v1/items/item/1')->{headers}{etag}, $headers->{etag}, 'the copy gives the same tag as the first fill');

	my $head = ask('HEAD', '/v1/items/item/1');
	is(join('|', map { $_ // '-' } @{ $head->{headers} }{qw(content-type etag content-length)}),
		join('|', @$headers{qw(content-type etag content-length)}), 'HEAD tells what GET tells');

	my $tag = $headers->{etag};
	for my $match ($tag, "W/$tag", '*', qq{"other", $tag}, qq{"a,b",W/"x",  W/$tag})
	{
		my $same = get('/v1/items/item/1', "If-None-Match: $match");
		is("$same->{status}|$same->{body}|$same->{headers}{etag}", "304||$tag", "If-None-Match: $match");
		is(scalar(grep { defined } @{ $same->{headers} }{qw(content-length content-type)}), 0, '304 describes no body');
		ok($same->{headers}{'itemize-position'} && $same->{headers}{'cache-control'}, '304 has position and caching');
	}
	my $bare = substr($tag, 1, -1);
	is(get('/v1/items/item/1', "If-None-Match: $_")->{status}, 200, "If-None-Match: $_ is another")
	  for '"other"', $bare, '"' . lc($bare) . 'x"', '';
	is(ask('HEAD', '/v1/items/item/1', headers => ["If-None-Match: $tag"])->{status}, 304, 'HEAD gives 304 as well');

	$node->safe_psql('postgres', q{UPDATE item SET name = 'Renamed' WHERE id = 1});
	my $renamed = poll_until(sub { my $now = get('/v1/items/item/1', "If-None-Match: $tag"); $now->{status} == 200 && $now }, 'the change');
	is($renamed->{body}, fetched('item', 1), 'a change is served in the bytes of itemize.fetch');
	isnt($renamed->{headers}{etag}, $tag, 'under another tag');
	return;
}

sub check_keys
{
	is(get('/v1/items/stay/1,2026-07-01')->{body}, '{"listing":1,"night":"2026-07-01","price":80}', 'a composite key');
	my @names = ('a,b', "\xC3\xA9t\xC3\xA9", '%', '%2C', '/', '..', '"', "it's", 'in.(x)', ' ', '?&=#', '+', "tab\there", '1' x 300);
	for my $name (@names)
	{
		my $quoted = $name =~ s/'/''/gr;
		$node->safe_psql('postgres', "INSERT INTO tag VALUES ('$quoted', 1)");
		my $key = key_text($name);
		my $answer = get("/v1/items/tag/$key");
		is($answer->{body}, fetched('tag', $key), "the key $key");
		is($answer->{status}, 200, 'is there');
	}
	is(get('/v1/items/tag/a%2cb')->{status}, 200, 'a lower-case escape is understood');
	is(get('/v1/items/tag/%25%32%43')->{status}, 200, 'a needless escape is understood');
	is(get("/v1/items/item/$_")->{status}, 404, "$_ is no item") for '01', '+1', 'zz', '1,2', '9' x 20;
	check_problem(get("/v1/items/tag/$_"), 400, 'malformed-key', "the key $_") for qw(%zz %2 %FF %C3 %00 %ED%A0%80);
	check_problem(get('/v1/items/tag/' . 'x' x 4097), 400, 'malformed-key', 'a key of 4097 bytes');

	my @keys = map { key_text($_) } @names;
	my $many = get('/v1/items/tag?key=in.(' . join(',', map { '"' . escape($_) . '"' } @keys) . ')');
	is($many->{body}, '{"items":{' . join(',', map { "\"$_\":" . fetched('tag', $_) } @keys) . '},"missing":[]}',
		'all of them in one request, quoted, in the order asked for');
	is(get('/v1/items/tag?key=in.(a%252Cb)')->{body}, '{"items":{"a%2Cb":' . fetched('tag', 'a%2Cb') . '},"missing":[]}',
		'without quotes, encoded twice');
	return;
}

sub check_many
{
	my $answer = get('/v1/items/item?key=in.(3,2,3,77,2,78)');
	is($answer->{body}, '{"items":{"3":' . fetched('item', 3) . ',"2":' . fetched('item', 2) . '},"missing":["77","78"]}',
		'keys asked for twice are answered once, what is not there is listed');
	is($answer->{headers}{etag}, '"' . encode_base64url(substr(sha256($answer->{body}), 0, 16)) . '"', 'with a tag');
	is(get('/v1/items/item?key=in.(3,2,77,78)', "If-None-Match: $answer->{headers}{etag}")->{status}, 304, 'and 304 for it');
	is(get('/v1/items/stay?key=in.("1,2026-07-02","1,2026-07-09")')->{body},
		'{"items":{"1,2026-07-02":{"listing":1,"night":"2026-07-02","price":90}},"missing":["1,2026-07-09"]}', 'composite keys');
	is(get('/v1/items/item?key=in.(4,zz,5,6,1%252C2,7)')->{body},
		'{"items":{' . join(',', map { "\"$_\":" . fetched('item', $_) } 4 .. 7) . '},"missing":["zz","1%2C2"]}',
		'keys that are none of the type do not hurt the others');
	is(scalar @{ get('/v1/items/item?key=in.(' . join(',', 1 .. 1000) . ')')->{json}{missing} }, 980, '1000 keys');
	check_problem(get('/v1/items/item?key=in.(' . join(',', 1 .. 1001) . ')'), 400, 'bad-request', '1001 keys');
	check_problem(get("/v1/items/item?key=$_"), 400, 'bad-request', "key=$_")
	  for '1', 'in.()', 'in.(1', 'in.(1,)', 'in.(,1)', 'in.("1)', 'in.("1"2)', 'eq.1', '';
	check_problem(get('/v1/items/item?key=in.(%25zz)'), 400, 'malformed-key', 'an escape that is none in a list');
	check_problem(get('/v1/items/item?key=in.(1)&key=in.(2)'), 400, 'bad-request', 'a parameter given twice');
	check_problem(get('/v1/items/item?key=in.(1)&limit=1'), 400, 'unknown-parameter', 'a list with a limit');
	return;
}

sub check_pages
{
	for my $limit (999, 1000)
	{
		my (@seen, $after, $pages);
		while (1)
		{
			my $page = get("/v1/items/paged?limit=$limit" . (defined $after ? '&after=' . escape($after) : ''))->{json} or last;
			push @seen, map { $_->{key} == $_->{item}{id} ? $_->{key} : () } @{ $page->{items} };
			last if ++$pages > 10 || !defined($after = $page->{next});
		}
		is_deeply(\@seen, [ 1 .. PAGED ], "pages of $limit: every row once, in order");
	}
	my $first = get('/v1/items/paged');
	is_deeply([ scalar @{ $first->{json}{items} }, $first->{json}{next} ], [ 100, '100' ], 'by default 100');
	is(get('/v1/items/item?limit=1')->{body}, '{"items":[{"key":"1","item":' . fetched('item', 1) . '}],"next":"1"}',
		'a page in the bytes of itemize.fetch');
	is(get('/v1/items/paged?after=' . (PAGED - 1))->{body}, qq({"items":[{"key":"@{[PAGED]}","item":{"id":@{[PAGED]}}}],"next":null}), 'the last page');
	is(get('/v1/items/stay?limit=1&after=1,2026-07-01')->{json}{next}, '1,2026-07-02', 'composite keys page as well');
	is(get('/v1/items/stay?after=1,2026-07-01')->{json}{next}, undef, 'to their end');
	check_problem(get("/v1/items/paged?limit=$_"), 400, 'bad-request', "limit=$_") for qw(0 1001 -1 x 1e2), '', '18446744073709551617';
	check_problem(get("/v1/items/paged?after=$_"), 400, 'malformed-key', "after=$_") for 'zz', '1,2', '%25zz', '', '9' x 30;
	return;
}

# What may not be read is not told from what is not there.
sub check_unreadable
{
	my $shape = sub {
		my ($answer) = @_;
		my %headers = %{ $answer->{headers} };
		delete $headers{date};
		return { status => $answer->{status}, body => $answer->{body}, headers => \%headers };
	};
	my $missing = $shape->(get('/v1/items/item/12345'));
	check_problem(get('/v1/items/item/12345'), 404, 'not-found', 'an item that is not there');
	is_deeply($shape->(get("/v1/items/$_")), $missing, "$_ looks the same") for qw(
	  secret/1 secret/2 unknown/1 secret unknown secret?key=in.(1) unknown?key=in.(1) secret?limit=1&after=1 UPPER/1 a%2Fb/1);
	check_problem(get("/v1/live?items=$_"), 404, 'not-found', "live $_") for 'secret/1', 'secret/*', 'unknown/*', 'item/*,secret/1';
	return;
}

sub check_problems
{
	check_problem(get("$_?x=1"), 400, 'unknown-parameter', "$_ with an unknown parameter")
	  for qw(/v1/items/item/1 /v1/items/item /livez /readyz /metrics);
	check_problem(get('/v1/items/item?limit=%zz'), 400, 'bad-request', 'an escape that is none in the query');
	check_problem(get($_), 404, 'not-found', $_) for qw(/v1 /v1/ /v1/items /v1/items/item/1/2 /v2/items /none);
	for my $method (qw(POST PUT PATCH DELETE OPTIONS))
	{
		my $answer = ask($method, '/v1/items/item/1', body => '{}');
		check_problem($answer, 405, 'method-not-allowed', $method);
		is($answer->{headers}{allow}, 'GET, HEAD', "$method: what is allowed");
	}
	is(ask('POST', $_)->{headers}{allow}, 'GET, HEAD', "POST $_") for qw(/v1/items/item /v1/live /livez /metrics / /sub/page.txt);
	check_problem(ask('BREW', '/v1/items/item/1'), 501, 'method-unknown', 'BREW');
	check_problem(ask('BREW', '/index.html'), 501, 'method-unknown', 'BREW for a file');
	check_problem(get('/v1/items/item/' . 'x' x 8000), 414, 'uri-too-long', 'a target over 8000 bytes');
	check_problem(get('/livez', 'X-Long: ' . 'x' x 8000), 431, 'head-too-large', 'a field over 8000 bytes');
	check_problem(get('/livez', map { "X-$_: " . 'x' x 5000 } 1 .. 4), 431, 'head-too-large', 'a head over 16 KB');
	check_problem(get('/livez', 'Expect: miracles'), 417, 'expectation-failed', 'an expectation');
	is(ask('GET', '/v1/items/item/1', body => 'read and ignored')->{status}, 200, 'a body is ignored');
	return;
}

# Sends bytes, and gives the statuses of what comes back until the server closes, or until so many are there.
sub exchange
{
	my ($bytes, $count) = @_;
	my $connection = Itemize::RawConnection->open($sidecar->port)->send($bytes);
	my $text = $connection->read_until(sub { defined $count && (() = m{HTTP/1\.1 \d}g) >= $count });
	my $statuses = join(' ', $text =~ m{HTTP/1\.1 (\d+) }g) . ($connection->ended ? ' closed' : '');
	$connection->close;
	return wantarray ? ($statuses, $text) : $statuses;
}

sub check_sockets
{
	my %malformed = (
		'no request' => "hello\r\n\r\n",
		'no version' => "GET /livez\r\n\r\n",
		'a version that is none' => "GET /livez HTTP/x\r\nHost: h\r\n\r\n",
		'blanks in the target' => "GET /li vez HTTP/1.1\r\nHost: h\r\n\r\n",
		'a control character' => "GET /li\x01vez HTTP/1.1\r\nHost: h\r\n\r\n",
		'no path' => "GET livez HTTP/1.1\r\nHost: h\r\n\r\n",
		'no host' => "GET /livez HTTP/1.1\r\n\r\n",
		'two hosts' => "GET /livez HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
		'a blank before the colon' => "GET /livez HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
		'a folded line' => "GET /livez HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n",
		'a zero byte' => "GET /livez HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n",
		'both lengths' => "POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		'two lengths' => "POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
		'a negative length' => "POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
		'another encoding' => "POST /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		'a chunk that is none' => "POST /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
		'binary' => join('', map { chr } 0 .. 255) . "\r\n\r\n");
	is(scalar exchange($malformed{$_} . "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"), '400 closed', "$_: refused, closed") for sort keys %malformed;
	is(scalar exchange("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), '505 closed', 'HTTP/2.0');

	my $get = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
	is(scalar exchange($get x 50, 50), join(' ', (200) x 50), '50 pipelined requests');
	my ($statuses, $text) = exchange(
		join('', map { "GET $_ HTTP/1.1\r\nHost: h\r\n\r\n" } qw(/v1/items/item/3 /none /livez)) . "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n$get");
	is($statuses, '200 404 200 200 closed', 'pipelined requests are answered in order, up to Connection: close');
	like($text, qr/^Connection: close\r$/mi, 'which is confirmed');
	is(scalar exchange("POST /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n$get", 2), '405 200', 'a chunked body is read over');
	is(scalar exchange("\r\n$get", 1), '200', 'an empty line before the request is forgiven');
	is(scalar exchange("GET http://elsewhere/livez HTTP/1.1\r\nHost: h\r\n\r\n", 1), '200', 'absolute form');
	my $post = "POST /livez HTTP/1.1\r\nHost: h\r\n";
	for my $body ("Content-Length: 1100000\r\n\r\n" . 'x' x 1_100_000, "Transfer-Encoding: chunked\r\n\r\n" . ("10000\r\n" . 'x' x 65536 . "\r\n") x 17)
	{
		my ($said, $problem) = exchange($post . $body);
		is($said, '413 closed', 'a body over 1 MB');
		like($problem, qr{^Content-Type: application/problem\+json\r\n.*urn:itemize:problem:content-too-large}ms, 'is a problem');
	}
	is(scalar exchange("GET /livez HTTP/1.0\r\n\r\n"), '200 closed', 'HTTP/1.0 closes');
	($statuses, $text) = exchange("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n");
	is($statuses, '200 200 closed', 'unless it asks not to');
	like($text, qr/^Connection: keep-alive\r$/mi, 'which is confirmed');

	my $slow = Itemize::RawConnection->open($sidecar->port);
	$slow->send($_) for split //, $get;
	like($slow->read_until(sub { /ok\n/ }), qr{^HTTP/1\.1 200 }, 'byte by byte');
	$slow->send("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	$slow->read_until(sub { /100 Continue/ });
	like($slow->send('{}')->read_until(sub { /405/ }), qr{HTTP/1\.1 100 Continue\r\n\r\nHTTP/1\.1 405 }, '100-continue');
	$slow->close;

	# Cut off at every place.
	for my $length (1 .. length($get) - 1)
	{
		my $cut = Itemize::RawConnection->open($sidecar->port)->send(substr($get, 0, $length));
		$cut->close;
	}
	return;
}

sub check_files
{
	my $start = get('/');
	is("$start->{status} $start->{body} $start->{headers}{'content-type'}", '200 <p>start</p> text/html; charset=utf-8', '/ is index.html');
	is(join('|', map { $_ // '-' } @{ $start->{headers} }{qw(x-content-type-options referrer-policy content-security-policy cache-control)}),
		"nosniff|no-referrer|default-src 'self'; frame-ancestors 'none'; base-uri 'none'|no-cache", 'with the fields that pages need');
	is(get('/sub/page.txt')->{body}, 'page', 'a file below');
	is(ask('HEAD', '/sub/page.txt')->{headers}{'content-length'}, 4, 'HEAD of a file');
	for my $path (
		qw(/../secret.txt /sub/../../secret.txt /%2e%2e/secret.txt /.%2e/secret.txt /..%2fsecret.txt /sub/..%2f..%2fsecret.txt
		/sub/%2e%2e%2f%2e%2e%2fsecret.txt /..%5csecret.txt /%252e%252e/secret.txt /.hidden /%2ehidden /sub/../.hidden /index.html%00.txt
		//etc/passwd /%2fetc/passwd /sub /sub/ /none), "/$files/secret.txt")
	{
		my $answer = get($path);
		like($answer->{status}, qr/^40[04]$/, "$path is not served");
		unlike($answer->{body}, qr/OUTSIDE|root:/, 'nor what lies there');
	}
	return;
}

sub check_health
{
	my $live = get('/livez');
	is("$live->{status} $live->{body}", "200 ok\n", '/livez');
	my $ready = get('/readyz');
	is_deeply([ $ready->{status}, $ready->{json}{ready}, grep { !$ready->{json}{parts}{$_} } qw(redis local_copy database extended global local) ],
		[ 200, JSON::PP::true ], '/readyz');
	is(join('|', @{ get($_)->{headers} }{qw(cache-control x-content-type-options)}), 'no-store|nosniff', "$_ is of this moment")
	  for qw(/livez /readyz /metrics);

	my $metrics = get('/metrics');
	like($metrics->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, '/metrics');
	my %types = $metrics->{body} =~ /^# TYPE (\w+) (counter|gauge|histogram|summary)$/mg;
	my @wrong = grep { !/^# (?:HELP \w+ .+|TYPE \w+ \w+)$/ && !/^(\w+?)(?:_bucket|_sum|_count)?(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? (?:[-+0-9.e]+|[-+]?Inf|Nan)$/i } split /\n/, $metrics->{body};
	is_deeply(\@wrong, [], 'every line of it has the form of the text format');
	ok($types{$_}, "$_ is there") for qw(itemize_http_requests_total itemize_http_connections itemize_http_request_seconds itemize_read_hits_total itemize_read_fills_total);
	like($metrics->{body}, qr/^itemize_http_requests_total\{(?=[^}]*route="item")[^}]*status="200"[^}]*\} [1-9]/m, 'requests are counted');
	SKIP:
	{
		skip 'no promtool', 1 if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};
		my $said = '';
		ok(IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \$metrics->{body}, '>&', \$said), "promtool agrees $said");
	}
	return;
}

# A fill that somebody else has begun and does not end: whoever comes after its lease uses the marker as well.
sub check_abandoned_fill
{
	my $space = $redis->cli('HGET', 'itemize:local', 'namespace');
	my ($generation, $truncations) = $redis->cli('HGET', "$space:local:types", 'item') =~ /^(\d+) \S+ ?(\d*)$/;
	my $marker = "$space:fill:item:$generation." . ($truncations || 0) . ':2000';
	my $set = sub {
		$redis->cli('RPUSH', $marker, '0-0 ' . int(1000 * time) . ' somebody');
		$redis->cli('ZADD', "$space:local:fills", 1000 * time + 15000, sha1_hex($marker));
	};
	$set->();
	is(get('/v1/items/item/2000')->{body}, fetched('item', 2000), 'an item that somebody else began to fill');
	is($redis->cli('EXISTS', $marker), 0, 'is filled under the same marker');
	$redis->cli('DEL', "$space:item:item:$generation." . ($truncations || 0) . ':2000');
	$set->();
	is(get('/v1/items/item?key=in.(18,2000)')->{status}, 200, 'the same in a list');
	return;
}

sub check_connection_limit
{
	my $limit = 5;
	my $small = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ '--max-connections', $limit ]);
	my @open = map { Itemize::RawConnection->open($small->port) } 1 .. $limit - 1;
	$_->send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")->read_until(sub { /ok\n/ }) for @open;
	my $live = Itemize::RawConnection->open($small->port)->send("GET /v1/live?items=item/* HTTP/1.1\r\nHost: h\r\n\r\n");
	like($live->read_until(sub { /hello/ }), qr/event: hello/, "the last of $limit connections is a live stream");
	my $answer = http_get($small->url('/livez'));
	check_problem($answer, 503, 'overloaded', 'one connection more');
	is($answer->{headers}{'retry-after'}, 1, 'come back later');
	like($open[0]->send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")->read_until(sub { (() = /ok\n/g) == 2 }), qr/ok\n\z/, 'those inside go on');
	$live->close;
	is(poll_until(sub { my $now = http_get($small->url('/livez')); $now->{status} == 200 && 200 }, 'a free place'), 200, 'one that leaves makes room');
	$_->close for @open;
	is(scalar $small->stop, 0, 'and it stops');
	return;
}

get('/livez') for 1 .. 5;
# The server closes a connection a little after its client.
my $port = sprintf('%04X', $sidecar->port);
poll_until(sub { slurp('/proc/' . $sidecar->pid . '/net/tcp') !~ /^ *\d+: \w+:$port \S+ (?:01|08) /m }, 'no connection to be open');
my $before = descriptors($sidecar);
check_one();
check_keys();
check_many();
check_pages();
check_unreadable();
check_problems();
check_sockets();
check_files();
check_health();
check_abandoned_fill();
is(poll_until(sub { my $now = descriptors($sidecar); $now <= $before && $now }, 'connections to be closed'), $before, 'no descriptor is left open');
check_connection_limit();
is(get('/v1/items/item/1')->{status}, 200, 'the server is up');
is(scalar grep({ ($_->{level} // '') eq 'error' } $sidecar->log_events), 0, 'it has logged no error');
is(scalar $sidecar->stop, 0, 'and stops');
done_testing();
