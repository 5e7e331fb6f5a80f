# Every language is searched by its own index: words find their article in another form than it has them, in languages
# with a configuration; by any part of it in scripts without spaces. And dumps carry languages of one's own.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Itemize::Test;
use PostgreSQL::Test::Utils ();
use Test::More;

my $directory = collection('udhr-multilang');
plan skip_all => "the Universal Declaration in many languages is not there: $directory" if !-d $directory;
my %tag_of = (
	arabic => 'ar', armenian => 'hy', basque => 'eu', catalan => 'ca', chinese_hans => 'zh-Hans', czech => 'cs', danish => 'da',
	dutch => 'nl', english => 'en', estonian => 'et', finnish => 'fi', french => 'fr', german => 'de', greek => 'el',
	hebrew => 'he', hindi => 'hi', hungarian => 'hu', indonesian => 'id', irish => 'ga', italian => 'it', japanese => 'ja',
	korean => 'ko', lithuanian => 'lt', nepali => 'ne', norwegian_bokmal => 'nb', norwegian_nynorsk => 'nn', polish => 'pl',
	portuguese => 'pt', romanian => 'ro', russian => 'ru', serbian_cyrl => 'sr', serbian_latn => 'sr-Latn', spanish => 'es',
	swedish => 'sv', tamil => 'ta', thai => 'th', turkish => 'tr', ukrainian => 'uk', vietnamese => 'vi', yiddish => 'yi');

# A word in a form that the article does not have, and the article. (The article's form is in brackets.)
my @inflected = (
	[ 'ar', 'عادلة', 10 ],      # عادلاً
	[ 'ca', 'grups', 30 ],      # grup
	[ 'da', 'tanker', 18 ],     # tanke
	[ 'de', 'Kindern', 25 ],    # Kinder
	[ 'el', 'φυλής', 26 ],      # φυλές
	[ 'en', 'peaceful', 26 ],   # peace
	[ 'es', 'grupos', 30 ],     # grupo
	[ 'eu', 'zigorra', 5 ],     # zigor
	[ 'fi', 'rotuun', 26 ],     # rotu
	[ 'fr', 'servitudes', 4 ],  # servitude
	[ 'ga', 'mhaoin', 2 ],      # maoin
	[ 'hi', 'बच्चों', 25 ],     # बच्चा
	[ 'hu', 'fajon', 2 ],       # fajra
	[ 'hy', 'մարդու', 1 ],      # մարդիկ
	[ 'id', 'pekerjaan', 24 ],  # kerja
	[ 'it', 'reato', 14 ],      # reati
	[ 'lt', 'darbą', 24 ],      # darbo
	[ 'nb', 'grupper', 30 ],    # gruppe
	[ 'ne', 'अदालतले', 8 ],     # अदालतको
	[ 'nl', 'groepen', 30 ],    # groep
	[ 'nn', 'barna', 25 ],      # barn
	[ 'pt', 'penas', 11 ],      # pena
	[ 'ro', 'opinii', 2 ],      # opinie
	[ 'ru', 'брака', 16 ],      # браке
	[ 'sr', 'казна', 5 ],       # казни
	[ 'sr-Latn', 'braku', 16 ], # brak
	[ 'sv', 'barnen', 25 ],     # barn
	[ 'ta', 'முரணாக', 14 ],    # முரணான
	[ 'tr', 'vicdana', 18 ],    # vicdan
	[ 'yi', 'אַלײנס', 18 ],     # אַלײן
);
# Languages without a configuration: as it is written, without accents, by a part.
my @written = (
	[ 'cs', 'otroctvi', 4 ], [ 'et', 'voimetele', 26 ], [ 'he', 'עבדות', 4 ], [ 'pl', 'wlaczajac', 24 ], [ 'uk', 'работоргівля', 4 ],
	[ 'vi', '"nô lệ"', 4 ], [ 'vi', '"giai tri"', 24 ], [ 'ja', '奴隷', 4 ], [ 'ja', '余暇', 24 ], [ 'zh-Hans', '奴隶', 4 ],
	[ 'zh-Hans', '休假', 24 ], [ 'ko', '노예', 4 ], [ 'ko', '휴식', 24 ], [ 'th', 'ทาส', 4 ], [ 'th', 'พักผ่อน', 24 ],
);

# The articles of a file: a short line with the next number is a heading.
sub articles
{
	my ($name) = @_;
	open my $file, '<:encoding(UTF-8)', "$directory/$name.txt" or die "$name: $!";
	my ($number, %article) = (0);
	while (my $line = <$file>) {
		$line =~ s/^\s+|\s+$//g;
		my $digits = $line =~ /(\d+)/ ? $1 : '';
		$digits =~ s/([^0-9])/(ord($1) - 6) % 16/ge if $digits =~ /[\x{0966}-\x{096F}]/;
		$digits =~ s/([^0-9])/ord($1) - 0xFF10/ge;
		my $is_heading = length($line) <= 30
		  && ($digits eq $number + 1 || $line eq 'Article premier' || $line =~ /^第\w+条$/ || $line =~ /^סעיף/);
		if ($is_heading) { ++$number }
		elsif ($number > 0) { $article{$number} .= "$line " }
	}
	close $file;
	return %article;
}

my $node = start_postgres('languages');
$node->safe_psql('postgres',
	q{CREATE TABLE declaration (lang text, article int, words text NOT NULL, PRIMARY KEY (lang, article))});
my (%text_of, @rows);
for my $name (sort keys %tag_of) {
	my %article = articles($name);
	is(scalar keys %article, 30, "$name has its 30 articles");
	$text_of{ $tag_of{$name} } = \%article;
	push @rows, map { "$tag_of{$name}\t$_\t$article{$_}" } sort { $a <=> $b } keys %article;
}
my $copy = PostgreSQL::Test::Utils::tempdir() . '/declaration.tsv';
open my $out, '>:encoding(UTF-8)', $copy or die $!;
print {$out} map { s/\\/\\\\/gr . "\n" } @rows;
close $out or die $!;
$node->safe_psql('postgres', "COPY declaration FROM '$copy'");
my $expression = q{itemize.document(lang, 'A', words)};
$node->safe_psql('postgres', "CREATE INDEX declaration_text ON declaration USING gin (($expression))");

# What psql says is UTF-8.
sub ask
{
	my ($sql) = @_;
	utf8::encode($sql);
	my $answer = $node->safe_psql('postgres', "SET enable_seqscan = off; $sql");
	utf8::decode($answer);
	return $answer;
}

# All in one session each: what was found, and the plans.
my @cases = (@inflected, @written);
my (@questions, @plans);
for my $case (@cases) {
	my ($tag, $query) = @$case;
	my $matches = "$expression @@ itemize.query('$query', '$tag')";
	push @questions, "SELECT '<' || coalesce(string_agg(article::text, ',' ORDER BY article), '') || '>'"
	  . " FROM declaration WHERE $matches AND lang = '$tag'";
	push @plans, "EXPLAIN (COSTS OFF) SELECT article FROM declaration WHERE $matches";
}
my @found = ask(join ';', @questions) =~ /<([\d,]*)>/g;
my @shown = split /^(?=Bitmap Heap Scan|Index Scan|Seq Scan)/m, ask(join ';', @plans);
is(scalar @found, scalar @cases, 'every query is answered');
is(scalar @shown, scalar @cases, 'and explained');

for my $i (0 .. $#cases) {
	my ($tag, $query, $article) = @{ $cases[$i] };
	my @articles = split /,/, $found[$i] // '';
	my $name = "$tag: $query finds article $article";
	utf8::encode($name);
	ok((grep { $_ == $article } @articles) && @articles <= 5, $name) or diag("found: @articles");
	like($shown[$i] // '', qr/Index Scan on declaration_text/, "$tag: by the index");
	next if $i > $#inflected;
	unlike($text_of{$tag}{$article}, qr/(?<![\pL\pM])\Q$query\E(?![\pL\pM])/i, "$tag: article $article has another form");
}

# One query for all languages.
my $slavery = '"nô lệ" OR slavery OR esclavage OR Sklaverei OR рабстве OR ทาส OR 奴隷 OR 奴隶 OR 노예 OR otroctví OR niewolnictwo';
is( ask("SELECT count(*) FILTER (WHERE article = 4) FROM declaration WHERE $expression @@ itemize.query('$slavery')
    AND lang IN ('vi', 'en', 'fr', 'de', 'ru', 'th', 'ja', 'zh-Hans', 'ko', 'cs', 'pl')"),
	'11', 'one query finds the article in eleven languages');
is(ask("SELECT string_agg(article::text, ',' ORDER BY article) FROM declaration WHERE $expression @@ itemize.query('no one shall be held in slaveries')"),
	'4', 'without a language, words that English leaves out are asked for in other languages only');

# The same through a definition whose language is a column: searches ask the index of that expression, in the language
# given and in those of the rows.
my $definition = q{SELECT itemize.define('declaration', 'declaration', fields => '{words}', text => '["words"]', language => 'lang', read => 'everyone')};
is(ask("$definition; SELECT state FROM itemize.search_indexes('declaration') WHERE purpose = 'text' AND state <> 'recommended'") =~ s/^\n//r, 'present', 'the index serves the definition');
my (@asked, @explained);
for my $case (@cases) {
	my ($tag, $query) = @$case;
	push @asked, "SELECT '<' || coalesce(string_agg(split_part(key, ',', 2), ',' ORDER BY split_part(key, ',', 2)::int), '') || '>'"
	  . " || count(*) FILTER (WHERE headline IS NULL OR strpos(headline, '<mark>') = 0)"
	  . qq{ FROM itemize.search('declaration', '$query', lang => '$tag', filters => '{"lang": "$tag"}') WHERE NOT relaxed};
	push @explained, "SELECT '<' || string_agg(line, E'\\n') || '>' FROM itemize.explain_search('declaration', '$query', lang => '$tag') AS line";
	push @explained, "SELECT '<' || string_agg(line, E'\\n') || '>' FROM itemize.explain_search('declaration', '$query') AS line";
}
my $asked = ask(join ';', @asked);
is_deeply([ $asked =~ /<([\d,]*)>/g ], \@found, 'searches find the same articles');
is_deeply([ grep { $_ != 0 } $asked =~ />(\d+)$/mg ], [], 'and show what matched in each');
my @unserved = grep { !/Index Scan on declaration_text/ } split /^(?=<)/m, ask(join ';', @explained);
is(scalar @unserved, 0, 'all of them by the index') or diag($unserved[0]);
is(ask(q{SELECT string_agg(key, ' ' ORDER BY key) FROM itemize.search('declaration', 'slavery servitude') WHERE NOT relaxed}), 'en,4',
	'words are read in the languages of the rows');
ask(q{SELECT itemize.undefine('declaration')});

# What it costs beside to_tsvector.
sub milliseconds_of
{
	my ($call) = @_;
	my $plan = $node->safe_psql('postgres',
		"SELECT count($call) FROM declaration WHERE lang = 'en'; EXPLAIN (ANALYZE, TIMING OFF) SELECT count($call) FROM declaration, generate_series(1, 10) WHERE lang = 'en'");
	return $plan =~ /Execution Time: ([\d.]+) ms/ ? $1 : 0;
}
my $ours = milliseconds_of(q{itemize.document('en', 'A', words)});
my $theirs = milliseconds_of(q{to_tsvector('english', words)});
note(sprintf 'itemize.document %.1f ms, to_tsvector %.1f ms, ratio %.2f', $ours, $theirs, $ours / ($theirs || 1));

# A language, a synonym and rows that rest on them, in a dump.
$node->safe_psql(
	'postgres', q{
CREATE TEXT SEARCH CONFIGURATION public.klingon (COPY = english);
SELECT itemize.add_language('tlh', 'klingon'), itemize.add_language('en-x-plain', 'simple');
SELECT itemize.add_synonym('tlh', 'house', 'building');
CREATE TABLE stored (id int PRIMARY KEY, words text, doc tsvector GENERATED ALWAYS AS (itemize.document('tlh', 'A', words)) STORED);
INSERT INTO stored VALUES (1, 'large buildings');
CREATE DATABASE restored;
});
my $found = q{SELECT id FROM stored WHERE doc @@ itemize.query('houses large', 'tlh')};
is($node->safe_psql('postgres', $found), '1', 'found by the synonym');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
my $connection = $node->connstr . ' dbname=';
PostgreSQL::Test::Utils::command_ok([ 'pg_dump', '--exclude-table=declaration', '-f', $dump, $connection . 'postgres' ], 'dumped');
PostgreSQL::Test::Utils::command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $connection . 'restored' ],
	'restored');
my $own = 'SELECT tag, configuration FROM itemize.language WHERE NOT built_in ORDER BY 1';
is($node->safe_psql('restored', $own), $node->safe_psql('postgres', $own), 'languages of one\'s own are back');
is($node->safe_psql('restored', 'SELECT count(*) FROM itemize.language WHERE built_in'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM itemize.language WHERE built_in'), 'built-in ones are there once');
is($node->safe_psql('restored', $found), '1', 'and rows are found as before');

$node->stop;
done_testing();
