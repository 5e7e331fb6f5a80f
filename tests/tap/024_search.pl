# Searches where other sessions, transactions, a crash and a standby come in: a row is found by its own transaction at
# once, by others from its commit on, on a standby from its replay on; and nobody is told of rows that he may not see.
# tier: quick
use strict;
use warnings;

use FindBin;
use IPC::Run ();
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = start_postgres('primary');
$primary->safe_psql('postgres', q{
CREATE TABLE doc (id int PRIMARY KEY, name text NOT NULL, about text, price numeric NOT NULL, currency text NOT NULL,
  place geography(Point, 4326), host text NOT NULL);
INSERT INTO doc SELECT i, 'number ' || i, 'common', i, 'EUR', ST_Point(i / 100.0, 1), CASE WHEN i % 2 = 0 THEN 'anna' ELSE 'bert' END
FROM generate_series(1, 200) i;
SELECT itemize.define('doc', 'doc', fields => '{id,name}', text => '{"name": "A", "about": "B"}', language => 'en', location => 'place',
  price => 'price', currency => 'currency', owner => 'host', read => 'everyone');
CREATE INDEX doc_text ON doc USING gin ((itemize.document('en', 'AB', name, about)));
CREATE INDEX ON doc USING gist (place);
CREATE INDEX ON doc (currency, price);
CREATE TABLE secret (id int PRIMARY KEY, word text NOT NULL, host name NOT NULL);
INSERT INTO secret SELECT i, 'word w' || i, CASE WHEN i % 2 = 0 THEN 'anna' ELSE 'bert' END FROM generate_series(1, 3000) i;
SELECT itemize.define('secret', 'secret', fields => '{id}', text => '{"word": "A"}', language => 'en');
CREATE INDEX ON secret USING gin ((itemize.document('en', 'A', word)));
CREATE ROLE anna LOGIN;
CREATE ROLE bert LOGIN;
CREATE ROLE carl LOGIN;
GRANT SELECT ON secret TO anna, bert;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (host = current_user);
ANALYZE;
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub keys_of
{
	my ($node, $arguments, %psql) = @_;
	return $node->safe_psql('postgres', "SELECT string_agg(key, ',') FROM itemize.search($arguments)", %psql);
}
sub refusal
{
	my ($node, $statement, $role) = @_;
	my ($status, $out, $error) = $node->psql('postgres', $statement, extra_params => defined $role ? [ '-U', $role ] : []);
	isnt($status, 0, "refused: $statement");
	is($out, '', 'with nothing shown');
	return $error;
}

# Own transaction, commit, rollback.
my $writer = $primary->background_psql('postgres');
$writer->query_safe(q{BEGIN; INSERT INTO doc VALUES (1001, 'lighthouse', 'sea', 5, 'EUR', ST_Point(50, 50), 'anna')});
is($writer->query_safe(q{SELECT key FROM itemize.search('doc', 'lighthouse')}), '1001', 'found in its own transaction');
is($writer->query_safe(q{SELECT key FROM itemize.search('doc', near => ST_Point(50, 50), within => 10)}), '1001', 'by its place as well');
is(keys_of($primary, q{'doc', 'lighthouse'}), '', 'and by nobody else');
$writer->query_safe('COMMIT');
is(keys_of($primary, q{'doc', 'lighthouse'}), '1001', 'by everybody from the commit on');
$writer->query_safe(q{BEGIN; UPDATE doc SET name = 'beacon' WHERE id = 1001; ROLLBACK});
is(keys_of($primary, q{'doc', 'beacon'}) . keys_of($primary, q{'doc', 'lighthouse'}), '1001', 'what was rolled back never was');
# A snapshot that is older than a row does not find it, on no page.
$writer->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM itemize.search('doc', 'sea')});
$primary->safe_psql('postgres', q{INSERT INTO doc VALUES (1002, 'harbour', 'sea', 5, 'EUR', ST_Point(50, 50), 'anna')});
is($writer->query_safe(q{SELECT string_agg(key, ',') FROM itemize.search('doc', 'sea')}), '1001', 'a snapshot goes on finding what it found');
$writer->query_safe('COMMIT');
is($writer->query_safe(q{SELECT string_agg(key, ',' ORDER BY key) FROM itemize.search('doc', 'sea')}), '1001,1002', 'the next one finds more');
$writer->quit;

# On a standby: the same rows, from replay on; nothing is written; cursors of one server are taken by the other.
$primary->wait_for_catchup($standby);
for my $question (q{'doc', 'common', max_rows => 7}, q{'doc', near => ST_Point(1, 1), max_rows => 7},
	q{'doc', order_by => 'price.desc', currency => 'EUR', max_rows => 7}, q{'doc', 'sea', near => ST_Point(50, 50), within => 100})
{
	is(keys_of($standby, $question), keys_of($primary, $question), "a standby finds the same: $question");
}
my $behind = $primary->safe_psql('postgres', q{SELECT cursor FROM itemize.search('doc', 'common', max_rows => 7) OFFSET 6});
my $next = qq{'doc', 'common', max_rows => 7, after => '$behind'};
is(keys_of($standby, $next), keys_of($primary, $next), 'it goes on where the primary ended');
is($standby->safe_psql('postgres', q{SELECT total FROM itemize.search_count('doc', 'common')}), 200, 'it counts');
like($standby->safe_psql('postgres', q{SELECT itemize.explain_search('doc', 'common')}), qr/Limit/, 'and explains');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
poll_until(sub { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' }, 'replay is paused');
$primary->safe_psql('postgres', q{INSERT INTO doc VALUES (1003, 'windmill', 'hill', 5, 'EUR', NULL, 'anna')});
is(keys_of($standby, q{'doc', 'windmill'}), '', 'what is not replayed is not found');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);
is(keys_of($standby, q{'doc', 'windmill'}), '1003', 'what is replayed is');

# Row-level security, the table's privileges and the claims of a request decide.
sub as { my ($role) = @_; return (extra_params => [ '-U', $role ]) }
is(keys_of($primary, q{'secret', 'w7'}, as('anna')), '', 'a row of another is not found');
is(keys_of($primary, q{'secret', 'w7'}, as('bert')), '7', 'by its owner it is');
for my $node ($primary, $standby)
{
	my $count = q{SELECT total FROM itemize.search_count('secret', 'word', exact => true)};
	is($node->safe_psql('postgres', $count, as('anna')), 1500, 'counts are of what one sees, ' . $node->name);
}
is($primary->safe_psql('postgres', q{SELECT count(*) FROM itemize.search('secret', 'word', max_rows => 1000) WHERE key::int % 2 = 1}, as('anna')), 0, 'and so are pages');
# Scores of who does not see all rows are not made of statistics of all.
my $score = q{SELECT score FROM itemize.search('secret', 'word', max_rows => 1)};
my $restricted = $primary->safe_psql('postgres', $score, as('anna'));
$primary->safe_psql('postgres', q{INSERT INTO secret SELECT i, 'other', 'bert' FROM generate_series(10001, 20000) i; ANALYZE secret});
is($primary->safe_psql('postgres', $score, as('anna')), $restricted, 'a score tells nothing of rows that one does not see');
$primary->safe_psql('postgres', 'ALTER TABLE secret DISABLE ROW LEVEL SECURITY');
isnt($primary->safe_psql('postgres', $score, as('anna')), $restricted, 'and goes by all rows where one sees them');
$primary->safe_psql('postgres', 'ALTER TABLE secret ENABLE ROW LEVEL SECURITY');
like(refusal($primary, q{SELECT * FROM itemize.search('secret', 'w7')}, 'carl'), qr/permission denied for table secret.*HINT/s, 'without a privilege');
like(refusal($primary, q{SELECT * FROM itemize.search_count('secret', 'nothing like it')}, 'carl'), qr/permission denied for table secret/, 'also where there is nothing to find');
my $claims = q{SET request.jwt.claims = '{"sub": "x"}';};
like(refusal($primary, "$claims SELECT * FROM itemize.search('secret', 'w7')", 'bert'), qr/may not be searched by requests.*HINT/s, 'a request is ruled by the definition alone');
like(refusal($primary, "$claims SELECT * FROM itemize.explain_search('secret', 'w7')"), qr/may not be searched by requests/, 'a superuser\'s too');
is($primary->safe_psql('postgres', "$claims SELECT count(*) FROM itemize.search('doc', 'common')", as('carl')), 20, 'what everybody may read it finds');
# One session, one kept statement, two roles: each sees his own.
is($primary->safe_psql('postgres', q{SET ROLE anna; SELECT count(*) FROM itemize.search('secret', 'w7'); SET ROLE bert; SELECT count(*) FROM itemize.search('secret', 'w7');
RESET ROLE; SELECT count(*) FROM itemize.search('secret', 'w7')}), "0\n1\n1", 'roles of one session see what they may');

# A search that computes for long can be cancelled, and the session goes on.
$primary->safe_psql('postgres', q{CREATE TABLE long (id int PRIMARY KEY, t text); INSERT INTO long SELECT i, repeat('word' || i || ' ', 200) FROM generate_series(1, 10000) i;
SELECT itemize.define('long', 'long', fields => '{id}', text => '{"t": "A"}', language => 'en')});
my (undef, $rows, $cancelled) = $primary->psql('postgres', q{SET client_min_messages = error; SET statement_timeout = 20; SELECT count(*) FROM itemize.search('long', 'word1 OR word2');
SET statement_timeout = 0; SELECT count(*) FROM itemize.search('doc', 'lighthouse')}, on_error_stop => 0);
is($rows, 1, 'the next search is answered');
like($cancelled, qr/ERROR:  canceling statement due to statement timeout/, 'after the one that was cancelled');

# Writers, VACUUM and the cleaning of pending entries change nothing of what is found meanwhile.
my $count = q{SELECT count(*) FROM itemize.search('doc', 'common', max_rows => 1000)};
my $expected = $primary->safe_psql('postgres', $count);
my ($said, $rounds) = ('', 0);
my $searches = IPC::Run::start([ 'psql', '--no-psqlrc', '--quiet', '--dbname', $primary->connstr('postgres'), '--command',
		"DO \$\$ BEGIN FOR i IN 1 .. 200 LOOP ASSERT ($count) = $expected, 'another number of rows'; COMMIT; END LOOP; END \$\$" ], '>', \$said, '2>&1');
poll_until(
	sub {
		$rounds++;
		$primary->safe_psql('postgres', $_) for q{INSERT INTO doc SELECT i, 'passing', 'sea', 5, 'EUR', NULL, 'anna' FROM generate_series(2000, 2050) i},
		  q{SELECT gin_clean_pending_list('doc_text')}, 'DELETE FROM doc WHERE id >= 2000', 'VACUUM doc';
		$searches->pump_nb;
		return !$searches->pumpable;
	},
	'the searches to end');
ok($searches->finish, "200 searches beside $rounds rounds of writers and VACUUM find the same") or diag($said);

# After a crash the indexes have what was committed.
$primary->stop('immediate');
$primary->start;
is(keys_of($primary, q{'doc', 'windmill'}), '1003', 'found after a crash');
is(keys_of($primary, $next), keys_of($standby, $next), 'and cursors go on');

# Promoted, the standby is a primary like any other.
$primary->stop('immediate');
$standby->promote;
$standby->safe_psql('postgres', q{INSERT INTO doc VALUES (1004, 'observatory', 'hill', 5, 'EUR', NULL, 'anna')});
is(keys_of($standby, q{'doc', 'observatory'}), '1004', 'a promoted standby finds what is written there');

done_testing();
