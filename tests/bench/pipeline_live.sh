# shellcheck shell=bash
# Part of the pipeline benchmark: commits to live clients, and the cost on writers. Sourced by pipeline.sh.

live_rate=1000
live_seconds=${BENCH_LIVE_SECONDS:-15}

# Commit to event at 100 clients, and beside it LISTEN/NOTIFY. Everything runs as it would in one cluster.
measure_live() {
  local kind
  ask bench --command "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots" \
    --command 'ALTER SYSTEM SET synchronous_commit = on' --command 'SELECT pg_reload_conf()' \
    --command 'INSERT INTO notice SELECT * FROM place WHERE id <= 1000'
  start_pipeline 1000
  for kind in items notify; do
    printf 'live: %s, %d changes a second for %d s\n' "$kind" "$live_rate" "$live_seconds"
    run_child "${as_test_user[@]}" "$work/pipeline_clients" "$kind" \
      "host=$work/run/pg port=5432 user=postgres dbname=bench" "$(port_of server)" "$live_rate" "$live_seconds" \
      > "$work/answer" || fail_bench "the clients failed"
    awk -v kind="$kind" '{ print "live", kind, $1 }' "$work/answer" >> "$work/measurements"
  done
  end_pipeline
  await 'the slot is free' "$work/publisher.log" slot_is_free itemize
  ask bench --command "SELECT pg_drop_replication_slot('itemize')"
}

# pgbench in two databases with the same tables: one without the extension, one with it and its items defined.
prepare_writers() {
  local name
  for name in plain defined; do
    ask postgres --command "CREATE DATABASE writers_$name"
    run_child "${as_test_user[@]}" pgbench --host "$work/run/pg" --port 5432 --username postgres --initialize --quiet \
      --scale 10 "writers_$name" > /dev/null 2>&1 || fail_bench 'pgbench does not initialize'
  done
  ask writers_plain --command 'CREATE PUBLICATION bench FOR TABLE pgbench_accounts'
  ask writers_defined --command 'SET client_min_messages = warning' --command 'CREATE EXTENSION itemize CASCADE' \
    --command "SELECT itemize.define('account', 'pgbench_accounts', fields => '{aid,bid,abalance,filler}', read => 'everyone')" \
    --command 'GRANT USAGE ON SCHEMA itemize TO itemize_reader' \
    --command 'GRANT SELECT ON itemize.definitions TO itemize_reader' \
    --command 'GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO itemize_global'
}

# The same receiver for either plugin, so that what differs is the server's own work.
follow_writers() { # DATABASE PLUGIN OPTION...
  local database=$1 plugin=$2
  shift 2
  ask "$database" --command "SELECT pg_create_logical_replication_slot('writers', '$plugin')"
  "${as_test_user[@]}" pg_recvlogical --host "$work/run/pg" --port 5432 --username postgres --dbname "$database" \
    --slot writers --start "$@" --file - > /dev/null 2>&1 &
  pid_of[follower]=$!
}

# Transactions a second while the slot of one kind is followed; sidecar: by a global sidecar with its Redis, which take
# their share of the same cores.
run_writers() { # none|pgoutput|itemize|sidecar
  local kind=$1 database=writers_plain
  case $kind in
    pgoutput)
      follow_writers writers_plain pgoutput --option proto_version=1 --option publication_names=bench
      ;;
    itemize)
      database=writers_defined
      follow_writers "$database" itemize --option version=1
      ;;
    sidecar)
      database=writers_defined
      start_redis global
      "${as_test_user[@]}" itemize-sidecar global --database "${database_url/bench/$database}=itemize_reader" \
        --replication-database "${database_url/bench/$database}=itemize_global" --global-redis "$global_redis" \
        --slot writers > "$work/follower.log" 2>&1 < /dev/null &
      pid_of[follower]=$!
      await_log follower ready
      ;;
  esac
  run_child "${as_test_user[@]}" pgbench --host "$work/run/pg" --port 5432 --username postgres --client 4 --jobs 1 \
    --time "$writer_seconds" --no-vacuum --protocol prepared "$database" > "$work/answer" 2> "$work/pgbench.log" ||
    fail_bench "pgbench failed: $(tail -n 3 "$work/pgbench.log")"
  printf 'writers %s %s\n' "$kind" "$(sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$work/answer")" >> "$work/measurements"
  if [ "$kind" != none ]; then
    end_process follower
    if [ "$kind" = sidecar ]; then stop_redis global; fi
    await 'the slot is free' "$work/pgbench.log" slot_is_free writers
    ask postgres --command "SELECT pg_drop_replication_slot('writers')"
  fi
}

slot_is_free() { # SLOT
  ask postgres --command "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$1' AND active"
  [ "$answer" = 0 ]
}

# Each kind twice a round, there and back: what gets slower or faster with time weighs on all of them alike.
measure_writers() {
  local round at kinds=(none pgoutput itemize sidecar)
  prepare_writers
  printf 'writers: pgbench, %d rounds of twice %d s each without a slot, with pgoutput, with itemize, with a sidecar\n' \
    "$writer_rounds" "$writer_seconds"
  for ((round = 1; round <= writer_rounds; round++)); do
    for at in 0 1 2 3 3 2 1 0; do
      run_writers "${kinds[(at + round) % 4]}"
    done
  done
}
