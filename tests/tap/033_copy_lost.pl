# The local Redis loses what the applier keeps there of its progress: the copy is begun anew, and nothing old is served.
# tier: quick
use strict;
use warnings;

use Test::More;

use Itemize::Test;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item VALUES (1, 1);
});
my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);
my $url = $sidecar->url . '/v1/items/item/1';
sub body { my $answer = http_get($url); return $answer->{status} == 200 ? $answer->{body} : $answer->{status} }

is(body(), '{"n":1}', 'the item is held');
# The copy there is; while there is none, the database answers.
sub name { return poll_until(sub { $redis->cli('HGET', 'itemize:local', 'namespace') }, 'a copy') }
my $namespace = name();

# While the stream is silent.
$redis->cli('DEL', 'itemize:local');
my $second = name();
poll_until(sub { body() eq '{"n":1}' }, 'served again, though no change came that would have told');
isnt($second, $namespace, 'from a copy of its own');
my @names = ($namespace, $second);

# With a change that the lost copy has not seen: its items are still in Redis, under a name that never comes back.
for my $round (2 .. 6)
{
	$redis->cli('DEL', 'itemize:local');
	$node->safe_psql('postgres', "UPDATE item SET n = $round");
	my $seen = '';
	poll_until(sub { ($seen = body()) eq "{\"n\":$round}" }, "round $round: the new row is served");
	push @names, name();
}
my %names = map { $_ => 1 } @names;
is(scalar keys %names, scalar @names, 'no name of a copy was used twice');

done_testing();
