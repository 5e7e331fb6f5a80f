# shellcheck shell=bash
# What the benchmarks of the pipeline and of live clients start and read: Redis, sidecars, processor time. Sourced after
# bench.sh.

# What is told to the HTTP server beside its places.
server_flags=()
global_redis=unix://$work/run/global.sock
local_redis=unix://$work/run/local.sock
local_flags=(--global-redis "$global_redis" --local-redis "$local_redis")
database_url="postgresql:///bench?host=$work/run/pg&port=5432&user"

# Looks until COMMAND succeeds; gives up after two minutes, with the log.
await() { # WHAT LOG COMMAND...
  local what=$1 log=$2 deadline=$((SECONDS + 120))
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      cat "$log" >&2
      fail_bench "$what: not seen in time"
    fi
    sleep 0.02
  done
}

in_redis() { # NAME COMMAND...
  local name=$1
  shift
  "${as_test_user[@]}" redis-cli -s "$work/run/$name.sock" "$@"
}

redis_answers() { [ "$(in_redis "$1" ping 2> /dev/null)" = PONG ]; }

# A Redis on a socket; with what it held when it was stopped by stop_redis.
start_redis() { # NAME
  "${as_test_user[@]}" redis-server --port 0 --unixsocket "$work/run/$1.sock" --save '' --appendonly no \
    --dir "$work/run" --dbfilename "$1.rdb" > "$work/$1.log" 2>&1 < /dev/null &
  pid_of[$1]=$!
  await "Redis $1 is ready" "$work/$1.log" redis_answers "$1"
}

end_process() { # NAME
  kill -TERM "${pid_of[$1]}" 2> /dev/null || true
  wait "${pid_of[$1]}" 2> /dev/null || true
  unset "pid_of[$1]"
}

stop_redis() { # NAME [save]
  if [ "${2-}" = save ] && [ "$(in_redis "$1" save)" != OK ]; then fail_bench "Redis $1 does not save"; fi
  end_process "$1"
}

# A sidecar whose log is $work/NAME.log. The name is that of its process in pid_of.
start_sidecar() { # NAME MODE FLAG...
  local name=$1 mode=$2
  shift 2
  local flags=("$@")
  case $mode in
    global) flags+=(--database "$database_url=itemize_reader" --replication-database "$database_url=itemize_global") ;;
    extended) flags+=(--database "$database_url=itemize_reader" --listen 127.0.0.1:0) ;;
  esac
  "${as_test_user[@]}" ITEMIZE_CLUSTER="${ITEMIZE_CLUSTER-default}" itemize-sidecar "$mode" "${flags[@]}" > "$work/$name.log" 2>&1 < /dev/null &
  pid_of[$name]=$!
}

said() { # NAME EVENT
  kill -0 "${pid_of[$1]}" 2> /dev/null || { cat "$work/$1.log" >&2; fail_bench "the sidecar $1 has ended"; }
  grep -qs "\"event\": *\"$2\"" "$work/$1.log"
}

# All items into the local Redis, as readers would: a thousand keys a request.
hold_all() { # PORT HOW_MANY
  local from held
  for ((from = 1; from <= $2; from += 1000)); do
    printf 'url = "http://127.0.0.1:%d/v1/items/place?key=in.(%s)"\noutput = /dev/null\n' "$1" \
      "$(seq -s , "$from" $((from + 999 < $2 ? from + 999 : $2)))"
  done > "$work/requests"
  run_child curl --silent --fail --globoff --config "$work/requests" || fail_bench 'the items could not be read'
  held=$(in_redis local dbsize)
  [ "$held" -ge "$2" ] || fail_bench "only $held keys are held"
}

# A stream, a cluster and its HTTP server, all of them empty, that hold so many items.
start_pipeline() { # HOW_MANY FLAG...
  rm -f "$work/run/global.rdb" "$work/run/local.rdb"
  start_redis global
  start_redis local
  start_sidecar publisher global --global-redis "$global_redis" "${@:2}"
  await_log publisher ready
  start_sidecar applier local "${local_flags[@]}"
  await_log applier ready
  start_sidecar server extended --local-redis "$local_redis" "${server_flags[@]}"
  await_log server ready
  hold_all "$(port_of server)" "$1"
}

end_pipeline() {
  local part
  for part in server applier publisher; do end_process "$part"; done
  stop_redis local "$@"
  stop_redis global "$@"
}

await_log() { # NAME EVENT
  await "the sidecar $1 says $2" "$work/$1.log" said "$1" "$2"
}

port_of() { # NAME
  jq -R 'fromjson? | select(.event == "http_listening") | .port' "$work/$1.log" | tail -n 1
}

# Nanoseconds of processor time, user and system, of all threads of a process so far.
cpu_ns() { # PID
  cat "/proc/$1/task/"*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

memory_peak_mb() { # NAME: the most that a process has had resident
  awk '/^VmHWM:/ { printf "%.1f\n", $2 / 1024 }' "/proc/${pid_of[$1]}/status"
}

now_ns() { date +%s%N; }

has_copy() { [ -n "$(in_redis "$1" hget itemize:local namespace)" ]; }

# Waits until a local Redis has applied a transaction that ends after an LSN (decimal).
await_applied() { # REDIS LSN
  await "Redis $1 holds a copy" "$work/$1.log" has_copy "$1"
  run_child "${as_test_user[@]}" timeout 120 redis-cli -s "$work/run/$1.sock" xread block 0 count 1 streams \
    "$(in_redis "$1" hget itemize:local namespace):local:stream" "$2-4294967295" > /dev/null ||
    fail_bench "the local copy did not reach $2"
}

# One more change, committed; in $answer an LSN (decimal) that only its transaction's end is above.
last_change() {
  ask bench --command "BEGIN" --command "UPDATE place SET reviews = 0 WHERE id = 1" \
    --command "SELECT pg_current_wal_insert_lsn() - '0/0'" --command "COMMIT"
}
