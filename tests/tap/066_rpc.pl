# Functions that clients call: exposed by who may grant them, run as the caller, in one transaction.
use strict;
use warnings;

use IPC::Run ();
use Itemize::Test;
use Itemize::Tokens;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL, stock int NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE purchase (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product int NOT NULL REFERENCES product, buyer text NOT NULL, amount int NOT NULL, paid numeric(10,2) NOT NULL);
SELECT itemize.define('product', 'product', fields => '{id,name,stock,price}', read => 'everyone');
INSERT INTO product VALUES (1, 'chair', 5, 9.50), (2, 'table', 100, 20);
CREATE FUNCTION buy(product int, amount int DEFAULT 1, OUT purchase int, OUT paid numeric) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE product p SET stock = p.stock - buy.amount WHERE p.id = buy.product AND p.stock >= buy.amount RETURNING p.price * buy.amount INTO paid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sold out' USING ERRCODE = 'PT409';
  END IF;
  INSERT INTO purchase (product, buyer, amount, paid)
    VALUES (buy.product, current_setting('request.jwt.claims')::json->>'sub', buy.amount, buy.paid) RETURNING id INTO purchase;
END $$;
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION echo(INOUT i bigint, INOUT t text, INOUT j jsonb, INOUT l int[], INOUT p pair, INOUT at timestamptz, INOUT n numeric, INOUT b bytea, INOUT "two words" boolean)
  LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION numbers(n int) RETURNS SETOF int LANGUAGE sql AS $$ SELECT generate_series(1, n) $$;
CREATE FUNCTION pairs(n int) RETURNS SETOF pair LANGUAGE sql AS $$ SELECT g, 'x' || g FROM generate_series(1, n) g $$;
CREATE FUNCTION one_pair() RETURNS pair LANGUAGE sql AS $$ SELECT 1, 'é"'::text $$;
CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT current_user || ' ' || session_user $$;
CREATE FUNCTION nothing() RETURNS int LANGUAGE sql AS $$ SELECT NULL::int $$;
CREATE FUNCTION done() RETURNS void LANGUAGE sql AS $$ $$;
CREATE FUNCTION wide() RETURNS text LANGUAGE sql AS $$ SELECT repeat('x', 5000000) $$;
CREATE FUNCTION refuse(how text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  IF how = 'sleep' THEN PERFORM pg_sleep(600); END IF;
  RAISE EXCEPTION 'as %', how USING ERRCODE = how;
END $$;
CREATE FUNCTION look() RETURNS text LANGUAGE sql AS $$ SELECT sum(stock)::text FROM product $$;
CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION private() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
REVOKE EXECUTE ON FUNCTION private(), buy(int, int) FROM PUBLIC;
SELECT itemize.expose('buy(int, int)'), itemize.expose('public.echo(bigint, text, jsonb, int[], pair, timestamptz, numeric, bytea, boolean)'), itemize.expose('numbers(int)'),
  itemize.expose('pairs(int)'), itemize.expose('one_pair()', name => 'pair'), itemize.expose('who()'), itemize.expose('nothing()'), itemize.expose('done()'),
  itemize.expose('wide()'), itemize.expose('refuse(text)'), itemize.expose('look()'), itemize.expose('private()');
CREATE ROLE member NOLOGIN;
GRANT EXECUTE ON FUNCTION buy(int, int) TO member;
CREATE ROLE maker NOLOGIN;
CREATE ROLE other NOLOGIN;
GRANT SELECT ON product TO member;
GRANT CREATE ON SCHEMA public TO maker, other;
CREATE ROLE stranger NOLOGIN;
GRANT INSERT, DELETE ON itemize.exposed_function TO maker, other;
CREATE ROLE itemize_writer LOGIN NOINHERIT;
GRANT member TO itemize_writer;
GRANT EXECUTE ON FUNCTION itemize.begin_once(text, text), itemize.keep_answer(text, text, text) TO itemize_writer;
});
my $redis = start_redis();
my $file = secret_file($secret);
my @flags = ('--jwt-secret-file', $file, '--write-database', database_url($node, user => 'itemize_writer'));
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ @flags, '--write-timeout-milliseconds', 60000 ]);
my $ann = bearer($secret, { sub => 'ann', role => 'member' });

# call(FUNCTION, BODY, [HEADERS...]): as ann, unless 'Authorization' (nobody) or another field of it is there
sub call
{
	my ($function, $body, @headers) = @_;
	push @headers, $ann if !grep { /^Authorization/ } @headers;
	push @headers, 'Content-Type: application/json' if !grep { /^Content-Type/ } @headers;
	return http_request('POST', $sidecar->url("/v1/rpc/$function"), headers => [ grep { $_ ne 'Authorization' } @headers ], body => $body);
}
sub told { my ($answer) = @_; return "$answer->{status} $answer->{body}" }
sub problem { my ($answer) = @_; return "$answer->{status} " . (($answer->{json}{type} // '') =~ s/^urn:itemize:problem://r) }
sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub error_of { my ($sql) = @_; my (undef, undef, $error) = $node->psql('postgres', $sql); return $error }

# ---- A purchase

my @key = ('Idempotency-Key: "one purchase"');
my $answer = call('buy', '{"product": 1, "amount": 2}', @key);
is(told($answer), '200 {"purchase":1,"paid":19.00}', 'a purchase, in one transaction');
my $read = http_get($sidecar->url('/v1/items/product/1'), "Itemize-Min-Position: $answer->{headers}{'itemize-position'}", 'Prefer: wait=30');
is($read->{json}{stock}, 3, 'is read at its position');
is(value('SELECT buyer FROM purchase'), 'ann', 'it is of the caller');
is(told(call('buy', '{"product": 1, "amount": 2}', @key)), told($answer), 'sent again it is answered again');
is(value('SELECT stock FROM product WHERE id = 1'), 3, 'and not made again');
is(problem(call('buy', '{"product": 1, "amount": 3}', @key)), '422 idempotency-key-reused', 'with other arguments it is another');
is(told(call('buy', '{"product": 1}')), '200 {"purchase":2,"paid":9.50}', 'what is left out has its default');
my @runs;
for my $number (1 .. 6)
{
	my %run = (out => '');
	$run{handle} = IPC::Run::start([ 'curl', '--silent', '--max-time', 120, '--write-out', '%{http_code}', '--output', '/dev/null', '--header', $ann, '--header', 'Content-Type: application/json',
		'--data-binary', '{"product": 1}', $sidecar->url('/v1/rpc/buy') ], '<', \undef, '>', \$run{out}, '2>', \my $error);
	push @runs, \%run;
}
$_->{handle}->finish for @runs;
is(join(' ', sort map { $_->{out} } @runs), '200 200 409 409 409 409', 'of six at once who want the last two, two get them');
is(value('SELECT stock FROM product WHERE id = 1') . ' ' . value('SELECT sum(amount) FROM purchase'), '0 5', 'and no more are sold than were there');
$answer = call('buy', '{"product": 1}');
is(problem($answer) . " $answer->{json}{detail}", '409 refused-by-application sold out', "in the application's own words");

# ---- Arguments and results

my $all = q~{"i":9007199254740993,"t":"a\"b'; --","j":{"a":[1,null]},"l":[1,null,3],"p":{"a":1,"b":"x"},"at":"2026-07-01T11:05:00+00:00","n":12345678901234567890.123456789,"b":"3q2+7w==","two words":true}~;
is(told(call('echo', $all)), "200 $all", 'values go in and come out as they stand in items');
is(told(call('numbers', '{"n": 3}')), '200 [1,2,3]', 'a set is an array');
is(told(call('numbers', '{"n": 0}')), '200 []', 'or an empty one');
is(told(call('pairs', '{"n": 2}')), '200 [{"a":1,"b":"x1"},{"a":2,"b":"x2"}]', 'of rows: objects');
is(told(call('pair', '{}')), '200 {"a":1,"b":"é\""}', 'a row, by the name that the function has for clients');
is(told(call('who', '{}')), '200 "member itemize_writer"', 'it runs as the caller');
is(told(call('nothing', '{}')), '200 null', 'nothing is null');
is(told(call('done', '{}')), '204 ', 'and of void there is no answer');
is(call('numbers', '{"n": 1000}')->{status}, 200, 'a thousand rows');
my %bad = (
	'too many' => [ 'numbers', '{"n": 1001}', '422 invalid-item' ],
	'too much' => [ 'wide', '{}', '422 invalid-item' ],
	'a missing argument' => [ 'numbers', '{}', '422 invalid-item' ],
	'an argument that is none' => [ 'numbers', '{"n": 1, "m": 2}', '422 invalid-item' ],
	'one of SQL' => [ 'numbers', '{"n => 1); DROP TABLE product; --": 1}', '422 invalid-item' ],
	'an output' => [ 'buy', '{"product": 2, "paid": 0}', '422 invalid-item' ],
	'a wrong type' => [ 'numbers', '{"n": "many"}', '422 invalid-item' ],
	'no object' => [ 'numbers', '[3]', '400 bad-request' ],
	'a member twice' => [ 'numbers', '{"n": 3, "n": 4}', '400 bad-request' ],
	'an exception' => [ 'refuse', '{"how": "P0001"}', '400 refused-by-application' ],
	'one with a status' => [ 'refuse', '{"how": "PT402"}', '402 refused-by-application' ],
	'a fault' => [ 'refuse', '{"how": "XX000"}', '500 internal' ],
	(map { ("$_ of its own" => [ 'refuse', "{\"how\": \"$_\"}", '500 internal' ]) } qw(42704 42883 42P01 3F000 28000 08006 57P03 25006)),
	'a privilege' => [ 'refuse', '{"how": "42501"}', '403 forbidden' ],
	'none that is there' => [ 'nowhere', '{}', '404 not-found' ],
	'one that is not exposed' => [ 'secret', '{}', '404 not-found' ],
	'its own name' => [ 'one_pair', '{}', '404 not-found' ],
	'no name' => [ 'public.secret', '{}', '404 not-found' ],
	'one that the caller may not execute' => [ 'private', '{"any": 1}', '403 forbidden' ],
);
for my $what (sort keys %bad)
{
	my ($function, $body, $wanted) = @{ $bad{$what} };
	is(problem(call($function, $body)), $wanted, $what);
}
is(call('numbers', '{"n": "many"}')->{json}{field}, 'n', 'and of which argument');
is(call('secret', '{}')->{body}, call('nowhere', '{}')->{body}, 'what is not exposed is as what is not there');
unlike($sidecar->log_text, qr/database_gone|database_refuses/, 'what a function meets is not laid to the server');
like($sidecar->log_text, qr/write_failed.*42P01/, 'but is a fault, and told');
is(problem(call('buy', '{"product": 2}', 'Authorization')), '401 token-needed', 'who is nobody calls nothing');
is(problem(call('buy', '{}', 'Content-Type: text/plain')), '415 unsupported-media-type', 'arguments are said to be JSON');
is(problem(call('buy', '{"product": 2}', 'If-Match: *')), '400 bad-request', 'a condition is not left out');
is(http_get($sidecar->url('/v1/rpc/buy'), $ann)->{headers}{allow}, 'POST', 'calls are posted');
is(value('SELECT stock FROM product WHERE id = 2'), 100, 'none of these bought anything');
my $hasty = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ @flags, '--write-timeout-milliseconds', 500 ]);
poll_until(sub { problem(http_request('POST', $hasty->url('/v1/rpc/refuse'), headers => [ $ann, 'Content-Type: application/json' ], body => '{"how": "sleep"}')) eq '504 write-timeout' },
	'a call that takes too long is ended');
cmp_ok(metric($sidecar, 'itemize_write_seconds_count{operation="call"}'), '>', 10, 'calls are counted');

# ---- Calls that write nothing

# One connection: another client's commit is what its session knows of.
my $single = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ @flags, '--write-timeout-milliseconds', 60000, '--write-connections', 1 ]);
sub once { my ($function, $body, @headers) = @_; return http_request('POST', $single->url("/v1/rpc/$function"), headers => [ $ann, 'Content-Type: application/json', @headers ], body => $body) }
my $bought = once('buy', '{"product": 2}');
my $later = commit($node, 'UPDATE product SET stock = 1000 WHERE id = 2');
my $looked = once('look', '{}');
is(told($looked), '200 "1000"', 'a call that reads shows what others have committed');
my ($epoch, $at) = $later =~ /^(.*):(\d+)-0$/;
ok($looked->{headers}{'itemize-position'} =~ /^\Q$epoch\E:(\d+)-0$/ && $1 >= $at, 'and its position is not before that') or diag "$bought->{headers}{'itemize-position'} $looked->{headers}{'itemize-position'} $later";

# ---- A result that is kept is for who may call

is(told(once('look', '{}', 'Idempotency-Key: "look"')), '200 "1000"', 'a call with a key');
value('REVOKE EXECUTE ON FUNCTION look() FROM PUBLIC');
is(problem(once('look', '{}', 'Idempotency-Key: "look"')), '403 forbidden', 'who may call it no more is not given what it said');
value('GRANT EXECUTE ON FUNCTION look() TO member');
is(told(once('look', '{}', 'Idempotency-Key: "look"')), '200 "1000"', 'who may again is');
value(q{SELECT itemize.unexpose('look')});
is(problem(once('look', '{}', 'Idempotency-Key: "look"')), '404 not-found', 'nor is anybody once it is not exposed');

# ---- Who exposes what

value(q{CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION theirs() OWNER TO maker});
like(error_of(q{SET ROLE other; SELECT itemize.expose('theirs()')}), qr/only who owns theirs\(\)|only who owns public\.theirs\(\)/, 'not who owns nothing of it');
like(error_of(q{SET ROLE other; INSERT INTO itemize.exposed_function VALUES ('theirs', 'public.theirs()', 'maker')}), qr/row-level security/, 'nor past the function');
like(error_of(q{ALTER FUNCTION theirs() OWNER TO stranger; SET ROLE stranger; SELECT itemize.expose('theirs()')}), qr/permission denied to expose.*GRANT INSERT, DELETE ON itemize\.exposed_function TO stranger/s, 'nor who may expose nothing');
value(q{ALTER FUNCTION theirs() OWNER TO maker; SET ROLE maker; SELECT itemize.expose('theirs()')});
like(error_of(q{SET ROLE maker; INSERT INTO itemize.exposed_function VALUES ('theirs2', 'public.theirs()', 'other')}), qr/row-level security/, 'nor as another');
is(told(call('theirs', '{}')), '200 1', 'its owner does');
like(error_of(q{SET ROLE other; SELECT itemize.unexpose('theirs')}), qr/only who owns public\.theirs\(\)/, 'and nobody else takes it back');
like(error_of(q{SET ROLE maker; SELECT itemize.expose('theirs()', name => 'buy', replace => true)}), qr/only who owns public\.buy/, 'or takes the name of another');
value(q{SET ROLE maker; DROP FUNCTION theirs(); RESET ROLE; SET ROLE other; CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 2'});
is(problem(call('theirs', '{}')), '404 not-found', 'what another puts in its place is not called');
value(q{SET ROLE other; DROP FUNCTION theirs(); RESET ROLE; SET ROLE maker; SELECT itemize.unexpose('theirs')});
# A type of its signature is gone, and the function with it.
value(q{CREATE TYPE short AS ENUM ('a'); CREATE FUNCTION brief(s short) RETURNS int LANGUAGE sql AS 'SELECT 4'; ALTER FUNCTION brief(short) OWNER TO maker; SET ROLE maker; SELECT itemize.expose('brief(short)')});
is(told(call('brief', '{"s": "a"}')), '200 4', 'one with a type of its own');
value('DROP TYPE short CASCADE');
is(problem(call('brief', '{}')), '404 not-found', 'is gone with the type');
is(value(q{SET ROLE maker; SELECT itemize.unexpose('brief')}), 't', 'and taken back');
# Whoever calls stays who he is.
value(q{CREATE FUNCTION become(who text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SET LOCAL ROLE %s', who); RETURN current_user; END $$; SELECT itemize.expose('become(text)')});
is(call('become', qq({"who": "$_"}))->{status}, 403, "a function does not become $_") for 'NONE', 'itemize_writer', 'member';
value(q{CREATE FUNCTION become() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET LOCAL ROLE NONE; RETURN NEW; END $$;
CREATE TRIGGER become BEFORE UPDATE ON product FOR EACH ROW WHEN (NEW.name = 'become') EXECUTE FUNCTION become(); GRANT SELECT, UPDATE ON product TO member});
is(http_request('PATCH', $sidecar->url('/v1/items/product/1'), headers => [ $ann, 'Content-Type: application/json' ], body => '{"name": "become"}')->{status}, 403, 'nor does a trigger');
value(q{CREATE FUNCTION lent() RETURNS int LANGUAGE sql AS 'SELECT 3'; GRANT EXECUTE ON FUNCTION lent() TO other WITH GRANT OPTION; SET ROLE other; SELECT itemize.expose('lent()')});
is(told(call('lent', '{}')), '200 3', 'who may grant it may expose it');
value(q{SELECT itemize.unexpose('lent')});
is(problem(call('lent', '{}')), '404 not-found', 'until it is taken back');
value(q{CREATE FUNCTION numbers(n int, m int DEFAULT 1) RETURNS SETOF int LANGUAGE sql AS 'SELECT 4711'});
unlike(call('numbers', '{"n": 1}')->{body}, qr/4711/, 'a namesake that takes the same is not called instead');
my %refused = (
	'NULL' => qr/must be a function/,
	q{'buy(int, int)', name => 'Buy it'} => qr/is no name for a function/,
	q{'secret()', name => 'buy'} => qr/"buy" is the name of public\.buy\(integer,integer\) already/,
	q{'pg_catalog.int4pl(int, int)'} => qr/parameters without a name/,
	q{'pg_catalog.concat("any")'} => qr/parameters without a name|cannot be called with JSON/,
	q{'pg_catalog.sum(int)'} => qr/is no plain function/,
	q{'pg_catalog.now()', name => 'at', replace => NULL}, undef,
);
for my $arguments (sort keys %refused)
{
	my $error = error_of("SELECT itemize.expose($arguments)");
	defined $refused{$arguments} ? like($error, $refused{$arguments}, "expose($arguments)") : is($error, '', "expose($arguments)");
}
value(q{SELECT itemize.expose('buy(int, int)')});
is(value(q{SELECT itemize.unexpose('none', if_exists => true)}), 'f', 'taken back where there is none');
like(error_of(q{SELECT itemize.unexpose('none')}), qr/no function is exposed as "none"/, 'or not, and said');
like(slurp_dump(), qr/buy\tpublic\.buy\(integer,integer\)/, 'a dump has them');
unlike($sidecar->log_text, qr/eyJ|sold out/, 'no token and no words of the application are in the log');

sub slurp_dump
{
	my $out = '';
	IPC::Run::run([ 'pg_dump', '--no-sync', $node->connstr('postgres') ], '<', \undef, '>', \$out) or return 'pg_dump failed';
	return $out;
}

done_testing();
