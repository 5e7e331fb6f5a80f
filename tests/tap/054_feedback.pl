# Items compressed, once and by agreement; and feedback: what has become of the items that a client has, or follows.
# tier: quick
use strict;
use warnings;

use IO::Uncompress::Gunzip;
use Itemize::Test;
use JSON::PP;
use Test::More;

my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, t text);
SELECT itemize.define('item', 'item', fields => '{t}', read => 'everyone');
INSERT INTO item SELECT i, repeat('x', 2000) FROM generate_series(1, 300) i;
CREATE TABLE secret (id int PRIMARY KEY, t text);
SELECT itemize.define('secret', 'secret', fields => '{t}', read => 'everyone');
INSERT INTO secret VALUES (1, 'one'), (2, 'two');
CREATE TABLE cold (id int PRIMARY KEY);
SELECT itemize.define('cold', 'cold', fields => '{id}', read => 'everyone');
INSERT INTO cold SELECT generate_series(1, 9999);
CREATE TABLE mark (id serial PRIMARY KEY);
SELECT itemize.define('mark', 'mark', fields => '{id}', read => 'nobody');
});
my $redis = start_redis();
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--local-stream-max-entries', 300 ]);

sub get { my ($path, @headers) = @_; return http_get($sidecar->url("/v1/items/$path"), @headers) }
sub gunzip { my ($bytes) = @_; my $text; IO::Uncompress::Gunzip::gunzip(\$bytes => \$text) or return 'no gzip'; return $text }

subtest 'an item compressed' => sub {
	my $plain = poll_until(sub { my $answer = get('item/1'); $answer->{status} == 200 && $answer }, 'an item');
	my ($opaque) = $plain->{headers}{etag} =~ /^"(.*)"$/;
	is($plain->{headers}{'content-encoding'}, undef, 'unasked it is not');
	is($plain->{headers}{vary}, 'Accept-Encoding', 'but might be');

	my $gzip = get('item/1', 'Accept-Encoding: gzip');
	is($gzip->{headers}{'content-encoding'}, 'gzip', 'asked for');
	is($gzip->{headers}{etag}, qq{"$opaque-gzip"}, 'it has a tag of its own');
	is($gzip->{headers}{vary}, 'Accept-Encoding', 'and says why');
	is($gzip->{headers}{'content-length'}, length $gzip->{body}, 'its length is that of what is sent');
	cmp_ok(length $gzip->{body}, '<', 200, 'which is less');
	is(gunzip($gzip->{body}), $plain->{body}, 'and the same');
	my $before = metric($sidecar, 'itemize_memory_hits_total');
	my $kept = poll_until(sub { my $answer = get('item/1', 'Accept-Encoding: gzip'); metric($sidecar, 'itemize_memory_hits_total') > $before && $answer }, 'it comes from memory');
	is($kept->{body}, $gzip->{body}, 'from memory in the same bytes');
	is($kept->{headers}{$_}, $gzip->{headers}{$_}, "and with the same $_") for qw(etag vary content-encoding content-type content-length);
	my $head = http_request('HEAD', $sidecar->url('/v1/items/item/1'), headers => ['Accept-Encoding: gzip']);
	is("$head->{headers}{'content-encoding'} $head->{headers}{'content-length'}", 'gzip ' . length $gzip->{body}, 'HEAD says as much');

	is(get('item/1', 'Accept-Encoding: gzip, br')->{headers}{etag}, qq{"$opaque-br"}, 'Brotli goes first');
	is(get('item/1', 'Accept-Encoding: gzip, br;q=0.5')->{headers}{etag}, qq{"$opaque-gzip"}, 'unless it weighs less');
	is(get('item/1', 'Accept-Encoding: br;q=0, gzip;q=0')->{headers}{etag}, qq{"$opaque"}, 'none is wanted');
	is(get('secret/1', 'Accept-Encoding: gzip')->{headers}{'content-encoding'}, undef, 'a short one is sent as it is');

	my $answer = sub { my $got = get('item/1', @_); return "$got->{status} $got->{headers}{etag}" };
	for my $tag ($opaque, "$opaque-gzip")
	{
		is($answer->('Accept-Encoding: gzip', qq{If-None-Match: "$tag"}), qq{304 "$tag"}, "who has $tag");
	}
	is($answer->(qq{If-None-Match: "$opaque-gzip"}), qq{200 "$opaque"}, 'who cannot read what is named gets what can be read');

	my $token = commit($node, q{UPDATE item SET t = repeat('y', 2000) WHERE id = 1});
	my $changed = get('item/1', 'Accept-Encoding: gzip', "Itemize-Min-Position: $token", 'Prefer: wait=30');
	like(gunzip($changed->{body}), qr/^\{"t":"y{2000}"\}$/, 'a changed one is compressed anew');
	return;
};

sub feedback
{
	my ($items, @headers) = @_;
	return http_request('POST', $sidecar->url('/v1/feedback'), headers => [ 'Content-Type: application/json', @headers ], body => encode_json({ items => $items }));
}

subtest 'feedback' => sub {
	my %tags = map { $_ => get("item/$_")->{headers}{etag} } 1 .. 4;
	my $gzip = get('item/3', 'Accept-Encoding: gzip')->{headers}{etag};
	my $secret = get('secret/1')->{headers}{etag};
	my $answer = feedback({ item => { %tags, 3 => $gzip }, secret => { 1 => $secret } });
	is($answer->{status}, 200, 'answered');
	is($answer->{body}, '{"changed":{},"gone":{},"hidden":{}}', 'nothing has changed');
	is($answer->{headers}{'cache-control'}, 'no-store', 'kept by nobody');
	ok($answer->{headers}{'itemize-position'}, 'as of a position');

	my $token = commit($node, q{UPDATE item SET t = 'new' WHERE id = 2; DELETE FROM item WHERE id = 4;
SELECT itemize.define('secret', 'secret', fields => '{t}', read => 'nobody', replace => true)});
	$answer = feedback({ item => { %tags, 999 => undef }, secret => { 1 => $secret, 77 => undef }, nosuch => { 1 => undef } },
		"Itemize-Min-Position: $token", 'Prefer: wait=30');
	is_deeply(
		$answer->{json},
		{
			changed => { item => { 2 => { etag => get('item/2')->{headers}{etag} =~ s/"//gr, item => { t => 'new' } } } },
			gone => { item => [ '4', '999' ] },
			hidden => { secret => [ '1', '77' ], nosuch => ['1'] },
		},
		'what is new, what is gone, what may not be seen') or diag(explain($answer));

	# What could not be had in time is asked about again.
	my $whole = sub {
		my ($type, $held) = @_;
		my ($asked, @answers) = ({%$held});
		while (%$asked)
		{
			push @answers, my $some = feedback({ $type => $asked });
			my @rest = @{ $some->{json}{rest}{$type} // [] };
			my %told = map { $_ => 1 } keys %{ $some->{json}{changed}{$type} }, @{ $some->{json}{gone}{$type} };
			is_deeply([ grep { $told{$_} } @rest ], [], 'what is told is told once');
			die "answers tell of nothing\n" if @answers > 1000;
			$asked = { map { $_ => $held->{$_} } @rest };
		}
		return { map { %{ $_->{json}{changed}{$type} } } @answers }, [ map { @{ $_->{json}{gone}{$type} } } @answers ];
	};
	my ($cold, $missing) = $whole->('cold', { map { $_ => undef } 1 .. 10000 });
	is(scalar keys %$cold, 9999, 'ten thousand that are not held');
	is_deeply($missing, ['10000'], 'of which one is none');

	my %none = map { $_ => undef } 1 .. 300;
	$whole->('item', \%none);
	$answer = feedback({ item => \%none });
	is(keys %{ $answer->{json}{changed}{item} }, 299, 'who has nothing gets all there is');
	my %all = map { $_ => $answer->{json}{changed}{item}{$_}{etag} // 'none' } 1 .. 300;
	is(feedback({ item => \%all })->{body}, '{"changed":{},"gone":{"item":["4"]},"hidden":{}}', 'and nothing twice');
	is(metric($sidecar, 'itemize_feedback_items_total{result="hidden"}'), 3, 'counted');

	my $refused = feedback({ item => { '%zz' => undef } });
	is("$refused->{status} $refused->{json}{type}", '400 urn:itemize:problem:malformed-key', 'a key that is none');
	$refused = http_request('POST', $sidecar->url('/v1/feedback'), body => '[]');
	is("$refused->{status} $refused->{json}{type}", '400 urn:itemize:problem:bad-request', 'a body that is none');
	$refused = http_get($sidecar->url('/v1/feedback'));
	is("$refused->{status} $refused->{headers}{allow}", '405 POST', 'GET');
	return;
};

sub since
{
	my ($since, $items, @headers) = @_;
	return http_request('POST', $sidecar->url('/v1/feedback'), headers => \@headers, body => encode_json({ since => $since, items => $items }));
}

# A token that the copy reaches with an entry of its own.
sub mark { return commit($node, 'INSERT INTO mark DEFAULT VALUES') }

# What is told up to now, as `new KEY…; changed KEY…; gone KEY…`, with the values of field t.
sub told_since
{
	my ($since, @items) = @_;
	my $token = mark();
	my ($answer, %told);
	do
	{
		$answer = since($answer ? $answer->{json}{position} : $since, \@items, "Itemize-Min-Position: $token", 'Prefer: wait=30');
		return $answer if $answer->{status} != 200;
		for my $what (qw(new changed))
		{
			while (my ($type, $entries) = each %{ $answer->{json}{$what} })
			{
				$told{$what}{"$type/$_"} = $entries->{$_}{item}{t} for keys %$entries;
			}
		}
		for my $what (qw(gone hidden))
		{
			while (my ($type, $keys) = each %{ $answer->{json}{$what} })
			{
				$told{$what}{"$type/$_"} = '' for @$keys;
			}
		}
		%{ $told{resync} } = %{ $answer->{json}{resync} // {} };
	} while ($answer->{json}{more});
	$told{text} = join '; ', map { my $what = $_; $told{$what} && %{ $told{$what} } ? "$what " . join(' ', map { "$_=$told{$what}{$_}" =~ s/=$//r } sort keys %{ $told{$what} }) : () }
	  qw(new changed gone hidden resync);
	$told{position} = $answer->{json}{position};
	$told{answer} = $answer;
	return \%told;
}

subtest 'feedback for a subscription' => sub {
	commit($node, 'CREATE TABLE wide (id int PRIMARY KEY, n int, t text); ALTER TABLE wide ALTER t SET STORAGE EXTERNAL');
	commit($node, q{SELECT itemize.define('wide', 'wide', fields => '{n,t}', read => 'everyone')});
	commit($node, q{INSERT INTO wide VALUES (1, 1, repeat('w', 3000))});
	my $start = told_since(commit($node, q{INSERT INTO item VALUES (601, 'a'), (602, 'b'), (603, 'c'), (604, 'd'), (605, 'e')}), 'item/*');
	is($start->{text}, 'new item/601=a item/602=b item/603=c item/604=d item/605=e', 'a token is of the time before its transaction: none is missed');
	is($start->{answer}{headers}{'itemize-position'}, $start->{position}, 'the answer says from where to go on');
	is($start->{answer}{headers}{'cache-control'}, 'no-store', 'kept by nobody');
	is(told_since($start->{position}, 'item/*', 'wide/1')->{text}, '', 'nothing since');

	commit($node, q{UPDATE item SET t = 'a2' WHERE id = 601});
	commit($node, q{DELETE FROM item WHERE id = 602});
	commit($node, q{DELETE FROM item WHERE id = 603; INSERT INTO item VALUES (603, 'c2'), (606, 'f'), (607, 'g')});
	commit($node, q{DELETE FROM item WHERE id = 607; UPDATE item SET t = 'f2' WHERE id = 606});
	commit($node, q{UPDATE wide SET n = 2});
	my $told = told_since($start->{position}, 'item/*', 'wide/*');
	is($told->{text}, 'new item/606=f2; changed item/601=a2 item/603=c2 wide/1=' . 'w' x 3000 . '; gone item/602 item/607', 'new, changed, deleted, inserted again, come and gone');
	is($told->{answer}{json}{changed}{wide}{1}{item}{n}, 2, 'with values that are not in the change itself');
	is($told->{answer}{json}{changed}{item}{601}{etag}, get('item/601')->{headers}{etag} =~ s/"//gr, 'and tags');
	is(told_since($start->{position}, 'item/602', 'item/604', 'item/606')->{text}, 'new item/606=f2; gone item/602', 'of single items');
	is(told_since($told->{position}, 'item/*', 'wide/*')->{text}, '', 'nothing twice');

	is(told_since($start->{position}, 'item/604', 'secret/*', 'nosuch/7')->{text}, 'hidden nosuch/7 secret/*', 'what may not be seen, and what does not exist');
	commit($node, q{INSERT INTO secret VALUES (3, 'three')});
	is(told_since($start->{position}, 'secret/*')->{text}, 'hidden secret/*', 'nothing of its changes');
	commit($node, q{SELECT itemize.define('secret', 'secret', fields => '{t}', read => 'everyone', replace => true)});
	is(told_since($start->{position}, 'item/601', 'secret/*')->{text}, 'changed item/601=a2; resync secret=definition', 'a type that was defined anew is to be loaded');
	commit($node, 'TRUNCATE secret');
	is(told_since($told->{position}, 'secret/3')->{text}, 'resync secret=definition', 'once is enough');
	is(told_since(told_since($told->{position}, 'secret/*')->{position}, 'secret/*')->{text}, '', 'and after it no more');
	my $truncated = commit($node, 'TRUNCATE secret');
	is(told_since($truncated, 'secret/*')->{text}, 'resync secret=truncate', 'nor is it said which items a TRUNCATE took');

	# As much as does not fit one answer comes in several, and adds up to the same.
	my $before = told_since($told->{position}, 'item/1')->{position};
	commit($node, q{UPDATE item SET t = repeat('m', 100000) WHERE id <= 250});
	my ($position, %seen) = ($before);
	my $last = mark();
	for my $answers (1 .. 3)
	{
		my $answer = http_request('POST', $sidecar->url('/v1/feedback'), raw => 1, body => encode_json({ since => $position, items => ['item/*'] }),
			headers => [ "Itemize-Min-Position: $last", 'Prefer: wait=30' ]);
		++$seen{$1} while $answer->{body} =~ /"(\d+)":\{"etag"/g;
		$position = $answer->{headers}{'itemize-position'};
		my $more = $answer->{body} =~ /"more":true\}$/;
		ok($more || $answers == 2, 'there is more than fits') or last;
		last if !$more;
	}
	is(scalar(keys %seen), 249, 'all of it comes');
	is(scalar(grep { $_ > 1 } values %seen), 0, 'once');

	my ($system, $rest) = $before =~ /^(.*\.)(\d+:.*)$/;
	my $other = $system . ($rest =~ s/^(\d+)/$1 - 1/er);
	is(told_since($other, 'item/*')->{text}, 'resync item=epoch', 'of an epoch that is over');
	is(told_since('1.1.9999999999:5-0', 'item/*')->{text}, 'resync item=epoch', 'of another server');
	my $ahead = since($system . ($rest =~ s/^(\d+)/$1 + 1/er), ['item/*']);
	is("$ahead->{status} $ahead->{json}{type}", '503 urn:itemize:problem:position-not-reached', 'of an epoch that has not come here');
	my $future = $before =~ s/:\d+-/:1152921504606846976-/r;
	is(since($future, ['item/*'])->{json}{position}, $future, 'nobody is taken back');

	commit($node, "DO \$\$ BEGIN FOR i IN 1 .. 400 LOOP UPDATE wide SET n = n; COMMIT; END LOOP; END \$\$");
	is(told_since($before, 'item/*', 'wide/7')->{text}, 'resync item=window wide=window', 'too old');
	is(metric($sidecar, 'itemize_feedback_resyncs_total{reason="window"}'), 2, 'which is counted');

	for my $malformed ([ 'now', ['item/*'] ], [ 5, ['item/*'] ], [ $before, [] ], [ $before, ['item'] ], [ $before, [5] ], [ $before, { item => {} } ])
	{
		my $refused = since(@$malformed);
		is("$refused->{status} $refused->{json}{type}", '400 urn:itemize:problem:bad-request', 'malformed: ' . encode_json($malformed));
	}
	return;
};

is($sidecar->stop, 0, 'status 0');
done_testing();
