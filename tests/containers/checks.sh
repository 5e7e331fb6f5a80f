# shellcheck shell=bash
# The tests of containers.sh, each a function. Sourced after engine.sh.

compose() { docker-compose -f "$root/docker/compose.yaml" "$@" < /dev/null; }

# By the labels that compose gives, since docker-compose takes a second to say anything.
container() { docker ps --all --quiet --filter label=com.docker.compose.project --filter "label=com.docker.compose.service=$1"; }

address() { docker port "$(container sidecar)" 8080/tcp | sed -n 1p; }

# SQL as the superuser, inside the database's container.
sql() { # STATEMENT [DATABASE]
  docker exec "$(container database)" psql --no-psqlrc -At --set ON_ERROR_STOP=1 -d "${2-demo}" -c "$1"
}

# HTTP as somebody on the machine asks it.
get() { # PATH [CURL OPTIONS]
  local path=$1
  shift
  in_engine_network curl -sS --max-time 60 "$@" "http://$(address)$path"
}

# Reads all of the output: with pipefail, `| grep -q` would fail a command that still writes.
says() { # TEXT COMMAND...
  local text=$1
  shift
  [[ $("$@" 2>&1) == *"$text"* ]]
}

say() { echo "note: $*"; }

health() { docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1" 2> /dev/null; }
is_healthy() { [ "$(health "$1")" = healthy ]; }

dockerfiles_keep_the_rules() {
  local file version wrong=0
  version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" "$root/itemize.control")
  for file in "$root"/docker/*.Dockerfile; do
    if grep -qi '^# *syntax' "$file"; then echo "$file: a syntax line asks a registry"; wrong=1; fi
    if awk '/^FROM/ { if ($2 != "debian:bookworm-slim" && !($2 in stage)) exit 1; if ($4) stage[$4] = 1 }' "$file"; then :; else
      echo "$file: FROM something other than debian:bookworm-slim" && wrong=1
    fi
    if ! grep -qxF "ARG VERSION=$version" "$file"; then echo "$file: ARG VERSION is not $version of itemize.control"; wrong=1; fi
    for word in HEALTHCHECK 'USER [a-z]' 'LABEL org.opencontainers.image.title' 'ENTRYPOINT \['; do
      if ! grep -q "^$word" "$file"; then echo "$file: no line begins with $word"; wrong=1; fi
    done
  done
  if grep -n '^name:' "$root/docker/compose.yaml"; then echo 'compose.yaml: docker-compose 1.29 knows no name:'; wrong=1; fi
  return "$wrong"
}

# All at once: while one unpacks packages, another compiles.
build_images() {
  local name builds=() build
  for name in database sidecar redis; do
    docker build --file "$root/docker/$name.Dockerfile" --tag "itemize-$name" "$root" > "$work/build_$name.log" 2>&1 < /dev/null &
    builds+=("$!")
  done
  for build in "${builds[@]}"; do
    wait "$build" || { tail -n 30 "$work"/build_*.log && return 1; }
  done
  compose build
}

start_all() {
  compose up -d || return 1
  await 180 is_healthy "$(container sidecar)" || return 1
  echo "port: $(compose port sidecar 8080)"
  [ "$(compose port sidecar 8080)" = "$(address)" ] || return 1
  [ "$(get /livez --output /dev/null --write-out '%{http_code}')" = 200 ]
}

megabytes() { docker image inspect --format '{{.Size}}' "$1" | awk '{ printf "%d", $1 / 1e6 + 0.5 }'; }

sizes_fit_the_documentation() {
  local page=$root/docs/how-to/run-from-containers.md image stated measured wrong=0
  for image in itemize-database itemize-sidecar itemize-redis; do
    stated=$(sed -n "s/^| \`$image\` | \([0-9]*\) MB .*/\1/p" "$page")
    measured=$(megabytes "$image")
    say "$image: $measured MB, base image $(megabytes debian:bookworm-slim) MB of it"
    if ! awk -v a="$measured" -v b="${stated:-0}" 'BEGIN { exit !(a >= b * 0.85 && a <= b * 1.15) }'; then
      echo "$page says ${stated:-nothing} for $image"
      wrong=1
    fi
  done
  return "$wrong"
}

images_are_labelled_and_lean() {
  local image label
  for image in itemize-database itemize-sidecar itemize-redis; do
    for label in title description version licenses; do
      if [ -z "$(docker image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "$image")" ]; then
        echo "$image has no label $label" && return 1
      fi
    done
    if docker run --rm --entrypoint sh "$image" -c 'command -v cc gcc g++ c++ clang make cmake'; then
      echo "$image holds what builds, but need not run" && return 1
    fi
  done
}

catalogue_is_served() {
  local rows found missing
  rows=$(sql 'SELECT count(*) FROM listing')
  echo "$rows rows"
  [ "$rows" -gt 100 ] || return 1
  [ "$(get '/v1/items/listing?limit=100' | jq '.items | length')" = 100 ] || return 1
  says '<canvas id="map"' get / || return 1
  found=$(get '/v1/search/listing?q=market&lang=en&near=none' --write-out '%{http_code}' --output /dev/null)
  [ "$found" = 400 ] || return 1 # a parameter that is none
  found=$(get '/v1/search/listing?q=market&lang=en&currency=EUR&limit=3' | jq -r '.items[] | .headline + .item.name')
  echo "found: $found"
  [ "$(grep -ci market <<< "$found")" = 3 ] || return 1
  missing=$(sql "SELECT * FROM itemize.doctor() WHERE status <> 'ok'")
  echo "doctor: $missing"
  [ -z "$missing" ] || return 1
  says 'itemize serves http://127.0.0.1:' compose logs address
}

saw_event() { # FILE TEXT
  grep -qsF "$2" "$1" || return 1 # status 2 of grep, no file yet, would end the wait
}

# Writes a row in the database's container; hears its event and reads its bytes through the sidecar's.
row_reaches_client() { # ID
  local id=$1 events=$work/events.$1 reader status=1 name="seen $1 at $RANDOM$RANDOM"
  in_engine_network curl -sN "http://$(address)/v1/live?items=listing/$id" > "$events" 2>&1 &
  reader=$!
  if await 180 saw_event "$events" 'event: hello' &&
    sql "INSERT INTO listing (id, name, price, currency, location) VALUES ($id, '$name', 95, 'EUR', 'POINT(4.4 51.2)')
         ON CONFLICT (id) DO UPDATE SET name = excluded.name" &&
    await 180 saw_event "$events" "\"name\":\"$name\""; then
    get "/v1/items/listing/$id" > "$work/item"
    if [ "$(cat "$work/item")" = "$(sql "SELECT item FROM itemize.fetch('listing', '{$id}')")" ] &&
      grep -q "\"name\":\"$name\"" "$work/item"; then
      status=0
    fi
  fi
  kill "$reader" 2> /dev/null
  wait "$reader" 2> /dev/null
  cat "$events" "$work/item" 2> /dev/null
  rm -f "$events"
  return "$status"
}

containers_are_confined() {
  local service id state
  for service in database redis sidecar; do
    id=$(container "$service")
    if [ "$(docker exec "$id" id -u)" = 0 ]; then echo "$service runs as root" && return 1; fi
    if docker exec "$id" sh -c 'for d in / /etc /usr /var /home /run; do touch $d/x 2>/dev/null && echo $d && exit 0; done; exit 1'; then
      echo "$service can write there" && return 1
    fi
    # Also for root the file system is closed.
    if [[ $(docker exec --user 0 "$id" touch /etc/x 2>&1) != *'Read-only file system'* ]]; then
      echo "the root file system of $service is not read-only" && return 1
    fi
    state=$(docker exec "$id" cat /proc/1/status)
    echo "$service: $(grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' <<< "$state" | tr '\n\t' '  ')"
    if ! grep -qE '^NoNewPrivs:\s1$' <<< "$state" || grep -E '^Cap(Eff|Bnd)' <<< "$state" | grep -qv '\s0*$'; then return 1; fi
  done
}

# The passwords of the running composition, one a line.
passwords() {
  docker exec "$(container database)" sh -c 'cd /run/secrets/database && for f in *; do cat $f; echo; done'
  docker exec "$(container redis)" sh -c 'cat /run/secrets/redis/password; echo'
}

passwords_are_not_seen() {
  local list seen id
  list=$(passwords)
  echo "$(wc -l <<< "$list") passwords"
  [ "$(grep -cE '^[0-9a-f]{64}$' <<< "$list")" -eq 3 ] || return 1
  [ "$(sort -u <<< "$list" | wc -l)" -eq 3 ] || return 1
  seen=$(
    for id in $(docker ps -aq); do
      docker inspect "$id"
      docker logs "$id" 2>&1
      docker top "$id" -eo args 2> /dev/null
      docker exec "$id" sh -c 'tr "\0" "\n" < /proc/1/environ' 2> /dev/null
    done
    for id in $(docker image ls -q); do
      docker inspect "$id"
      docker history --no-trunc "$id"
    done
  )
  if grep -qF "$list" <<< "$seen"; then grep -oF "$list" <<< "$seen" | sort | uniq -c && return 1; fi
  # Each container sees its own secrets only.
  if docker exec "$(container redis)" ls /run/secrets/database 2> /dev/null; then return 1; fi
  docker run --rm itemize-database sh -c '! ls -A /run/secrets/*/* 2> /dev/null'
}

doors_are_closed() {
  local password=
  # Another container in the same network, without a password, with a wrong one, and as the superuser.
  for password in '' wrong; do
    for role in itemize_reader itemize_global postgres; do
      if docker run --rm --network itemize_inside -e PGPASSWORD="$password" itemize-database \
        psql -w "host=database dbname=demo user=$role" -c 'SELECT 1'; then return 1; fi
    done
    if docker run --rm --network itemize_inside -e REDISCLI_AUTH="$password" --entrypoint redis-cli itemize-redis \
      -h redis ${password:+--user itemize} ping | grep PONG; then return 1; fi
  done
  # The sidecar's own role, with its password, reads no table and copies no server.
  password=$(docker exec "$(container database)" cat /run/secrets/database/reader)
  as_reader() { docker run --rm --network itemize_inside -e PGPASSWORD="$password" itemize-database psql -w -At "host=database dbname=demo user=itemize_reader" -c "$1"; }
  [ "$(as_reader "SELECT count(*) FROM itemize.fetch('listing', '{1}') WHERE item IS NOT NULL")" = 1 ] || return 1
  if as_reader 'SELECT * FROM listing LIMIT 1'; then return 1; fi
  # Only the sidecar has a published port, and the inner network leads nowhere.
  [ "$(docker ps --format '{{.Ports}}' | grep -c -- '->')" -eq 1 ] || return 1
  [ "$(docker network inspect --format '{{.Internal}}' itemize_inside)" = true ]
}

has_restarted() { # CONTAINER COUNT
  [ "$(docker inspect --format '{{.RestartCount}}' "$1")" -gt "$2" ] && is_healthy "$1"
}

answers_ready() { [ "$(get /readyz --output /dev/null --write-out '%{http_code}' 2> /dev/null)" = 200 ]; }

heals_after_kill() { # SERVICE
  local id restarts started=$SECONDS before
  id=$(container "$1")
  restarts=$(docker inspect --format '{{.RestartCount}}' "$id")
  before=$(sql 'SELECT md5(string_agg(l::text, chr(10) ORDER BY id)) FROM listing l')
  kill_container_process "$id"
  await 180 has_restarted "$id" "$restarts" || { echo "not restarted and healthy: $(health "$id")" && docker logs --tail 30 "$id" && return 1; }
  await 180 answers_ready || { echo 'the sidecar is not ready again' && compose logs --tail 30 sidecar && return 1; }
  say "ready again after $((SECONDS - started)) s"
  [ "$(sql 'SELECT md5(string_agg(l::text, chr(10) ORDER BY id)) FROM listing l')" = "$before" ] || return 1
  row_reaches_client 4712
}

restart_keeps_data() {
  local before after
  before=$(sql 'SELECT count(*), max(id) FROM listing')
  compose down || return 1
  [ -z "$(docker ps -aq)" ] || return 1
  compose up -d || return 1
  await 180 is_healthy "$(container sidecar)" || return 1
  after=$(sql 'SELECT count(*), max(id) FROM listing')
  echo "before: $before, after: $after"
  [ "$before" = "$after" ] || return 1
  says 'The catalogue is there' compose logs catalogue || return 1
  says '"name":"seen 4711' get /v1/items/listing/4711 && row_reaches_client 4711
}

other_modes_are_healthy() {
  local mode status=0
  for mode in global local; do
    docker run -d --name "itemize-$mode" --network itemize_inside --read-only --cap-drop ALL \
      --volumes-from "$(container sidecar):ro" -e ITEMIZE_DATABASE=postgresql://itemize_reader@database/demo \
      -e ITEMIZE_DATABASE_PASSWORD_FILE=/run/secrets/database/reader \
      -e ITEMIZE_REPLICATION_DATABASE=postgresql://itemize_global@database/demo \
      -e ITEMIZE_REPLICATION_DATABASE_PASSWORD_FILE=/run/secrets/database/global \
      -e ITEMIZE_REDIS=redis://itemize@redis -e ITEMIZE_REDIS_PASSWORD_FILE=/run/secrets/redis/password \
      itemize-sidecar "$mode" || return 1
    await 180 is_healthy "itemize-$mode" || status=1
    docker logs --tail 5 "itemize-$mode"
    docker rm -f "itemize-$mode"
  done
  return "$status"
}

plain_run() { # NAME [DOCKER OPTIONS]
  local name=$1
  shift
  docker run -d --name "$name" --read-only --cap-drop ALL --tmpfs /tmp --tmpfs /run/postgresql:uid=999 \
    --volume "$name:/var/lib/postgresql" --volume "$work/plain:/run/secrets/plain:ro" \
    --volume "$work/init:/docker-entrypoint-initdb.d:ro" -e POSTGRES_PASSWORD_FILE=/run/secrets/plain/password \
    -e POSTGRES_DB=shop "$@" itemize-database
}

prepare_plain() {
  mkdir -p "$work/plain" "$work/init"
  echo "it's secret" > "$work/plain/password"
  echo "CREATE TABLE made_by_script AS SELECT current_database() AS name" > "$work/init/10_table.sql"
  chmod -R a+rX "$work" "$work/plain" "$work/init"
}

plain_sql() { # NAME DATABASE STATEMENT
  docker exec -e PGPASSWORD="it's secret" "$1" psql -w -At --set ON_ERROR_STOP=1 \
    "host=127.0.0.1 user=postgres dbname=$2" -c "$3"
}

plain_database() {
  local ended status=1
  prepare_plain
  plain_run plain || return 1
  if await 180 is_healthy plain &&
    [ "$(plain_sql plain shop 'SELECT name FROM made_by_script')" = shop ] &&
    plain_sql plain postgres 'CREATE DATABASE other' &&
    plain_sql plain other 'CREATE EXTENSION itemize CASCADE' &&
    plain_sql plain other 'CREATE EXTENSION IF NOT EXISTS postgis' &&
    plain_sql plain other "SELECT pg_create_logical_replication_slot('s', 'itemize')" &&
    [ "$(plain_sql plain other 'SHOW max_slot_wal_keep_size')" = 4GB ] &&
    [ -z "$(plain_sql plain postgres "SELECT rolname FROM pg_roles WHERE rolname LIKE 'itemize%'")" ]; then
    # The stop is PostgreSQL's own fast shutdown.
    docker stop --time 30 plain
    ended=$(docker inspect --format '{{.State.ExitCode}}' plain)
    docker logs plain 2>&1 | tail -n 3
    if [ "$ended" = 0 ] && says 'database system is shut down' docker logs plain; then status=0; fi
  fi
  docker logs plain 2>&1 | tail -n 30
  docker rm -f plain
  docker volume rm plain
  return "$status"
}

first_start_is_running() { docker exec safe test -e /var/lib/postgresql/began 2> /dev/null; }

first_start_is_safe() {
  local status=1
  prepare_plain
  # The first of the starts does not end by itself.
  # shellcheck disable=SC2016 # for the script
  echo 'if [ ! -e /var/lib/postgresql/began ]; then touch /var/lib/postgresql/began && exec tail -f /dev/null; fi' \
    > "$work/init/20_wait.sh"
  plain_run safe || return 1
  if await 180 first_start_is_running; then
    kill_container_process safe
    docker start safe
    if await 180 is_healthy safe && [ "$(plain_sql safe shop 'SELECT name FROM made_by_script')" = shop ]; then
      docker stop --time 30 safe
      docker run --rm --volume safe:/var/lib/postgresql itemize-database sh -c 'mv /var/lib/postgresql/15 /var/lib/postgresql/14 && echo 14 > /var/lib/postgresql/14/main/PG_VERSION'
      docker start --attach safe > "$work/refusal" 2>&1
      cat "$work/refusal"
      grep -q 'was made by PostgreSQL 14, this image runs 15' "$work/refusal" && status=0
    fi
  fi
  docker logs safe 2>&1 | tail -n 30
  rm -f "$work/init/20_wait.sh"
  docker rm -f safe
  docker volume rm safe
  return "$status"
}

down_leaves_nothing() {
  compose down -v || return 1
  docker ps -a
  docker volume ls
  docker network ls
  [ -z "$(docker ps -aq)" ] && [ -z "$(docker volume ls -q)" ] &&
    [ "$(docker network ls --format '{{.Name}}' | sort | tr '\n' ' ')" = 'bridge host none ' ]
}

# The stages that build stay in the engine's cache; what older runs left goes.
keep_build_cache() {
  local name
  for name in database sidecar; do
    docker build --quiet --file "$root/docker/$name.Dockerfile" --target builder --tag "itemize-$name-builder" "$root"
  done > /dev/null 2>&1
  docker image prune --force > /dev/null 2>&1
}
