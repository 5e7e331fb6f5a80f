# Who asks, and what they may see: tokens that hold and tokens that do not.
use strict;
use warnings;

use IO::Socket::INET;
use Itemize::Test;
use Itemize::Tokens;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE open (id int PRIMARY KEY, name text, owner text);
INSERT INTO open VALUES (1, 'one', 'ann'), (2, 'two', 'bob');
SELECT itemize.define('open', 'open', fields => '{id,name,owner}', read => 'everyone', text => '{"name": "A"}', language => 'en');
});
my $redis = start_redis();
my $file = PostgreSQL::Test::Utils::tempdir() . '/secret';
append_to_file($file, "$secret\n");
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwt-secret-file', $file, '--jwt-audience', 'shop' ]);

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/$path"), @headers) }
# ---- Tokens

like(http_get($sidecar->url('/metrics'))->{body}, qr/^itemize_tokens_refused_total\{reason="$_"\} 0$/m, "refusals by $_ are counted from the start")
	for qw(unknown_key malformed signature time claims);
is(get('items/open/1')->{status}, 200, 'nobody in particular');
is(get('items/open/1', bearer($secret, { sub => 'ann', aud => 'shop' }))->{status}, 200, 'somebody');
is(get('items/open/1', 'Authorization: Basic YTpi')->{status}, 200, 'credentials for somebody else');

my $good = sign_token($secret, { sub => 'ann', aud => 'shop' });
my ($head, $claims, $signature) = split /\./, $good;
my %refused = (
	'expired' => bearer($secret, { sub => 'ann', aud => 'shop', exp => time - 60 }),
	'not valid yet' => bearer($secret, { sub => 'ann', aud => 'shop', nbf => time + 3600 }),
	'without an end' => bearer($secret, { sub => 'ann', aud => 'shop', exp => undef }),
	'for another audience' => bearer($secret, { sub => 'ann', aud => 'shops' }),
	'for no audience' => bearer($secret, { sub => 'ann' }),
	'of another secret' => bearer("$secret!", { sub => 'ann', aud => 'shop' }),
	'unsigned' => 'Authorization: Bearer ' . encode_base64url('{"alg":"none"}') . ".$claims.",
	'with the signature left out' => "Authorization: Bearer $head.$claims.",
	'of an algorithm without a key' => bearer($secret, { sub => 'ann', aud => 'shop' }, '{"alg":"RS256"}'),
	'with an extension' => bearer($secret, { sub => 'ann', aud => 'shop' }, '{"alg":"HS256","crit":["exp"]}'),
	'with a member twice' => bearer($secret, '{"exp":4000000000,"aud":"shop","sub":"ann","sub":"bob"}'),
	'too long' => bearer($secret, { sub => 'ann', aud => 'shop', filler => 'x' x 5500 }),
	'empty' => 'Authorization: Bearer ',
	'no token' => 'Authorization: bearer hello',
	'of two parts' => "Authorization: Bearer $head.$claims",
	'with another behind it' => "Authorization: Bearer $good, Bearer $good",
	'whose last character is another' => 'Authorization: Bearer ' . ($good =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er),
);
for my $what (sort keys %refused)
{
	my $answer = get('items/open/1', $refused{$what});
	is("$answer->{status} " . ($answer->{json}{type} // ''), '401 urn:itemize:problem:invalid-token', "a token $what is refused");
	like($answer->{headers}{'www-authenticate'} // '', qr/^Bearer error="invalid_token", error_description="[\w, ]+"$/, '... with what is asked for');
}
my $answer = get('items/open/1', "Authorization: Bearer $good", "Authorization: Bearer $good");
is($answer->{status}, 401, 'and two of them');
is($answer->{headers}{'cache-control'}, 'no-store', 'a refusal is for nobody else');
for my $path ('items/open?key=in.(1)', 'items/open', 'search/open?q=one', 'facets/open?facets=id', 'clusters/open?zoom=1', 'live?items=open/*', 'items/none/1')
{
	is(get($path, $refused{expired})->{status}, 401, "$path does not look away either");
}
is(http_get($sidecar->url('/readyz'), $refused{expired})->{status}, 200, 'health is for everybody');
is(get("items/open/1?access_token=$good")->{status}, 400, 'a token in the URL is none');
cmp_ok(metric($sidecar, 'itemize_tokens_refused_total{reason="time"}'), '>=', 2, 'they are counted');

my $log = $sidecar->log_text;
is(index($log, $signature), -1, 'no token is in the log');
$sidecar->stop;

# ---- Keys

# Whoever asks it waits for an answer.
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no socket: $!";
$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwks', 'http://127.0.0.1:' . $silent->sockport . '/keys' ]);
my $asked = $silent->accept;
is(get('items/open/1')->{status}, 200, 'without a token nobody waits for keys');
my ($status) = $sidecar->stop;
is($status, 0, 'a fetch of keys that is not answered delays no stop');

done_testing();
