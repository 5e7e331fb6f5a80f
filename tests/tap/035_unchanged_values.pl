# Large values that updates leave untouched are not in the log: the local copy keeps them, whatever happens around it.
# Writers of both columns, readers, and items that vanish from the local Redis, all at once.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Test;

use constant ITEMS => 10;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql(
	'postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int, big text);
ALTER TABLE item ALTER big SET STORAGE EXTERNAL;
INSERT INTO item SELECT i, 0, repeat(i || ',', 3000) FROM generate_series(1, 10) i;
SELECT itemize.define('item', 'item', fields => '{id,n,big}', read => 'everyone');
});
my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis);
sub merges { my ($result) = @_; my ($n) = http_get($sidecar->url('/metrics'))->{body} =~ /^itemize_merges_total\{result="$result"\} (\d+)/m; return $n // 0 }

my $script = PostgreSQL::Test::Utils::tempdir_short() . '/writer.sql';
append_to_file(
	$script, q{
\set id random(1, 10)
\set kind random(1, 5)
\if :kind = 1
UPDATE item SET n = n + 1, big = repeat(:id || ',', 2000 + n % 1000) WHERE id = :id;
\else
UPDATE item SET n = n + 1 WHERE id = :id;
\endif
});
# Held before the first change.
http_get($sidecar->url("/v1/items/item/$_")) for 1 .. ITEMS;
my ($out, $err) = ('', '');
my $writers = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '4', '-t', '400', '-f', $script, '-h', $node->host, '-p', $node->port, '-U', 'postgres', 'postgres' ],
	'<', \undef, '>', \$out, '2>', \$err);

my $room = $redis->cli('HGET', 'itemize:local', 'namespace') . ':item:item:';
my ($reads, $wrong, $back, %seen) = (0, 0, 0);
my $round = 0;
while ($writers->pumpable || $round < 20)
{
	$writers->pump_nb if $writers->pumpable;
	my $items = http_get($sidecar->url('/v1/items/item?key=in.(' . join(',', 1 .. ITEMS) . ')'))->{json}{items};
	for my $id (sort keys %$items)
	{
		my $item = $items->{$id};
		$reads++;
		$wrong++ if !defined $item->{big} || $item->{big} !~ /\A(?:$id,){2000,3000}\z/;
		$back++ if $item->{n} < ($seen{$id} // 0);
		$seen{$id} = $item->{n};
	}
	# What is evicted lacks the value for the next event: that one is filled by a reader.
	my @keys = split /\n/, $redis->cli('KEYS', "$room*");
	$redis->cli('DEL', $keys[ $round % @keys ]) if @keys;
	$round++;
}
$writers->finish;
is($writers->result(0), 0, 'the writers wrote all') or diag($err);
cmp_ok($reads, '>=', 20 * ITEMS, "$reads reads meanwhile");
is($wrong, 0, 'none of them saw a large value that was null, absent or cut');
is($back, 0, 'none of them went back in time');

my $served = sub { return join "\n", map { http_get($sidecar->url("/v1/items/item/$_"))->{body} } 1 .. ITEMS };
my $truth = $node->safe_psql('postgres', q{SELECT itemize.item_json('item', id::text) FROM item ORDER BY id});
ok(poll_until(sub { $served->() eq $truth }, 'the state of the database'), 'in the end the copy is the database, to the byte');
# What a change outran is served and not kept.
poll_until(sub { $served->(); (my @held = split /\n/, $redis->cli('KEYS', "$room*")) == ITEMS }, 'every item to be held');
cmp_ok(merges('merged'), '>', 100, merges('merged') . ' rows were completed from the held copy');

# A copy that lacks the member: the item is given up, and the next read fills it, once.
my ($key) = grep { /:3\z/ } split /\n/, $redis->cli('KEYS', "$room*");
$redis->cli('HSET', $key, 'r', '{"id":3}', 'l', '6');
my $dropped = merges('dropped');
$node->safe_psql('postgres', 'UPDATE item SET n = -1 WHERE id = 3');
poll_until(sub { merges('dropped') > $dropped }, 'a row that cannot be completed');
is($redis->cli('EXISTS', $key), 0, 'an item that cannot be completed is given up');
is(http_get($sidecar->url('/v1/items/item/3'))->{body}, $node->safe_psql('postgres', q{SELECT itemize.item_json('item', '3')}), 'and filled whole');

is($sidecar->stop, 0, 'status 0');
done_testing();
