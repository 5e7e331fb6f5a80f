#!/bin/bash
# A committed row reaches a browser: PostgreSQL, Redis and the sidecar, all throwaway, with a tour in the terminal and
# a page. Called by `make demo`, after the build.
#
#   TOUR=1          end after the tour: status 0, or the reason
#   DEMO_CSV=FILE   load this CSV instead of the catalogue that lies here; its header must name id, name, latitude
#                   and longitude; description, price, currency, lang, kind, country and some others are used if there
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
demo=$root/docker/demo
csv=${DEMO_CSV:-$demo/catalogue.csv}
# shellcheck source=docker/demo/lib.sh
source "$demo/lib.sh"
# shellcheck source=docker/demo/servers.sh
source "$demo/servers.sh"
# shellcheck source=docker/demo/import.sh
source "$demo/import.sh"
# shellcheck source=docker/demo/tour.sh
source "$demo/tour.sh"

[ -r "$csv" ] || fail "cannot read the catalogue $csv"
csv=$(realpath "$csv")

# Below /tmp, not TMPDIR: a private directory there may be closed to the servers' user, and a socket's path is short.
work=$(mktemp -d /tmp/itemize-demo.XXXXXX)
ending=130 # the status of an interrupted tour
# shellcheck disable=SC2317 # called by the trap
finish() {
  local status=$?
  trap '' INT TERM HUP
  stop_all
  cd /
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit "$ending"' INT TERM HUP

choose_server_user
chmod 711 "$work"
mkdir -m 700 "$work/run" "$work/data"
[ ${#as_server[@]} -eq 0 ] || chown "$server_user:" "$work/run" "$work/data"
cd "$work" # the servers' user may not read the directory that we were called from

title "A throwaway PostgreSQL and Redis"
start_postgres
start_redis
psql --quiet --set ON_ERROR_STOP=1 --file "$demo/schema.sql" --file "$root/docker/database/sidecar_roles.sql" > "$work/schema.log" 2>&1 || fail "the database could not be set up" "$work/schema.log"
passed "PostgreSQL $(psql -Atc 'SHOW server_version') and Redis, on sockets below $work"

tour_define
title "2. The catalogue goes in with plain SQL"
import_csv "$csv"
run "psql -c 'SELECT count(*) AS rows, count(DISTINCT currency) AS currencies, count(price) AS with_price FROM listing'"
start_sidecar
passed "the sidecar follows the table and serves $url/"
tour_fetch
tour_get
tour_event
tour_search

if [ -n "${TOUR-}" ] && [ "$TOUR" != 0 ]; then
  title "The tour is complete."
  exit 0
fi

title "Open $bold$url/$plain"
cat <<NEXT
  and change rows from another terminal; they change on the page as they are committed:

  psql -h $work/run -p 5432 -U postgres -d demo -c "UPDATE listing SET price = price * 1.1 WHERE id = $id"

  Ctrl-C ends everything.
NEXT
ending=0
wait -n "$sidecar_pid" "$redis_pid" "$postgres_pid" || true
fail "one of the servers has ended" "$work/sidecar.log"
