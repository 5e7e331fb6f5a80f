#!/bin/bash
# Cached items over HTTP, 64 keep-alive connections: tests/bench/serve.sh
#
# A hundred items of one type, asked for in turn, beside a bare cpp-httplib server that answers as many bytes, the same
# asking the database for each request, and nginx with the same bytes in files (skipped where there is none). The kinds are
# measured one after the other, in every round; 50 connections, too, alone and beside 1000 that are idle. A ratio is the
# median of the rounds' own. BENCH_ROUNDS and BENCH_SECONDS make it shorter for a try. The result is build/bench/serve.json.
set -Eeuo pipefail
trap 'echo "bench: ${BASH_SOURCE[0]##*/}:$LINENO failed: $BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"

rounds=${BENCH_ROUNDS:-5}
seconds=${BENCH_SECONDS:-4}
connections=64
items=100
declare -A pid_of=() port=()

build_tools() {
  local flags
  read -r -a flags <<< "$(pkg-config --cflags --libs libpq cpp-httplib)"
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -o "$work/serve_load" "$here/serve_load.cpp"
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -pthread -o "$work/serve_reference" "$here/serve_reference.cpp" "${flags[@]}"
}

announced() { [ -s "$work/$1.log" ]; }

start_reference() { # KIND ARGUMENT
  "${as_test_user[@]}" "$work/serve_reference" "$1" "$2" > "$work/$1.log" 2>&1 < /dev/null &
  pid_of[$1]=$!
  await "the reference $1 listens" "$work/$1.log" announced "$1"
  port[$1]=$(head -n 1 "$work/$1.log")
}

nginx_answers() { curl -sfo /dev/null "http://127.0.0.1:${port[nginx]}/v1/items/place/1"; }

# The same bytes in files, by as many processes as there are processors.
start_nginx() {
  local key root=$work/run/files/v1/items/place
  "${as_test_user[@]}" mkdir -p "$root"
  for ((key = 1; key <= items; key++)); do
    curl -sf "http://127.0.0.1:${port[itemize]}/v1/items/place/$key" | "${as_test_user[@]}" tee "$root/$key" > /dev/null
  done
  port[nginx]=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat > "$work/nginx.conf" <<CONF
worker_processes auto;
daemon off;
pid $work/run/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  default_type application/json;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  open_file_cache max=1000;
  client_body_temp_path $work/run/tmp; proxy_temp_path $work/run/tmp; fastcgi_temp_path $work/run/tmp;
  uwsgi_temp_path $work/run/tmp; scgi_temp_path $work/run/tmp;
  server { listen 127.0.0.1:${port[nginx]}; root $work/run/files; }
}
CONF
  "${as_test_user[@]}" "$nginx" -c "$work/nginx.conf" -e stderr > "$work/nginx.log" 2>&1 < /dev/null &
  pid_of[nginx]=$!
  await 'nginx answers' "$work/nginx.log" nginx_answers
}

# Processor time of all processes that a server's answers take: its own, its children's, Redis' or the database's.
cpu_of() { # SERVER
  local pid pids=("${pid_of[$1]}")
  case $1 in
    itemize) pids+=("${pid_of[local]}") ;;
    # Each connection of the reference has a process there.
    sql) mapfile -t -O 1 pids < <(pgrep -P "$(head -n 1 "$work/run/pg/data/postmaster.pid")") ;;
    nginx) mapfile -t -O 1 pids < <(pgrep -P "${pid_of[nginx]}") ;;
  esac
  for pid in "${pids[@]}"; do cpu_ns "$pid"; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# Adds to $work/measurements: kind, answers a second, median and 99th percentile in milliseconds, processor time in
# microseconds an answer.
measure() { # KIND SERVER PATH STATUS [FIELD]
  local kind=$1 server=$2 path=$3 keys=$items before after
  local connections=${clients:-$connections}
  shift 3
  before=$(cpu_of "$server")
  run_child "${as_test_user[@]}" "$work/serve_load" "${port[$server]}" "$path" "$keys" "$connections" "$seconds" "$@" \
    > "$work/answer" || fail_bench "$kind was not measured"
  after=$(cpu_of "$server")
  awk -v kind="$kind" -v ns=$((after - before)) -v seconds="$seconds" \
    '{ print kind, $1, $2, $3, ns / ($1 * seconds * 1000) }' "$work/answer" >> "$work/measurements"
}

begin_bench
# shellcheck source=tests/bench/pipeline_servers.sh
. "$here/pipeline_servers.sh"
nginx=$(PATH=$PATH:/usr/sbin command -v "${NGINX:-nginx}" || true)
build_tools
start_bench_server '' autovacuum=off max_connections=200
ask postgres --command 'CREATE DATABASE bench'
ask bench --file "$work/src/tests/bench/decoding.sql" --file "$work/src/docker/database/sidecar_roles.sql" \
  --file "$work/src/tests/bench/serve.sql"
start_pipeline "$items"
pid_of[itemize]=${pid_of[server]}
port[itemize]=$(port_of server)
path=/v1/items/place/%d
bytes=$(curl -sf "http://127.0.0.1:${port[itemize]}/v1/items/place/1" | wc -c)
tag=$(curl -sfI "http://127.0.0.1:${port[itemize]}/v1/items/place/1" | tr -d '\r' | sed -n 's/^ETag: //p')
start_reference hello "$bytes"
start_reference sql "host=$work/run/pg port=5432 user=itemize_reader dbname=bench"
if [ -n "$nginx" ]; then start_nginx; else echo 'nginx is not there: not measured'; fi

: > "$work/measurements"
for ((round = 0; round <= rounds; round++)); do
  # Round 0 brings everything into memory; it is not counted.
  if [ "$round" -eq 1 ]; then : > "$work/measurements"; fi
  measure itemize itemize "$path" 200
  measure hello hello /hello 200
  measure not_modified itemize /v1/items/place/1 304 "If-None-Match: $tag"
  measure sql sql "$path" 200
  clients=50 measure alone itemize "$path" 200
  clients=50+1000 measure among_idle itemize "$path" 200
  if [ -n "$nginx" ]; then measure nginx nginx "$path" 200; fi
done

hits=$(curl -sf "http://127.0.0.1:${port[itemize]}/metrics" | awk '$1 == "itemize_memory_hits_total" { printf "%.0f", $2 }')
fills=$(curl -sf "http://127.0.0.1:${port[itemize]}/metrics" | awk '$1 == "itemize_read_fills_total" { printf "%.0f", $2 }')
result=$(jq -nR --argjson hits "$hits" --argjson fills "$fills" -f "$here/serve.jq" "$work/measurements")
print_result "$result"
setup=$(describe_setup --argjson rounds "$rounds" --argjson seconds "$seconds" --argjson connections "$connections" \
  --argjson items "$items" --argjson bytes_of_an_item "$bytes" \
  --arg client 'one thread, on the same machine; each connection asks again as soon as it has been answered' \
  --arg hello 'cpp-httplib, 64 threads, TCP_NODELAY, the same bytes for every request' \
  --arg sql 'the same library, for each request itemize.item_json of the key by a prepared statement, a connection for each thread' \
  --arg nginx "$([ -z "$nginx" ] || "$nginx" -v 2>&1 | sed 's/.*: //')" \
  --arg redis "$("${as_test_user[@]}" redis-server --version | sed -n 's/.*v=\([0-9.]*\).*/\1/p'), on Unix sockets")
write_result serve "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
