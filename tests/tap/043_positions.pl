# Reading one's own writes: itemize.token, Itemize-Min-Position and Prefer: wait, across two clusters of which one lags.
# tier: quick
use strict;
use warnings;

use Itemize::Proxy;
use Itemize::RawConnection;
use Itemize::Test;
use Test::More;

# More than there are workers in a sidecar.
use constant PARKED => 40;

my $node = start_postgres('primary');
my ($status, $out, $error) = $node->psql('postgres', 'SELECT itemize.token()');
like($error, qr/the change stream has not begun.*Start itemize-sidecar/s, 'no token before there is a stream, and what to do');

create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
CREATE TABLE other (n int);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item SELECT i, 0 FROM generate_series(1, 9) i;
});
my ($redis, $local) = (start_redis(), start_redis());
my $near = start_sidecar('absolute', postgres => $node, redis => $redis);
my $proxy = Itemize::Proxy->launch($node->host . '/.s.PGSQL.' . $node->port);
my $applier = start_sidecar('local', flags => [ '--global-redis', $redis->url, '--local-redis', $local->url ]);
my $far = start_sidecar(
	'extended',
	flags => [
		'--database', "postgresql://itemize_reader\@127.0.0.1:$proxy->{port}/postgres", '--local-redis', $local->url
	]);

sub get { my ($sidecar, $path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub row { my ($answer) = @_; return $answer->{status} == 200 ? $answer->{body} : "$answer->{status} " . ($answer->{json}{type} // '') }
sub at { my ($token, @preferences) = @_; return ("Itemize-Min-Position: $token", map { "Prefer: $_" } @preferences) }
# Commits, and gives the token of the commit.
sub problem_is
{
	my ($answer, $wanted, $about) = @_;
	return is("$answer->{status} " . ($answer->{json}{type} // ''), $wanted, $about);
}

# Tokens.
my $epoch = $node->safe_psql('postgres', 'SELECT epoch FROM itemize.stream');
my $token = commit($node, 'UPDATE item SET n = 1 WHERE id = 1');
like($token, qr/^\Q$epoch\E:\d+-0$/, 'a token is a position of the running epoch');
my ($lsn) = $token =~ /:(\d+)-/;
my $again = $node->safe_psql('postgres', "UPDATE item SET n = 1 WHERE id = 1;\nUPDATE other SET n = 1;\nSELECT itemize.token() = itemize.token();\nINSERT INTO other VALUES (1);\nSELECT itemize.token()");
my ($same, $later) = split /\n/, $again;
is($same, 't', 'it stays until the session commits again');
cmp_ok(($later =~ /:(\d+)-/)[0], '>', $lsn, 'and rises with what is committed, defined or not');
my $inside = $node->safe_psql('postgres', "UPDATE item SET n = 1 WHERE id = 1;\nBEGIN;\nUPDATE item SET n = 2 WHERE id = 2;\nSELECT itemize.token();\nROLLBACK;\nSELECT itemize.token()");
is(join(' ', split /\n/, $inside), join(' ', ((split /\n/, $inside)[0]) x 2), 'inside a transaction it is of the commit before');
my ($reading) = $node->safe_psql('postgres', 'SELECT itemize.token()') =~ /:(\d+)-/;
cmp_ok($reading, '>=', ($later =~ /:(\d+)-/)[0], 'a session that has not written gets one as new as everything');
is($node->safe_psql('postgres', "SET ROLE itemize_reader;\nSELECT itemize.token() ~ '^[0-9.]+:[0-9]+-0\$'"), 't', 'whoever asks needs no right');

# Written here, read there, at once.
for my $n (1 .. 10)
{
	my $written = commit($node, "UPDATE item SET n = $n WHERE id = 3");
	my @rows = map { row(get($_, 'item/3', at($written))) } $near, $far;
	is("@rows", qq({"n":$n} {"n":$n}), "commit $n is read through both clusters") or last;
}
my $answer = get($far, 'item/3', at($token, 'wait=5'));
is($answer->{headers}{'preference-applied'}, 'wait=5', 'the preferred wait is told');
is(get($far, 'item/3', at($token, 'return=minimal, Wait = 99; x="a,b"'))->{headers}{'preference-applied'}, 'wait=30', 'as it was cut');
is(get($far, 'item/3', at($token, $_))->{headers}{'preference-applied'}, undef, "not told: $_") for 'wait=soon', 'respond-async';
is(get($far, 'item/3', at($answer->{headers}{'itemize-position'}))->{body}, '{"n":10}', 'the position of an answer is a demand of the next');

# The far cluster stands still.
is(row(get($far, 'item/3')), '{"n":10}', 'held there');
$applier->signal('STOP');
my $new = commit($node, 'UPDATE item SET n = 11; DELETE FROM item WHERE id = 9; INSERT INTO item VALUES (10, 11)');
is(row(get($far, 'item/3')), '{"n":10}', 'which shows the old row to whoever demands nothing');
$answer = get($far, 'item/3', at($new, 'wait=0'));
is("$answer->{body} $answer->{headers}{'itemize-position'}", qq({"n":11} $new), 'who has a token gets the row of the primary, and is told so');
is($answer->{headers}{'itemize-degraded'}, undef, 'without loss');
is(row(get($far, 'item/3')), '{"n":11}', 'and from then on everybody does: it does not go back');
cmp_ok(metric($far, 'itemize_read_forced_fills_total'), '>=', 1, 'counted as forced');
is(row(get($far, 'item?key=in.(3,4,9,10)', at($new, 'wait=0'))), '{"items":{"3":{"n":11},"4":{"n":11},"10":{"n":11}},"missing":["9"]}', 'many at a time');
is(row(get($far, 'item?limit=2&after=7', at($new, 'wait=0'))), '{"items":[{"key":"8","item":{"n":11}},{"key":"10","item":{"n":11}}],"next":"10"}', 'a page');
problem_is(get($far, 'item/9', at($new, 'wait=0')), '404 urn:itemize:problem:not-found', 'what was deleted is gone');

# Whoever waits holds no worker.
my $newest = commit($node, 'UPDATE item SET n = 12');
my @parked = map { Itemize::RawConnection->open($far->port) } 1 .. PARKED;
$_->send("GET /v1/items/item/5 HTTP/1.1\r\nHost: x\r\nItemize-Min-Position: $newest\r\nPrefer: wait=30\r\n\r\n") for @parked;
poll_until(sub { metric($far, 'itemize_read_position_waits_total') >= PARKED }, 'they wait');
is(row(get($far, 'item/3')), '{"n":11}', 'with ' . PARKED . ' reads waiting others are answered');
is(join('', map { $_->received } @parked), '', 'and those wait still');
$applier->signal('CONT');
$_->read_until(sub { /\{"n":\d+\}$/ }) for @parked;
is(scalar(grep { $_->received =~ /^HTTP\/1\.1 200.*\{"n":12\}$/s } @parked), PARKED, 'until the cluster has come so far');
is(metric($far, 'itemize_read_uncached_total'), 0, 'none of them went past the copy');
poll_until(sub { row(get($far, 'item/3')) eq '{"n":12}' }, 'the rest follows');

# A commit that changes nothing of ours comes with the heartbeat only: the primary is asked in its place.
my $elsewhere = commit($node, 'INSERT INTO other VALUES (2)');
is(row(get($far, 'item/6', at($elsewhere, 'wait=0'))), '{"n":12}', 'a commit that is in no stream is no riddle');

# Without the database.
$applier->signal('STOP');
my $last = commit($node, 'UPDATE item SET n = 13');
$proxy->kill9;
$answer = get($far, 'item/3', at($last, 'wait=1'));
problem_is($answer, '503 urn:itemize:problem:position-not-reached', 'neither cluster nor primary: no older row instead');
is($answer->{headers}{'retry-after'}, 1, 'and when to ask again');
is(row(get($far, 'item/3')), '{"n":12}', 'while who demands nothing is served');
$applier->signal('CONT');
poll_until(sub { row(get($far, 'item/3', at($last, 'wait=30'))) eq '{"n":13}' }, 'the cluster comes to it by itself');

# What is no position of this history.
problem_is(get($near, "item/3", at($_)), '400 urn:itemize:problem:bad-request', "malformed: $_") for 'now', "$epoch:5", "$token,$token";
problem_is(get($near, 'item/3', at($token), at($token)), '400 urn:itemize:problem:bad-request', 'twice');
my ($system, $timeline, $generation) = split /\./, $epoch;
for my $path ('item/3', 'item?key=in.(3)', 'item')
{
	my $over = get($near, $path, at("$system.$timeline." . ($generation - 1) . ":$lsn-0"));
	problem_is($over, '412 urn:itemize:problem:position-of-another-epoch', "$path: of an epoch that is over");
	is($over->{headers}{'cache-control'}, 'no-store', 'which no cache keeps');
	like($over->{headers}{'itemize-position'}, qr/^\Q$epoch\E:/, 'with the position to go on from');
}
problem_is(get($near, 'item/3', at("$system.$timeline." . ($generation + 1) . ":$lsn-0", 'wait=0')), '412 urn:itemize:problem:position-of-another-epoch', 'of one that has never begun');
problem_is(get($near, 'item/3', at("$epoch:1152921504606846976-0", 'wait=0')), '503 urn:itemize:problem:position-not-reached', 'of a future');

# Redis away: the primary is as new as any token, and says of which epoch it is.
my $alone = commit($node, 'UPDATE item SET n = 14 WHERE id = 3');
$redis->stop;
$answer = get($near, 'item/3', at($alone));
is(join(' ', row($answer), $answer->{headers}{'itemize-degraded'} // '', $answer->{headers}{'itemize-position'} // ''), qq({"n":14} redis $alone), 'without Redis the primary answers');
problem_is(get($near, 'item/3', at("$system.$timeline." . ($generation - 1) . ":$lsn-0")), '412 urn:itemize:problem:position-of-another-epoch', 'and an epoch that is over is still over');

done_testing();
