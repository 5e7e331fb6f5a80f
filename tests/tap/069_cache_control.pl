# What answers with items say to caches, by the definition of their type.
# tier: quick
use strict;
use warnings;

use Itemize::Test;
use Itemize::Tokens;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE kept (id int PRIMARY KEY, t text);
CREATE TABLE asked (id int PRIMARY KEY, t text);
CREATE TABLE own (id int PRIMARY KEY, host text);
ALTER TABLE own REPLICA IDENTITY FULL;
INSERT INTO kept SELECT i, repeat('text ', 200) FROM generate_series(1, 3) i;
INSERT INTO asked VALUES (1, 'a');
INSERT INTO own VALUES (1, 'ann'), (2, 'bob');
SELECT itemize.define('kept', 'kept', fields => '{t}', read => 'everyone', cache_control => 'Public,max-age=60');
SELECT itemize.define('asked', 'asked', fields => '{t}', read => 'everyone');
});
my $redis = start_redis();
my $file = secret_file($secret);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwt-secret-file', $file ]);
my @ann = (bearer($secret, { sub => 'ann' }));

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub said { my ($answer) = @_; return join ' / ', $answer->{status}, map { $answer->{headers}{$_} // '-' } qw(cache-control vary) }
# As of what the database has now.
sub now { return ('Itemize-Min-Position: ' . $node->safe_psql('postgres', 'SELECT itemize.token()'), 'Prefer: wait=60') }
sub define { my ($arguments) = @_; return commit($node, "SELECT itemize.define($arguments, replace => true)") }

is($node->safe_psql('postgres', q{SELECT cache_control FROM itemize.definitions WHERE type = 'kept'}), 'public, max-age=60', 'the view has it, in one form');
is($node->safe_psql('postgres', q{SELECT count(*) FROM itemize.definitions WHERE cache_control IS NULL}), '1', 'and nothing by default');

# ---- One item, wherever it comes from

my $kept = 'public, max-age=60 / Itemize-Min-Position, Accept-Encoding';
my $first = get('kept/1', now());
is(said($first), "200 / $kept", 'from the database');
is(said(get('kept/1')), "200 / $kept", 'from the copy') for 1 .. 2;
ok(poll_until(sub { get('kept/1'); metric($sidecar, 'itemize_memory_hits_total') > 0 }, 'a hit'), 'from memory ...');
is(said(get('kept/1')), "200 / $kept", '... as well');
is(said(get('kept/1', 'Accept-Encoding: gzip')), "200 / $kept", 'compressed');
is(said(get('kept/1', "If-None-Match: $first->{headers}{etag}")), "304 / $kept", 'not modified');
is(said(http_request('HEAD', $sidecar->url('/v1/items/kept/1'))), "200 / $kept", 'HEAD');
is(said(get('kept/9')), '404 / no-store / -', 'a missing one is not kept');

# ---- Many

is(said(get('kept?key=in.(1,2,9)')), '200 / public, max-age=60 / Itemize-Min-Position', 'many by key');
is(said(get('kept?limit=2')), '200 / no-cache / -', 'a page of the type asks each time');
is(said(get('asked/1', now())), '200 / no-cache / Accept-Encoding', 'without it, caches ask');

# ---- Changed and taken away

my $changed = define(q{'kept', 'kept', fields => '{t}', read => 'everyone', cache_control => 'no-store'});
is(said(get('kept/1', "Itemize-Min-Position: $changed", 'Prefer: wait=60')), '200 / no-store / Itemize-Min-Position, Accept-Encoding', 'changed, it is the new one');
$changed = define(q{'kept', 'kept', fields => '{t}', read => 'authenticated', cache_control => 'max-age=5'});
my @then = ("Itemize-Min-Position: $changed", 'Prefer: wait=60');
is(said(get('kept/1', @then)), '404 / no-store / -', 'with another rule nobody in particular sees it');
is(said(get('kept/1', @then, @ann)), '200 / private, max-age=5 / Authorization, Itemize-Min-Position, Accept-Encoding', 'and it is private to who does');
$changed = define(q{'kept', 'kept', fields => '{t}', read => 'everyone'});
is(said(get('kept/1', "Itemize-Min-Position: $changed", 'Prefer: wait=60')), '200 / no-cache / Accept-Encoding', 'taken away, caches ask again');
is($node->safe_psql('postgres', q{SELECT generation FROM itemize.definitions WHERE type = 'kept'; SELECT itemize.define('kept', 'kept', fields => '{t}', read => 'everyone');
SELECT generation FROM itemize.definitions WHERE type = 'kept'}) =~ s/^(\d+)\n\n\1$/same/r, 'same', 'the same again changes nothing');

# ---- Each his own

$changed = define(q{'own', 'own', fields => '{id,host}', read => 'owner', owner => 'host', cache_control => 'private, max-age=60'});
@then = ("Itemize-Min-Position: $changed", 'Prefer: wait=60');
is(said(get('own/1', @then, @ann)), '200 / private, max-age=60 / Authorization, Itemize-Min-Position, Accept-Encoding', 'an owner keeps his own');
is(said(get('own/2', @then, @ann)), '404 / no-store / -', 'and sees no other');
my $live = open_events($sidecar->url('/v1/live?items=own/*'), @ann);
is($live->next_event->{event}, 'hello', 'he follows his own');
$node->safe_psql('postgres', 'UPDATE own SET id = id + 10');
is($live->next_event(sub { ($_->{data}{op} // '') eq 'insert' })->{data}{item}{host}, 'ann', 'and is told of them');
$live->stop;

# ---- Without the copy

$redis->stop;
is(said(poll_until(sub { my $answer = get('own/11', @ann); $answer->{status} == 200 && $answer }, 'the database')),
	'200 / private, max-age=60 / Authorization, Itemize-Min-Position, Accept-Encoding', 'the database knows it as well');
$sidecar->stop;
done_testing();
