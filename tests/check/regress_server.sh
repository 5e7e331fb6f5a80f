#!/bin/bash
# The server that pg_regress and the isolation tester run against: regress_server.sh start|stop DIR
# It listens on a Unix socket in DIR only, so its port number meets nobody else's.
set -euo pipefail

directory=$2
case $1 in
  start)
    mkdir -p "$directory"
    initdb --pgdata="$directory/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
      --no-instructions > "$directory/initdb.log"
    cat >> "$directory/data/postgresql.conf" << SETTINGS
listen_addresses = ''
unix_socket_directories = '$directory'
port = 5432
fsync = off
autovacuum = off
wal_level = logical
max_replication_slots = 20
max_wal_senders = 20
max_prepared_transactions = 10
shared_preload_libraries = ''
SETTINGS
    # Minor releases from late 2026 on load only output plugins that this setting names; earlier ones do not know it.
    if postgres -C output_plugin_libraries -D "$directory/data" > "$directory/plugins" 2> /dev/null; then
      echo "output_plugin_libraries = '$(cat "$directory/plugins"), itemize'" >> "$directory/data/postgresql.conf"
    fi
    pg_ctl --pgdata="$directory/data" --log="$directory/postgres.log" --wait --silent start ||
      { cat "$directory/postgres.log" >&2; exit 1; }
    ;;
  stop)
    pg_ctl --pgdata="$directory/data" --mode=fast --wait --silent stop
    rm -rf "$directory/data"
    ;;
esac
