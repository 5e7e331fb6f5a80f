# shellcheck shell=bash
# Part of the pipeline benchmark: a backlog, from the slot to the local Redis. Sourced by pipeline.sh.
#
# The changes are in the write-ahead log before anybody reads them. Each round reads the same ones: every consumer has a
# copy of its slot, and both Redis begin with what they held when the sidecars were stopped.

make_backlog() {
  local session plugin pids=()
  printf 'holding %d items, then making %d changes that nobody reads yet\n' "$rows" "$changes"
  ask bench --command "CALL load_places($rows)" --command 'ALTER SYSTEM SET synchronous_commit = off' \
    --command 'SELECT pg_reload_conf()'
  start_pipeline "$rows"
  end_pipeline save
  for plugin in wal2json "$empty_library"; do
    ask bench --command "SELECT pg_create_logical_replication_slot('$plugin', '$plugin')"
  done
  # As in tests/bench/decoding.sh: one large transaction, and single changes of two sessions.
  ask bench --command "UPDATE place SET reviews = reviews + 1"
  for session in 1 2; do
    "${psql_to[@]}" --dbname bench --command "CALL update_places($rows, $passes, $session, 2)" > /dev/null &
    pids+=($!)
  done
  for session in "${pids[@]}"; do
    wait "$session" || fail_bench "the updates failed"
  done
  last_change
  end_lsn=$answer
  ask bench --command "SELECT '0/0'::pg_lsn + $end_lsn" --command 'CHECKPOINT'
  end_pg_lsn=$answer
}

copy_slot() { # SLOT COPY
  ask bench --command "SELECT pg_copy_logical_replication_slot('$1', '$2')"
}

walsender_pid() { # SLOT
  ask bench --command "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$1'"
  printf '%s\n' "$answer"
}

record() { printf '%s\n' "$*" >> "$work/measurements"; } # ROUND NAME VALUE

# Both sidecars from their start to the last change applied.
run_itemize() { # ROUND
  local round=$1 slot=itemize_$1 started ended part
  cp "$work/run/global.rdb" "$work/global.rdb"
  cp "$work/run/local.rdb" "$work/local.rdb"
  copy_slot itemize "$slot"
  start_redis global
  start_redis local
  # It is another server with the very same data, which the applier cannot know and would drop all items for.
  [ "$(in_redis local eval "$same_server_script" 1 itemize:local)" = 0 ] || fail_bench 'the local copy names no server'
  local -A before=([global_redis]=$(cpu_ns "${pid_of[global]}") [local_redis]=$(cpu_ns "${pid_of[local]}"))
  local -A redis_pid=([global]=${pid_of[global]} [local]=${pid_of[local]})
  started=$(now_ns)
  start_sidecar publisher global --global-redis "$global_redis" --slot "$slot" --stream-max-entries 1000000
  start_sidecar applier local "${local_flags[@]}"
  await_applied local "$end_lsn"
  ended=$(now_ns)
  record "$round" itemize_s "$(seconds_between "$started" "$ended")"
  record "$round" decode_cpu "$(cpu_us "$(cpu_ns "$(walsender_pid "$slot")")")"
  record "$round" publish_cpu "$(cpu_us "$(cpu_ns "${pid_of[publisher]}")")"
  record "$round" apply_cpu "$(cpu_us "$(cpu_ns "${pid_of[applier]}")")"
  record "$round" global_redis_cpu "$(cpu_us $(($(cpu_ns "${redis_pid[global]}") - before[global_redis])))"
  record "$round" local_redis_cpu "$(cpu_us $(($(cpu_ns "${redis_pid[local]}") - before[local_redis])))"
  held=$(in_redis local eval "$held_script" 1 itemize:local)
  [ "$held" -ge "$rows" ] || fail_bench "only $held items are held after the round: the copy was begun anew"
  for part in applier publisher; do end_process "$part"; done
  stop_redis local
  stop_redis global
  await 'the slot is free' "$work/publisher.log" slot_is_free "$slot"
  mv "$work/global.rdb" "$work/local.rdb" "$work/run/"
  ask bench --command "SELECT pg_drop_replication_slot('$slot')"
}

same_server_script="return redis.call('HSET', KEYS[1], 'server', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'))"

# How many items the running copy holds: any other belongs to one that was begun anew, or to items that were dropped.
held_script="
local space, cursor, count = redis.call('HGET', KEYS[1], 'namespace'), '0', 0
local generation, dropped = string.match(redis.call('HGET', space .. ':local:types', 'place'), '^(%d+) %S+ (%d+)\$')
repeat
  local found = redis.call('SCAN', cursor, 'COUNT', 10000, 'MATCH', space .. ':item:place:' .. generation .. '.' .. dropped .. ':*')
  cursor, count = found[1], count + #found[2]
until cursor == '0'
return count"

run_loop() { # ROUND
  local slot=wal2json_$1
  copy_slot wal2json "$slot"
  start_redis loop
  local before
  before=$(cpu_ns "${pid_of[loop]}")
  run_child "${as_test_user[@]}" "$work/wal2json_loop" "host=$work/run/pg port=5432 user=postgres dbname=bench" "$slot" \
    "$work/run/loop.sock" $((changes + 1)) > "$work/answer" || fail_bench 'the wal2json loop failed'
  record "$1" wal2json_loop_s "$(cut -d ' ' -f 1 "$work/answer")"
  record "$1" wal2json_loop_cpu "$(awk -v n="$changes" '{ printf "%.3f", $2 / n * 1e6 }' "$work/answer")"
  record "$1" wal2json_redis_cpu "$(cpu_us $(($(cpu_ns "${pid_of[loop]}") - before)))"
  stop_redis loop
  ask bench --command "SELECT pg_drop_replication_slot('$slot')"
}

# What decoding alone takes, over the same protocol, read by pg_recvlogical.
run_decoding() { # ROUND NAME SLOT
  local slot=$3_$1 started
  copy_slot "$3" "$slot"
  started=$(now_ns)
  run_child "${as_test_user[@]}" pg_recvlogical --host "$work/run/pg" --port 5432 --username postgres --dbname bench \
    --slot "$slot" --start --endpos "$end_pg_lsn" --no-loop --file - > /dev/null || fail_bench "pg_recvlogical failed"
  record "$1" "$2_s" "$(seconds_between "$started" "$(now_ns)")"
  ask bench --command "SELECT pg_drop_replication_slot('$slot')"
}

run_redis_benchmark() { # ROUND
  local before
  start_redis loop
  before=$(cpu_ns "${pid_of[loop]}")
  run_child "${as_test_user[@]}" redis-benchmark -s "$work/run/loop.sock" -t set -d 400 -n "$changes" -r "$rows" -P 100 -c 1 \
    --csv > "$work/answer" || fail_bench 'redis-benchmark failed'
  record "$1" redis_set_s "$(awk -F '"' -v n="$changes" '/SET/ { printf "%.3f", n / $4 }' "$work/answer")"
  record "$1" redis_set_cpu "$(cpu_us $(($(cpu_ns "${pid_of[loop]}") - before)))"
  stop_redis loop
}

seconds_between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b - a) / 1e9 }'; } # NANOSECONDS NANOSECONDS
cpu_us() { awk -v ns="$1" -v n="$changes" 'BEGIN { printf "%.3f", ns / n / 1e3 }'; }     # NANOSECONDS: microseconds a change

measure_backlog() {
  local round
  for ((round = 1; round <= rounds; round++)); do
    run_itemize "$round"
    run_loop "$round"
    run_decoding "$round" itemize_decode itemize
    run_decoding "$round" empty_plugin "$empty_library"
    run_redis_benchmark "$round"
    awk -v round="$round" '$1 == round { printf "%s %s  ", $2, $3 } END { print "" }' "$work/measurements"
  done
}
