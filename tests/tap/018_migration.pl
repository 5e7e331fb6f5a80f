# ALTER EXTENSION UPDATE from a made-up older version by a made-up upgrade script: the objects become those of a fresh
# install, definitions and their numbers stay, and a slot that was there before goes on.
# tier: quick
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Test::More;

use constant OLD => '0.0.9';

# A server tree of its own: other tests must not find the upgrade script.
my $stage = PostgreSQL::Test::Utils::tempdir() . '/stage';
system('cp', '-a', $ENV{ITEMIZE_STAGE}, $stage) == 0 or BAIL_OUT('no copy of the staged server');
chomp(my $bindir = `pg_config --bindir`);
$bindir =~ s/^\Q$ENV{ITEMIZE_STAGE}\E/$stage/ or BAIL_OUT("$bindir is no part of the staged server");
chomp(my $share = `$bindir/pg_config --sharedir`);
like($share, qr/^\Q$stage\E/, 'the copy finds its own files');

sub slurp_share { my ($name) = @_; return slurp("$share/extension/$name") }
my ($current) = slurp_share('itemize.control') =~ /^default_version *= *'(.*)'/m;
my $objects = slurp_share("itemize--$current.sql");
my ($made_later) = $objects =~ /^(CREATE FUNCTION \@extschema\@\.token\(\).*?;\n(?:COMMENT .*?;\n))/ms or BAIL_OUT('token() is not found');
my $script = "itemize--${\OLD}--$current.sql";
PostgreSQL::Test::Utils::append_to_file("$share/extension/$script", <<"END");
\\echo Use "ALTER EXTENSION itemize UPDATE" to load this file. \\quit
$made_later
CREATE TABLE \@extschema\@.made_up (id int PRIMARY KEY, word text NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('\@extschema\@.made_up', '');
INSERT INTO \@extschema\@.made_up VALUES (1, 'from the upgrade script');
END

my $node = PostgreSQL::Test::Cluster->new('migration', install_path => $bindir =~ s{/bin$}{}r);
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
configure_postgres($node);
$node->start;
sub sql { my ($text, $database) = @_; return $node->safe_psql($database // 'postgres', $text) }

sql('CREATE EXTENSION itemize CASCADE');
sql(q{
CREATE TABLE listing (id int PRIMARY KEY, name text, note text);
CREATE TABLE stay (listing int, night date, price int, PRIMARY KEY (listing, night)) PARTITION BY LIST (listing);
CREATE TABLE stay_1 PARTITION OF stay FOR VALUES IN (1);
SELECT itemize.define('listing', 'listing', fields => '{id,name,note}', read => 'everyone');
SELECT itemize.define('stay', 'stay', fields => '{price}');
SELECT itemize.define_topic('prices', read => 'everyone');
CREATE ROLE reader;
GRANT SELECT ON itemize.definitions TO reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]) TO reader;
SELECT pg_create_logical_replication_slot('kept', 'itemize');
INSERT INTO listing VALUES (1, 'one', 'before');
});

# As a server looks whose package has been upgraded: the library is new, the objects are not.
sql('ALTER EXTENSION itemize DROP FUNCTION itemize.token(); DROP FUNCTION itemize.token();');
sql("UPDATE pg_extension SET extversion = '${\OLD}' WHERE extname = 'itemize'");
my $definitions = q{SELECT d::text FROM itemize.definitions d UNION ALL SELECT t::text FROM itemize.topics t UNION ALL SELECT c::text FROM itemize.item_column c WHERE c.item_type !~ '^itemize_' ORDER BY 1};
my $before = sql($definitions);
is(scalar(my @lines = split /\n/, $before), 10, 'definitions, topics and their columns');

my ($status, undef, $error) = $node->psql('postgres', q{SELECT * FROM itemize.fetch('listing', '{1}')});
like($error, qr/library is version \Q$current\E.*SQL is version \Q${\OLD}\E.*ALTER EXTENSION itemize UPDATE/s, 'between the two a call says what to do');
sql(q{INSERT INTO listing VALUES (2, 'two', 'between')});
is($node->safe_psql('postgres', "\\i $share/extension/$script"), 'Use "ALTER EXTENSION itemize UPDATE" to load this file.', 'an upgrade script by itself says how to use it, and does nothing');

my $fix = sql(q{SELECT fix FROM itemize.doctor() WHERE check_name = 'version'});
is($fix, 'ALTER EXTENSION itemize UPDATE;', 'the doctor knows what is needed');
sql($fix);
is(sql(q{SELECT extversion = itemize.version() FROM pg_extension WHERE extname = 'itemize'}), 't', 'after it, library and objects are of one version');
is(sql($definitions), $before, 'the definitions are what they were, with the numbers that they had');
is(sql(q{SELECT status FROM itemize.doctor() WHERE check_name = 'version'}), 'ok', 'the doctor is content');
is(sql('SELECT * FROM itemize.definition_problems()'), '', 'every definition fits its table');
is(sql(q{SET ROLE reader; SELECT key, item FROM itemize.fetch('listing', '{1,2}')}), qq(1|{"id":1,"name":"one","note":"before"}\n2|{"id":2,"name":"two","note":"between"}), 'items are served, to whom they were granted');
sql(q{BEGIN; UPDATE listing SET note = 'after' WHERE id = 1; SELECT itemize.publish('prices', '1'); INSERT INTO stay VALUES (1, '2026-01-01', 5); COMMIT});
my $decoded = sql(q{SELECT data FROM pg_logical_slot_get_changes('kept', NULL, NULL)});
my $ordered = join('.*', map { quotemeta } '"note":"before"', '"note":"between"', '"note":"after"', "\tprices\t1", '{"price":5}');
like($decoded, qr/$ordered/s, 'a slot from before goes on: what was written before, between and after');
sql('ALTER TABLE listing RENAME note TO remark');
is(sql(q{SELECT fields FROM itemize.definitions WHERE type = 'listing'}), '{id,name,remark}', 'definitions follow DDL');

# Objects as in a fresh install, but for what the script has made up.
sql('CREATE DATABASE fresh');
sql('CREATE EXTENSION itemize CASCADE', 'fresh');
my $members = q{
SELECT i.type || ' ' || i.identity || ' ' || coalesce(obj_description(d.objid, c.relname), '')
FROM pg_depend d JOIN pg_class c ON c.oid = d.classid, pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'itemize')
  AND i.identity !~ 'made_up' ORDER BY 1};
is(sql($members), sql($members, 'fresh'), 'the objects, and what is said of them, are those of a fresh install');
my $rights = q{
SELECT p.oid::regprocedure::text COLLATE "C", p.proacl FROM pg_proc p WHERE p.pronamespace = 'itemize'::regnamespace AND p.proname <> 'fetch' ORDER BY 1};
is(sql($rights), sql($rights, 'fresh'), 'so are the rights to call them');

# A table of the new version is dumped, the definitions as ever.
sql('CREATE DATABASE restored');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '--format=custom', '--dbname', $node->connstr('postgres'), '--file', $dump ], 'pg_dump');
my $restored = [ 'pg_restore', '--dbname', $node->connstr('restored'), $dump ];
$node->command_checks_all($restored, 1, [], [qr/made_up/], 'pg_restore: what only an upgrade script makes is missed in a fresh install');
is(sql(q{SELECT type, fields FROM itemize.definitions ORDER BY type}, 'restored'), "listing|{id,name,remark}\nstay|{price}", 'the definitions are not');

done_testing();
