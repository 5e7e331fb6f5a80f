#!/bin/bash
# Ten thousand live clients of one sidecar: tests/bench/live.sh
#
# Their memory while they are idle, a change that all of them follow (beside a bare loop of send()), a thousand changes a
# second that one of them follows each, and the same while others read nothing. BENCH_CLIENTS and BENCH_LIVE_SECONDS make
# it smaller for a try; limits on open files may. The result is build/bench/live.json.
set -Eeuo pipefail
trap 'echo "bench: ${BASH_SOURCE[0]##*/}:$LINENO failed: $BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
clients=${BENCH_CLIENTS:-10000}
seconds=${BENCH_LIVE_SECONDS:-20}
rate=1000
slow=20
declare -A pid_of=()

# A process may have so many files open; some are not for clients.
fit_clients() {
  local files
  files=$(ulimit -Hn)
  if [ "$files" != unlimited ] && [ "$clients" -gt $((files - 500)) ]; then
    clients=$((files - 500))
    printf 'only %d clients: a process may have %d files open here\n' "$clients" "$files"
  fi
  ulimit -Sn "$files"
}

begin_bench
# shellcheck source=tests/bench/pipeline_servers.sh
. "$here/pipeline_servers.sh"
read -r -a flags <<< "$(pkg-config --cflags --libs libpq)"
"${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -pthread -o "$work/live_clients" "$here/live_clients.cpp" "${flags[@]}"
fit_clients
start_bench_server '' checkpoint_timeout=1h max_wal_size=16GB autovacuum=off
ask postgres --command 'CREATE DATABASE bench'
ask bench --file "$work/src/tests/bench/decoding.sql" --file "$work/src/docker/database/sidecar_roles.sql" \
  --file "$work/src/tests/bench/pipeline.sql"
ask bench --command "CALL load_places($clients + 1)" --command 'CHECKPOINT'
server_flags=(--max-connections $((clients + 200)))
start_pipeline 1000
printf 'measuring %d live clients, %d changes a second for %d s, twice\n' "$clients" "$rate" "$seconds"
run_child "${as_test_user[@]}" "$work/live_clients" "host=$work/run/pg port=5432 user=postgres dbname=bench" \
  "$(port_of server)" "${pid_of[server]}" "$clients" "$rate" "$seconds" "$slow" > "$work/measurements" || {
  tail -n 20 "$work/server.log" >&2
  fail_bench 'the measurement failed'
}
server_peak_mb=$(memory_peak_mb server)
end_pipeline

result=$(jq -nR -f "$here/live.jq" "$work/measurements")
print_result "$result"
setup=$(describe_setup --argjson clients "$clients" --argjson changes_a_second "$rate" --argjson seconds "$seconds" \
  --argjson slow_clients "$slow" --argjson sidecar_peak_mb "$server_peak_mb" \
  --arg sidecars 'global, local and extended, each a process; the clients are one more, on the same cores' \
  --arg clock 'from before the UPDATE is sent (its own transaction) to its event read' \
  --arg bytes 'resident memory of the extended sidecar, with all clients and without, by their number')
write_result live "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
