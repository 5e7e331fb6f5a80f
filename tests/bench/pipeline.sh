#!/bin/bash
# The whole pipeline, from commits to the local Redis and to clients: tests/bench/pipeline.sh
#
# Five parts on a private PostgreSQL, private Redis and the sidecars as processes of their own: a backlog (beside a
# wal2json loop, the empty plugin and redis-benchmark), live clients (beside LISTEN/NOTIFY), the cost on writers, more
# clusters, and one transaction with a million rows. BENCH_ROWS, BENCH_ROUNDS, BENCH_LIVE_SECONDS, BENCH_WRITER_ROUNDS
# and BENCH_LARGE_ROWS make it smaller for a try. The result is build/bench/pipeline.json.
set -Eeuo pipefail
trap 'echo "bench: ${BASH_SOURCE[0]##*/}:$LINENO failed: $BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
rows=${BENCH_ROWS:-200000}
rounds=${BENCH_ROUNDS:-3}
writer_rounds=${BENCH_WRITER_ROUNDS:-7}
writer_seconds=${BENCH_WRITER_SECONDS:-2}
large_rows=${BENCH_LARGE_ROWS:-1000000}
passes=2
changes=$((rows * (1 + passes)))
empty_library=itemize_bench_empty
declare -A pid_of=()

build_tools() {
  local compile
  read -r -a compile <<< "$("$pg_config" --cc) $("$pg_config" --cflags) $("$pg_config" --cflags_sl) $("$pg_config" --ldflags)"
  "${compile[@]}" -shared -isystem "$("$pg_config" --includedir-server)" -o "$bench_results/$empty_library.so" \
    "$here/empty_plugin.c"
  install -m 755 "$bench_results/$empty_library.so" "$work/stage$("$pg_config" --pkglibdir)/"
  read -r -a compile <<< "$(pkg-config --cflags --libs libpq hiredis)"
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -o "$work/wal2json_loop" "$here/wal2json_loop.cpp" "${compile[@]}"
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -pthread -o "$work/pipeline_clients" "$here/pipeline_clients.cpp" "${compile[@]}"
}

begin_bench
# shellcheck source=tests/bench/pipeline_servers.sh
. "$here/pipeline_servers.sh"
# shellcheck source=tests/bench/pipeline_backlog.sh
. "$here/pipeline_backlog.sh"
# shellcheck source=tests/bench/pipeline_live.sh
. "$here/pipeline_live.sh"
# shellcheck source=tests/bench/pipeline_large.sh
. "$here/pipeline_large.sh"
build_tools
# The loop of wal2json tells the server nothing of itself, so on a slow machine it would be taken for dead.
start_bench_server "wal2json,$empty_library" wal_sender_timeout=0 checkpoint_timeout=1h max_wal_size=16GB autovacuum=off max_connections=200
ask postgres --command 'CREATE DATABASE bench'
ask bench --file "$work/src/tests/bench/decoding.sql" --file "$work/src/docker/database/sidecar_roles.sql" \
  --file "$work/src/tests/bench/pipeline.sql"
: > "$work/measurements"
make_backlog
measure_backlog
measure_clusters
measure_live
measure_writers
measure_large_transaction

result=$(jq -nR --argjson changes "$changes" -f "$here/pipeline.jq" "$work/measurements")
print_result "$result"
setup=$(describe_setup --argjson changes "$changes" --argjson items_held "$rows" --argjson rounds "$rounds" \
  --argjson single_row_transactions $((rows * passes)) --argjson changes_in_one_transaction "$rows" \
  --arg sidecars 'global, local and extended, each a process' --argjson live_rate "$live_rate" \
  --argjson live_seconds "$live_seconds" --argjson writer_rounds "$writer_rounds" --argjson writer_seconds "$writer_seconds" \
  --argjson large_transaction_changes "$large_rows" \
  --arg ratios 'median of the rounds, each with itemize and the other measured in that round' \
  --arg redis "$("${as_test_user[@]}" redis-server --version | sed -n 's/.*v=\([0-9.]*\).*/\1/p'), one for the stream and one for each cluster, on Unix sockets" \
  --arg wal2json_loop 'one C++ program: replication protocol, format-version 2, nlohmann::json, 500 pipelined SETs' \
  --arg writers 'pgbench, tpcb-like, 4 clients, prepared; each round runs none, pgoutput, itemize and sidecar and then the same backwards; pgoutput and itemize are read by pg_recvlogical; sidecar: itemize is read by a global sidecar into Redis, on the same cores' \
  --arg durability 'fsync off; synchronous_commit on but for making the backlog')
write_result pipeline "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
