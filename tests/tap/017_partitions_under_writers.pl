# Partitions come and go, and definitions change, while others write: the stream never has a row of another generation than
# the one that was told last, and who follows it ends with what the database has. ITEMIZE_SEED repeats the choices of an earlier run.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $seed = $ENV{ITEMIZE_SEED} // int(rand(1_000_000));
note("ITEMIZE_SEED=$seed");
srand($seed);

my $writers = 4;
my $rounds = $ENV{ROUNDS} // 20;
my $node = start_postgres('primary', conf => "deadlock_timeout = 50ms\n");
sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }
my $stream = Itemize::Decoding->new($node, 'decoding')->create_slot;

# Keys are (part, id); parts 3 and 4 come and go.
sql(
	'CREATE TABLE ended ()',
	"CREATE TYPE mood AS ENUM ('a', 'b')", 'CREATE TABLE item (part int, id int, n int, mood mood, PRIMARY KEY (part, id)) PARTITION BY LIST (part)',
	'CREATE TABLE item_1 PARTITION OF item FOR VALUES IN (1)',
	'CREATE TABLE item_2 PARTITION OF item FOR VALUES IN (2) PARTITION BY HASH (id)',
	'CREATE TABLE item_2_0 PARTITION OF item_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
	'CREATE TABLE item_2_1 PARTITION OF item_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)',
	'CREATE TABLE item_3 PARTITION OF item FOR VALUES IN (3)',
	"SELECT itemize.define('item', 'item', fields => '{n,mood}')");

# A transaction of one to three statements, in one of which something may be wrong: a partition that is away, a key that is
# there already, a deadlock. Some go to a partition and not to the root.
$node->safe_psql('postgres', q{
CREATE PROCEDURE write(seed float8) LANGUAGE plpgsql AS $$
DECLARE
  i int := 0; key int; which int; target text;
BEGIN
  PERFORM setseed(seed);
  WHILE to_regclass('ended') IS NOT NULL LOOP
    i := i + 1;
    FOR j IN 1 .. 1 + floor(random() * 3)::int LOOP
      key := floor(random() * 20);
      which := 1 + floor(random() * 4);
      target := CASE floor(random() * 4) WHEN 0 THEN 'item_1' WHEN 1 THEN 'item_2_0' WHEN 2 THEN 'item_3' ELSE 'item' END;
      BEGIN
        CASE floor(random() * 5)
          WHEN 0 THEN INSERT INTO item VALUES (which, key, i, (ARRAY(SELECT unnest(enum_range(NULL::mood))))[1 + i % 2]);
          WHEN 1 THEN UPDATE item SET n = i WHERE id = key AND part = which;
          WHEN 2 THEN DELETE FROM item WHERE id = key AND part = which;
          WHEN 3 THEN EXECUTE format('UPDATE %I SET n = $1 WHERE id = $2', target) USING i, key;
          ELSE UPDATE item SET part = which WHERE id = key AND part = 1 + which % 4;
        END CASE;
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END LOOP;
    PERFORM pg_sleep(0.003); -- with its changes in the log
    COMMIT;
  END LOOP;
END $$});

my @ddl = (
	[ 'BEGIN', 'ALTER TABLE item DETACH PARTITION item_3', 'UPDATE item_3 SET n = -1', 'COMMIT', 'UPDATE item_3 SET n = -2', 'ALTER TABLE item ATTACH PARTITION item_3 FOR VALUES IN (3)' ],
	[ 'ALTER TABLE item_2 DETACH PARTITION item_2_1', 'UPDATE item_2_1 SET n = -3', 'ALTER TABLE item_2 ATTACH PARTITION item_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)' ],
	[ 'DROP TABLE item_3', 'CREATE TABLE item_3 PARTITION OF item FOR VALUES IN (3)' ],
	[ 'CREATE TABLE item_4 (LIKE item INCLUDING ALL)', 'INSERT INTO item_4 SELECT 4, i, -4 FROM generate_series(1, 5) i', 'ALTER TABLE item ATTACH PARTITION item_4 FOR VALUES IN (4)', 'SELECT pg_sleep(0.02)', 'DROP TABLE item_4' ],
	[ 'BEGIN', 'CREATE TABLE item_4 (LIKE item INCLUDING ALL)', 'ALTER TABLE item ATTACH PARTITION item_4 FOR VALUES IN (4)', 'INSERT INTO item VALUES (4, 1, -5)', 'COMMIT', 'DROP TABLE item_4' ],
	[ 'TRUNCATE item_1' ],
	[ "ALTER TYPE mood RENAME VALUE 'b' TO 'c'", "ALTER TYPE mood RENAME VALUE 'c' TO 'b'" ],
	[ 'ALTER TABLE item RENAME n TO m', 'ALTER TABLE item RENAME m TO n' ],
	[ "SELECT itemize.define('item', 'item', fields => '{mood,n}', replace => true)", "SELECT itemize.define('item', 'item', fields => '{n,mood}', replace => true)" ]);
push @ddl, [ 'ALTER TABLE item DETACH PARTITION item_3 CONCURRENTLY', 'UPDATE item_3 SET n = -6', 'ALTER TABLE item ATTACH PARTITION item_3 FOR VALUES IN (3)' ] if $node->pg_version >= 14;

my @psql = ('psql', '--no-psqlrc', '--quiet', '--dbname', $node->connstr('postgres'));
my ($out, $errors) = ('', '');
my @running = map { IPC::Run::start([ @psql, '--command', "CALL write(@{[ rand() ]})" ], '<', \undef, '>', \$out, '2>', \$errors) } 1 .. $writers;
for (1 .. $rounds) { $node->psql('postgres', join(";\n", @{ $ddl[ int rand @ddl ] }), on_error_stop => 0) }
my $last = sql('SELECT pg_snapshot_xmax(pg_current_snapshot())');
poll_until(sub { sql('SELECT pg_snapshot_xmax(pg_current_snapshot())') > $last + 100 }, 'writes after the last change of the table');
sql('DROP TABLE ended');
is(scalar(grep { !$_->finish } @running), 0, 'the writers have written') or diag $errors;
# What an error has left behind.
$node->psql('postgres', 'ALTER TABLE item ATTACH PARTITION item_3 FOR VALUES IN (3); ALTER TABLE item_2 ATTACH PARTITION item_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1); ALTER TABLE item RENAME m TO n', on_error_stop => 0);

# A reader that has all rows of a generation that it has seen from its start, and else those that it was told.
my ($generation, $late, $lines, %held, %gone) = (0, 0, 0);
for my $change (map { @{ $_->{changes} } } $stream->transactions)
{
	my ($kind, undef, undef, $of, $key, $row) = @$change;
	$lines++;
	if ($kind eq 'Y')
	{
		$generation = $of;
		(%held, %gone) = ();
		next;
	}
	if ($of != $generation) { $late++ and next }
	if ($kind eq 'T') { (%held, %gone) = () }
	elsif ($kind eq 'D') { $gone{$key} = delete($held{$key}) // 1 }
	else { $held{$key} = $row; delete $gone{$key} }
}
note "$lines lines, of which at the end " . keys(%held) . ' rows are held';
is($late, 0, 'no line is of another generation than the one told last');
is($generation, sql("SELECT generation FROM itemize.definitions"), 'which is that of today');
my %rows = map { /^([^|]*)\|(.*)$/ } split /\n/, sql("SELECT key, item FROM itemize.list('item', 1000)");
is_deeply({ map { $_ => $rows{$_} } keys %held }, \%held, 'what is held is what is there');
is_deeply([ grep { exists $rows{$_} } keys %gone ], [], 'and what was told to be gone is gone');
is(sql('SELECT * FROM itemize.definition_problems()'), '', 'the definition fits its table');

done_testing();
