# Batches: many writes in one transaction, or none of them.
use strict;
use warnings;

use Itemize::Test;
use Itemize::Tokens;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE account (id int PRIMARY KEY, owner text NOT NULL, cents numeric NOT NULL CHECK (cents >= 0));
CREATE TABLE entry (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int NOT NULL REFERENCES account DEFERRABLE INITIALLY DEFERRED, cents numeric NOT NULL, host text NOT NULL DEFAULT 'bob');
ALTER TABLE entry REPLICA IDENTITY FULL;
CREATE TABLE hidden (id int PRIMARY KEY);
SELECT itemize.define('account', 'account', fields => '{id,owner,cents}', read => 'everyone');
SELECT itemize.define('entry', 'entry', fields => '{id,account,cents,host}', read => 'owner', owner => 'host');
SELECT itemize.define('hidden', 'hidden', fields => '{id}');
INSERT INTO account VALUES (1, 'ann', 100), (2, 'bob', 0), (3, 'eve', 5);
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON account FOR SELECT USING (true);
CREATE POLICY write ON account USING (owner <> 'eve');
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.cents = 4711 THEN PERFORM pg_sleep(0.2); END IF;
  IF NEW.cents = 4712 THEN PERFORM pg_sleep(0.35); END IF;
  IF NEW.cents = 4713 THEN PERFORM set_config('request.jwt.claims', '{"sub":"mallory"}', true); END IF;
  IF NEW.cents = 4714 THEN PERFORM set_config('role', 'other', true); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION slow();
CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, who text NOT NULL DEFAULT current_user || ' ' || (current_setting('request.jwt.claims')::json->>'sub'));
CREATE TABLE wide (id int PRIMARY KEY, v text NOT NULL);
ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
SELECT itemize.define('note', 'note', fields => '{id,who}', read => 'everyone');
SELECT itemize.define('wide', 'wide', fields => '{id,v}', read => 'everyone');
INSERT INTO wide SELECT n, repeat('x', 3500000) FROM generate_series(1, 5) n;
CREATE ROLE member NOLOGIN;
CREATE ROLE other NOLOGIN;
GRANT SELECT, INSERT, UPDATE ON note, wide TO member, other;
GRANT SELECT, INSERT, UPDATE, DELETE ON account, entry TO member;
CREATE ROLE itemize_writer LOGIN NOINHERIT;
GRANT member, other TO itemize_writer;
GRANT EXECUTE ON FUNCTION itemize.begin_once(text, text), itemize.keep_answer(text, text, text) TO itemize_writer;
});
my $redis = start_redis();
my $file = secret_file($secret);
my @flags = ('--jwt-secret-file', $file, '--write-database', database_url($node, user => 'itemize_writer'));
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ @flags, '--write-timeout-milliseconds', 60000 ]);
my $ann = bearer($secret, { sub => 'ann', role => 'member' });

# batch(BODY or [OPERATIONS], [HEADERS...])
sub batch
{
	my ($body, @headers) = @_;
	$body = JSON::PP->new->canonical->encode($body) if ref $body;
	push @headers, $ann if !grep { /^Authorization/ } @headers;
	push @headers, 'Content-Type: application/json' if !grep { /^Content-Type/ } @headers;
	return http_request('POST', $sidecar->url('/v1/batch'), headers => [ grep { $_ ne 'Authorization' } @headers ], body => $body);
}
sub problem { my ($answer) = @_; return join ' ', $answer->{status}, ($answer->{json}{type} // '') =~ s/^urn:itemize:problem://r, $answer->{json}{operation} // '-' }
sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub balances { return value("SELECT string_agg(cents::text, ',' ORDER BY id) FROM account") }
sub create { my ($type, %fields) = @_; return { operation => 'create', type => $type, value => \%fields } }
sub update { my ($type, $key, $value, %more) = @_; return { operation => 'update', type => $type, key => $key, value => $value, %more } }

# ---- All of it

my $tag = http_get($sidecar->url('/v1/items/account/1'))->{headers}{etag};
my $answer = batch([
	update('account', '1', { cents => 60 }, if_match => $tag),
	update('account', '2', { cents => 40 }),
	create('entry', account => 1, cents => -40),
	{ operation => 'replace', type => 'account', key => '9', value => { owner => 'ann', cents => 0 }, if_none_match => '*' },
	{ operation => 'delete', type => 'account', key => '9' },
]);
is($answer->{status}, 200, 'a batch');
is(balances(), '60,40,5', 'is made');
my @results = @{ $answer->{json}{results} };
is(join(' ', map { $_->{status} } @results), '200 200 201 201 204', 'each operation has its status');
is($results[0]{etag}, http_get($sidecar->url('/v1/items/account/1'), "Itemize-Min-Position: $answer->{headers}{'itemize-position'}", 'Prefer: wait=30')->{headers}{etag},
	'and its tag, which is that of the item at the position of the commit');
like($answer->{body}, qr/"item":\{"id":1,"owner":"ann","cents":60\}/, 'the item stands in it in its own bytes');
is("$results[2]{type} $results[2]{key} " . (exists $results[2]{item} ? 'shown' : 'not shown') . (exists $results[2]{etag} ? ' tag' : ''), 'entry 1 not shown', 'what the caller may not see has its key alone');
is(value('SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM account WHERE id IN (1, 2) UNION ALL SELECT xmin FROM entry) a'), 1, 'in one transaction');
$answer = batch([ update('account', '1', { cents => 60 }) ], 'Prefer: return=minimal');
ok(!exists $answer->{json}{results}[0]{item} && exists $answer->{json}{results}[0]{etag}, 'as little as is asked for');
is($answer->{headers}{'preference-applied'}, 'return=minimal', 'and that is said');
batch('[{"operation":"update","type":"account","key":"2","value":{"cents":12345678901234567890.123456789012345678901}}]');
is(value('SELECT cents FROM account WHERE id = 2'), '12345678901234567890.123456789012345678901', 'no digit of a number is lost');
value('UPDATE account SET cents = 40 WHERE id = 2');

# ---- Or nothing

my %failing = (
	'a condition' => [ update('account', '2', { cents => 1 }, if_match => '"other"'), '412 precondition-failed 1' ],
	'a constraint' => [ update('account', '2', { cents => -1 }), '422 invalid-item 1' ],
	'a field that is none' => [ update('account', '2', { none => -1 }), '422 invalid-item 1' ],
	'a key that is taken' => [ create('account', id => 1, owner => 'ann', cents => 1), '409 conflict 1' ],
	'one that is there' => [ { operation => 'replace', type => 'account', key => '2', value => { owner => 'a', cents => 1 }, if_none_match => '*' }, '412 precondition-failed 1' ],
	'none that is there' => [ update('account', '77', { cents => 1 }), '404 not-found 1' ],
	'a policy' => [ update('account', '3', { cents => 1 }), '403 forbidden 1' ],
	'a type that is hidden' => [ create('hidden', id => 1), '404 not-found 1' ],
	'a type that is none' => [ create('nowhere', id => 1), '404 not-found 1' ],
	'no type name' => [ create('No Where', id => 1), '404 not-found 1' ],
	'a check at the commit' => [ create('entry', account => 77, cents => 1), '409 conflict -' ],
	'no operation' => [ { type => 'account' }, '400 bad-request 1' ],
	'an unknown operation' => [ { operation => 'upsert', type => 'account', key => '1', value => {} }, '400 bad-request 1' ],
	'an unknown member' => [ { operation => 'delete', type => 'account', key => '1', id => '2' }, '400 bad-request 1' ],
	'no key' => [ { operation => 'delete', type => 'account' }, '400 bad-request 1' ],
	'a key too many' => [ { operation => 'create', type => 'account', key => '1', value => {} }, '400 bad-request 1' ],
	'a malformed key' => [ { operation => 'delete', type => 'account', key => '%zz' }, '400 malformed-key 1' ],
	'no value' => [ { operation => 'update', type => 'account', key => '1' }, '400 bad-request 1' ],
	'a value that is no object' => [ update('account', '1', [1]), '400 bad-request 1' ],
	'a condition out of place' => [ update('account', '1', {}, if_none_match => '*'), '400 bad-request 1' ],
	'a NUL in a value' => [ update('account', '1', { owner => "a\0" }), '422 invalid-item 1' ],
	'a NUL in a condition' => [ update('account', '1', {}, if_match => "\"\0\""), '422 invalid-item 1' ],
	'a text' => [ 'delete', '400 bad-request 1' ],
);
for my $what (sort keys %failing)
{
	my ($operation, $wanted) = @{ $failing{$what} };
	is(problem(batch([ update('account', '1', { cents => 1 }), $operation, update('account', '2', { cents => 2 }) ])), $wanted, $what);
}
is(balances(), '60,40,5', 'nothing of any of them was written');
is(value('SELECT count(*) FROM entry'), 1, 'nor made');

# ---- Bodies and bounds

is(problem(batch($_)), '400 bad-request -', "no batch: " . substr $_, 0, 40)
  for '[]', '{}', 'x', '[{"operation":"delete","operation":"create","type":"account","key":"1"}]', '[' . join(',', ('{"operation":"delete","type":"account","key":"1"}') x 101) . ']';
is(problem(batch('[]', 'Content-Type: text/plain')), '415 unsupported-media-type -', 'it must be said to be JSON');
is(batch([ map { update('account', '1', { cents => 1000 + $_ }) } 1 .. 100 ])->{status}, 200, 'a hundred operations');
is(value('SELECT cents FROM account WHERE id = 1'), 1100, 'in their order');
is(http_get($sidecar->url('/v1/batch'), $ann)->{headers}{allow}, 'POST', 'it is posted');
is(problem(batch([ create('entry', account => 1, cents => 1) ], 'Authorization')), '401 token-needed -', 'who is nobody makes none');
is(problem(http_request('POST', $sidecar->url('/v1/batch'), headers => [ bearer($secret, { sub => 'ann', role => 'none' }), 'Content-Type: application/json' ], body => '[{"operation":"delete","type":"account","key":"1"}]')), '403 forbidden -', 'nor who has no role');

# ---- Each as the caller, and no more than an answer takes

$answer = batch([ update('account', '1', { cents => 4713 }), { operation => 'create', type => 'note', value => {} } ]);
is($answer->{status}, 200, 'a trigger that takes other claims');
is(value('SELECT who FROM note'), 'member ann', 'does not take them for the next operation');
is(problem(batch([ update('account', '1', { cents => 4714 }), { operation => 'create', type => 'note', value => {} } ])), '403 forbidden 0', 'another role it cannot take');
$answer = batch([ map { update('wide', "$_", {}) } 1 .. 4 ]);
is($answer->{status} . ' ' . length $answer->{json}{results}[3]{item}{v}, '200 3500000', 'large items');
$answer = batch([ update('account', '1', { cents => 1 }), map { update('wide', "$_", {}) } 1 .. 5 ]);
is(problem($answer) . " $answer->{json}{detail}", '422 invalid-item 5 the items of one batch are more than 16 MB together, up to this one. Send them in several batches.', 'are bounded together');
is(value('SELECT cents FROM account WHERE id = 1'), 4713, 'then nothing was written');

# ---- Sent again

my @key = ('Idempotency-Key: "batch"');
my $first = batch([ create('entry', account => 1, cents => 7), update('account', '1', { cents => 7 }) ], @key);
my $again = batch([ create('entry', account => 1, cents => 7), update('account', '1', { cents => 7 }) ], @key);
is("$again->{body} $again->{headers}{'idempotent-replayed'}", "$first->{body} true", 'with a key it is made once');
is(value('SELECT count(*) FROM entry WHERE cents = 7'), 1, 'as can be seen');
is(problem(batch([ create('entry', account => 1, cents => 8) ], @key)), '422 idempotency-key-reused -', 'and the key is for this one');
is(metric($sidecar, 'itemize_write_seconds_count{operation="batch"}'), 4 + 2 + 1, 'batches are counted');

# ---- All together take no longer than one write may

my $hasty = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ @flags, '--write-timeout-milliseconds', 400 ]);
poll_until(sub { problem(http_request('POST', $hasty->url('/v1/batch'), headers => [ $ann, 'Content-Type: application/json' ],
	body => JSON::PP::encode_json([ map { update('account', '1', { cents => 4711 }) } 1 .. 50 ]))) eq '504 write-timeout -' }, 'too many that take long are ended');
is(problem(http_request('POST', $hasty->url('/v1/batch'), headers => [ $ann, 'Content-Type: application/json' ],
	body => JSON::PP::encode_json([ update('account', '1', { cents => 4711 }), update('account', '1', { cents => 4712 }) ]))), '504 write-timeout -', 'the last has the time that is left');
is(value('SELECT cents FROM account WHERE id = 1'), 7, 'are none');
is(http_request('POST', $hasty->url('/v1/batch/1'))->{status}, 404, 'and there is nothing below');

done_testing();
