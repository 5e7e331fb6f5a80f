# itemize.publish in the change stream: order, rollback, and what others write in its name.
# tier: quick
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Test::More;

use Itemize::Decoding;
use Itemize::Test;

my $node = start_postgres('messages', conf => "max_prepared_transactions = 10\n");

sub sql { return $node->safe_psql('postgres', join(";\n", @_)) }

sub error_of
{
	my ($statement, %args) = @_;
	my ($status, $out, $error) = $node->psql('postgres', $statement, %args);
	return $error;
}

my $stream = Itemize::Decoding->new($node, 'messages');
sub changes { return map { @{ $_->{changes} } } $stream->transactions }

sql('CREATE TABLE item (id int PRIMARY KEY, name text)', "SELECT itemize.define('item', 'item', fields => '{id,name}')");
$stream->create_slot;

subtest 'topics come in their place in the stream, as definitions do' => sub {
	sql("SELECT itemize.define_topic('orders.new', read => 'everyone')", "SELECT itemize.define_topic('orders.new', read => 'everyone')");
	my ($definition, @rest) = changes();
	is_deeply([ @$definition[ 0 .. 2, 4 ] ], [ 'Y', 1, '@orders.new', 'everyone' ], 'a topic is made');
	is_deeply(\@rest, [], 'made once more, nothing is told');
	sql("SELECT itemize.define_topic('orders.new', replace => true)", "SELECT itemize.undefine_topic('orders.new')", "SELECT itemize.define_topic('orders.new')");
	my @changes = changes();
	is_deeply([ map { $_->[4] } @changes ], [ 'nobody', '-', 'nobody' ], 'replaced, removed, made again');
	cmp_ok($changes[2][3], '>', $definition->[3], 'with generations that rise');
};

subtest 'events stand between the changes of their transaction' => sub {
	sql('BEGIN', "INSERT INTO item VALUES (1, 'a')", q{SELECT itemize.publish('orders.new', '{"id": 1, "text": "tab\there, ü\n"}')}, "UPDATE item SET name = 'b'",
		'SAVEPOINT s', "SELECT itemize.publish('orders.new', '\"rolled back\"')", 'ROLLBACK TO s',
		'SAVEPOINT s', "SELECT itemize.publish('orders.new', '[1, null, \"  \"]')", 'RELEASE s', 'COMMIT');
	my ($transaction, @rest) = $stream->transactions;
	is(scalar @rest, 0, 'one transaction');
	is_deeply([ map { [ @$_[ 0 .. 1 ] ] } @{ $transaction->{changes} } ], [ [ 'I', 1 ], [ 'M', 2 ], [ 'U', 3 ], [ 'M', 4 ] ], 'in order, without what was rolled back');
	is_deeply([ map { [ @$_[ 2 .. $#$_ ] ] } grep { $_->[0] eq 'M' } @{ $transaction->{changes} } ],
		[ [ 'orders.new', '{"id":1,"text":"tab\there, ü\n"}' ], [ 'orders.new', '[1,null,"  "]' ] ], 'topic and payload, compact');
	sql('BEGIN', "SELECT itemize.publish('orders.new', '1')", 'ROLLBACK');
	sql("SELECT itemize.publish('orders.new', '2')");
	is_deeply([ map { $_->[3] } changes() ], [2], 'a transaction that was rolled back says nothing; one of events alone is one');
	sql('BEGIN', "SELECT itemize.publish('orders.new', '3')", "PREPARE TRANSACTION 'p'");
	is_deeply([changes()], [], 'a prepared transaction waits');
	sql("COMMIT PREPARED 'p'");
	is_deeply([ map { $_->[3] } changes() ], [3], 'and tells when it is committed');
	sql('BEGIN', "SELECT itemize.define_topic('brief')", "SELECT itemize.publish('brief', '4')", "SELECT itemize.undefine_topic('brief')", 'COMMIT');
	is_deeply([ map { $_->[0] } changes() ], [qw(Y M Y)], 'a topic made, used and removed in one transaction');
	like(error_of(q{BEGIN; SELECT itemize.define_topic('brief'); SELECT itemize.publish('brief', '4'); SELECT itemize.undefine_topic('brief'); SELECT itemize.publish('brief', '5')}),
		qr/topic "brief" is not defined/, 'and not to be used from then on');
	like(error_of(q{BEGIN; SAVEPOINT s; SELECT itemize.define_topic('brief'); SELECT itemize.publish('brief', '4'); ROLLBACK TO s; SELECT itemize.publish('brief', '5')}),
		qr/topic "brief" is not defined/, 'nor one whose making was rolled back');
};

subtest 'messages with other prefixes are not ours' => sub {
	my $content = "1\t" . '0' x 64 . "\torders.new\t1";
	for my $prefix ('', 'theirs', 'Itemize', 'itemiz', 'itemize2', 'itemize.x')
	{
		sql("SELECT pg_logical_emit_message($_, '$prefix', '$content')") for 'true', 'false';
	}
	sql('BEGIN', "SELECT pg_logical_emit_message(true, 'theirs', repeat('x', 1000000))", "INSERT INTO item VALUES (8, 'y')", 'COMMIT');
	is_deeply([ map { @$_[ 0 .. 1 ] } changes() ], [ 'I', 1 ], 'they do not come, and do not count');
	unlike(slurp($node->logfile), qr/leaves out a logical message/, 'nor does the log complain of them');
};

subtest 'nobody writes in the name of publish' => sub {
	sql('CREATE ROLE stranger LOGIN');
	like(error_of("SET ROLE stranger; SELECT itemize.publish('orders.new', '1')"), qr/permission denied for function publish/, 'publish is granted');
	like(error_of("SET ROLE stranger; SELECT itemize.define_topic('mine')"), qr/permission denied for function define_topic/, 'so are topics');
	like(error_of('SET ROLE stranger; SELECT * FROM itemize.seal'), qr/permission denied for table seal/, 'and the key is hidden');

	sql("SELECT itemize.publish('orders.new', '\"genuine\"')");
	changes();
	my $genuine = sql(q{SELECT pg_create_logical_replication_slot('plain', 'test_decoding')}, q{SELECT itemize.publish('orders.new', '"genuine"')},
		q{SELECT data FROM pg_logical_slot_get_changes('plain', NULL, NULL, 'skip-empty-xacts', '1')});
	my ($content) = $genuine =~ /prefix: itemize, sz: \d+ content:(1\t[0-9a-f]{64}\torders\.new\t"genuine")$/m;
	ok(defined $content, 'a message as it stands in the log');
	my $seal = '0' x 64;
	my @forged = (
		'', 'x', '1', "1\t", "1\t$seal", "1\t$seal\t", "1\t$seal\torders.new", "1\t$seal\torders.new\t1", "2\t$seal\torders.new\t1", $content,
		$content =~ s/genuine/GENUINE/r, "1\t$seal\torders.new\t1\nI\t1\titem\t1\t1\t{}\t0,0", "\n", 'x' x 100000, ("1\t$seal\t" . 'y' x 400000));
	is_deeply([ map { $_->[0] } changes() ], ['M'], 'the genuine one arrives');
	$node->psql('postgres', "SET ROLE stranger; SELECT pg_logical_emit_message(true, 'itemize', \$a\$$_\$a\$)", on_error_die => 1) for @forged;
	$node->psql('postgres', "SET ROLE stranger; SELECT pg_logical_emit_message(false, 'itemize', \$a\$$content\$a\$)", on_error_die => 1);
	$node->psql('postgres', "SET ROLE stranger; SELECT pg_logical_emit_message(true, 'itemize', '\\x0031ff'::bytea)", on_error_die => 1);
	sql("INSERT INTO item VALUES (9, 'z')");
	is_deeply([ map { $_->[0] } changes() ], ['I'], 'none of the forged ones does, not even a true one of another transaction; and the stream goes on');
	like(slurp($node->logfile), qr/leaves out a logical message with the prefix "itemize"/, 'the log says that somebody tries');
	sql("SELECT pg_drop_replication_slot('plain')", 'GRANT EXECUTE ON FUNCTION itemize.publish(text, jsonb) TO stranger');
	$node->psql('postgres', "SET ROLE stranger; SELECT itemize.publish('orders.new', '5')", on_error_die => 1);
	is_deeply([ map { $_->[3] } changes() ], [5], 'who is granted publish needs nothing else');
};

subtest 'another database has messages of its own' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', "CREATE EXTENSION itemize CASCADE; SELECT itemize.define_topic('orders.new'); SELECT itemize.publish('orders.new', '6')");
	is_deeply([changes()], [], 'they do not come here');
	isnt($node->safe_psql('other', 'SELECT key FROM itemize.seal'), sql('SELECT key FROM itemize.seal'), 'and have another seal');
};

subtest 'large payloads, up to the limit' => sub {
	my $limit = 256 * 1024;
	sql(qq{SELECT itemize.publish('orders.new', to_jsonb(repeat('ü', $limit / 2 - 1)))});
	my ($message) = changes();
	is(length $message->[3], $limit, 'the longest goes through, in fragments');
	like(error_of(qq{SELECT itemize.publish('orders.new', to_jsonb(repeat('x', $limit - 1)))}), qr/payload of 262145 bytes is too large.*HINT/s, 'one byte more does not');
	like(error_of(q{SELECT itemize.publish('orders.new', to_jsonb(repeat('x', 100000000)))}), qr/is too large for an application event/, 'nor a hundred million');
	sql('BEGIN', q{SELECT itemize.publish('orders.new', to_jsonb(i)) FROM generate_series(1, 20000) i}, 'COMMIT');
	my ($transaction) = $stream->transactions;
	is_deeply([ map { $_->[3] } @{ $transaction->{changes} } ], [ 1 .. 20000 ], 'many of them, in order');
};

done_testing();
