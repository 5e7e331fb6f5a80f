# Who asks, and what they may see: tokens that hold and tokens that do not.
use strict;
use warnings;

use IO::Socket::INET;
use Itemize::Test;
use Itemize::Tokens;
use Itemize::WebSocket;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE TABLE open (id int PRIMARY KEY, name text, owner text);
INSERT INTO open VALUES (1, 'one', 'ann'), (2, 'two', 'bob');
SELECT itemize.define('open', 'open', fields => '{id,name,owner}', read => 'everyone', text => '{"name": "A"}', language => 'en');
});
# The same rows under each rule.
my %rules = (nobody => 'nobody', everyone => 'everyone', authenticated => 'authenticated', role => 'role:admin,editor');
for my $type (sort keys %rules)
{
	$node->safe_psql('postgres', qq{
CREATE TABLE for_$type (id int PRIMARY KEY, name text, location geography(Point, 4326));
INSERT INTO for_$type VALUES (1, 'thing', ST_Point(4.4, 51.2)), (2, 'other', ST_Point(4.5, 51.3));
SELECT itemize.define('for_$type', 'for_$type', fields => '{id,name}', read => '$rules{$type}', text => '{"name": "A"}', language => 'en',
  location => 'location', facets => '{name}');
SELECT itemize.define_topic('for_$type', read => '$rules{$type}');
});
}
# Each sees his own.
$node->safe_psql('postgres', q{
CREATE TABLE own (id int PRIMARY KEY, name text, host text, location geography(Point, 4326));
ALTER TABLE own REPLICA IDENTITY FULL;
INSERT INTO own VALUES (1, 'thing', 'ann', ST_Point(4.4, 51.2)), (2, 'other', 'bob', ST_Point(4.5, 51.3)), (3, 'thing', 'bob', ST_Point(4.6, 51.4)),
  (4, 'thing', NULL, ST_Point(4.6, 51.4));
SELECT itemize.define('own', 'own', fields => '{id,name,host}', read => 'owner', owner => 'host', text => '{"name": "A"}', language => 'en',
  location => 'location', facets => '{name}');
});
my $redis = start_redis();
my $file = secret_file($secret);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags =>
	  [ '--jwt-secret-file', $file, '--jwt-audience', 'shop', '--jwt-clock-skew-seconds', 0, '--search-timeout-milliseconds', 60000 ]);

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

# ---- Who may see what

my %headers = (
	anonymous => [],
	'signed in' => [ bearer($secret, { sub => 'ann', aud => 'shop', role => 'reader' }) ],
	'signed in without a role' => [ bearer($secret, { sub => 'bob', aud => 'shop' }) ],
	editor => [ bearer($secret, { sub => 'eve', aud => 'shop', role => 'editor' }) ],
	'one of two roles' => [ bearer($secret, { sub => 'joe', aud => 'shop', role => [ 'reader', 'admin' ] }) ],
	'a machine with a role' => [ bearer($secret, { aud => 'shop', role => 'editor' }) ],
);
my %sees = (
	nobody => [],
	everyone => [ keys %headers ],
	authenticated => [ 'signed in', 'signed in without a role', 'editor', 'one of two roles' ],
	role => [ 'editor', 'one of two roles', 'a machine with a role' ],
);
# Surfaces: a path, and what of its body shows that something is seen.
my %surfaces = (
	item => [ 'items/TYPE/1', qr/"thing"/ ],
	'many items' => [ 'items/TYPE?key=in.(1,2,9)', qr/"thing".*"other".*"missing":\["9"\]/ ],
	page => [ 'items/TYPE?limit=10', qr/"thing".*"other"/ ],
	search => [ 'search/TYPE?q=thing&total=exact', qr/"key":"1".*"item":\{"id":1,"name":"thing"\}.*"total":1/ ],
	facets => [ 'facets/TYPE?facets=name', qr/"value":"other","count":1/ ],
	clusters => [ 'clusters/TYPE?zoom=3', qr/"count":2/ ],
);
sub shown { my ($answer) = @_; return "$answer->{status} $answer->{body} " . join(' ', map { "$_: $answer->{headers}{$_}" } grep { $_ ne 'date' } sort keys %{ $answer->{headers} }) }
my %missing = map { my $path = $surfaces{$_}[0] =~ s/TYPE/no_such_type/r; ($_ => shown(get($path))) } keys %surfaces;
like($missing{item}, qr/^404 .*cache-control: no-store/s, 'what is not there is not kept by caches');
# Twice: the second time it is held here, and what is held is for nobody else.
for my $round (1, 2)
{
	for my $type (sort keys %rules)
	{
		for my $who (sort keys %headers)
		{
			my $may = grep { $_ eq $who } @{ $sees{$type} };
			my @wrong;
			for my $surface (sort keys %surfaces)
			{
				my ($path, $seen) = @{ $surfaces{$surface} };
				my $answer = get($path =~ s/TYPE/for_$type/r, @{ $headers{$who} });
				my $right = $may ? $answer->{status} == 200 && $answer->{body} =~ $seen : shown($answer) eq $missing{$surface};
				push @wrong, "$surface: " . shown($answer) if !$right;
				next if !$may;
				my ($cache, $vary) = map { $answer->{headers}{$_} // '-' } qw(cache-control vary);
				my $expected = join ', ', $type eq 'everyone' ? () : 'Authorization', $surface eq 'item' ? 'Accept-Encoding' : ();
				push @wrong, "$surface: $cache, $vary" if "$cache $vary" ne ($type eq 'everyone' ? 'no-cache ' : 'private, no-cache ') . ($expected || '-');
			}
			is(join("\n", @wrong), '', "read => '$rules{$type}', $who, round $round: " . ($may ? 'is shown it' : 'is told that there is no such type'));
		}
	}
}
is(get('items/for_role/9', @{ $headers{editor} })->{body}, get('items/for_role/1')->{body}, 'a missing item and one that may not be seen are one');
my $seen = get('items/for_role/1', @{ $headers{editor} });
is(get('items/for_role/1', "If-None-Match: $seen->{headers}{etag}")->{status}, 404, 'an ETag opens nothing');
my $unchanged = get('items/for_role/1', @{ $headers{editor} }, "If-None-Match: $seen->{headers}{etag}");
is("$unchanged->{status} $unchanged->{headers}{'cache-control'}", '304 private, no-cache', 'nor does what has not changed lose its label');

sub feedback
{
	my ($type, @headers) = @_;
	return http_request('POST', $sidecar->url('/v1/feedback'), headers => \@headers, body => qq({"items":{"$type":{"1":null,"9":null}}}));
}
my ($since, $updated) = map { $node->safe_psql('postgres', join(';', @$_, 'SELECT itemize.token()')) } ['CREATE TABLE mark ()'], [ map { "UPDATE for_$_ SET name = 'thing' WHERE id = 1" } sort keys %rules ];
sub feedback_since
{
	my ($type, @headers) = @_;
	return http_request('POST', $sidecar->url('/v1/feedback'), headers => [ @headers, "Itemize-Min-Position: $updated", 'Prefer: wait=30' ], body => qq({"since":"$since","items":["$type/*"]}));
}
# The length depends on the name alone.
sub hidden { my ($answer, $type) = @_; return shown($answer) =~ s/ content-length: \d+//r =~ s/$type/TYPE/r }
my $nothing = hidden(feedback('no_such_type'), 'no_such_type');
for my $type (sort keys %rules)
{
	for my $who (sort keys %headers)
	{
		my $answer = feedback("for_$type", @{ $headers{$who} });
		if (grep { $_ eq $who } @{ $sees{$type} })
		{
			is($answer->{body} =~ s/"etag":"[^"]+"/TAG/r, qq({"changed":{"for_$type":{"1":{TAG,"item":{"id":1,"name":"thing"}}}},"gone":{"for_$type":["9"]},"hidden":{}}),
				"read => '$rules{$type}', feedback to $who: what there is");
			like(feedback_since("for_$type", @{ $headers{$who} })->{body}, qr/^\{"position":"[^"]+","new":\{\},"changed":\{"for_$type":\{"1":\{"etag":"[^"]+","item":\{"id":1,"name":"thing"\}\}\}\},"gone":\{\},"hidden":\{\}\}$/, '... and since a position');
		}
		else
		{
			is(hidden($answer, "for_$type"), $nothing, "read => '$rules{$type}', feedback to $who: as of a type that does not exist");
			like(feedback_since("for_$type", @{ $headers{$who} })->{body}, qr/^\{"position":"[^"]+","new":\{\},"changed":\{\},"gone":\{\},"hidden":\{"for_$type":\["\*"\]\}\}$/, '... and since a position');
		}
	}
}

$node->safe_psql('postgres', q{INSERT INTO for_role VALUES (3, repeat('long', 1000))});
for my $round (1, 2)
{
	my $coded = get('items/for_role/3', @{ $headers{editor} }, 'Accept-Encoding: gzip');
	is(join(' ', map { $coded->{headers}{$_} // '-' } qw(content-encoding cache-control vary)), 'gzip private, no-cache Authorization, Accept-Encoding', 'compressed it has its label');
	is(get('items/for_role/3', 'Accept-Encoding: gzip', "If-None-Match: $coded->{headers}{etag}")->{status}, 404, 'and is for nobody else');
}

# ---- Live

# A stream whose token ends soon; its end is looked at below. On a slow machine it may have ended before the stream began.
my ($short, $ending);
for (1 .. 20)
{
	$short = bearer($secret, { sub => 'ann', aud => 'shop', exp => time + 5 });
	$ending = open_events($sidecar->url('/v1/live?items=for_authenticated/*'), $short);
	last if $ending->head =~ m{^HTTP/1.1 200} && $ending->next_event->{event} eq 'hello';
}

my %streams;
for my $who (sort keys %headers)
{
	for my $type (sort keys %rules)
	{
		my $may = grep { $_ eq $who } @{ $sees{$type} };
		for my $what ("items=for_$type/*", "items=for_$type/1", "topics=for_$type")
		{
			my $path = "/v1/live?$what";
			if (!$may)
			{
				is(http_get($sidecar->url($path), @{ $headers{$who} })->{status}, 404, "$who may not follow $what");
				next;
			}
			# One of them is enough to follow what comes: each is a process.
			next if $who !~ /^(?:anonymous|signed in|editor)$/ || $what =~ m{/1$};
			my $stream = open_events($sidecar->url($path), @{ $headers{$who} });
			is($stream->next_event->{event}, 'hello', "$who may follow $what");
			push @{ $streams{$who} }, { what => $what, stream => $stream };
		}
	}
}
is(get('live?items=for_everyone/*,for_role/*')->{status}, 404, 'of several all must be allowed');
$node->safe_psql('postgres', join(';', map { ("UPDATE for_$_ SET name = 'new' WHERE id = 1", "SELECT itemize.publish('for_$_', '1')") } sort keys %rules));
for my $who (sort keys %streams)
{
	for my $followed (@{ $streams{$who} })
	{
		my $event = $followed->{stream}->next_event;
		my ($type) = $followed->{what} =~ /(for_\w+)/;
		is(($event->{data}{type} // $event->{data}{topic}) . " $event->{event}", "$type " . ($followed->{what} =~ /^items/ ? 'item' : 'message'), "$who hears of $followed->{what}");
	}
}

# A rule that changes takes effect on open streams, and on what is held.
sub define_role_type
{
	my ($read) = @_;
	return $node->safe_psql('postgres', qq{
SELECT itemize.define('for_role', 'for_role', fields => '{id,name}', read => '$read', text => '{"name": "A"}', language => 'en',
  location => 'location', facets => '{name}', replace => true);
UPDATE for_role SET name = 'secret' WHERE id = 1;
UPDATE for_authenticated SET name = 'mark' WHERE id = 1;
});
}
my ($editor) = grep { $_->{what} eq 'items=for_role/*' } @{ $streams{editor} };
my $both = open_events($sidecar->url('/v1/live?items=for_authenticated/*,for_role/*'), @{ $headers{editor} });
is($both->next_event->{event}, 'hello', 'an editor follows both');
define_role_type('role:admin');
is($editor->{stream}->next_event->{event}, 'gone', 'who loses a role is told');
is($both->next_event->{event}, 'gone', 'for one of two as well');
is($both->next_event->{data}{type}, 'for_authenticated', 'and hears nothing of it any more, but of the other');
is(get('items/for_role/1', @{ $headers{editor} })->{status}, 404, 'what was held is for others now');
is(get('items/for_role/1', @{ $headers{'one of two roles'} })->{json}{name}, 'secret', 'namely for those');
my $admin = open_events($sidecar->url('/v1/live?items=for_role/*'), @{ $headers{'one of two roles'} });
is($admin->next_event->{event}, 'hello', 'an admin follows');
define_role_type('role:admin,editor');
is($admin->next_event->{event}, 'resync', 'who may go on is told that items have changed');
is($both->next_event->{data}{type}, 'for_authenticated', 'a stream that has lost something does not get it back');

poll_until(sub { !$ending->alive }, 'the end of a stream whose token has expired');
like($ending->raw, qr/\nretry: \d+\n\n\z/, 'a stream ends with its token, and says when to come back');
is(get('live?items=for_authenticated/*', $short)->{status}, 401, 'with another one');
is(get('items/for_everyone/1', $short)->{status}, 401, 'also for what everyone may see');

# ---- Owners

my @ann = bearer($secret, { sub => 'ann', aud => 'shop' });
my @bob = bearer($secret, { sub => 'bob', aud => 'shop' });
my @machine = bearer($secret, { aud => 'shop', role => 'editor' });
my $never = shown(get('items/own/9', @ann));
for my $round (1, 2)
{
	is(get('items/own/1', @ann)->{body}, '{"id":1,"name":"thing","host":"ann"}', "an owner sees his item, round $round");
	is(shown(get('items/own/2', @ann)), $never, 'what is another\'s is not there for him');
	is(shown(get('items/own/4', @ann)), $never, 'nor is what is nobody\'s');
	is(shown(get('items/own/1', @$_)), $missing{item}, 'nor is anything for who has no name') for [], \@machine;
	is(get('items/own?key=in.(1,2,4,9)', @ann)->{body}, '{"items":{"1":{"id":1,"name":"thing","host":"ann"}},"missing":["2","4","9"]}', 'of many his own');
	my $tag = get('items/own/1', @ann)->{headers}{etag};
	is(get('items/own/1', @ann, "If-None-Match: $tag")->{status}, 304, 'unchanged for him');
	is(shown(get('items/own/1', @bob, "If-None-Match: $tag")), $never, 'and not there for another with his ETag');
}
my $tag_of_bob = get('items/own/2', @bob)->{headers}{etag};
my $told_ann = http_request('POST', $sidecar->url('/v1/feedback'), headers => \@ann, body => JSON::PP->new->encode({ items => { own => { 1 => undef, 2 => $tag_of_bob, 4 => undef, 9 => undef } } }));
is(join(' ', sort keys %{ $told_ann->{json}{changed}{own} }), '1', 'feedback is of what is his');
is(join(' ', sort @{ $told_ann->{json}{gone}{own} }), '2 4 9', 'and of the rest that it is not there, whatever he has of it');
is(get('items/own?limit=5', @ann)->{status}, 400, 'nobody lists them');
is(get('items/own?limit=5')->{status}, 404, 'whether or not there are such');
my $found = get('search/own?q=thing&total=exact', @ann)->{json};
is(join(' ', $found->{total}, map { $_->{key} } @{ $found->{items} }), '1 1', 'he finds his own');
is(join(' ', map { $_->{key} } @{ get('search/own?order=key', @bob)->{json}{items} }), '2 3', 'as does another');
like(get('facets/own?facets=name', @ann)->{body}, qr/\[\{"value":"thing","count":1\}\]/, 'counts are of what is his');
like(get('clusters/own?zoom=3', @ann)->{body}, qr/\{"clusters":\[\{"count":1,[^{}]*\}\]/, 'and places');
my $next = get('search/own?order=key&limit=1', @bob)->{json}{next};
is_deeply(get("search/own?order=key&limit=1&after=$next", @ann)->{json}{items}, [], 'a cursor of another shows nothing of his');
is(get('search/own?q=thing', @machine)->{status}, 404, 'without a name nothing is found');
is(get('search/own?order=key', bearer($secret, { sub => "ann\0", aud => 'shop' }))->{json}{items}[0], undef, 'a name is compared whole');

my %own = (ann => open_events($sidecar->url('/v1/live?items=own/*'), @ann), bob => open_events($sidecar->url('/v1/live?items=own/*'), @bob));
my %hello = map { $_ => $own{$_}->next_event } sort keys %own;
is($hello{$_}{event}, 'hello', "$_ follows his own") for sort keys %own;
my %socket = map { $_ => Itemize::WebSocket->open($sidecar->port, fields => [ $_ eq 'ann' ? @ann : @bob ]) } sort keys %own;
for my $who (sort keys %socket)
{
	ok($socket{$who}->ask({ id => 1, subscribe => { items => ['own/*'] } })->{ok}, "$who follows it by WebSocket");
	ok($socket{$who}->until(sub { ($_->{event} // '') eq 'hello' }), 'and it has begun');
}
is(Itemize::WebSocket->open($sidecar->port, fields => \@machine)->ask({ id => 1, subscribe => { items => ['own/1'] } })->{problem}{status}, 404, 'who has no name may not');
$node->safe_psql('postgres', q{
UPDATE own SET name = 'hers' WHERE id = 1;
UPDATE own SET host = 'bob' WHERE id = 1;
UPDATE own SET host = 'ann', name = 'back' WHERE id = 3;
DELETE FROM own WHERE id = 1;
DELETE FROM own WHERE id = 4;
UPDATE own SET host = NULL WHERE id = 2;
INSERT INTO own VALUES (5, 'end', 'ann'), (6, 'end', 'bob');
});
my %expected = (
	ann => 'update 1 hers, delete 1 -, insert 3 back, insert 5 end',
	bob => 'insert 1 hers, delete 3 -, delete 1 -, delete 2 -, insert 6 end',
);
sub change_of { my ($event) = @_; my $data = $event->{data}; return "$data->{op} $data->{key} " . ($data->{item} ? $data->{item}{name} : '-') }
sub is_end { my ($event) = @_; my $item = ($event->{data} // {})->{item}; return $item && $item->{name} eq 'end' }
sub told
{
	my ($stream) = @_;
	my @told;
	while (my $event = $stream->next_event)
	{
		push @told, change_of($event);
		last if is_end($event);
	}
	return join(', ', @told);
}
is(told($own{$_}), $expected{$_}, "$_ is told of his own, of what comes to him and what leaves him") for sort keys %own;
for my $who (sort keys %socket)
{
	ok($socket{$who}->until(sub { is_end($_) }), "$who has the end by WebSocket");
	is(join(', ', map { change_of($_) } grep { ($_->{event} // '') eq 'item' } $socket{$who}->messages), $expected{$who}, 'and the same');
}
for my $who (sort keys %own)
{
	# With the place in the stream of the other: it is a place and nothing else.
	my ($other) = grep { $_ ne $who } keys %own;
	my $again = open_events($sidecar->url('/v1/live?items=own/*'), ($who eq 'ann' ? @ann : @bob), "Last-Event-ID: $hello{$other}{id}");
	is($again->next_event->{event}, 'hello', "$who comes back");
	is(told($again), $expected{$who}, 'and is told what he has missed');
}
for my $who (sort keys %own)
{
	my $since = http_request('POST', $sidecar->url('/v1/feedback'), headers => [ $who eq 'ann' ? @ann : @bob ],
		body => JSON::PP->new->encode({ since => $hello{$who}{id}, items => ['own/*'] }))->{json};
	is(join(' ', map { ($_, sort(ref $since->{$_}{own} eq 'HASH' ? keys %{ $since->{$_}{own} } : @{ $since->{$_}{own} // [] })) } qw(new changed gone)),
		$who eq 'ann' ? 'new 3 5 changed gone 1' : 'new 6 changed gone 1 2 3', "feedback to $who of what has been since");
}
is(shown(get('items/own/1', @bob)), $never, 'it is gone');
is(get('items/own/3', @ann)->{json}{name}, 'back', 'it has come to her');
is(shown(get('items/own/3', @bob)), $never, 'and has left him');

# ---- Degraded

$redis->stop;
poll_until(sub { (get('items/for_role/1', @{ $headers{editor} })->{headers}{'itemize-degraded'} // '') eq 'redis' }, 'reads without Redis');
is(get('items/for_role/1')->{status}, 404, 'without Redis the rule is asked of the database');
is(get('items/for_role/1', @{ $headers{'signed in'} })->{status}, 404, 'for each');
is(get('items/for_role?limit=5', @{ $headers{'signed in'} })->{status}, 404, 'and for pages');
is(get('items/own/3', @ann)->{json}{name}, 'back', 'an owner sees his item');
is(get('items/own/3', @bob)->{status}, 404, 'and another does not');
is(get('items/for_role?limit=5', @{ $headers{editor} })->{headers}{vary}, 'Authorization', 'with the label');
is(get('search/for_role?q=secret', @{ $headers{editor} })->{json}{items}[0]{key}, 1, 'searches go on');
is(get('search/for_role?q=secret', @{ $headers{'signed in'} })->{status}, 404, 'for those who may');

my $log = $sidecar->log_text;
is(index($log, $signature), -1, 'no token is in the log');
$sidecar->stop;

# ---- Keys

$redis = start_redis();
# Whoever asks it waits for an answer.
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no socket: $!";
$sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => [ '--jwks', 'http://127.0.0.1:' . $silent->sockport . '/keys' ]);
my $asked = $silent->accept;
is(get('items/open/1')->{status}, 200, 'without a token nobody waits for keys');
my ($status) = $sidecar->stop;
is($status, 0, 'a fetch of keys that is not answered delays no stop');

done_testing();
