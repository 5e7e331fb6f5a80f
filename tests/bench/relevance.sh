#!/bin/bash
# How good the ranking is: tests/bench/relevance.sh
#
# The Cranfield collection (1,400 abstracts, 225 queries, judgments), every query asked through itemize.search and through
# ts_rank on the same rows. Mean average precision and nDCG at 10 over all judgments of the grades 1 to 4; the bench fails
# where itemize is not the better one. The collection is no part of the repository; without ../shared/data/ir-cranfield the
# bench is skipped. The result is build/bench/relevance.json.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"

collection=ir-cranfield
if [ ! -f "$root/../shared/data/$collection/docs.jsonl" ]; then
  echo "bench-relevance skipped: ../shared/data/$collection is not here"
  exit 0
fi

begin_bench
start_bench_server ''
ask postgres --command 'CREATE DATABASE bench'
ask bench --set docs="$work/data/$collection/docs.jsonl" --set queries="$work/data/$collection/queries.tsv" \
  --set judgments="$work/data/$collection/qrels.tsv" --file "$work/src/tests/bench/relevance.sql"

ask bench --command "SELECT string_agg(DISTINCT queries::text, ' ') FROM quality"
[ "$answer" = 225 ] || fail_bench "judged queries: $answer"
ask bench --command "SELECT json_object_agg(method, json_build_object('map', round(map::numeric, 4), 'ndcg10', round(ndcg10::numeric, 4)))
  FROM quality"
quality=$answer
jq -r 'to_entries | sort_by(-.value.map)[] | "\(.key): MAP \(.value.map), nDCG@10 \(.value.ndcg10)"' <<< "$quality"

# What ts_rank of all columns alike reaches on this collection; to rank worse than by hand is a fault.
jq -e '.itemize.map >= 0.223 and .itemize.ndcg10 >= 0.273 and
  .itemize.map > .ts_rank_weighted.map and .itemize.ndcg10 > .ts_rank_weighted.ndcg10' <<< "$quality" > /dev/null ||
  fail_bench 'itemize ranks no better than ts_rank'

# figures.map and figures.ndcg10 are those of the queries as they are typed.
figures=$(jq '.itemize + {
  ts_rank_map: .ts_rank.map, ts_rank_ndcg10: .ts_rank.ndcg10,
  ts_rank_weighted_map: .ts_rank_weighted.map, ts_rank_weighted_ndcg10: .ts_rank_weighted.ndcg10}' <<< "$quality")
ratios=$(jq 'def over(a; b): a / b * 1000 | round / 1000;
  {map_over_ts_rank: over(.itemize.map; .ts_rank.map), ndcg10_over_ts_rank: over(.itemize.ndcg10; .ts_rank.ndcg10),
   map_over_ts_rank_weighted: over(.itemize.map; .ts_rank_weighted.map),
   ndcg10_over_ts_rank_weighted: over(.itemize.ndcg10; .ts_rank_weighted.ndcg10)}' <<< "$quality")
jq -r 'to_entries[] | "\(.key): \(.value)"' <<< "$ratios"
ask bench --command 'SELECT count(*) FROM judgment'
setup=$(describe_setup --arg collection 'Cranfield: 1400 documents, 225 queries' --argjson judgments "$answer" \
  --arg relevant 'grades 1 to 4; the document that a query was taken from (code -1) is not counted' \
  --arg ndcg 'gain is the grade' --arg itemize 'the words as typed: all must match, any where no document has all' \
  --arg ts_rank 'any word of the English configuration; all columns alike, and with the weights A for the title, B for the text')
write_result relevance "$figures" "$ratios" "$setup"
