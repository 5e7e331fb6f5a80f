# Compares the documentation with the program: perl tests/check/docs.pl CHECK ROOT [HELP]
#
# Prints what does not fit and ends with status 1. ROOT holds the sources and the documentation; HELP is a file with the
# output of `itemize-sidecar --help`. Each check goes both ways: what is there is documented, what is documented is there.
use strict;
use warnings;

use File::Find;

my ($check, $root, $help_file) = @ARGV;
die "usage: docs.pl CHECK ROOT [HELP]\n" if !defined $root;
my @wrong;

sub slurp
{
	my ($name) = @_;
	open my $file, '<', "$root/$name" or die "$root/$name: $!\n";
	local $/ = undef;
	return scalar <$file>;
}

# Paths below ROOT, relative to it, whose names match.
sub files
{
	my ($pattern, @under) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, substr($_, length($root) + 1) if -f && /$pattern/ } },
		map { "$root/$_" } @under);
	return sort @found;
}

sub pages { return ('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', files(qr/\.md$/, 'docs')) }

# Says what is only in one of two hashes, or different.
sub compare
{
	my ($what, $program, $documented) = @_;
	push @wrong, "nothing found in the program: $what" if !%$program;
	for my $name (sort keys %$program)
	{
		if (!exists $documented->{$name}) { push @wrong, "$what not documented: $name" }
		elsif ($documented->{$name} ne $program->{$name})
		{
			push @wrong, "$what $name: documented as '$documented->{$name}', is '$program->{$name}'";
		}
	}
	push @wrong, map { "$what documented, but not there: $_" } grep { !exists $program->{$_} } sort keys %$documented;
	return;
}

# Cells of the rows of all tables of a page, the code marks taken off the first.
sub rows
{
	my ($page) = @_;
	my @rows;
	for my $line (split /\n/, slurp($page))
	{
		my ($inside) = $line =~ /^\| (.*) \|\s*$/ or next;
		push @rows, [ map { s/^\s+|\s+$//gr } split /\|/, $inside, -1 ];
	}
	return @rows;
}

# The anchor that a heading gets on code hosting sites.
sub anchor
{
	my ($heading) = @_;
	$heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
	$heading = lc $heading;
	$heading =~ s/[^\w\- ]//g;
	$heading =~ tr/ /-/;
	return $heading;
}

sub without_code
{
	my ($text) = @_;
	$text =~ s/^[ ]*```.*?^[ ]*```//gms;
	return $text;
}

sub check_links
{
	my (%anchors, %text);
	for my $page (pages())
	{
		$text{$page} = without_code(slurp($page));
		$anchors{$page}{ anchor($1) } = 1 while $text{$page} =~ /^#+ (.*)$/gm;
	}
	my $links = 0;
	for my $page (sort keys %text)
	{
		while ($text{$page} =~ /\]\(([^)\s]+)\)/g)
		{
			my $link = $1;
			next if $link =~ m{^[a-z]+://};
			$links++;
			my ($path, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
			my $target = $path eq '' ? $page : ($page =~ m{^(.*/)} ? $1 : '') . $path;
			1 while $target =~ s{[^/]+/\.\./}{};
			if (!-e "$root/$target") { push @wrong, "$page: no file for the link $link" }
			elsif ($anchor ne '' && !$anchors{$target}{$anchor}) { push @wrong, "$page: no heading for the link $link" }
		}
	}
	push @wrong, 'no link found' if !$links;
	return;
}

sub check_configuration
{
	my (%program, %documented);
	open my $help, '<', $help_file or die "$help_file: $!\n";
	while (<$help>)
	{
		next if !/^\s+(?:-\w,)?--([a-z-]+)(?: [A-Z]+(?:=(\S+))?(?: \.\.\.)?)?(?: \(Env:(\w+)\))?(?:\s|$)/;
		my ($name, $default, $variable) = ($1, $2, $3);
		next if $name =~ /^(?:help|version|connect|force|scrub)$/;
		$program{$name} = join ', ', $variable // 'no variable', $default // 'no default';
	}
	my $page = slurp('docs/reference/configuration.md');
	while ($page =~ /^### ([a-z-]+)\n(.*?)(?=^##|\z)/gms)
	{
		my ($name, $section) = ($1, $2);
		my $key = $name eq 'config' ? '' : " = `$name`";
		push @wrong, "option $name: the line of names is not in the usual form"
		  if $section !~ /\A`--\Q$name\E [^`]+` = `(\w+)`\Q$key\E\n/;
		my $variable = $1;
		my ($default) = $section =~ /^Default: (?:`([^`]*)`(?!;)|none|the value of)/m
		  or push @wrong, "option $name: no line with its default";
		$documented{$name} = join ', ', $variable // 'no variable', $default // 'no default';
	}
	compare('option', \%program, \%documented);
	return;
}

# Functions of the script: name => list of [argument, default or undef].
sub functions
{
	my ($sql) = @_;
	my %functions;
	while ($sql =~ /CREATE FUNCTION \@extschema\@\.(\w+)\s*\(((?:[^()']|'[^']*'|\([^)]*\))*)\)/g)
	{
		my ($name, $list) = ($1, $2);
		$functions{$name} = [ map { /^\s*(?:OUT )?(\w+)\s+\S+(?:\s+DEFAULT\s+(\S+))?/ ? [ $1, $2 ] : () } split /,/, $list ];
	}
	return %functions;
}

sub check_sql_api
{
	my ($script) = files(qr/itemize--[0-9.]+\.sql$/, 'build/sql');
	my $sql = slurp($script);
	my $page = slurp('docs/reference/sql-api.md');
	my %objects = map { $_ => 1 } $sql =~
	  /CREATE (?:UNIQUE |UNLOGGED )?(?:FUNCTION|VIEW|TABLE|TYPE|SEQUENCE|TRIGGER|EVENT TRIGGER) (?:\@extschema\@\.)?(\w+)/g;
	# Settings stand in the schema's name, too.
	for my $file (files(qr/\.cpp$/, 'extension/src'))
	{
		my $code = slurp($file);
		$objects{$1} = 1 while $code =~ /DefineCustom\w+Variable\("itemize\.(\w+)"/g;
	}
	push @wrong, map { "not named in sql-api.md: $_" } grep { $page !~ /`(?:itemize\.)?\Q$_\E[`(]/ } sort keys %objects;
	for my $file (pages())
	{
		my $text = slurp($file);
		while ($text =~ m{(?<![\w/.-])itemize\.([a-z_]+)\b}g)
		{
			my $name = $1;
			push @wrong, "$file: there is no itemize.$name" if !$objects{$name} && $name !~ /^(?:toml|so|control)$/;
		}
	}
	my %functions = functions($sql);
	for my $name (sort keys %functions)
	{
		my ($signature) = $page =~ /^## itemize\.\Q$name\E\n+```\n(.*?)^```/ms or next;
		for my $argument (@{ $functions{$name} })
		{
			my ($argument_name, $default) = @$argument;
			my $wanted = defined $default && $default ne 'NULL' ? qr/\b$argument_name \w+ DEFAULT \Q$default\E/ : qr/\b$argument_name\b/;
			push @wrong, "the signature of $name lacks $argument_name" . (defined $default ? " DEFAULT $default" : '')
			  if $signature !~ $wanted;
		}
	}
	my $documented = () = $page =~ /^## itemize\./gm;
	push @wrong, 'sql-api.md has no sections' if !$documented;
	return;
}

sub check_http_problems
{
	my (%program, %documented);
	my $code = slurp('sidecar/src/http/problem.cpp');
	$program{$1} = join ', ', $2, $3, $4 || ''
	  while $code =~ /\{ProblemKind::k\w+, "([a-z-]+)", (\d+), "([^"]+)", (\d+)\}/g;
	for my $row (rows('docs/reference/http-api.md'))
	{
		next if @$row != 5 || $row->[1] !~ /^\d+$/;
		$documented{ $row->[0] =~ tr/`//dr } = join ', ', @$row[ 1, 2, 4 ];
	}
	compare('problem', \%program, \%documented);
	return;
}

sub check_metrics
{
	my (%program, %documented);
	for my $file (files(qr/\.[ch]pp$/, 'sidecar/src'))
	{
		my $code = slurp($file);
		$program{$2} = lc $1 while $code =~ /\b(Counter|Gauge|Histogram)\(\s*"(itemize_\w+)"/g;
		$program{$1} = 'gauge' while $code =~ /\bMeasureConsumer\(\s*"(itemize_\w+)"/g;
	}
	for my $row (rows('docs/reference/metrics.md'))
	{
		$documented{$1} = $row->[1] if $row->[0] =~ /^`(itemize_\w+)`$/;
	}
	compare('metric', \%program, \%documented);
	return;
}

sub check_change_event
{
	my (%program, %documented);
	my $header = slurp('extension/include/itemize/change_event.hpp');
	my ($kinds) = $header =~ /enum class LineKind[^{]*\{(.*?)\}/s;
	$program{$1} = '' while $kinds =~ /'(\w)'/g;
	for my $row (rows('docs/reference/change-event.md'))
	{
		$documented{$1} = '' if @$row == 3 && $row->[0] =~ /^`(\w)`$/;
	}
	compare('kind of line', \%program, \%documented);
	my $page = slurp('docs/reference/change-event.md');
	my ($format) = $header =~ /kChangeEventFormat = (\d+)/;
	push @wrong, "the page is not about format $format" if $page !~ /format \*\*$format\*\*/;
	my ($kilobytes) = $header =~ /kMaxPieceBytes = std::size_t\{(\d+)\} \* 1024;/;
	push @wrong, "a message is at most $kilobytes KB" if $page !~ /\($kilobytes KB\)/;
	return;
}

sub check_errors
{
	my (%state_of, %program, %documented);
	chomp(my $include = `@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --includedir-server`);
	open my $codes, '<', "$include/utils/errcodes.h" or die "$include/utils/errcodes.h: $!\n";
	while (<$codes>)
	{
		$state_of{$1} = $2 =~ tr/', //dr if /^#define (ERRCODE_\w+) MAKE_SQLSTATE\(([^)]*)\)/;
	}
	for my $file (files(qr/\.[ch]pp$/, 'extension/src'))
	{
		my $code = slurp($file);
		# What is compared with a code of an error that was caught is not raised.
		$code =~ s/sqlerrcode\b[^;{]*//g;
		while ($code =~ /\b(ERRCODE_\w+)/g) { $program{ $state_of{$1} } = '' if $state_of{$1} }
	}
	for my $row (rows('docs/reference/errors.md'))
	{
		$documented{$1} = '' if $row->[0] =~ /^`([0-9A-Z]{5})`$/;
	}
	compare('SQLSTATE', \%program, \%documented);
	return;
}

sub check_log_events
{
	my (%program, %documented);
	for my $file (files(qr/\.cpp$/, 'sidecar/src'))
	{
		my $code = slurp($file);
		$program{$1} = '' while $code =~ /\blog_?(?:\(\))?\.(?:Debug|Info|Warning|Error)\(\s*"(\w+)"/g;
	}
	my ($section) = slurp('docs/reference/errors.md') =~ /^### Log events\n(.*)/ms;
	for my $line (split /\n/, $section)
	{
		my ($names) = $line =~ /^\| ((?:`\w+`(?:, )?)+) \|/ or next;
		$documented{$_} = '' for $names =~ /`(\w+)`/g;
	}
	compare('log event', \%program, \%documented);
	return;
}

# Constants of the program, and the words around their value in the documentation.
my @limits = (
	[ 'extension/src/definition/model.hpp', 'kMaxKeyColumns', 'docs/explanations/limits.md', 'key columns, fields | #,' ],
	[ 'extension/src/definition/column_rules.hpp', 'kMaxFields', 'docs/reference/sql-api.md', 'key columns and # fields' ],
	[ 'extension/include/itemize/key_text.hpp', 'kMaxTypeNameBytes', 'docs/reference/sql-api.md', '1 to # characters' ],
	[ 'extension/include/itemize/key_text.hpp', 'kMaxTopicNameBytes', 'docs/explanations/limits.md', 'name of an item type, of a topic | #' ],
	[ 'extension/src/publish/sealed_message.hpp', 'kMaxPayloadBytes', 'docs/reference/sql-api.md', 'at most # bytes' ],
	[ 'extension/include/itemize/key_text.hpp', 'kMaxKeyTextBytes', 'docs/reference/http-api.md', 'key text | # bytes' ],
	[ 'extension/src/fetch/item_lookup.hpp', 'kMaxKeysPerFetch', 'docs/reference/sql-api.md', 'up to # keys' ],
	[ 'extension/src/fetch/fetch.cpp', 'kMaxRowsPerList', 'docs/reference/sql-api.md', '(1 to #)' ],
	[ 'extension/src/search/text/compile.hpp', 'kMaxQueryTextBytes', 'docs/reference/query-language.md', 'bytes of a query | #' ],
	[ 'extension/src/search/text/query_syntax.hpp', 'kMaxQueryWords', 'docs/reference/query-language.md', 'words and phrases of a query | #' ],
	[ 'extension/src/search/text/query_words.hpp', 'kMaxQueryTokens', 'docs/reference/query-language.md', 'pairs of characters | #' ],
	[ 'extension/src/search/text/query_syntax.hpp', 'kMaxQueryDepth', 'docs/reference/query-language.md', 'parentheses in each other | #' ],
	[ 'extension/src/search/text/query_synonyms.hpp', 'kMaxAlternatives', 'docs/reference/query-language.md', 'synonyms of a query | #' ],
	[ 'extension/src/search/text/word_forms.hpp', 'kMaxWordBytes', 'docs/reference/query-language.md', 'bytes of a word | #' ],
	[ 'extension/src/search/text/fragments.hpp', 'kFragmentCharacters', 'docs/reference/query-language.md', 'of the headline | #' ],
	[ 'extension/src/search/text/fragments.hpp', 'kMaxFragments', 'docs/reference/query-language.md', 'in at most # fragments' ],
	[ 'extension/src/search/text/compile.hpp', 'kMaxHeadlineBytes', 'docs/reference/query-language.md', 'of each text # bytes' ],
	[ 'extension/src/search/filters_json.hpp', 'kMaxFilterBytes', 'docs/reference/search-filters.md', '`filters` | # bytes' ],
	[ 'extension/src/search/filters_json.hpp', 'kMaxJsonDepth', 'docs/reference/search-filters.md', 'JSON in a value | # deep' ],
	[ 'extension/src/search/filters_parse.hpp', 'kMaxFilterConditions', 'docs/reference/search-filters.md', 'conditions | #' ],
	[ 'extension/src/search/filters_parse.hpp', 'kMaxFilterDepth', 'docs/reference/search-filters.md', '`and`, `not` | # deep' ],
	[ 'extension/src/search/filters_parse.hpp', 'kMaxInValues', 'docs/reference/search-filters.md', 'values of one `in` | #' ],
	[ 'extension/src/search/filters_parse.hpp', 'kMaxPatternBytes', 'docs/reference/search-filters.md', 'a pattern | # bytes' ],
	[ 'extension/src/search/facets_parse.hpp', 'kMaxFacets', 'docs/reference/search-filters.md', 'facets in one call | #' ],
	[ 'extension/src/search/facets_parse.hpp', 'kMaxFacetBounds', 'docs/reference/search-filters.md', 'bounds of ranges | #' ],
	[ 'extension/src/search/facets_parse.hpp', 'kMaxFacetBuckets', 'docs/reference/search-filters.md', 'in about so many (1 to #)' ],
	[ 'extension/src/search/facets.cpp', 'kMaxFacetValues', 'docs/reference/search-filters.md', '`max_values` (1 to #)' ],
	[ 'extension/src/search/facets.cpp', 'kMaxIntervals', 'docs/reference/search-filters.md', 'intervals with rows | #;' ],
	[ 'extension/src/search/clusters.cpp', 'kMaxZoom', 'docs/reference/search-filters.md', 'at zoom 0 to #,' ],
	[ 'extension/src/search/clusters.cpp', 'kMaxClusters', 'docs/reference/search-filters.md', 'at most #:' ],
	[ 'extension/src/search/price_numbers.hpp', 'kPriceDecimals', 'docs/reference/search-filters.md', 'prices of up to # decimals' ],
	[ 'extension/src/search/search.cpp', 'kMaxRowsPerPage', 'docs/reference/search.md', '`max_rows` | 1 to #' ],
	[ 'extension/src/search/question.hpp', 'kMaxPlaceVertices', 'docs/reference/search.md', 'vertices of `near`, `area` | # each' ],
	[ 'extension/src/search/text/compile.hpp', 'kMaxQueryTextBytes', 'docs/reference/search.md', '`query` | # bytes' ],
	[ 'extension/src/search/order_words.hpp', 'kMaxSortItems', 'docs/reference/search.md', '`order_by` | # items' ],
	[ 'extension/src/search/search.cpp', 'kMaxOrderBytes', 'docs/reference/search.md', '`order_by` | 8 items, # bytes' ],
	[ 'extension/src/search/question.cpp', 'kMaxTagBytes', 'docs/reference/search.md', '`lang`, `currency` | # bytes' ],
	[ 'extension/src/search/question.cpp', 'kMaxReferenceBytes', 'docs/reference/search.md', '`owner`, `parent` | # bytes' ],
	[ 'extension/src/search/cursor_text.hpp', 'kMaxCursorBytes', 'docs/reference/search.md', '`after` | # bytes' ],
	[ 'extension/src/search/cursor.cpp', 'kMaxValueBytes', 'docs/reference/search.md', 'that its order is by | # bytes' ],
	[ 'extension/src/search/count.cpp', 'kCountedExactly', 'docs/reference/search.md', 'Up to # are counted' ],
	[ 'sidecar/src/http/key_list.hpp', 'kMaxKeysPerRequest', 'docs/reference/http-api.md', 'in.(…)` | #' ],
	[ 'sidecar/src/http/feedback.hpp', 'kMaxFeedbackItems', 'docs/reference/http-api.md', 'items of one feedback | #' ],
	[ 'sidecar/src/http/key_list.hpp', 'kMaxItemsPerSubscription', 'docs/reference/http-api.md', '`topics=` | #' ],
	[ 'sidecar/src/http/items.hpp', 'kMaxPageItems', 'docs/reference/http-api.md', 'in one page | #' ],
	[ 'sidecar/src/read/item_reader.hpp', 'kMaxAnswerMegabytes', 'docs/reference/http-api.md', 'several items in one answer | # MB' ],
	[ 'sidecar/src/http/items.hpp', 'kDefaultPageItems', 'docs/reference/http-api.md', '1 to 1000 | #' ],
	[ 'sidecar/src/search/ask.hpp', 'kMaxResults', 'docs/reference/http-api.md', 'results of one search | #' ],
	[ 'sidecar/src/search/ask.hpp', 'kDefaultResults', 'docs/reference/http-api.md', 'results, 1 to 100 | #' ],
	[ 'sidecar/src/search/ask.hpp', 'kMaxClusters', 'docs/reference/http-api.md', 'clusters in one answer | #' ],
	[ 'sidecar/src/http/filter_parameters.hpp', 'kMaxFilters', 'docs/reference/http-api.md', 'filters in one search | #' ],
	[ 'sidecar/src/http/filter_parameters.hpp', 'kMaxFilterDepth', 'docs/reference/http-api.md', 'in each other up to # deep' ],
	[ 'sidecar/src/http/search_parameters.cpp', 'kMaxCurrencyBytes', 'docs/reference/http-api.md', '3 to # letters and digits' ],
	[ 'sidecar/src/http/filter_parameters.hpp', 'kMaxFilterElements', 'docs/reference/http-api.md', 'elements of one list in a filter | #' ],
	[ 'sidecar/src/search/search_queue.hpp', 'kMostWaiting', 'docs/reference/http-api.md', 'searches that wait for a connection | #' ],
	[ 'sidecar/src/write/write_queue.hpp', 'kMostWaiting', 'docs/reference/http-api.md', 'writes that wait for a connection | #' ],
	[ 'sidecar/src/http/batch.hpp', 'kMostOperations', 'docs/reference/http-api.md', 'operations in one batch | #' ],
	[ 'sidecar/src/http/idempotency.hpp', 'kMostIdempotencyKeyBytes', 'docs/reference/http-api.md', '`Idempotency-Key` | # characters' ],
	[ 'sidecar/src/identity/strict_json.cpp', 'kMostDepth', 'docs/reference/http-api.md', 'depth of JSON in a write | #' ],
	[ 'sidecar/src/http/request_head.hpp', 'kMaxTargetBytes', 'docs/reference/http-api.md', 'request target | # bytes' ],
	[ 'sidecar/src/http/server.hpp', 'max_connections', 'docs/reference/http-api.md', 'live streams included | #' ]);

sub check_limits
{
	for my $limit (@limits)
	{
		my ($file, $constant, $page, $words) = @$limit;
		my ($value) = slurp($file) =~ /\b$constant = (\d+)/;
		if (!defined $value)
		{
			push @wrong, "$file has no $constant";
			next;
		}
		my ($before, $after) = map { quotemeta } split /#/, $words, 2;
		my ($documented) = slurp($page) =~ /$before([\d,]*\d)$after/;
		if (!defined $documented) { push @wrong, "$page does not say '$words'" }
		elsif ($documented =~ tr/,//dr != $value) { push @wrong, "$page: $constant is $value, not $documented" }
	}
	check_limits_of_status();
	return;
}

# itemize.status() says it of the same readers as the command does.
sub check_limits_of_status
{
	my ($megabytes) = slurp('sidecar/src/global/trim_rules.hpp') =~ /\bkMuchLag = std::uint64_t\{(\d+)\} << 20U;/;
	my ($seconds) = slurp('sidecar/src/redis/consumer_report.hpp') =~ /\bkReportLate\{(\d+)\};/;
	my $status = slurp('sql/50_status.sql');
	my ($bytes) = $status =~ /\bmuch_lag CONSTANT bigint := (\d+);/;
	my ($late) = $status =~ /\blate_seconds CONSTANT float8 := (\d+);/;
	push @wrong, 'sql/50_status.sql: much_lag is not kMuchLag' if ($megabytes // 0) << 20 != ($bytes // -1);
	push @wrong, 'sql/50_status.sql: late_seconds is not kReportLate' if ($seconds // 0) != ($late // -1);
	return;
}

my %checks = (
	links => \&check_links,
	configuration => \&check_configuration,
	sql_api => \&check_sql_api,
	http_problems => \&check_http_problems,
	metrics => \&check_metrics,
	change_event => \&check_change_event,
	errors => \&check_errors,
	log_events => \&check_log_events,
	limits => \&check_limits);
my $run = $checks{$check} or die "docs.pl: no check is called $check\n";
$run->();
print map { "$_\n" } @wrong;
exit(@wrong ? 1 : 0);
