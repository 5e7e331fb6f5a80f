#!/bin/bash
# From a commit to the event at an idle client, beside LISTEN/NOTIFY: tests/bench/latency.sh
#
# A private PostgreSQL, Redis and sidecar in absolute mode; one client commits, reads the event stream and listens.
# BENCH_ROUNDS sets how many commits of each kind are measured. The result is build/bench/latency.json.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"

rounds=${BENCH_ROUNDS:-500}

# Looks until COMMAND succeeds; gives up after half a minute, with the log.
await() { # WHAT LOG COMMAND...
  local what=$1 log=$2 deadline=$((SECONDS + 30))
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      cat "$log" >&2
      fail_bench "$what: not seen in time"
    fi
    sleep 0.05
  done
}

build_client() {
  local flags
  read -r -a flags <<< "$(pkg-config --cflags --libs libpq)"
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -o "$bench_results/latency" "$here/latency.cpp" "${flags[@]}"
  install -m 755 "$bench_results/latency" "$work/latency"
}

redis_answers() {
  [ "$("${as_test_user[@]}" redis-cli -s "$work/run/redis.sock" ping 2> /dev/null)" = PONG ]
}

start_redis() {
  "${as_test_user[@]}" redis-server --port 0 --unixsocket "$work/run/redis.sock" --save '' --appendonly no \
    --dir "$work/run" > "$work/redis.log" 2>&1 < /dev/null &
  await 'Redis is ready' "$work/redis.log" redis_answers
}

start_sidecar() {
  local database="postgresql:///bench?host=$work/run/pg&port=5432&user"
  "${as_test_user[@]}" itemize-sidecar absolute --database "$database=itemize_reader" \
    --replication-database "$database=itemize_global" --redis "unix://$work/run/redis.sock" \
    --listen 127.0.0.1:0 > "$work/sidecar.log" 2>&1 < /dev/null &
  await 'the sidecar is ready' "$work/sidecar.log" grep -qs '"event": *"ready"' "$work/sidecar.log"
  port=$(jq -R 'fromjson? | select(.event == "http_listening") | .port' "$work/sidecar.log" | tail -n 1)
}

begin_bench
build_client
start_bench_server '' autovacuum=off
ask postgres --command 'CREATE DATABASE bench'
ask bench --file "$work/src/tests/bench/latency.sql"
start_redis
start_sidecar

printf 'measuring %d commits of each kind, 10 to 30 ms apart\n' "$rounds"
run_child "${as_test_user[@]}" "$work/latency" "host=$work/run/pg port=5432 user=postgres dbname=bench" "$port" place \
  "$rounds" > "$work/measurements" || {
  cat "$work/sidecar.log" >&2
  fail_bench 'the measurement failed'
}

result=$(jq -nR -f "$here/latency.jq" "$work/measurements")
print_result "$result"
setup=$(describe_setup --argjson rounds "$rounds" --arg sidecar 'absolute mode' \
  --arg redis "$("${as_test_user[@]}" redis-server --version | sed -n 's/.*v=\([0-9.]*\).*/\1/p'), on a Unix socket" \
  --arg clock 'from before COMMIT is sent to the event (or the notification) read, one client, alternating' \
  --arg durability 'synchronous_commit on; fsync off, as the flush of a disk weighs the same on both')
write_result latency "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
