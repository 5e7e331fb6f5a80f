# Where an answer came from, and items in a process' own memory: what is answered from there is what the local copy holds at
# that moment, also when the process has not heard of a change; what is gone from the copy leaves memory.
# tier: quick
use strict;
use warnings;

use IPC::Run;
use Itemize::Proxy;
use Itemize::RawConnection;
use Itemize::Test;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, n int, t text);
SELECT itemize.define('item', 'item', fields => '{n}', read => 'everyone');
INSERT INTO item SELECT i, 0, repeat('x', 1000) FROM generate_series(1, 200) i;
CREATE TABLE large (id int PRIMARY KEY, t text);
SELECT itemize.define('large', 'large', fields => '{t}', read => 'everyone');
INSERT INTO large SELECT i, repeat('x', 1000) FROM generate_series(1, 100) i;
});
my ($redis, $local) = (start_redis(), start_redis());
my $link = Itemize::Proxy->launch($local->port);
# Compared by nobody meanwhile: rows are changed by hand.
my @urls = ('--global-redis', $redis->url, '--coherence-interval-seconds', 0);
my $global = start_sidecar('global', postgres => $node, flags => [ @urls, '--local-redis', $local->url ]);
my $applier = start_sidecar('local', flags => [ @urls, '--local-redis', $local->url ]);
my $one = start_sidecar('extended', postgres => $node, flags => [ @urls, '--local-redis', "redis://127.0.0.1:$link->{port}" ]);
my $other = start_sidecar('extended', postgres => $node, flags => [ @urls, '--local-redis', $local->url ]);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub get { my ($sidecar, $path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub body { my $answer = get(@_); return $answer->{status} == 200 ? $answer->{body} : $answer->{status} }
sub cache { my $answer = get(@_); return $answer->{headers}{'cache-status'} // $answer->{status} }
sub hits { return metric($_[0], 'itemize_memory_hits_total') }
sub redis_key { my ($key) = @_; return $local->cli('KEYS', "*:item:item:*:$key") }
# Until answers come from memory.
sub warm
{
	my ($sidecar, $path) = @_;
	my $before = hits($sidecar);
	return poll_until(sub { my $answer = get($sidecar, $path); hits($sidecar) > $before && $answer }, "$path in memory");
}

subtest 'Cache-Status' => sub {
	is(cache($one, 'item/1'), 'itemize; fwd=uri-miss; stored', 'an item that is not held is filled');
	is(cache($_, 'item/1'), 'itemize; hit', 'and held from then on, for all of the cluster') for $one, $other;
	is(cache($one, 'item?key=in.(1)'), 'itemize; hit', 'many: all of them held');
	is(cache($one, 'item?key=in.(1,2)'), 'itemize; fwd=partial; stored', 'some of them');
	is(cache($one, 'item?key=in.(3,4)'), 'itemize; fwd=uri-miss; stored', 'none of them');
	is(cache($one, 'item?key=in.(1,2,3,4)'), 'itemize; hit', 'now they are');
	is(cache($one, 'item?limit=2'), 'itemize; fwd=bypass', 'a page asks the database');
	is(cache($one, 'item/4711'), 404, 'of what is not there nothing is told');
	$applier->signal('STOP');
	my $token = commit($node, 'UPDATE item SET n = 1 WHERE id = 1');
	is(cache($one, 'item/1', "Itemize-Min-Position: $token", 'Prefer: wait=0'), 'itemize; fwd=request; stored', 'held, and older than was asked for');
	is(body($_, 'item/1'), '{"n":1}', 'after that nobody of the cluster is shown the older one') for $one, $other;
	$applier->signal('CONT');
	return;
};

subtest 'an answer from memory' => sub {
	my $worker = get($one, 'item/1', 'Itemize-Min-Position: ' . get($one, 'item/1')->{headers}{'itemize-position'});
	my $kept = warm($one, 'item/1');
	is($kept->{body}, $worker->{body}, 'has the bytes of any other');
	is_deeply([ sort keys %{ $kept->{headers} } ], [ sort keys %{ $worker->{headers} } ], 'and the same fields');
	is($kept->{headers}{$_}, $worker->{headers}{$_}, $_) for qw(etag cache-control cache-status content-type content-length x-content-type-options);
	my $tag = $kept->{headers}{etag};
	for my $match ($tag, "W/$tag", '*', qq{"other", W/$tag})
	{
		my $same = get($one, 'item/1', "If-None-Match: $match");
		is("$same->{status}|$same->{body}|$same->{headers}{etag}", "304||$tag", "If-None-Match: $match");
		is($same->{headers}{'content-length'}, undef, 'a 304 has no length');
	}
	is(get($one, 'item/1', 'If-None-Match: "other"')->{status}, 200, 'another tag');
	my $head = http_request('HEAD', $one->url('/v1/items/item/1'));
	is("$head->{status} $head->{headers}{'content-length'} $head->{headers}{etag}", "200 $kept->{headers}{'content-length'} $tag", 'HEAD');
	my $before = hits($one);
	is(get($one, 'item?key=in.(1)')->{body}, '{"items":{"1":{"n":1}},"missing":[]}', 'many by key');
	is(hits($one), $before + 1, 'come from there as well');
	return;
};

subtest 'what the copy holds is what is shown, heard of or not' => sub {
	warm($one, 'item/5');
	my $item = redis_key(5);
	# As an event does that this process' follower of the stream has not come to.
	$local->cli('HSET', $item, 'r', '{"n":"newer"}');
	is(body($one, 'item/5'), '{"n":0}', 'by hand, with the stamp left: the hazard is real');
	$local->cli('HDEL', $item, 'v');
	is(body($one, 'item/5'), '{"n":"newer"}', 'as the applier does it, it is seen at once');
	$local->cli('DEL', $item);
	is(body($one, 'item/5'), '{"n":0}', 'what the copy has lost is filled anew');
	return;
};

subtest 'two instances, one after the other, while the item changes' => sub {
	warm($_, 'item/6') for $one, $other;
	my $writes = 300;
	my ($out, $err) = ('', '');
	my @psql = ('psql', '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--dbname', $node->connstr('postgres'));
	my $writer = IPC::Run::start([ @psql, '--command', "DO \$\$ BEGIN FOR i IN 1..$writes LOOP UPDATE item SET n = i WHERE id = 6; COMMIT; PERFORM pg_sleep(0.002); END LOOP; END \$\$" ],
		'<', \undef, '>', \$out, '2>', \$err);
	my %connection = map { $_ => Itemize::RawConnection->open($_->port) } $one, $other;
	my ($last, $back, $reads, $hits) = (0, 0, 0, hits($one));
	poll_until(
		sub {
			for my $sidecar (map { ($one, $other) } 1 .. 20)
			{
				my $connection = $connection{$sidecar};
				$connection->{received} = '';
				my ($n) = $connection->send("GET /v1/items/item/6 HTTP/1.1\r\nHost: localhost\r\n\r\n")->read_until(sub { /\}$/ }) =~ /\{"n":(\d+)\}$/ or die $connection->received;
				++$back if $n < $last;
				($last, $reads) = ($n, $reads + 1);
			}
			return $last == $writes;
		},
		'the last write');
	$writer->finish;
	is($writer->result(0), 0, 'all written') or diag($err);
	is($back, 0, "none of $reads reads went back");
	cmp_ok(hits($one), '>', $hits, 'some of them were from memory');
	return;
};

subtest 'Redis forgets the script, ends the connection, does not answer' => sub {
	for my $done ([ 'SCRIPT', 'FLUSH' ], [ 'CLIENT', 'KILL', 'TYPE', 'normal' ])
	{
		warm($one, 'item/8');
		$local->cli(@$done);
		is(body($one, 'item/8'), '{"n":0}', "after @$done");
		warm($one, 'item/8');
	}
	$link->signal('STOP');
	my @connections = map { Itemize::RawConnection->open($one->port)->send("GET /v1/items/item/8 HTTP/1.1\r\nHost: localhost\r\n\r\n") } 1 .. 3;
	is(http_get($one->url('/v1/caller'))->{status}, 200, 'one question that waits holds up nobody else');
	$link->signal('CONT');
	like($_->read_until(sub { /\}$/ }), qr/^HTTP\/1.1 200 .*\{"n":0\}$/s, 'and is answered') for @connections;
	warm($one, 'item/8');
	return;
};

subtest 'what has changed leaves memory' => sub {
	# Alone in memory, so that its bytes are those of memory.
	$local->cli('FLUSHALL');
	poll_until(sub { metric($one, 'itemize_memory_bytes') == 0 }, 'memory without a copy');
	poll_until(sub { my $answer = get($one, 'large/1'); $answer->{status} == 200 && !$answer->{headers}{'itemize-degraded'} }, 'a new copy');
	warm($one, 'large/1');
	cmp_ok(metric($one, 'itemize_memory_bytes'), '>', 1000, 'an item is in memory');
	sql("SELECT itemize.erase('large', '1')");
	poll_until(sub { metric($one, 'itemize_memory_bytes') == 0 }, 'an erased item is in memory no more');
	is(cache($one, 'large/1'), 404, 'nor anywhere');

	warm($one, 'large/2');
	sql('TRUNCATE large');
	poll_until(sub { metric($one, 'itemize_memory_bytes') == 0 }, 'a truncation empties it');

	sql(q{INSERT INTO large VALUES (3, 'three')});
	poll_until(sub { body($one, 'large/3') eq '{"t":"three"}' }, 'a row after it');
	warm($one, 'large/3');
	sql(q{SELECT itemize.define('large', 'large', fields => '{id,t}', read => 'everyone', replace => true)});
	poll_until(sub { body($one, 'large/3') eq '{"id":3,"t":"three"}' }, 'another definition');
	warm($one, 'large/3');
	sql(q{SELECT itemize.define('large', 'large', fields => '{id,t}', read => 'nobody', replace => true)});
	poll_until(sub { body($one, 'large/3') eq '404' }, 'one that lets nobody read');
	return;
};

subtest 'bounds' => sub {
	my $small = start_sidecar('extended', postgres => $node, flags => [ @urls, '--local-redis', $local->url, '--memory-cache-bytes', 20_000 ]);
	for my $round (1 .. 2) { get($small, 'item?key=in.(' . join(',', 1 .. 200) . ')') }
	my $bytes = metric($small, 'itemize_memory_bytes');
	cmp_ok($bytes, '>', 10_000, "$bytes bytes");
	cmp_ok($bytes, '<=', 20_000, 'no more than allowed');
	cmp_ok(metric($small, 'itemize_memory_evictions_total'), '>', 100, 'others had to leave');
	is($small->stop, 0, 'status 0');
	my $none = start_sidecar('extended', postgres => $node, flags => [ @urls, '--local-redis', $local->url, '--memory-cache-bytes', 0 ]);
	is(body($none, 'item/1'), '{"n":1}', 'without memory') for 1 .. 3;
	is(join(' ', hits($none), metric($none, 'itemize_memory_bytes')), '0 0', 'nothing comes from there');
	is($none->stop, 0, 'status 0');
	return;
};

subtest 'degraded' => sub {
	my $said = sub { my $answer = get($one, @_); return join ' ', $answer->{status}, $answer->{headers}{'cache-status'} // '-', $answer->{headers}{'itemize-degraded'} // '-' };
	warm($one, 'item/7');
	$node->stop('immediate');
	poll_until(sub { $said->('item/7') eq '200 itemize; hit; detail=database-away database' }, 'the database is away: what is held');
	is($said->('item/9999'), '503 - -', 'the others have to wait');
	$link->kill9;
	poll_until(sub { $said->('item/7') eq '503 - -' }, 'both are away: nothing that may be older than what others show');
	is(get($one, 'item/7')->{json}{type}, 'urn:itemize:problem:database-unavailable', 'and it is said why');
	$node->start;
	poll_until(sub { $said->('item/7') eq '200 itemize; fwd=miss; detail=redis-away redis' }, 'Redis is away: from the database');
	is(get($one, 'item?key=in.(7,8)')->{headers}{'cache-status'}, 'itemize; fwd=miss; detail=redis-away', 'many as well');
	sql('UPDATE item SET n = 7 WHERE id = 7');
	is(body($one, 'item/7'), '{"n":7}', 'as it is');
	$link->restart;
	poll_until(sub { my $answer = get($one, 'item/7'); $answer->{body} eq '{"n":7}' or die "it went back: $answer->{body}\n"; $answer->{headers}{'cache-status'} eq 'itemize; hit' }, 'all are back');
	return;
};

is($_->stop, 0, 'status 0') for $one, $other, $applier, $global;
done_testing();
