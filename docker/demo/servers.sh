# shellcheck shell=bash disable=SC2154,SC2034 # variables that demo.sh and its other parts set or use
# The throwaway PostgreSQL, Redis and sidecar. They live below $work, listen on sockets there (only the sidecar has
# a port, a free one on the loopback interface) and end with the demo.

start_postgres() {
  bin=$("$root/tests/stage.sh" "$work/stage") || fail "the private server tree could not be made"
  export PATH=$bin:$PATH
  "${as_server[@]}" "$bin/initdb" --pgdata "$work/data" --username postgres --auth trust \
    --encoding UTF8 --no-locale --no-sync > "$work/initdb.log" 2>&1 || fail "initdb failed" "$work/initdb.log"
  cat > "$work/settings" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$work/run'
wal_level = logical
shared_buffers = 64MB
track_commit_timestamp = on   # the tour measures from commit to event
fsync = off                   # throwaway data
SETTINGS
  # Minor releases that have this setting load no other output plugin than it names.
  local allowed
  if allowed=$("${as_server[@]}" "$bin/postgres" -D "$work/data" -C output_plugin_libraries 2> /dev/null); then
    printf "output_plugin_libraries = '%s'\n" "$allowed, itemize" >> "$work/settings"
  fi
  # shellcheck disable=SC2016 # the inner shell's argument
  "${as_server[@]}" sh -c 'cat >> "$1"' - "$work/data/postgresql.conf" < "$work/settings"

  start postgresql INT "$bin/postgres" -D "$work/data"
  postgres_pid=$started
  export PGHOST=$work/run PGPORT=5432 PGUSER=postgres PGDATABASE=demo PSQLRC=/dev/null PSQL_PAGER='' PGOPTIONS='-c client_min_messages=warning'
  unset PGSERVICE PGPASSWORD PGHOSTADDR PGSSLMODE
  await 30 "PostgreSQL is ready" "$work/postgresql.log" "$postgres_pid" pg_isready --quiet --dbname postgres
  createdb demo
}

start_redis() {
  start redis TERM redis-server --port 0 --unixsocket "$work/run/redis.sock" --unixsocketperm 700 \
    --save '' --appendonly no --dir "$work/run" --daemonize no
  redis_pid=$started
  await 10 "Redis is ready" "$work/redis.log" "$redis_pid" redis_answers
}

redis_answers() {
  [ "$(redis-cli -s "$work/run/redis.sock" ping 2> /dev/null)" = PONG ]
}

# The sidecar logs in with two roles that can do only what they need; neither is a superuser.
start_sidecar() {
  cp -R "$demo/page" "$work/page"
  chmod -R a+rX "$work/page"
  start sidecar TERM "$work/stage/bin/itemize-sidecar" absolute \
    --database "postgresql:///demo?host=$work/run&port=5432&user=itemize_reader" \
    --replication-database "postgresql:///demo?host=$work/run&port=5432&user=itemize_global" \
    --redis "unix://$work/run/redis.sock" \
    --listen 127.0.0.1:0 --static-dir "$work/page"
  sidecar_pid=$started
  await 30 "the sidecar is ready" "$work/sidecar.log" "$sidecar_pid" sidecar_logged ready
  local port
  port=$(jq -R 'fromjson? | select(.event == "http_listening") | .port' "$work/sidecar.log" | tail -n 1)
  [ -n "$port" ] || fail "the sidecar has not said on which port it listens" "$work/sidecar.log"
  url=http://127.0.0.1:$port
}

sidecar_logged() { # EVENT
  grep -q "\"event\": *\"$1\"" "$work/sidecar.log"
}
