# /v1/openapi.json: what can be asked for, and how items look, as far as the caller may read them.
use strict;
use warnings;

use IPC::Run ();
use Itemize::Test;
use Itemize::Tokens;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'a secret of the tests, thirty-two bytes and more';
my $node = start_postgres('primary');
create_sidecar_roles($node);
$node->safe_psql('postgres', q{
CREATE SCHEMA "Of its own";
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TYPE pair AS (a int, b text[]);
CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0);
CREATE TABLE "Of its own".thing (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, price positive, colour colour, tags text[][], p pair, data jsonb, at timestamptz,
  day date, u uuid, bytes bytea, place geography(Point, 4326), f float8, ok boolean NOT NULL DEFAULT true, span tstzrange, "two words" smallint, hidden text);
CREATE TABLE staff (id int PRIMARY KEY, salary int);
CREATE TABLE mine (id int PRIMARY KEY, host text);
ALTER TABLE mine REPLICA IDENTITY FULL;
SELECT itemize.define('thing', '"Of its own".thing', fields => '{name,id,price,colour,tags,p,data,at,day,u,bytes,place,f,ok,span,"two words"}', read => 'everyone', facets => '{colour}');
SELECT itemize.define('staff', 'staff', fields => '{id,salary}', read => 'role:staff');
SELECT itemize.define('mine', 'mine', fields => '{id,host}', read => 'owner', owner => 'host');
INSERT INTO "Of its own".thing (name, price, colour, tags, p, data, at, day, u, bytes, place, f, span, "two words")
  VALUES ('full', 9.50, 'red', '{{a,b},{c,NULL}}', '(1,"{x}")', '{"a":[1]}', now(), '2026-07-01', gen_random_uuid(), 'x', ST_Point(4.4, 51.2)::geography, 'NaN', '[2026-07-01,2026-07-02)', 3),
    ('empty', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE ROLE itemize_writer LOGIN NOINHERIT;
});
my $redis = start_redis();
my $file = secret_file($secret);
my @tokens = ('--jwt-secret-file', $file);
my $sidecar = start_sidecar('absolute', postgres => $node, redis => $redis, flags => \@tokens);
my $writing = start_sidecar('extended', postgres => $node, redis => $redis, flags => [ @tokens, '--write-database', database_url($node, user => 'itemize_writer') ]);

sub document { my ($where, @headers) = @_; return http_get($where->url('/v1/openapi.json'), @headers) }
sub paths { my ($answer) = @_; return join ' ', grep { m{/(?:items|search)/} } sort keys %{ $answer->{json}{paths} } }
my $canonical = JSON::PP->new->canonical;

# ---- What is told to whom

my $answer = document($sidecar);
is("$answer->{status} $answer->{headers}{'content-type'} $answer->{json}{openapi}", '200 application/json 3.1.0', 'a document');
is(paths($answer), '/v1/items/thing /v1/items/thing/{key} /v1/search/thing', 'has the types that everyone may read');
unlike($answer->{body}, qr/staff|salary|mine|hidden/, 'and nothing of the others, nor columns that are no fields');
is(join(' ', sort keys %{ $answer->{json}{paths}{'/v1/items/thing/{key}'} }), 'get parameters', 'nothing is written where nothing can be');
ok(!exists $answer->{json}{paths}{'/v1/batch'}, 'nor in batches');
is(paths(document($sidecar, bearer($secret, { sub => 'ann', role => 'staff' }))),
	'/v1/items/mine /v1/items/mine/{key} /v1/items/staff /v1/items/staff/{key} /v1/items/thing /v1/items/thing/{key} /v1/search/mine /v1/search/thing', 'more to who may see more');
is(document($sidecar, 'Authorization: Bearer no.to.ken')->{status}, 401, 'a token that is none is refused');
is(document($sidecar, "If-None-Match: $answer->{headers}{etag}")->{status}, 304, 'it has a tag');
is($answer->{headers}{'cache-control'} . ' ' . $answer->{headers}{vary}, 'private, no-cache Authorization', 'and is for this caller');
my $full = document($writing);
is(join(' ', sort keys %{ $full->{json}{paths}{'/v1/items/thing/{key}'} }), 'delete get parameters patch put', 'where items are written, how');
ok(exists $full->{json}{paths}{'/v1/rpc/{function}'}, 'and functions called');

# ---- How items look

my %properties = %{ $full->{json}{components}{schemas}{'item.thing'}{properties} };
my %wanted = (
	name => '{"type":"string"}',
	id => '{"format":"int64","type":"integer"}',
	price => '{"type":["number","string","null"]}',
	colour => '{"enum":["red","green",null],"type":["string","null"]}',
	tags => '{"items":{"items":{"type":["string","null"]},"type":"array"},"type":["array","null"]}',
	p => '{"properties":{"a":{"format":"int32","type":["integer","null"]},"b":{"items":{"type":["string","null"]},"type":["array","null"]}},"type":["object","null"]}',
	data => '{}',
	at => '{"format":"date-time","type":["string","null"]}',
	day => '{"format":"date","type":["string","null"]}',
	u => '{"format":"uuid","type":["string","null"]}',
	bytes => '{"contentEncoding":"base64","type":["string","null"]}',
	place => '{"description":"GeoJSON (RFC 7946)","type":["object","string","null"]}',
	f => '{"format":"double","type":["number","string","null"]}',
	ok => '{"type":"boolean"}',
	span => '{"type":["string","null"]}',
	'two words' => '{"format":"int32","type":["integer","null"]}',
);
is($canonical->encode($properties{$_}), $wanted{$_}, "field $_") for sort keys %wanted;
is(join(' ', sort keys %properties), join(' ', sort keys %wanted), 'these fields, and no others');
ok(!exists $full->{json}{components}{schemas}{'fields.thing'}{properties}{id}, 'what the database makes is not written');

# ---- What validators say

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/openapi.json", $full->{body});
append_to_file("$dir/items.json", $canonical->encode([ map { $_->{item} } @{ http_get($writing->url('/v1/items/thing'))->{json}{items} } ]));
# python(MODULE, PROGRAM): what it says, empty when nothing is wrong; undef when there is no such module.
sub python
{
	my ($module, $program) = @_;
	my $out = '';
	return if !eval { IPC::Run::run([ 'python3', '-c', "import $module" ], '<', \undef, '>&', \my $ignored) };
	IPC::Run::run([ 'python3', '-c', "import json, sys\ndocument = json.load(open(sys.argv[1] + '/openapi.json'))\n$program", $dir ], '<', \undef, '>&', \$out);
	return $out;
}
SKIP:
{
	my $said = python('openapi_spec_validator', "import openapi_spec_validator\nopenapi_spec_validator.validate(document)");
	skip 'the Python module openapi_spec_validator is not here', 1 if !defined $said;
	is($said, '', 'the document is OpenAPI 3.1');
}
SKIP:
{
	my $said = python('jsonschema', q{
import jsonschema
for name, schema in document['components']['schemas'].items():
    jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(document['components']['schemas']['item.thing'])
items = json.load(open(sys.argv[1] + '/items.json'))
assert len(items) == 2
for item in items:
    validator.validate(item)
assert not validator.is_valid({'id': 'x'})
});
	skip 'the Python module jsonschema is not here (package python3-jsonschema)', 1 if !defined $said;
	is($said, '', 'its schemas are JSON Schema, and items are as they say');
}

# ---- A definition changes; the database is away

$node->safe_psql('postgres', q{SELECT itemize.define('thing', '"Of its own".thing', fields => '{id,name}', read => 'authenticated', replace => true)});
poll_until(sub { document($writing)->{body} !~ /thing/ }, 'what everyone may not read any more is told no more');
my $ann = bearer($secret, { sub => 'ann' });
is(join(' ', sort keys %{ document($writing, $ann)->{json}{components}{schemas}{'item.thing'}{properties} }), 'id name', 'and the new fields to who may');
my $tag = document($writing, $ann)->{headers}{etag};
$node->stop('immediate');
is(document($writing, $ann)->{headers}{etag}, $tag, 'without a database it is as it was');
$node->start;
poll_until(sub { document($writing, $ann)->{status} == 200 }, 'and when it is back');

done_testing();
