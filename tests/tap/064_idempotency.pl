# Requests with an Idempotency-Key: made once, whatever is lost on the way, and answered each time as the first time.
use strict;
use warnings;

use IPC::Run ();
use Itemize::Proxy;
use Itemize::Test;
use Itemize::Tokens;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE purchase (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL CHECK (what <> 'nothing'), code text UNIQUE,
  owner text NOT NULL DEFAULT current_setting('request.jwt.claims', true)::json->>'sub');
SELECT itemize.define('purchase', 'purchase', fields => '{id,what,code,owner}', read => 'everyone');
CREATE TABLE gate (open boolean);
CREATE FUNCTION on_purchase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.what = 'wait' THEN
    LOOP
      EXIT WHEN EXISTS (SELECT FROM gate);
      PERFORM pg_sleep(0.02);
    END LOOP;
  END IF;
  IF NEW.what = 'leave' THEN
    PERFORM set_config('app.left', 'behind', false), pg_advisory_lock(4711);
    CREATE TEMP TABLE left_behind (a int);
  END IF;
  IF NEW.what = 'find' THEN
    NEW.code := concat_ws(',', nullif(current_setting('app.left', true), ''), to_regclass('pg_temp.left_behind'),
      (SELECT 'lock' FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711), 'nothing else');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER on_purchase BEFORE INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION on_purchase();
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF current_user <> 'member' THEN RAISE EXCEPTION 'a deferred trigger runs as %', current_user; END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON purchase DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
CREATE ROLE member NOLOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON purchase TO member;
GRANT SELECT ON gate TO member;
CREATE ROLE itemize_writer LOGIN NOINHERIT;
GRANT member TO itemize_writer;
ALTER ROLE itemize_writer SET lock_timeout = '200ms';
});
my ($redis, $other) = (start_redis(), start_redis());
my $file = secret_file($secret);
my @tokens = ('--jwt-secret-file', $file, '--write-timeout-milliseconds', 60000);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ @tokens, '--write-database', database_url($node, user => 'itemize_writer') ]);
# Another cluster, whose writer has one connection; and a sidecar that never hears of a commit.
my $applier = start_sidecar('local', flags => [ '--global-redis', $redis->url, '--local-redis', $other->url ]);
my @far = ('--database', database_url($node, user => 'itemize_reader'), '--local-redis', $other->url, @tokens);
my $far = start_sidecar('extended', flags => [ @far, '--write-database', database_url($node, user => 'itemize_writer'), '--write-connections', 1 ]);
my $proxy = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port, 'COMMIT', "\x0bCOMMIT", "\x01COMMIT");
my $deaf = start_sidecar('extended', flags => [ @far, '--write-database', 'postgresql://itemize_writer@127.0.0.1:' . $proxy->port . '/postgres' ]);

my %callers = (ann => bearer($secret, { sub => 'ann', role => 'member' }), bob => bearer($secret, { sub => 'bob', role => 'member' }));
# ask(SIDECAR, CALLER, KEY or undef, METHOD, PATH, [BODY], [HEADERS...])
sub ask
{
	my ($where, $caller, $key, $method, $path, $body, @headers) = @_;
	push @headers, "Idempotency-Key: $key" if defined $key;
	push @headers, 'Content-Type: application/json' if defined $body;
	return http_request($method, $where->url("/v1/items/$path"), headers => [ $callers{$caller}, @headers ], body => $body);
}
sub problem { my ($answer) = @_; return "$answer->{status} " . (($answer->{json}{type} // '') =~ s/^urn:itemize:problem://r) }
sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub made { my ($what) = @_; return value("SELECT count(*) FROM purchase WHERE what = '$what'") }
sub told { my ($answer) = @_; return join ' ', map { $_ // '-' } $answer->{status}, @{ $answer->{headers} }{qw(location etag content-location)}, $answer->{body} }

# ---- Who has not been set up for it is told

my $answer = ask($sidecar, 'ann', '"k"', 'POST', 'purchase', '{"what":"too early"}');
is(problem($answer), '503 database-refuses', 'without the right to keep answers no key is taken');
like($sidecar->log_text, qr/GRANT EXECUTE ON FUNCTION itemize\.begin_once/, 'and the log says which');
value('GRANT EXECUTE ON FUNCTION itemize.begin_once(text, text), itemize.keep_answer(text, text, text) TO itemize_writer');

# ---- Sent again it is answered again, and made once

my $first = ask($sidecar, 'ann', '"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'POST', 'purchase', '{"what":"once"}');
is($first->{status}, 201, 'the first makes it');
ok(!exists $first->{headers}{'idempotent-replayed'}, 'itself');
for my $where ($sidecar, $far)
{
	$answer = ask($where, 'ann', '8e03978e-40d5-43dd-bc93-6894a57f9324', 'POST', 'purchase', '{"what":"once"}');
	is(told($answer), told($first), 'another gets its answer, in whichever cluster');
	is($answer->{headers}{'idempotent-replayed'}, 'true', 'and is told so');
	my $read = http_get($far->url($answer->{headers}{location}), "Itemize-Min-Position: $answer->{headers}{'itemize-position'}", 'Prefer: wait=30');
	is($read->{body}, $first->{body}, 'with a position at which it can be read');
}
is(made('once'), 1, 'there is one');
is(metric($sidecar, 'itemize_write_repeated_total'), 1, 'which is counted');

# ---- Twenty at once, through both clusters

my @runs;
for my $number (1 .. 20)
{
	my $url = ($number % 2 ? $sidecar : $far)->url('/v1/items/purchase');
	my %run = (out => '');
	$run{handle} = IPC::Run::start([ 'curl', '--silent', '--max-time', 120, '--write-out', "\n%{http_code}", '--header', $callers{ann}, '--header', 'Content-Type: application/json',
		'--header', 'Idempotency-Key: "raced"', '--data-binary', '{"what":"raced"}', $url ], '<', \undef, '>', \$run{out}, '2>', \my $error);
	push @runs, \%run;
}
$_->{handle}->finish for @runs;
my %statuses;
$statuses{ (split /\n/, $_->{out})[-1] }++ for @runs;
is(made('raced'), 1, 'of twenty equal requests one is made');
cmp_ok($statuses{201} // 0, '>=', 1, 'and answered');
is(($statuses{201} // 0) + ($statuses{409} // 0), 20, 'the others with it, or told that it is on its way');
note(join ', ', map { "$statuses{$_} answered $_" } sort keys %statuses);
is(scalar(keys %{ { map { $_ => 1 } grep { /201$/ } map { $_->{out} } @runs } }), 1, 'each alike');

# ---- While it is being made

my $waiting = IPC::Run::start([ 'curl', '--silent', '--max-time', 120, '--header', $callers{ann}, '--header', 'Content-Type: application/json', '--header', 'Idempotency-Key: "waiting"',
	'--data-binary', '{"what":"wait"}', $sidecar->url('/v1/items/purchase') ], '<', \undef, '>', \my $waited, '2>', \my $ignored);
poll_until(sub { value(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%create_item%' AND wait_event = 'PgSleep'}) == 1 }, 'it is being made');
$answer = ask($far, 'ann', '"waiting"', 'POST', 'purchase', '{"what":"wait"}');
is(problem($answer) . " $answer->{headers}{'retry-after'}", '409 request-in-flight 1', 'the same elsewhere is told to come back');
is(ask($far, 'bob', '"waiting"', 'POST', 'purchase', '{"what":"other"}')->{status}, 201, 'that is no matter to others');
value('INSERT INTO gate VALUES (true)');
$waiting->finish;
$answer = poll_until(sub { my $now = ask($far, 'ann', '"waiting"', 'POST', 'purchase', '{"what":"wait"}'); $now->{status} != 409 && $now }, 'the answer');
is("$answer->{status} $answer->{body}", "201 $waited", 'then it gets the answer of the first');
is(made('wait'), 1, 'which was made once');

# ---- The answer to the COMMIT is lost

$answer = ask($deaf, 'ann', '"lost"', 'POST', 'purchase', '{"what":"lost"}');
is(problem($answer), '502 outcome-unknown', 'who is not told of the commit says so');
is(made('lost'), 1, 'it was made');
$answer = ask($far, 'ann', '"lost"', 'POST', 'purchase', '{"what":"lost"}');
is("$answer->{status} $answer->{headers}{'idempotent-replayed'}", '201 true', 'sent again, it is answered');
is($answer->{json}{id}, value("SELECT id FROM purchase WHERE what = 'lost'"), 'with what was made');
is(made('lost'), 1, 'once');

# ---- Whose key, and of what

$answer = ask($sidecar, 'bob', '"raced"', 'POST', 'purchase', '{"what":"raced"}');
is("$answer->{status} $answer->{json}{owner}", '201 bob', "another caller's key is another");
is(problem(ask($sidecar, 'ann', '"raced"', @$_)), '422 idempotency-key-reused', "not for $_->[0] $_->[1] $_->[2]")
  for [ 'POST', 'purchase', '{"what":"other"}' ], [ 'PATCH', 'purchase/1', '{"what":"raced"}' ], [ 'POST', 'purchase', '{"what": "raced"}' ];
is(problem(ask($sidecar, 'ann', $_, 'POST', 'purchase', '{"what":"bad"}')), '400 bad-request', "no key: $_")
  for '""', '"a', 'a b', '"a", "b"', '"a\b"', '"' . 'x' x 256 . '"', "\xc3\xa9";
is(made('bad') . made('other'), '01', 'nothing of these was made');
for my $sql ('SELECT * FROM itemize.kept_answer', "SELECT itemize.begin_once('a', 'b')", "SELECT itemize.keep_answer('a', 'b', 'c')")
{
	my ($status, undef, $error) = $node->psql('postgres', "SET ROLE member; $sql");
	like($error, qr/permission denied/, "a caller's own role: $sql");
}

# ---- All methods; conditions; refusals

my $path = $first->{headers}{location} =~ s{^/v1/items/}{}r;
my $patched = ask($sidecar, 'ann', '"patch"', 'PATCH', $path, '{"code":"a"}', "If-Match: $first->{headers}{etag}");
is($patched->{status}, 200, 'a patch on a condition');
is(told(ask($far, 'ann', '"patch"', 'PATCH', $path, '{"code":"a"}', "If-Match: $first->{headers}{etag}")), told($patched), 'again, though it holds no more');
is(problem(ask($far, 'ann', '"patch"', 'PATCH', $path, '{"code":"a"}')), '422 idempotency-key-reused', 'without the condition it is another request');
is(problem(ask($sidecar, 'ann', '"refused"', 'POST', 'purchase', '{"what":"nothing"}')), '422 invalid-item', 'a refusal');
is(problem(ask($sidecar, 'ann', '"obstacle"', 'POST', 'purchase', '{"what":"x","code":"a"}')), '409 conflict', 'and another');
is(ask($sidecar, 'ann', '"delete"', 'DELETE', $path)->{status}, 204, 'deleted');
is(ask($sidecar, 'ann', '"delete"', 'DELETE', $path)->{status}, 204, 'as often as one likes');
is(ask($sidecar, 'ann', '"obstacle"', 'POST', 'purchase', '{"what":"x","code":"a"}')->{status}, 201, 'what was refused was not made, and may be later');

# ---- What is kept, and for how long

my $large = 'x' x 300_000;
my $big = "$PostgreSQL::Test::Utils::tmp_check/large.json";
append_to_file($big, "{\"what\":\"$large\"}");
$answer = ask($sidecar, 'ann', '"large"', 'POST', 'purchase', "\@$big");
is("$answer->{status} $answer->{json}{what}", "201 $large", 'a large item');
my $again = ask($sidecar, 'ann', '"large"', 'POST', 'purchase', "\@$big");
is("$again->{status} $again->{headers}{location} [$again->{body}]", "201 $answer->{headers}{location} []", 'again it is not shown, and not made');
is(value('SELECT count(*) FROM purchase WHERE length(what) > 1000'), 1, 'there is one');
cmp_ok(value('SELECT max(length(answer)) FROM itemize.kept_answer'), '<', 300_000, 'so much is not kept');
value(q{UPDATE itemize.kept_answer SET expires = now() - interval '1 second'});
value(q{INSERT INTO itemize.kept_answer SELECT 'old' || n, 'r', now() - interval '1 day', 'a' FROM generate_series(1, 15) n});
my $kept = value('SELECT count(*) FROM itemize.kept_answer');
$answer = ask($sidecar, 'ann', '"raced"', 'POST', 'purchase', '{"what":"raced"}');
is("$answer->{status} " . ($answer->{headers}{'idempotent-replayed'} // 'anew'), '201 anew', 'after its time a key is new');
is(value(q{SELECT count(*) FROM purchase WHERE what = 'raced' AND owner = 'ann'}), 2, 'and makes another');
is(value('SELECT count(*) FROM itemize.kept_answer'), $kept - 10, 'which clears away ten that are over');

# ---- What a trigger leaves on a connection is not there for the next

is(ask($far, 'ann', undef, 'POST', 'purchase', '{"what":"leave"}')->{status}, 201, 'settings, a lock, a table');
is(ask($far, 'ann', undef, 'POST', 'purchase', '{"what":"find"}')->{json}{code}, 'nothing else', 'are gone');
# DISCARD TEMP waits for a lock on the schema, and gives up: that is after the commit.
my $holder = $node->background_psql('postgres', on_error_stop => 1);
$holder->query_safe('BEGIN; ' . value(q{SELECT string_agg(format('COMMENT ON SCHEMA %I IS NULL', nspname), '; ') FROM pg_namespace WHERE nspname ~ '^pg_temp_'}));
is(ask($far, 'ann', undef, 'POST', 'purchase', '{"what":"leave"}')->{status}, 201, 'what cannot be cleared away makes no failure of what is written');
is(made('leave'), 2, 'nor is it made twice');
$holder->query_safe('ROLLBACK');
$holder->quit;
value(q{UPDATE purchase SET code = NULL WHERE what = 'find'});
is(ask($far, 'ann', undef, 'POST', 'purchase', '{"what":"find"}')->{json}{code}, 'nothing else', 'it went with its connection');

# ---- A cluster that has not heard of a new rule

$applier->signal('STOP');
value(q{SELECT itemize.define('purchase', 'purchase', fields => '{id,what,code,owner}', read => 'nobody', replace => true)});
is(told(ask($far, 'ann', undef, 'POST', 'purchase', '{"what":"unseen"}')) =~ s{purchase/\d+}{purchase/N}r, '201 /v1/items/purchase/N - - ', 'shows nobody what the database says that nobody may see');
is(told(ask($far, 'ann', '"waiting"', 'POST', 'purchase', '{"what":"wait"}')) =~ s{purchase/\d+}{purchase/N}r, '201 /v1/items/purchase/N - - ', 'also of what was kept');
$applier->signal('CONT');
unlike($sidecar->log_text . $far->log_text . $deaf->log_text, qr/eyJ|"what"|in progress/, 'no token, no content and no words of libpq are in the logs');

done_testing();
